"""The scenario: cuts below the hub's depth k, then from k on, with value at stake.

Everything is at stake on the losing branch: coins go into escrow, vouchers come home, and one
coin is spent on both branches. Below k, the hub has believed none of it. At k it has: its
client freezes on the evidence that the relayer brings, and the vouchers of a coin that was
spent otherwise stay where they are.
"""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import ChannelId, ClientId, Denom, TimestampNs
from demos.network import Network, run_scenario
from demos.reorg import dag, hub, utxo
from demos.reorg.cutting import Act, Conflict, Payment, Stage, cut_and_heal, judge
from demos.reorg.hub import COIN, HUB, PORT
from demos.reorg.miners import Plot
from demos.reorg.report import Cut, Report, describe
from demos.reorg.wire import LOOPBACK, Wire
from demos.story import Story
from ibc.ics02_client.port import AnyValue
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.cli.output import Output
from isthmus.config import AccountSpec, BrokerSpec, ChainSpec, NetSpec, PathEndSpec
from isthmus.homes import NetPlace, relayer_toml
from parachains.sdk.relaying import TxRefused
from parachains.sdk.users import Send, Transfer
from relayer import codec

TIMEOUT_S = 600
CHANNEL_TIMEOUT_S = 300.0
"""Three of a handshake's proofs wait until a block is final."""
ALICE_SENDS, ALICE_TAKES_HOME = 5_000_001, 1_000_003
BOB_SENDS = (2_000_011, 2_000_023, 2_000_029)
CAROL_SPENDS, CAROL_SPENDS_INSTEAD = 3_000_017, 3_000_029
THIEF_TAKES = 4_000_037

PLOTS = (utxo.PLOT, dag.PLOT)


def spec_of(plot: Plot) -> NetSpec:
    """Return the network of a plot: the chain that is cut, and the hub."""
    return NetSpec(
        chains=(ChainSpec(name=HUB, kind="hub", denom="uisth"), plot.chain),
        paths=(PathEndSpec(a=COIN, b=HUB),),
        accounts=tuple(AccountSpec(name=name) for name in ("alice", "bob", "carol", "relayer")),
        broker=BrokerSpec(kind="none"),
    )


class ReorgDemo:
    """The demo that the command line finds."""

    summary = "two miners are cut apart and healed: below k nothing happens, from k on it freezes"

    def run(self, home: Path | None, output: Output) -> bool:
        """Play all plots, one after another; print the report, then what does not hold.

        Returns whether all does.
        """
        reports = {plot.name: _run(plot, home) for plot in PLOTS}
        failures = [
            f"{name}: {failure}"
            for name, report in reports.items()
            for failure in report.failures()
        ]
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(
            {name: asdict(report) for name, report in reports.items()},
            lambda: "\n".join(f"\n{name}:{describe(report)}" for name, report in reports.items()),
        )
        return not failures


def _run(plot: Plot, home: Path | None) -> Report:
    with Story() as story, Wire() as wire:
        story.say(plot.told)
        return run_scenario(
            partial(play, plot=plot, wire=wire),
            spec=spec_of(plot),
            home=None if home is None else home / plot.name,
            say=story.say,
            name=f"reorg-{plot.name}",
            prepare=partial(put_between, plot, wire),
        )


def put_between(plot: Plot, wire: Wire, home: Path, place: NetPlace) -> None:
    """Let the second miner dial the wire instead of the first, and let both be steered.

    The relayer asks the first one's node only: what it sees is the losing branch.
    """
    coin = place.chain(COIN)
    first, second = coin.nodes
    wire.target_port = first.p2p_port
    for node, peers in ((first, ()), (second, (f"{LOOPBACK}:{wire.port}",))):
        plot.steer(home / node.home, peers)
    misled = msgspec.structs.replace(coin, nodes=(first,))
    chains = tuple(misled if each is coin else each for each in place.chains)
    seen = msgspec.structs.replace(place, chains=chains)
    settings_file = home / place.relayer_home / "relayer.toml"
    settings_file.write_text(relayer_toml(place.spec, seen), encoding="utf-8")


async def play(net: Network, plot: Plot, wire: Wire) -> Report:
    """Cut and heal on a running network."""
    async with AsyncExitStack() as stack:
        miners = [
            plot.miner(
                node.name,
                net.chain(COIN),
                await stack.enter_async_context(HttpRpcTransport([node.rpc_url])),
            )
            for node in net.chain(COIN).nodes
        ]
        channel = await net.wait_for_channel(COIN, HUB, timeout_s=CHANNEL_TIMEOUT_S)
        ready_s = time.monotonic() - net.began_s
        net.say(f"the relayer opened {COIN} {channel.on_a} <-> {channel.on_b} {HUB}")
        stage = Stage(net, wire, miners[0], miners[1], plot, channel)
        acts = Acts(stage)
        cuts = [await acts.shallow(), await acts.below_k(), await acts.theft()]
        refused, answer = await acts.send_stranded_home()
        cuts.append(await acts.deep())
        return await acts.report(cuts, refused, answer, ready_s)


class Acts:
    """The cuts, in order. Mutable: an act begins where the one before left the chains."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._net = stage.net
        self._began_s = time.monotonic()

    # --- what people want ---------------------------------------------------------------

    def _to_hub(self, sender: str, amount: int) -> Payment:
        return Payment(sender, self._transfer(COIN, HUB, self._stage.channel.on_a, amount, sender))

    def _transfer(
        self, start: str, end: str, channel: ChannelId, amount: int, account: str
    ) -> Transfer:
        denom = self._net.chain(COIN).denom if start == COIN else self._stage.voucher
        return Transfer(
            port_id=PORT,
            channel_id=channel,
            coin=Coin(Denom(denom), amount),
            receiver=self._net.account(account).addresses[end],
            timeout_timestamp=TimestampNs(time.time_ns() + TIMEOUT_S * 10**9),
        )

    def _home(self, account: str, amount: int) -> Transfer:
        return self._transfer(HUB, COIN, self._stage.channel.on_b, amount, account)

    # --- the acts ------------------------------------------------------------------------

    async def _act(self, act: Act) -> Cut:
        began_s = time.monotonic()
        healed = await cut_and_heal(self._stage, act)
        if act.depth < self._stage.k:
            await self._settle()
        else:
            await self._wait_for_freeze(act.client_id)
            await self._wait_for(act.lost)
        return await judge(self._stage, act, healed, began_s)

    async def shallow(self) -> Cut:
        """Return a cut of one block, with a transfer under way and one on the losing branch."""
        alice = self._to_hub("alice", ALICE_SENDS)
        await self._net.do(COIN, "alice", alice.intent)
        return await self._act(
            Act(1, await self._client(), lost=(self._to_hub("bob", BOB_SENDS[0]),))
        )

    async def below_k(self) -> Cut:
        """Return a cut of k - 1 blocks: a double spend, and vouchers that come home."""
        lost, kept = (
            self._to_hub("carol", amount) for amount in (CAROL_SPENDS, CAROL_SPENDS_INSTEAD)
        )
        return await self._act(
            Act(
                self._stage.k - 1,
                await self._client(),
                lost=(self._to_hub("bob", BOB_SENDS[1]),),
                conflicts=(Conflict(lost, kept),),
                before_blocks=self._alice_takes_home,
            )
        )

    async def _alice_takes_home(self) -> None:
        """Send vouchers home; return when the relayer has handed the loser what pays them out."""
        loses = self._stage.loses
        before = await loses.waiting()
        await self._net.do(HUB, "alice", self._home("alice", ALICE_TAKES_HOME))

        async def look() -> bool | None:
            return bool(await loses.waiting() - before) or None

        await self._net.wait_until("waiting for the relayer to bring alice's vouchers home", look)

    async def theft(self) -> Cut:
        """Return a cut of k blocks or little more: the hub believes the first, a theft in it."""
        coin = self._net.chain(COIN)
        own = self._net.account("carol").addresses[COIN]
        kept = Payment("carol", Send(own, (Coin(Denom(coin.denom), THIEF_TAKES),)))
        honest = self._to_hub("bob", BOB_SENDS[2])
        before = await hub.vouchers(self._net, self._stage.voucher)

        async def believe(fork: int) -> None:
            async def look() -> bool | None:
                now = await hub.vouchers(self._net, self._stage.voucher)
                return now == before + BOB_SENDS[2] + THIEF_TAKES or None

            reason = f"waiting for the hub to believe block {fork + 1} of the losing branch"
            await self._net.wait_until(reason, look)

        return await self._act(
            Act(
                self._stage.plot.theft_depth,
                await self._client(),
                lost=(honest,),
                conflicts=(Conflict(self._to_hub("carol", THIEF_TAKES), kept),),
                while_cut=believe,
            )
        )

    async def send_stranded_home(self) -> tuple[bool, str]:
        """Return whether the hub refuses to send home what its frozen client let in, and how."""
        client = await self._net.client(HUB, "carol")
        message = await (await self._net.user(HUB, "carol")).message(
            self._home("carol", THIEF_TAKES)
        )
        try:
            outcome = await self._net.deliver(client, message)
        except TxRefused as refusal:
            return True, refusal.log
        return outcome.code != 0, outcome.log

    async def deep(self) -> Cut:
        """Return the deepest cut; an operator has made a new client before it."""
        depth = self._stage.plot.deep
        client_id = await self._new_client()

        async def update(fork: int) -> None:
            goal = fork + depth - self._stage.k + 1

            async def look() -> bool | None:
                return await self._brought_to(client_id, goal) or None

            await self._net.wait_until(f"waiting for {client_id} to be at height {goal}", look)

        return await self._act(Act(depth, client_id, while_cut=update))

    # --- clients -------------------------------------------------------------------------

    async def _client(self) -> ClientId:
        """Return the hub's first client of the coin."""
        return next(iter(await hub.clients_of_coin(self._net)))

    async def _new_client(self) -> ClientId:
        """Make a client of the coin's newest final block on the hub, as an operator would."""
        known = set(await hub.clients_of_coin(self._net))
        coin, client = await self._net.client(COIN), await self._net.client(HUB)
        for miner in self._stage.miners:
            await miner.go_on()
        await self._do(codec.create_client(await coin.new_client(None), client.signer))
        (made,) = set(await hub.clients_of_coin(self._net)) - known
        self._net.say(f"an operator made {made} beside the frozen client")
        return made

    async def _brought_to(self, client_id: ClientId, goal: int) -> bool:
        """Bring a client up to a height, as anybody may; return whether it is there."""
        coin, client = await self._net.client(COIN), await self._net.client(HUB)
        at = (await hub.clients_of_coin(self._net))[client_id].latest_height
        newest = (await coin.status()).height
        if at.revision_height < goal <= newest:
            headers = await coin.updates(at, newest)
            await self._do(
                *(codec.update_client(client_id, each, client.signer) for each in headers)
            )
        return at.revision_height >= goal

    async def _do(self, *messages: AnyValue) -> None:
        client = await self._net.client(HUB)
        outcome = await self._net.deliver(client, *messages)
        if outcome.code:
            raise TxRefused(code=outcome.code, codespace=outcome.codespace, log=outcome.log)

    # --- waits ---------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Wait until every packet is acknowledged and every transaction is in a block."""
        ends = ((COIN, self._stage.channel.on_a), (HUB, self._stage.channel.on_b))

        async def look() -> bool | None:
            for chain, channel in ends:
                if await (await self._net.client(chain)).commitments(PORT, channel):
                    return None
            return not await self._stage.loses.waiting() or None

        await self._net.wait_until("waiting for every packet to be acknowledged", look)

    async def _wait_for_freeze(self, client_id: ClientId) -> None:
        async def look() -> bool | None:
            return (await hub.clients_of_coin(self._net))[client_id].is_frozen or None

        await self._net.wait_until("waiting for the relayer to show the hub the other branch", look)

    async def _wait_for(self, payments: Sequence[Payment]) -> None:
        """Wait until the coin's chain has sent these packets."""
        wanted = {each.intent.coin.amount for each in payments if isinstance(each.intent, Transfer)}

        async def look() -> bool | None:
            sent = await hub.sent(self._net, self._stage.channel.on_a)
            return wanted <= set(sent.values()) or None

        await self._net.wait_until("waiting for what returned to be in a block again", look)

    # --- the end -------------------------------------------------------------------------

    async def report(
        self, cuts: Sequence[Cut], refused: bool, answer: str, ready_s: float
    ) -> Report:
        """Return everything, with what became of each payment."""
        paid = await hub.received(self._net, self._stage.channel.on_b)
        honest = (ALICE_SENDS, *BOB_SENDS)
        mined = paid[CAROL_SPENDS_INSTEAD] == 1 and paid[CAROL_SPENDS] == 0
        everything = (*honest, CAROL_SPENDS_INSTEAD, THIEF_TAKES)
        return Report(
            k=self._stage.k,
            cuts=tuple(cuts),
            transfers=len(honest),
            paid_once=sum(paid[amount] == 1 for amount in honest),
            double_spends_below_k=1,
            double_spends_paid_as_mined=int(mined),
            returned_once=cuts[-1].vouchers == sum(everything) - ALICE_TAKES_HOME,
            stranded_refused=refused,
            stranded_answer=answer,
            seconds_to_ready=round(ready_s, 1),
            seconds=round(time.monotonic() - self._net.began_s, 1),
        )
