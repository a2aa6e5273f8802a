"""Tokens that travel: from a chain over the hub to another by proof, and home again.

Chains stand around the hub, each joined to it by one channel (:func:`open_spokes`). A
:class:`Leg` is one journey between two of them, or from and to the hub itself;
:func:`there_and_back` has its two legs, :func:`travel` makes one, and :func:`settle` waits
until every acknowledgement is back. Nothing here names a kind of chain.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChannelId, Denom, TimestampNs
from demos.ledgers import PORT, balance, balance_supply, short, voucher
from demos.network import Channel, Network
from demos.routes import HUB
from parachains.sdk.relaying import TxOutcome
from parachains.sdk.users import Transfer

AMOUNT = 1_000_000
TIMEOUT_S = 600

Spokes = Mapping[str, Channel]
"""Each chain's channel with the hub: ``on_a`` is the chain's end, ``on_b`` the hub's."""


class TransferRefused(OperationFailed):
    """A block refused the demo's own transaction."""

    def __init__(self, *, chain: str, outcome: TxOutcome) -> None:
        super().__init__(f"{chain} refused the transfer: {outcome.log}")
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Leg:
    """One journey: from where, as what, to whom, and what it must show there."""

    start: str
    sender: str
    """An account's name, as the receiver."""
    channel: ChannelId
    denom: str
    end: str
    receiver: str
    denom_at_end: str
    onward: ChannelId | None = None
    """The hub's channel to the last chain; None where the first hop ends the journey."""
    via_denom: str | None = None
    """The hub's name for the token on its way."""
    amount: int = AMOUNT


def there_and_back(
    start: str,
    end: str,
    base: str,
    spokes: Spokes,
    *,
    sender: str = "alice",
    receiver: str = "bob",
    amount: int = AMOUNT,
) -> tuple[Leg, Leg]:
    """Return the way out and the way home of the start's own token ``base``.

    ``start`` or ``end``, but not both, may be the hub: then each way has one hop.
    """
    assert start != end
    on_hub = base if start == HUB else f"{PORT}/{spokes[start].on_b}/{base}"
    at_end = on_hub if end == HUB else f"{PORT}/{spokes[end].on_a}/{on_hub}"
    is_forwarded = HUB not in {start, end}
    via = voucher(on_hub) if is_forwarded else None
    out = Leg(
        start=start,
        sender=sender,
        channel=spokes[end].on_b if start == HUB else spokes[start].on_a,
        denom=base,
        end=end,
        receiver=receiver,
        denom_at_end=voucher(at_end),
        onward=spokes[end].on_b if is_forwarded else None,
        via_denom=via,
        amount=amount,
    )
    home = Leg(
        start=end,
        sender=receiver,
        channel=spokes[start].on_b if end == HUB else spokes[end].on_a,
        denom=voucher(at_end),
        end=start,
        receiver=sender,
        denom_at_end=base,
        onward=spokes[start].on_b if is_forwarded else None,
        via_denom=via,
        amount=amount,
    )
    return out, home


async def open_spokes(net: Network, chains: Iterable[str]) -> Spokes:
    """Return the channels between chains and the hub, once the relayer has opened them all."""
    names = tuple(chains)
    found = await asyncio.gather(*(net.wait_for_channel(name, HUB) for name in names))
    return dict(zip(names, found, strict=True))


async def travel(net: Network, leg: Leg) -> tuple[bool, int]:
    """Send the token on its journey; return whether it arrived whole, and what sending cost.

    Nobody else may pay the leg's two accounts in its denominations meanwhile. The cost is
    told where fees are paid in what is sent; it is 0 elsewhere.

    Raises:
        TransferRefused: A block refused the transaction.
        NotReady: It did not arrive in time.
    """
    had = await balance(net, leg.start, leg.sender, leg.denom)
    before = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
    via_before = await _on_hub(net, leg)
    await submit(net, leg)
    fee = had - leg.amount - await balance(net, leg.start, leg.sender, leg.denom)
    where = ["on its way" if leg.onward is None else "on its way to the hub"]

    async def look() -> int | None:
        now = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
        if now > before:
            return now
        if await _on_hub(net, leg) != via_before:
            where[0] = "proven to the hub, which forwarded it"
        return None

    reached = await net.wait_until(lambda: f"waiting for the token on {leg.end}: {where[0]}", look)
    return reached - before == leg.amount, fee


async def _on_hub(net: Network, leg: Leg) -> int:
    """Return how much of a forwarded token the hub has."""
    return 0 if leg.via_denom is None else await balance_supply(net, HUB, leg.via_denom)


async def submit(net: Network, leg: Leg) -> TxOutcome:
    """Send the token on its way; return when a block of the first chain holds the packet.

    Raises:
        TransferRefused: The block refused it.
    """
    receiver = net.account(leg.receiver).addresses[leg.end]
    memo = ""
    if leg.onward is not None:
        forward = {"receiver": receiver, "port": PORT, "channel": leg.onward}
        memo = json.dumps({"forward": forward}, separators=(",", ":"))
        receiver = net.account("relayer").addresses[HUB]
    intent = Transfer(
        port_id=PORT,
        channel_id=leg.channel,
        coin=Coin(Denom(leg.denom), leg.amount),
        receiver=receiver,
        timeout_timestamp=TimestampNs(time.time_ns() + TIMEOUT_S * 10**9),
        memo=memo,
    )
    net.say(f"{leg.sender} sends {leg.amount} {short(leg.denom)} from {leg.start} to {leg.end}")
    outcome = await net.do(leg.start, leg.sender, intent)
    if outcome.code != 0:
        raise TransferRefused(chain=leg.start, outcome=outcome)
    net.say(f"{leg.start} committed the packet in block {outcome.height}")
    return outcome


async def settle(net: Network, spokes: Spokes) -> None:
    """Wait until every packet's acknowledgement is back where it was sent from, for good.

    A block of a chain without finality counts when it is as deep as clients of it demand.
    """
    ends = [
        each
        for name, channel in spokes.items()
        for each in ((name, channel.on_a), (HUB, channel.on_b))
    ]

    async def acknowledged() -> bool | None:
        for chain, channel in ends:
            if await (await net.client(chain)).commitments(PORT, channel):
                return None
        return True

    await net.wait_until("waiting for the last acknowledgement to come back", acknowledged)
    for chain in net.place.chains:
        client = await net.client(chain.name)
        tip = max(node.height for node in await net.reader.chain_status(chain))

        async def final() -> bool | None:
            return (await client.status()).height >= tip or None  # noqa: B023 - awaited at once

        await net.wait_until(f"waiting for block {tip} of {chain.name} to be final", final)
