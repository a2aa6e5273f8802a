"""``isthmus demo dag-conflict``: one coin is spent twice in two parallel blocks, and counts once.

Alice signs two transfers to the hub with one sequence, each of more than half of what she has,
and each miner of a DAG puts one of them into a block of its own, above the same parents. Both
blocks are valid, both stay in the DAG, both may be blue. The order accepts one transfer; the
other is included and does nothing. The hub pays out what the selected chain's final state
proves: once.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import Denom, TimestampNs
from demos.ledgers import PORT, balance, balance_supply, escrowed, voucher
from demos.network import Channel, Network, run_scenario
from demos.routes import HUB, star
from demos.six_pairs import BRAID, BRAID_TOLD
from demos.story import Story
from isthmus.cli.output import Output
from isthmus.homes import NetPlace, NodePlace
from parachains.dag.client import DagClient
from parachains.dag.settings import read_settings, write_settings
from parachains.dag.transactions import decode_transaction
from parachains.sdk.relaying import SignedTx, TxRefused
from parachains.sdk.users import Transfer

T = TypeVar("T")
TIMEOUT_S = 600
RECEIVERS = ("bob", "alice")
"""Who is to get it on the hub: by the one transfer, and by the other."""

SHARE = (3, 5)
"""Of her balance in each transfer: she cannot pay both."""


class _Made(msgspec.Struct):
    hash: str
    block: str


class _Verbose(msgspec.Struct):
    blueScore: int  # noqa: N815 - the RPC's name
    isChainBlock: bool  # noqa: N815 - the RPC's name
    color: str


class _Header(msgspec.Struct):
    parents: list[str]


class _Block(msgspec.Struct):
    header: _Header
    verboseData: _Verbose  # noqa: N815 - the RPC's name


class _Info(msgspec.Struct):
    tipHashes: list[str]  # noqa: N815 - the RPC's name


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the two blocks; its fields are those of the JSON line."""

    block: str
    transaction: str
    receiver: str
    colour: str
    is_chain: bool
    accepted: bool
    """Whether the selected chain accepted the transaction."""
    credited: int
    """What its receiver has on the hub."""


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    branches: tuple[Branch, ...]
    amount: int
    parallel: bool
    """The two blocks have the same parents."""
    credited: int
    """Receivers on the hub that were paid: once is right."""
    spent: int
    """What alice has less, the fee left out."""
    escrowed: int
    vouchers: int
    """Of the coin, on the hub."""
    refused_again: bool
    """The node does not take the loser's transaction again."""
    answer: str
    seconds_to_ready: float
    seconds: float

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        accepted = [branch for branch in self.branches if branch.accepted]
        paid = [branch for branch in self.branches if branch.credited]
        checks = (
            (self.parallel, "the two blocks are not parallel"),
            (
                all(branch.colour in {"blue", "red"} for branch in self.branches),
                "a block was not merged",
            ),
            (len(accepted) == 1, f"{len(accepted)} of the two transfers were accepted"),
            (self.credited == 1, f"{self.credited} receivers were credited"),
            (accepted == paid, "what was credited is not what was accepted"),
            (
                all(branch.credited in {0, self.amount} for branch in self.branches),
                "another amount was credited",
            ),
            (
                self.amount == self.spent == self.escrowed == self.vouchers,
                (
                    f"{self.spent} spent, {self.escrowed} in escrow, {self.vouchers} vouchers; "
                    f"each must be {self.amount}"
                ),
            ),
            (self.refused_again, "the node took the loser's transaction again"),
        )
        return tuple(text for holds, text in checks if not holds)


class DagConflictDemo:
    """The demo that the command line finds."""

    summary = "a coin of a DAG is spent in two parallel blocks at once, and credited once"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            story.say(BRAID_TOLD)
            report = run_scenario(
                play,
                spec=star(BRAID),
                home=home,
                say=story.say,
                name="dag-conflict",
                prepare=let_be_steered,
            )
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = DagConflictDemo()


def let_be_steered(home: Path, place: NetPlace) -> None:
    """Let both miners make blocks when they are told to."""
    for node in place.chain(BRAID.name).nodes:
        settings = read_settings(home / node.home)
        write_settings(home / node.home, msgspec.structs.replace(settings, operator_methods=True))


async def play(net: Network) -> Report:
    """Spend twice on a running network."""
    channel = await net.wait_for_channel(BRAID.name, HUB)
    ready_s = time.monotonic() - net.began_s
    net.say(f"the relayer opened {BRAID.name} {channel.on_a} <-> {channel.on_b} {HUB}")
    return await _Conflict(net, channel, ready_s).run()


class _Conflict:
    """One double spend on a network."""

    def __init__(self, net: Network, channel: Channel, ready_s: float) -> None:
        self._net = net
        self._channel = channel
        self._ready_s = ready_s
        self._denom = net.chain(BRAID.name).denom
        self._voucher = voucher(f"{PORT}/{channel.on_b}/{self._denom}")

    async def run(self) -> Report:
        """Return what came of it."""
        net = self._net
        had = await balance(net, BRAID.name, "alice", self._denom)
        amount = had * SHARE[0] // SHARE[1]
        txs = await self._sign(amount)
        blocks = await self._mine_in_parallel(txs)
        await self._wait_for_credit()
        await self._wait_until_final()
        client = await net.client_as(DagClient, BRAID.name)
        accepted = [await client.rpc.transaction(tx.tx_hash) is not None for tx in txs]
        losers = [tx for tx, is_accepted in zip(txs, accepted, strict=True) if not is_accepted]
        answers = [await self._hand_over_again(tx) for tx in losers]
        seen = [await self._call(self._nodes[0], _Block, "getBlock", hash=each) for each in blocks]
        held = [await balance(net, HUB, name, self._voucher) for name in RECEIVERS]
        left = await balance(net, BRAID.name, "alice", self._denom)
        fees = sum(
            decode_transaction(tx.data).fee
            for tx, is_accepted in zip(txs, accepted, strict=True)
            if is_accepted
        )
        return Report(
            branches=tuple(
                Branch(
                    block=block,
                    transaction=tx.tx_hash,
                    receiver=receiver,
                    colour=data.verboseData.color,
                    is_chain=data.verboseData.isChainBlock,
                    accepted=is_accepted,
                    credited=credit,
                )
                for block, tx, receiver, data, is_accepted, credit in zip(
                    blocks, txs, RECEIVERS, seen, accepted, held, strict=True
                )
            ),
            amount=amount,
            parallel=sorted(seen[0].header.parents) == sorted(seen[1].header.parents),
            credited=sum(map(bool, held)),
            spent=had - left - fees,
            escrowed=await escrowed(net, BRAID.name, self._denom),
            vouchers=await balance_supply(net, HUB, self._voucher),
            refused_again=bool(answers) and all(answers),
            answer=next(iter(answers), ""),
            seconds_to_ready=round(self._ready_s, 1),
            seconds=round(time.monotonic() - net.began_s, 1),
        )

    @property
    def _nodes(self) -> tuple[NodePlace, ...]:
        return self._net.chain(BRAID.name).nodes

    async def _call(self, node: NodePlace, shape: type[T], method: str, **params: object) -> T:
        answer = await self._net.reader.call(node, method, params)
        try:
            return msgspec.convert(answer, shape)
        except msgspec.ValidationError as error:
            raise OperationFailed(f"{node.name} answers {method} otherwise: {error}") from error

    async def _sign(self, amount: int) -> tuple[SignedTx, ...]:
        """Return two transfers of one sequence, neither handed to any node."""
        user = await self._net.user(BRAID.name)
        signed = []
        for name in RECEIVERS:
            intent = Transfer(
                port_id=PORT,
                channel_id=self._channel.on_a,
                coin=Coin(Denom(self._denom), amount),
                receiver=self._net.account(name).addresses[HUB],
                timeout_timestamp=TimestampNs(time.time_ns() + TIMEOUT_S * 10**9),
            )
            signed.append(await user.client.sign((await user.message(intent),)))
        first, second = signed
        assert first.account_sequence == second.account_sequence
        assert first.tx_hash != second.tx_hash
        self._net.say(
            f"alice signs {amount} {self._denom} to bob and {amount} to herself, both with "
            f"sequence {first.account_sequence}; she has less than both"
        )
        return first, second

    async def _mine_in_parallel(self, txs: tuple[SignedTx, ...]) -> tuple[str, ...]:
        """Put each into a block of one miner, above the same parents; tell both miners of both."""
        for node in self._nodes:
            await self._call(node, object, "setGenerate", generate=False)

        async def look() -> bool | None:
            infos = [await self._call(node, _Info, "getBlockDagInfo") for node in self._nodes]
            return len({tuple(sorted(info.tipHashes)) for info in infos}) == 1 or None

        await self._net.wait_until("waiting for both miners to have the same blocks", look)
        made = [
            await self._call(
                node, _Made, "generateBlock", transactions=[tx.data.hex()], broadcast=False
            )
            for node, tx in zip(self._nodes, txs, strict=True)
        ]
        for node in self._nodes:
            for each in made:
                await self._call(node, object, "submitBlock", block=each.block)
        for node in self._nodes:
            await self._call(node, object, "setGenerate", generate=True)
        names = ", ".join(each.hash[:16] for each in made)
        self._net.say(f"each miner made a block with one of them above the same parents: {names}")
        return tuple(each.hash for each in made)

    async def _wait_for_credit(self) -> None:
        """Wait until the hub has credited somebody."""

        async def look() -> bool | None:
            return await balance_supply(self._net, HUB, self._voucher) > 0 or None

        await self._net.wait_until("waiting for the hub to credit one of the two", look)

    async def _wait_until_final(self) -> None:
        """Wait until all is final that the DAG has now, and no packet is under way."""
        client = await self._net.client(BRAID.name)
        chain = self._net.chain(BRAID.name)
        tip = max(node.height for node in await self._net.reader.chain_status(chain))

        async def look() -> bool | None:
            if await client.commitments(PORT, self._channel.on_a):
                return None
            return (await client.status()).height >= tip or None

        await self._net.wait_until(f"waiting for blue score {tip} to be final", look)

    async def _hand_over_again(self, tx: SignedTx) -> str:
        """Return why a node does not take a transaction; empty where it does."""
        try:
            await (await self._net.client(BRAID.name)).broadcast(tx)
        except TxRefused as refusal:
            return refusal.log
        return ""


def describe(report: Report) -> str:
    """Return the report for a person."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    rows = [
        f"  block {branch.block[:16]} {branch.colour}: to {branch.receiver}, "
        f"{'accepted' if branch.accepted else 'included, not accepted'}; "
        f"the hub credits {branch.credited}"
        for branch in report.branches
    ]
    lines = (
        ("parallel", mark(report.parallel)),
        ("spent", f"{report.spent}; in escrow {report.escrowed}, vouchers {report.vouchers}"),
        ("loser again", f"refused {mark(report.refused_again)}: {report.answer[:100]}"),
        ("took", f"{report.seconds} s, ready after {report.seconds_to_ready} s"),
    )
    return "\n".join(
        [
            "",
            *rows,
            *(f"  {name:<18} {text}" for name, text in lines),
            f"credited: {report.credited}",
        ]
    )
