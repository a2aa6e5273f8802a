"""The scenario: gather, judge every forgery on a copied state, then send the classes to blocks."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import BlockHeight, ChainId, Denom, TimestampNs
from demos.forged.account_attempts import (
    account_byte_attempts,
    account_originals,
    account_shaped_attempts,
)
from demos.forged.account_gathering import AccountEnd, AccountGathering
from demos.forged.account_values import AccountEvidence
from demos.forged.attempts import (
    byte_attempts,
    header_attempts,
    header_byte_attempts,
    header_originals,
    originals,
    shaped_attempts,
)
from demos.forged.bitcoin_attempts import (
    MINED,
    bitcoin_byte_attempts,
    bitcoin_originals,
    bitcoin_shaped_attempts,
    mined_blocks,
    mined_original,
)
from demos.forged.bitcoin_gathering import BitcoinGathering, UtxoEnd
from demos.forged.bitcoin_values import BitcoinEvidence
from demos.forged.blocks import Blocks, Compared, InBlock, compare
from demos.forged.copies import copy_node
from demos.forged.exchange import HostEnd
from demos.forged.gathering import End, Gathering, end_of
from demos.forged.ghostdag_attempts import (
    ghostdag_byte_attempts,
    ghostdag_originals,
    ghostdag_shaped_attempts,
)
from demos.forged.ghostdag_gathering import DagEnd, GhostdagGathering
from demos.forged.ghostdag_values import GhostdagEvidence
from demos.forged.judge import Judge, Payer
from demos.forged.report import Report, describe
from demos.forged.values import Attempt, Evidence, Headers, Kind, Outcome, Verdict
from demos.network import Channel, Network, run_scenario
from ibc.ics02_client.port import AnyValue
from isthmus.cli.output import Output
from isthmus.config import AccountSpec, ChainSpec, NetSpec, PathEndSpec
from parachains.account.client import AccountClient
from parachains.dag.client import DagClient
from parachains.sdk.relaying import TxOutcome
from parachains.utxo.client import UtxoClient
from parachains.utxo.wallet import Key as CoinKey
from parachains.zone.accounts import Key
from parachains.zone.client import ZoneClient
from relayer.ports import ChainClient

HUB, ZONE, COINS, VAULT, BRAID, USER = "hub", "zone-a", "coins", "vault", "braid", "alice"
OF_COINS, OF_VAULT, OF_BRAID = "bob", "relayer", "carol"
"""Do on the hub what the evidence of these chains needs: all four are gathered at once."""
SPEC = NetSpec(
    chains=(
        ChainSpec(name=HUB, kind="hub", validators=4, denom="uisth"),
        ChainSpec(name=ZONE, validators=3, denom="utoka"),
        ChainSpec(name=COINS, kind="utxo", denom="sat"),
        ChainSpec(name=VAULT, kind="account", validators=4, denom="wei"),
        ChainSpec(
            name=BRAID,
            kind="dag",
            validators=2,
            denom="knot",
            genesis={"dag": {"interval_ms": 500}},
        ),
    ),
    paths=tuple(PathEndSpec(a=name, b=HUB) for name in (ZONE, COINS, VAULT, BRAID)),
    accounts=tuple(AccountSpec(name=name) for name in (USER, OF_COINS, OF_BRAID, OF_VAULT)),
)
"""Three validators on the zone, so that two of three is a commit that is not one."""

MASKS = (0x01,)
"""Bits that are changed in each byte, one mask at a time."""
SAMPLES_PER_CLASS = 3
"""Of each class so many forgeries go through RPC, with different refusals where there are."""
AT_THE_DOOR = (Kind.PACKET_REPLAYED, Kind.ACKNOWLEDGEMENT_UNSENT)
"""In a block these are no-ops, as in ibc-go; the mempool refuses them by name."""
_TELL_EVERY_S = 5.0


@dataclass(slots=True)
class Tally:
    """What came of the attempts so far. Mutable: it counts."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    classes: Counter[Kind] = field(default_factory=Counter)
    inert: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    samples: dict[Kind, dict[str, Attempt]] = field(default_factory=dict)

    def add(self, attempt: Attempt, outcome: Outcome) -> None:
        """Count one."""
        self.verdicts[outcome.verdict] += 1
        self.classes[attempt.kind] += 1
        if outcome.verdict is Verdict.INERT:
            self.inert[attempt.kind.name.lower()] += 1
        elif outcome.verdict is Verdict.ACCEPTED:
            self.accepted.append(f"{attempt.kind.value}: {attempt.label}: {outcome.refusal}")
        else:
            self.refusals[outcome.refusal] += 1
            if outcome.is_paid:
                samples = self.samples.setdefault(attempt.kind, {})
                samples.setdefault(outcome.refusal, attempt)

    def chosen(self) -> dict[Attempt, str]:
        """Return forgeries that reach their handlers, and how they were refused.

        A few of each class, with different refusals where there are.
        """
        return {
            attempt: refusal
            for kind in Kind
            for refusal, attempt in list(self.samples.get(kind, {}).items())[:SAMPLES_PER_CLASS]
        }


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the forgeries start from, of each chain that the hub follows."""

    of_zone: Evidence
    of_coins: BitcoinEvidence
    of_vault: AccountEvidence
    of_braid: GhostdagEvidence

    def originals(self) -> dict[str, AnyValue]:
        """Return the true messages by name."""
        return (
            originals(self.of_zone)
            | bitcoin_originals(self.of_coins)
            | account_originals(self.of_vault)
            | ghostdag_originals(self.of_braid)
        )


class NetworkWorld:
    """What gathering needs, on a running network."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def deliver(self, client: ChainClient, *messages: AnyValue) -> TxOutcome:
        """Return what a block made of the messages in one transaction."""
        return await self._network.deliver(client, *messages)

    async def wait_for_outcome(self, client: ChainClient, tx_hash: str) -> TxOutcome:
        """Return what a block made of a transaction that the chain has."""
        return await self._network.wait_until(
            f"waiting for a block of {client.chain_id} to take {tx_hash[:8]}",
            lambda: client.outcome(tx_hash),
        )

    async def wait_for_time(self, client: ChainClient, time: TimestampNs) -> None:
        """Return when the chain's newest provable block is later than ``time``."""
        left = [0]

        async def look() -> bool | None:
            left[0] = -(-(time - (await client.status()).time) // NS_PER_SECOND)
            return True if left[0] < 0 else None

        await self._network.wait_until(
            lambda: f"waiting for a timeout on {client.chain_id}, {left[0]} s left", look
        )

    async def wait_for_height(self, client: ChainClient, height: BlockHeight) -> None:
        """Return when the chain's newest provable block is at ``height``."""

        async def look() -> bool | None:
            return True if (await client.status()).height >= height else None

        await self._network.wait_until(f"waiting for height {height} on {client.chain_id}", look)


async def play(network: Network) -> Report:
    """Return what became of all forgeries on ``network``."""
    scenario = _Scenario(network)
    return await scenario.run()


class _Scenario:
    """One run. Mutable: it counts."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._tally = Tally()
        self._world = NetworkWorld(network)
        self._parts: dict[str, float] = {}
        self._marked_s = network.began_s

    async def run(self) -> Report:
        net = self._network
        channel = await net.wait_for_channel(ZONE, HUB)
        coins_channel = await net.wait_for_channel(COINS, HUB)
        vault_channel = await net.wait_for_channel(VAULT, HUB)
        braid_channel = await net.wait_for_channel(BRAID, HUB)
        # From here on every transaction on both chains is the scenario's own.
        await net.devnet.stop("relayer")
        self._mark("network")
        hub = await end_of(
            await net.client_as(ZoneClient, HUB, USER), self._denom(HUB), channel.on_b
        )
        zone = await end_of(
            await net.client_as(ZoneClient, ZONE, USER), self._denom(ZONE), channel.on_a
        )
        net.say("gathering packets, proofs and headers")
        async with asyncio.TaskGroup() as group:
            of_coins = group.create_task(self._gather_coins(hub, coins_channel))
            of_vault = group.create_task(self._gather_vault(hub, vault_channel))
            of_braid = group.create_task(self._gather_braid(hub, braid_channel))
            of_zone = await Gathering(self._world, hub, zone).gather()
        on_zone = await Gathering(self._world, zone, hub).headers()
        self._mark("gathering")
        evidence = _Evidence(of_zone, of_coins.result(), of_vault.result(), of_braid.result())
        await self._judge_at_the_hub(evidence)
        await self._judge_at_the_zone(on_zone)
        self._mark("judging")
        return await self._through_blocks(hub, evidence)

    async def _gather_coins(self, hub: End, channel: Channel) -> BitcoinEvidence:
        net = self._network
        host = await self._host(hub, channel, OF_COINS)
        source = UtxoEnd(
            await net.client_as(UtxoClient, COINS, USER),
            await net.transport(COINS),
            CoinKey(bytes.fromhex(net.account(USER).private_key)),
            self._denom(COINS),
            channel.on_a,
        )
        return await BitcoinGathering(self._world, host, source).gather()

    async def _gather_vault(self, hub: End, channel: Channel) -> AccountEvidence:
        host = await self._host(hub, channel, OF_VAULT)
        client = await self._network.client_as(AccountClient, VAULT, USER)
        source = AccountEnd(client, self._denom(VAULT), channel.on_a)
        return await AccountGathering(self._world, host, source).gather()

    async def _gather_braid(self, hub: End, channel: Channel) -> GhostdagEvidence:
        host = await self._host(hub, channel, OF_BRAID)
        client = await self._network.client_as(DagClient, BRAID, USER)
        source = DagEnd(client, self._denom(BRAID), channel.on_a)
        return await GhostdagGathering(self._world, host, source).gather()

    async def _host(self, hub: End, channel: Channel, helper: str) -> HostEnd:
        """Return the hub's end of a channel, where a helper acts and the user will lie."""
        client = await self._network.client(HUB, helper)
        return HostEnd(client, self._denom(HUB), channel.on_b, hub.client.signer)

    def _denom(self, chain: str) -> Denom:
        return Denom(self._network.chain(chain).denom)

    def _key(self, chain: str) -> Key:
        secret = bytes.fromhex(self._network.account(USER).private_key)
        return Key(secret, self._network.chain(chain).bech32_prefix)

    async def _judge_at_the_hub(self, evidence: _Evidence) -> None:
        judge = await self._judge_on(HUB, self._network.chain(HUB).nodes[-1].name, "copy-1")
        judge.admit(evidence.originals())
        self._network.say("searching nonces: the forger mines blocks of his own")
        blocks = mined_blocks(evidence.of_coins)
        judge.admit_together(MINED, *mined_original(evidence.of_coins, blocks))
        forgeries = itertools.chain(
            shaped_attempts(evidence.of_zone),
            byte_attempts(evidence.of_zone, MASKS),
            bitcoin_shaped_attempts(evidence.of_coins, blocks),
            bitcoin_byte_attempts(evidence.of_coins, MASKS),
            account_shaped_attempts(evidence.of_vault),
            account_byte_attempts(evidence.of_vault, MASKS),
            ghostdag_shaped_attempts(evidence.of_braid),
            ghostdag_byte_attempts(evidence.of_braid, MASKS),
        )
        self._judge_all(judge, forgeries)

    async def _judge_at_the_zone(self, headers: Headers) -> None:
        """The hub's commits have four signatures, of which three suffice."""
        judge = await self._judge_on(ZONE, self._network.chain(ZONE).nodes[-1].name, "copy-2")
        judge.admit(header_originals(headers))
        forgeries = itertools.chain(header_attempts(headers), header_byte_attempts(headers, MASKS))
        self._judge_all(judge, forgeries)

    async def _judge_on(self, chain: str, node: str, folder: str) -> Judge:
        net = self._network
        net.say(f"copying the state of {node}")
        copy = await copy_node(net, node, net.home / folder)
        app = copy.application()
        height = app.info().last_block_height
        chain_id = ChainId(net.chain(chain).chain_id)
        client = await net.client(chain, USER)
        last = await client.time_at(Height(chain_revision(chain_id), height))
        net.say(f"judging on top of block {height} of {chain_id}")
        return Judge(
            app,
            chain_id=chain_id,
            key=self._key(chain),
            denom=self._denom(chain),
            time=TimestampNs(last + NS_PER_SECOND),
        )

    def _judge_all(self, judge: Judge, attempts: Iterable[Attempt]) -> None:
        told = time.monotonic()
        for attempt in attempts:
            self._tally.add(attempt, judge.judge(attempt))
            if time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                self._tell()
        self._tell()

    def _tell(self) -> None:
        verdicts = self._tally.verdicts
        self._network.say(
            f"{verdicts.total()} forgeries: {verdicts[Verdict.REFUSED]} refused, "
            f"{verdicts[Verdict.INERT]} inert, {verdicts[Verdict.ACCEPTED]} accepted"
        )

    async def _through_blocks(self, hub: End, evidence: _Evidence) -> Report:
        net = self._network
        chosen = self._tally.chosen()
        payer = Payer(hub.client.chain_id, self._key(HUB), hub.denom, await hub.client.account())
        blocks = Blocks(net, hub.client, payer)
        # The first fee of all makes the account that collects fees.
        await blocks.accept(payer.send(1))
        net.say(f"sending {len(chosen)} forgeries of all classes through RPC into blocks")
        doors = {}
        for kind in AT_THE_DOOR:
            attempt = next(each for each in chosen if each.kind is kind)
            doors[kind.name.lower()] = await blocks.refused_at_the_door(attempt)
        in_blocks = await blocks.refuse(chosen)
        net.say("sending the true messages: each must be accepted")
        accepted = {}
        for name, message in evidence.originals().items():
            accepted[name] = (await blocks.accept(message)).code == 0
        heights = sorted({each.height for each in in_blocks})
        net.say(f"comparing all stores before and after blocks {heights}")
        compared = await self._compare(hub.client, payer, heights)
        otherwise = tuple(
            f"{each.attempt.label}: {each.refusal}, not {chosen[each.attempt]}"
            for each in in_blocks
            if each.refusal != chosen[each.attempt]
        )
        return self._report(in_blocks, otherwise, doors, accepted, compared)

    async def _compare(
        self, client: ZoneClient, payer: Payer, heights: list[BlockHeight]
    ) -> Compared:
        net = self._network
        node = net.chain(HUB).nodes[-1].name
        last = (await client.status()).height
        await net.wait_for_height(HUB, last + 1)
        copy = await copy_node(net, node, net.home / "copy-3")
        return compare(copy, payer, heights)

    def _report(
        self,
        in_blocks: tuple[InBlock, ...],
        otherwise: tuple[str, ...],
        doors: Mapping[str, str],
        accepted: Mapping[str, bool],
        compared: Compared,
    ) -> Report:
        tally, attempts = self._tally, self._tally.verdicts.total() + len(in_blocks)
        self._mark("blocks")
        return Report(
            attempts=attempts,
            accepted=tally.verdicts[Verdict.ACCEPTED],
            accepted_forgeries=tuple(tally.accepted),
            inert=tally.verdicts[Verdict.INERT],
            inert_by_class=dict(tally.inert),
            refused=tally.verdicts[Verdict.REFUSED] + len(in_blocks),
            refusals=dict((tally.refusals + Counter(e.refusal for e in in_blocks)).most_common()),
            classes={kind.name.lower(): tally.classes[kind] for kind in Kind},
            classes_through_rpc=len({each.attempt.kind for each in in_blocks}),
            through_rpc=tuple(
                {
                    "class": each.attempt.kind.name.lower(),
                    "forgery": each.attempt.label,
                    "height": each.height,
                    "refusal": each.refusal,
                }
                for each in in_blocks
            ),
            judged_otherwise=otherwise,
            at_the_door=doors,
            blocks_compared=len({each.height for each in in_blocks}),
            fee_changes=compared.fees,
            signing_record_changes=compared.signing_records,
            other_changes=compared.others,
            originals=accepted,
            seconds=round(time.monotonic() - self._network.began_s, 1),
            seconds_by_part=self._parts,
        )

    def _mark(self, part: str) -> None:
        """Note how long a part took."""
        now = time.monotonic()
        self._parts[part] = round(now - self._marked_s, 1)
        self._marked_s = now


class ForgedDemo:
    """``isthmus demo forged``."""

    summary = "every byte of proofs and headers flipped, and what a forger would try: all refused"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; return whether nothing forged was accepted."""
        report = run_scenario(play, spec=SPEC, home=home, say=output.progress, name="forged")
        output.result(asdict(report), lambda: describe(report))
        for failure in report.failures():
            output.progress(f"failed: {failure}")
        return not report.failures()
