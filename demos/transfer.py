"""``isthmus demo transfer``: a token goes zone-a -> hub -> zone-b by proof, and comes home.

The network starts with no client, connection or channel; the relayer opens them. The first
packet's memo makes the hub forward it. A reader process that shares no code with the
ledgers checks the supply at every height and counts what the chains verified.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import BlockHeight, ChannelId, PortId
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.transfer.v1 import query_pb2 as transfer_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from demos.network import Channel, Network, run_scenario
from demos.story import Story
from ibc.ics02_client.port import AnyValue
from isthmus.cli.output import Output
from isthmus.config import NetSpec
from parachains.sdk.relaying import TxOutcome

AMOUNT = 1_000_000
TIMEOUT_S = 600
READER_TIMEOUT_S = 60.0
MAX_SECONDS_TO_READY = 40.0
MAX_SECONDS_TO_FIRST_DELIVERY = 20.0
HANDSHAKE_PROOFS = 6
"""Try, ack and confirm, of a connection and of a channel."""

PORT = PortId("transfer")
_READER = "import sys; from demos.supply_reader import main; sys.exit(main())"


class TransferRefused(OperationFailed):
    """A block refused the demo's own transaction."""

    def __init__(self, *, chain_id: str, outcome: TxOutcome) -> None:
        super().__init__(f"{chain_id} refused the transfer: {outcome.log}")
        self.outcome = outcome


class Verdict(msgspec.Struct, frozen=True):
    """What the reader process found."""

    conserved: bool
    violations: tuple[str, ...] = ()
    heights: dict[str, int] = {}
    comparisons: int = 0
    packets_in_flight: int = 0
    headers_verified: int = 0
    proofs_verified: dict[str, int] = {}
    block_seconds: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    delivered: bool
    returned: bool
    supply_conserved: bool
    supply_checked_at_heights: int
    supply_violations: tuple[str, ...]
    hops: int
    proofs_verified: int
    headers_verified: int
    seconds_to_ready: float
    seconds_to_first_delivery: float
    block_seconds: Mapping[str, float]
    """Measured mean time between blocks, by chain."""
    timeout_commit_seconds: Mapping[str, float]
    """Configured wait after a commit, by chain."""

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        # Two paths were opened by proofs; each hop proves its packet and its acknowledgement.
        least_proofs = 2 * HANDSHAKE_PROOFS + 2 * 2 * self.hops
        checks = (
            (self.delivered, "the token did not arrive"),
            (self.returned, "the token did not come home"),
            (self.supply_conserved, f"the supply changed: {'; '.join(self.supply_violations)}"),
            (self.hops == 2, f"the token made {self.hops} hops, expected 2"),
            (
                self.proofs_verified >= least_proofs,
                f"{self.proofs_verified} proofs were verified, expected {least_proofs} or more",
            ),
        )
        return tuple(text for holds, text in checks if not holds)

    def slow_parts(self) -> tuple[str, ...]:
        """Return what took longer than it does on two idle cores; a busy machine is no failure."""
        checks = (
            ("ready", self.seconds_to_ready, MAX_SECONDS_TO_READY),
            ("delivered", self.seconds_to_first_delivery, MAX_SECONDS_TO_FIRST_DELIVERY),
        )
        return tuple(
            f"{what} after {took} s, expected under {limit} s"
            for what, took, limit in checks
            if took >= limit
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """One journey over the hub: from where, as what, to whom, and what it must show there."""

    start: str
    sender: str
    channel: ChannelId
    denom: str
    onward: ChannelId
    """The hub's channel to the last chain."""
    end: str
    receiver: str
    denom_at_end: str
    via_denom: str
    """The hub's name for the token."""


def short(denom: str) -> str:
    """Return a denomination as people can read it: a voucher's hash is cut."""
    return f"{denom[:12]}..." if denom.startswith("ibc/") else denom


def voucher(path: str) -> str:
    """Return a ledger's name for a denomination that came over channels (ICS-20)."""
    return f"ibc/{sha256(path.encode()).hex().upper()}"


def journeys(base: str, from_a: Channel, to_b: Channel) -> tuple[Leg, Leg]:
    """Return the way out and the way home of zone-a's token ``base``."""
    on_hub = f"{PORT}/{from_a.on_b}/{base}"
    on_b = f"{PORT}/{to_b.on_b}/{on_hub}"
    out = Leg(
        start="zone-a",
        sender="alice",
        channel=from_a.on_a,
        denom=base,
        onward=to_b.on_a,
        end="zone-b",
        receiver="bob",
        denom_at_end=voucher(on_b),
        via_denom=voucher(on_hub),
    )
    home = Leg(
        start="zone-b",
        sender="bob",
        channel=to_b.on_b,
        denom=voucher(on_b),
        onward=from_a.on_b,
        end="zone-a",
        receiver="alice",
        denom_at_end=base,
        via_denom=voucher(on_hub),
    )
    return out, home


class TransferDemo:
    """The demo that the command line finds."""

    summary = "a token crosses two hops by proof and comes home"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            report = run_scenario(play, spec=NetSpec(), home=home, say=story.say, name="transfer")
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        for part in report.slow_parts():
            output.progress(f"slow: {part}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = TransferDemo()


async def play(net: Network) -> Report:
    """Send a token there and back over a running network."""
    net.say("every chain makes blocks; genesis has no client, no connection and no channel")
    from_a, to_b = await asyncio.gather(
        net.wait_for_channel("zone-a", "hub"), net.wait_for_channel("hub", "zone-b")
    )
    ready_s = time.monotonic() - net.began_s
    net.say(
        f"the relayer opened zone-a {from_a.on_a} <-> {from_a.on_b} hub and "
        f"hub {to_b.on_a} <-> {to_b.on_b} zone-b, every step proven on chain"
    )
    base = net.chain("zone-a").denom
    out, back = journeys(base, from_a, to_b)
    before = await balance(net, "zone-a", "alice", base)

    sent_at = time.monotonic()
    delivered = await travel(net, out)
    delivery_s = time.monotonic() - sent_at
    hops = await count_hops(net, "zone-b", out.denom_at_end)
    net.say(f"bob has it on zone-b as {short(out.denom_at_end)}, {hops} hops from home")

    async with supply_reader(net) as reader:
        await travel(net, back)
        escrowed = await balance_of_escrow(net, "zone-a", from_a.on_a, base)
        after = await balance(net, "zone-a", "alice", base)
        net.say(f"it is home: alice has {after} {base} again, {escrowed} are left in escrow")
        await settle(net, from_a, to_b)
        verdict = await read_verdict(net, reader)
    commits = {each.name: each.timeout_commit_ms / 1000 for each in net.spec.chains}
    return Report(
        delivered=delivered,
        returned=after == before and escrowed == 0,
        supply_conserved=verdict.conserved and not verdict.packets_in_flight,
        supply_checked_at_heights=verdict.comparisons,
        supply_violations=verdict.violations,
        hops=hops,
        proofs_verified=sum(verdict.proofs_verified.values()),
        headers_verified=verdict.headers_verified,
        seconds_to_ready=round(ready_s, 2),
        seconds_to_first_delivery=round(delivery_s, 2),
        block_seconds=verdict.block_seconds,
        timeout_commit_seconds=commits,
    )


async def travel(net: Network, leg: Leg) -> bool:
    """Send the token over the hub; return whether it arrived whole."""
    before = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
    via_before = await balance_supply(net, "hub", leg.via_denom)
    client = await net.client(leg.start, leg.sender)
    hub = net.account("relayer").addresses["hub"]
    forward = {
        "receiver": net.account(leg.receiver).addresses[leg.end],
        "port": PORT,
        "channel": leg.onward,
    }
    message = MsgTransfer(
        source_port=PORT,
        source_channel=leg.channel,
        token=Coin(denom=leg.denom, amount=str(AMOUNT)),
        sender=client.signer,
        receiver=hub,
        timeout_timestamp=time.time_ns() + TIMEOUT_S * 10**9,
        memo=json.dumps({"forward": forward}, separators=(",", ":")),
    )
    net.say(f"{leg.sender} sends {AMOUNT} {short(leg.denom)} from {leg.start} to {leg.end}")
    outcome = await net.deliver(client, AnyValue(type_url(message), encode(message)))
    if outcome.code != 0:
        raise TransferRefused(chain_id=client.chain_id, outcome=outcome)
    net.say(f"{leg.start} committed the packet in block {outcome.height}")
    where = ["on its way to the hub"]

    async def look() -> int | None:
        now = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
        if now > before:
            return now
        if await balance_supply(net, "hub", leg.via_denom) != via_before:
            where[0] = "proven to the hub, which forwarded it"
        return None

    reached = await net.wait_until(lambda: f"waiting for the token on {leg.end}: {where[0]}", look)
    return reached - before == AMOUNT


async def settle(net: Network, from_a: Channel, to_b: Channel) -> None:
    """Wait until every packet's acknowledgement is back where it was sent from."""
    ends = (
        ("zone-a", from_a.on_a),
        ("hub", from_a.on_b),
        ("hub", to_b.on_a),
        ("zone-b", to_b.on_b),
    )

    async def look() -> bool | None:
        for chain, channel in ends:
            if await (await net.client(chain)).commitments(PORT, channel):
                return None
        return True

    await net.wait_until("waiting for the last acknowledgement to come back", look)


# --- questions to the chains ---------------------------------------------------------------


async def balance(net: Network, chain: str, account: str, denom: str) -> int:
    """Return an account's balance."""
    return await _balance(net, chain, net.account(account).addresses[chain], denom)


async def balance_of_escrow(net: Network, chain: str, channel: ChannelId, denom: str) -> int:
    """Return what a channel end holds in escrow."""
    answer = await net.query(
        chain,
        "/ibc.applications.transfer.v1.Query/EscrowAddress",
        transfer_query.QueryEscrowAddressRequest(port_id=PORT, channel_id=channel),
        transfer_query.QueryEscrowAddressResponse,
    )
    return await _balance(net, chain, answer.escrow_address, denom)


async def _balance(net: Network, chain: str, address: str, denom: str) -> int:
    answer = await net.query(
        chain,
        "/cosmos.bank.v1beta1.Query/Balance",
        bank_query.QueryBalanceRequest(address=address, denom=denom),
        bank_query.QueryBalanceResponse,
    )
    return int(answer.balance.amount or 0)


async def balance_supply(net: Network, chain: str, denom: str) -> int:
    """Return how much of a denomination a chain has."""
    answer = await net.query(
        chain,
        "/cosmos.bank.v1beta1.Query/SupplyOf",
        bank_query.QuerySupplyOfRequest(denom=denom),
        bank_query.QuerySupplyOfResponse,
    )
    return int(answer.amount.amount or 0)


async def count_hops(net: Network, chain: str, denom: str) -> int:
    """Return over how many channels a voucher came, as its chain tells."""
    answer = await net.query(
        chain,
        "/ibc.applications.transfer.v1.Query/Denom",
        transfer_query.QueryDenomRequest(hash=denom),
        transfer_query.QueryDenomResponse,
    )
    return len(answer.denom.trace)


# --- the reader process --------------------------------------------------------------------


@asynccontextmanager
async def supply_reader(net: Network) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the reader process; it reads from the first block on, and ends with this block."""
    with (net.home / "logs" / "supply-reader.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _READER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    chains = [
        {"name": c.name, "rpc": c.nodes[0].rpc_url, "prefix": c.bech32_prefix}
        for c in net.place.chains
    ]
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"chains": chains}).encode() + b"\n")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def read_verdict(net: Network, reader: asyncio.subprocess.Process) -> Verdict:
    """Tell the reader up to where to read, and return what it found.

    A reader that fails or does not answer found no conserved supply.
    """
    until = {
        chain.name: (await (await net.client(chain.name)).status()).height
        for chain in net.place.chains
    }
    net.say(f"another process compares the supply at every height up to {_heights(until)}")
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(json.dumps({"until": until}).encode() + b"\n")
    try:
        async with asyncio.timeout(READER_TIMEOUT_S):
            line = await reader.stdout.readline()
        return msgspec.json.decode(line, type=Verdict)
    except TimeoutError:
        return Verdict(conserved=False, violations=("the reader did not finish in time",))
    except msgspec.MsgspecError:
        return Verdict(conserved=False, violations=("the reader ended without a verdict",))


def _heights(heights: Mapping[str, BlockHeight]) -> str:
    return ", ".join(f"{name} {height}" for name, height in heights.items())


def describe(report: Report) -> str:
    """Return the report for a person."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    blocks = ", ".join(f"{name} {seconds} s" for name, seconds in report.block_seconds.items())
    lines = (
        ("delivered", f"{mark(report.delivered)}, over {report.hops} hops"),
        ("came home", mark(report.returned)),
        (
            "supply conserved",
            (
                f"{mark(report.supply_conserved)}, compared at {report.supply_checked_at_heights} "
                "heights by another process"
            ),
        ),
        (
            "verified on chain",
            f"{report.proofs_verified} proofs, {report.headers_verified} headers",
        ),
        ("ready after", f"{report.seconds_to_ready} s, channels opened by the relayer"),
        ("first delivery", f"{report.seconds_to_first_delivery} s from submission to zone-b"),
        ("block times", blocks),
    )
    return "\n".join(["", *(f"  {name:<18} {text}" for name, text in lines)])
