"""The plot: two miners are cut apart, each makes its blocks, and the wire is healed.

Depths are exact since miners are told heights, and nothing waits for time: a miner that has
made its blocks stands still until the next act.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import ClientId
from demos.network import Channel, Network
from demos.reorg import hub
from demos.reorg.hub import COIN, HUB, PORT, ClientSeen
from demos.reorg.miners import Miner, Plot, Tip
from demos.reorg.report import Cut
from demos.reorg.wire import Wire
from parachains.sdk.relaying import SignedTx
from parachains.sdk.users import Intent

REPLAY_TIMEOUT_S = 120.0
MAX_LAG_NS = seconds_to_ns(20)
"""Half of the clock drift that a client of the hub allows."""


class Replayed(msgspec.Struct, frozen=True):
    """What a fresh process computed."""

    height: int
    tip: str
    root: str
    committed_root: str
    blocks: int
    escrowed: int
    coins: int
    coins_mined: int
    seconds: float


class NoConflict(OperationFailed):
    """Two transactions that were to spend the same coin do not."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it all takes place."""

    net: Network
    wire: Wire
    loses: Miner
    """The miner whose blocks are lost; the relayer and all users ask its node."""
    keeps: Miner
    plot: Plot
    channel: Channel
    """The coin's end, then the hub's."""

    @property
    def miners(self) -> tuple[Miner, Miner]:
        """Both."""
        return self.loses, self.keeps

    @property
    def k(self) -> int:
        """Blocks above a fork of which one is final that the other branch lacks."""
        return self.plot.k

    @property
    def voucher(self) -> str:
        """The hub's name of the coin."""
        return hub.voucher(self.channel.on_b, self.net.chain(COIN).denom)


@dataclass(frozen=True, slots=True)
class Payment:
    """What an account does while the miners are apart: known to one of them only."""

    account: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class Conflict:
    """One coin spent twice: on the losing miner's branch and on the other's."""

    lost: Payment
    kept: Payment


async def _nothing(_: int) -> None:
    """Do nothing while the miners are apart."""


@dataclass(frozen=True, slots=True)
class Act:
    """One cut: how deep, and what happens on both sides of it."""

    depth: int
    client_id: ClientId
    lost: tuple[Payment, ...] = ()
    """In no conflict: they must return."""
    conflicts: tuple[Conflict, ...] = ()
    before_blocks: Callable[[], Awaitable[None]] | None = None
    """Done when the wire is cut, before anybody mines."""
    while_cut: Callable[[int], Awaitable[None]] = _nothing
    """Done with the fork's height when both have their blocks, before the wire is healed."""


@dataclass(frozen=True, slots=True)
class Healed:
    """What was seen right after the wire was healed."""

    fork: int
    tip: Tip
    one_tip: bool
    lost_blocks: int
    lost_by_winner: int
    lost_transactions: frozenset[str]
    returned: frozenset[str]
    before: ClientSeen
    is_misled: bool
    hub_height: int


async def agree(stage: Stage) -> Tip:
    """Stop both miners and return the tip on which they agree."""
    for miner in stage.miners:
        await miner.pause()
    asked = 0

    async def look() -> Tip | None:
        nonlocal asked
        tips = [await miner.tip() for miner in stage.miners]
        if tips[0] == tips[1] and all(tip.is_alone for tip in tips):
            return tips[0]
        height = max(tip.height for tip in tips)
        if tips[0].height == tips[1].height and asked <= height:
            # Two blocks at once: one more decides.
            asked = height + 1
            await stage.keeps.go_on_until(asked)
        return None

    return await stage.net.wait_until("waiting for both miners to have one tip", look)


async def cut_and_heal(stage: Stage, act: Act) -> Healed:
    """Cut the wire, let both sides mine, heal it, and return what was seen.

    Raises:
        NoConflict: What was to be a double spend is none.
        NotReady: Something did not come in time.
    """
    net, loses, keeps = stage.net, stage.loses, stage.keeps
    await _catch_up(stage)
    fork = (await agree(stage)).height
    stage.wire.cut()
    await _wait_for_peers(stage, 0)
    net.say(f"cut apart at height {fork}; {loses.name} is to make {act.depth} blocks alone")
    await _pay(stage, act)
    if act.before_blocks is not None:
        await act.before_blocks()
    lost = await _mine_apart(stage, fork, act.depth)
    await act.while_cut(fork)
    before = await hub.look_at(net, act.client_id)
    newest = before.height.revision_height
    misled = newest > fork and (await loses.hash_at(newest)) in lost
    hub_height = await hub.height_of(net)
    lost_transactions = frozenset[str]().union(*[await loses.transactions(each) for each in lost])
    kept = await _branch(keeps, fork)

    stage.wire.heal()
    await _wait_for_peers(stage, 1)
    tip = await keeps.tip()

    async def look() -> bool | None:
        return await loses.tip() == tip or None

    one_tip = await net.wait_until(f"waiting for {loses.name} to follow {keeps.name}", look)
    returned = await loses.returned(lost_transactions)
    healed = Healed(
        fork=fork,
        tip=tip,
        one_tip=one_tip,
        lost_blocks=[(await loses.block(each)).is_active for each in lost].count(False),
        lost_by_winner=[(await keeps.block(each)).is_active for each in kept].count(False),
        lost_transactions=lost_transactions,
        returned=returned,
        before=before,
        is_misled=misled,
        hub_height=hub_height,
    )
    net.say(
        f"healed: one tip at {tip.height}, {healed.lost_blocks} blocks of {loses.name} are gone, "
        f"{len(healed.returned)} of {len(lost_transactions)} transactions are not"
    )
    for miner in stage.miners:
        await miner.go_on()
    return healed


async def _catch_up(stage: Stage) -> None:
    """Let both mine until the chain's time is near the hub's again.

    It is a median of blocks' times, and stood still while a cut was judged; the chain's client
    of the hub would refuse headers as from the future.
    """
    coin, other = await stage.net.client(COIN), await stage.net.client(HUB)
    for miner in stage.miners:
        await miner.go_on()

    async def look() -> bool | None:
        own = await coin.time_at(Height(0, (await stage.loses.tip()).height))
        return (await other.status()).time - own < MAX_LAG_NS or None

    await stage.net.wait_until(f"waiting for {COIN}'s time to be near the hub's", look)


async def _wait_for_peers(stage: Stage, count: int) -> None:
    async def look() -> bool | None:
        return all([await miner.peers() == count for miner in stage.miners]) or None

    await stage.net.wait_until(f"waiting for both miners to have {count} peers", look)


async def _pay(stage: Stage, act: Act) -> None:
    """Hand each miner what only it shall know."""
    net = stage.net
    for payment in act.lost:
        await stage.loses.submit(net.account(payment.account), payment.intent)
    for conflict in act.conflicts:
        sides = ((stage.loses, conflict.lost), (stage.keeps, conflict.kept))
        txs: list[SignedTx] = [
            await miner.submit(net.account(payment.account), payment.intent)
            for miner, payment in sides
        ]
        if txs[0].tx_hash == txs[1].tx_hash or not (
            await stage.loses.spends(txs[0]) & await stage.loses.spends(txs[1])
        ):
            raise NoConflict("two transactions of one account spend different coins")


async def _mine_apart(stage: Stage, fork: int, depth: int) -> tuple[str, ...]:
    """Let the loser make ``depth`` blocks and the winner more work; return the loser's."""
    goal = fork + depth
    ahead = goal + 1
    await stage.loses.go_on_until(goal)
    await stage.keeps.go_on_until(ahead)
    heights = [fork, fork]

    async def look() -> bool | None:
        nonlocal ahead
        tips = [await miner.tip() for miner in stage.miners]
        heights[:] = [tip.height for tip in tips]
        if tips[0].height < goal or tips[1].height < ahead:
            return None
        works = [
            (await miner.block(tip.hash)).work
            for miner, tip in zip(stage.miners, tips, strict=True)
        ]
        if works[1] > works[0]:
            return True
        ahead += 1  # a retarget made the other side's blocks harder
        await stage.keeps.go_on_until(ahead)
        return None

    await stage.net.wait_until(
        lambda: f"waiting for blocks on both sides, now {heights[0]} and {heights[1]}", look
    )
    return tuple([await stage.loses.hash_at(each) for each in range(fork + 1, goal + 1)])


async def _branch(miner: Miner, fork: int) -> tuple[str, ...]:
    top = (await miner.tip()).height
    return tuple([await miner.hash_at(each) for each in range(fork + 1, top + 1)])


# --- judging -----------------------------------------------------------------------------


async def replay(stage: Stage, tip: Tip) -> Replayed:
    """Return what a fresh process computes from the blocks of the chain up to a tip.

    Raises:
        OperationFailed: It ended without a result: a block broke a rule.
    """
    node = stage.net.chain(COIN).nodes[0]
    wanted = {
        "rpc": node.rpc_url,
        "home": str(stage.net.home / node.home),
        "tip": tip.hash,
        "channel": stage.channel.on_a,
    }
    with (stage.net.home / "logs" / "replay.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", stage.plot.replay,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        async with asyncio.timeout(REPLAY_TIMEOUT_S):
            out, _ = await process.communicate(json.dumps(wanted).encode() + b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(out, type=Replayed)
    except msgspec.MsgspecError as error:
        raise OperationFailed("the replay ended without a result: see logs/replay.log") from error


async def in_flight(stage: Stage) -> int:
    """Return what one chain sent and the other did not receive yet, both ways."""
    coin, other = await stage.net.client(COIN), await stage.net.client(HUB)
    ways = ((coin, stage.channel.on_a, other, stage.channel.on_b),)
    total = 0
    for sender, own, receiver, end in (*ways, *((b, y, a, x) for a, x, b, y in ways)):
        sequences = await sender.commitments(PORT, own)
        missing = await receiver.unreceived(PORT, end, sequences) if sequences else ()
        for sequence in missing:
            packet = await sender.sent_packet(PORT, own, sequence)
            total += 0 if packet is None else int(json.loads(packet.data)["amount"])
    return total


async def judge(stage: Stage, act: Act, healed: Healed, began_s: float) -> Cut:
    """Return the facts of one cut, from both nodes, a replay and the hub; miners stand still."""
    net = stage.net
    tip = await agree(stage)
    tips: Sequence[Tip] = [await miner.tip() for miner in stage.miners]
    replayed = await replay(stage, tip)
    # The client went on meanwhile: its newest heights are others, so ask for the same ones.
    after = await hub.look_at(net, act.client_id, min(healed.before.kept, default=None))
    evidence = await hub.find_evidence(net, act.client_id, healed.hub_height)
    paid = await hub.received(net, stage.channel.on_b)
    sent = set((await hub.sent(net, stage.channel.on_a)).values())
    roots = {replayed.root, replayed.committed_root, *(each.root for each in tips)}
    net.say(
        f"{replayed.blocks} blocks replayed from genesis in {replayed.seconds} s: root "
        f"{replayed.root[:16]}...; client {act.client_id} is "
        f"{'frozen' if after.is_frozen else 'not frozen'}"
    )
    return Cut(
        depth=act.depth,
        is_below_k=act.depth < stage.k,
        fork_height=healed.fork,
        blocks_lost=healed.lost_blocks,
        blocks_lost_by_winner=healed.lost_by_winner,
        one_tip=healed.one_tip and tips[0] == tips[1],
        tip_height=tip.height,
        tip=tip.hash,
        root=tip.root,
        root_equals_replay=len(roots) == 1 and replayed.tip == tip.hash,
        blocks_replayed=replayed.blocks,
        replay_seconds=replayed.seconds,
        transactions_lost=len(healed.lost_transactions),
        transactions_returned=len(healed.returned),
        transactions_in_conflict=len(act.conflicts),
        client_id=act.client_id,
        client_height_before=healed.before.height.revision_height,
        client_was_misled=healed.is_misled,
        states_compared=len(healed.before.kept),
        states_changed=healed.before.changed_in(after),
        client_frozen=after.is_frozen,
        evidence_height=0 if evidence is None else evidence.height,
        evidence_by_relayer=evidence is not None
        and evidence.signer == net.account("relayer").addresses[HUB],
        vouchers=await hub.vouchers(net, stage.voucher),
        escrowed=replayed.escrowed,
        in_flight=await in_flight(stage),
        stranded=sum(amount * count for amount, count in paid.items() if amount not in sent),
        coins=replayed.coins,
        coins_mined=replayed.coins_mined,
        seconds=round(asyncio.get_running_loop().time() - began_s, 1),
    )
