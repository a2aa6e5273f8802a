"""Packets of IBC v2 are judged by the same rules, lots and ledger as those of v1."""

from dataclasses import replace

import pytest

from chainkit.primitives.types import ChannelId
from chainkit.wire.proto.ibc.core.channel.v2 import tx_pb2
from ibc.ics04_channel.messages import Outcome
from ibc.v2.codec import packet_v2_to_proto
from ibc.v2.types import REFUSED
from integrity.errors import IntegrityRefusal, LotTooLow, SeveralPayloads
from tests.unit.ibc_worlds import SECOND, address
from tests.unit.integrity_worlds import Hub
from tests.unit.test_ibc_v2 import (
    ACCEPTED,
    HOUR,
    World,
    register,
    sent,
    two_payloads,
    voucher,
)


@pytest.fixture
def hub():
    return Hub(low=1, high=3)


def over_clients(hub: Hub, name: str) -> World:
    """The path to a zone by its clients; ``path.a`` is the hub."""
    path = hub.paths[name]
    register(path.a, path.b)
    register(path.b, path.a)
    return World(path)


def test_a_low_lot_does_not_rise_by_v2(hub) -> None:
    """Labelled when it came, refused where it would go up, and free to go home."""
    low, high = over_clients(hub, "low"), over_clients(hub, "high")
    packet = low.transfer(low.path.b, "alice", "bob", "ulow", 50)

    assert low.recv(low.path.a, packet) == (Outcome.SUCCESS, [ACCEPTED])
    held = voucher(low.path.a, "ulow")
    (lot,) = hub.store.lots(hub.chain.account("bob"), held)
    assert (lot.label, lot.source, lot.amount) == (1, "low", 50)
    with pytest.raises(LotTooLow):
        high.transfer(high.path.a, "bob", "carol", held, 10)
    back = low.transfer(low.path.a, "bob", "alice", held, 20)
    assert low.recv(low.path.b, back) == (Outcome.SUCCESS, [ACCEPTED])
    low.acknowledge(low.path.a, back, ACCEPTED)
    entry = hub.store.zone(ChannelId(low.path.a.client_id), held)
    assert (entry.returning, entry.custody) == (0, 30)


def test_the_ledger_of_zones_has_an_entry_for_a_client(hub) -> None:
    """A zone returns by v2 no more than went to it by v2, whatever its own ledger says."""
    low = over_clients(hub, "low")
    hub.chain.fund("bob", "uhub", 100)
    out = low.transfer(low.path.a, "bob", "alice", "uhub", 30)
    low.recv(low.path.b, out)
    low.acknowledge(low.path.a, out, ACCEPTED)
    channel = ChannelId(low.path.a.client_id)
    assert hub.store.zone(channel, "uhub").held == 30
    hub.store.set_zone(channel, "uhub", replace(hub.store.zone(channel, "uhub"), held=29))

    home = low.transfer(low.path.b, "alice", "bob", voucher(low.path.b, "uhub"), 30)
    assert low.recv(low.path.a, home) == (Outcome.SUCCESS, [REFUSED])
    assert hub.chain.balance("bob", "uhub") == 70


def test_an_isolated_chain_neither_sends_nor_receives_by_v2(hub) -> None:
    """The binding is of the client, so both versions stop."""
    low = over_clients(hub, "low")
    hub.chain.fund("bob", "uhub", 100)
    packet = low.transfer(low.path.b, "alice", "bob", "ulow", 50)
    hub.change("low", isolated="fraud")

    assert low.recv(low.path.a, packet) == (Outcome.SUCCESS, [REFUSED])
    with pytest.raises(IntegrityRefusal):
        low.transfer(low.path.a, "bob", "alice", "uhub", 1)


def test_two_payloads_of_one_port_are_refused(hub) -> None:
    """Sent or received: the records of a packet are for one."""
    low = over_clients(hub, "low")
    hub.chain.fund("bob", "uhub", 100)
    a, b = low.path.a, low.path.b
    from_hub = low.transfer(a, "bob", "alice", "uhub", 1).payloads[0]
    from_low = low.transfer(b, "alice", "bob", "ulow", 1).payloads[0]

    def twice(end, signer, payload):
        return tx_pb2.MsgSendPacket(
            source_client=end.client_id,
            timeout_timestamp=end.chain.time // SECOND + HOUR,
            payloads=packet_v2_to_proto(two_payloads(payload, payload)).payloads,
            signer=address(end.chain, signer),
        )

    with pytest.raises(SeveralPayloads):
        a.chain.execute(twice(a, "bob", from_hub))
    (packet,) = sent(b.chain.execute(twice(b, "alice", from_low))[1])
    assert low.recv(a, packet) == (Outcome.SUCCESS, [REFUSED])
    assert hub.chain.balance("bob", voucher(a, "ulow")) == 0
