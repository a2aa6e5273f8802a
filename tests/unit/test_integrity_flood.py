"""The mempool takes no more of a zone than its quota, and nothing of one that is cut off."""

import pytest

from chainkit.runtime.context import ExecutionMode
from ibc.testing.path import written_acknowledgements
from integrity.errors import ChainIsolated, QuotaExceeded
from integrity.flood import FloodGate
from integrity.records import Params
from tests.unit.ibc_worlds import address, send
from tests.unit.integrity_worlds import Hub

QUOTA = 3


class World:
    """A hub with a gate, a zone that floods and one that does not."""

    def __init__(self) -> None:
        self.hub = Hub(spam=2, calm=2)
        self.hub.store.set_params(Params(epoch_blocks=1_000, packets_per_epoch=QUOTA))
        self.gate = FloodGate(self.hub.guard)

    def message(self, zone: str):
        """Return a packet of a zone's user, as its relayer would bring it, and as it is decoded."""
        path = self.hub.paths[zone]
        packet = send(path.b, "alice", address(self.hub.chain, "bob"), f"u{zone}", 1)
        message = path.recv_message(path.a, packet)
        return message, self.hub.chain.decode(message)

    def check(self, *messages, mode=ExecutionMode.CHECK) -> None:
        self.gate.ante(self.hub.chain.context(mode), messages)


def test_a_flood_stops_at_the_mempool():
    """The packets that wait count; another zone's are taken all the same."""
    world = World()
    for _ in range(QUOTA):
        world.check(world.message("spam")[1])
    with pytest.raises(QuotaExceeded):
        world.check(world.message("spam")[1])
    world.check(world.message("calm")[1])


def test_packets_in_one_transaction_count_each():
    """A relayer that packs a flood into one transaction brings none of it in."""
    world = World()
    with pytest.raises(QuotaExceeded):
        world.check(*(world.message("spam")[1] for _ in range(QUOTA + 1)))


def test_what_is_cut_off_fills_no_block():
    """Nothing of an isolated chain enters, whatever else is in the transaction."""
    world = World()
    world.hub.change("spam", isolated="a proof")
    with pytest.raises(ChainIsolated):
        world.check(world.message("calm")[1], world.message("spam")[1])


def test_blocks_are_judged_by_the_guard_alone():
    """A packet that a proposer puts in all the same is refused with an answer, and refunded."""
    world = World()
    world.hub.change("spam", isolated="a proof")
    message, decoded = world.message("spam")
    world.check(decoded, mode=ExecutionMode.DELIVER)
    _, events = world.hub.chain.execute(message)
    [(_, answer)] = written_acknowledgements(events)
    assert b"error" in answer


def test_a_channel_that_is_not_there_is_the_packet_layers_matter():
    """The gate judges floods only."""
    world = World()
    _, decoded = world.message("calm")
    world.hub.store.kv.delete(b"client/" + world.hub.paths["calm"].a.client_id.encode())
    for _ in range(2 * QUOTA):
        world.check(decoded)
