"""What the relayer remembers of a path: what is under way, and nothing of what is done."""

import asyncio

from relayer.observer import Observer
from tests.unit.test_relayer_worker import Relay


def counted(chain):
    """Count the searches for sent packets on a fake chain."""
    asked = []
    original = chain.sent_packet

    async def sent_packet(port, channel, sequence):
        asked.append(sequence)
        return await original(port, channel, sequence)

    chain.sent_packet = sent_packet
    return asked


def test_a_packet_that_waits_is_searched_for_once() -> None:
    """A second look at the same packets asks the index nothing."""
    relay = Relay().ready()
    asked = counted(relay.a)
    observer = Observer(relay.a, relay.b)
    for _ in range(5):
        relay.a.send("channel-0")

    first = asyncio.run(observer.observe())
    second = asyncio.run(observer.observe())

    assert len(first.a.outgoing) == len(second.a.outgoing) == 5
    assert sorted(asked) == [1, 2, 3, 4, 5]


def test_what_is_done_is_forgotten() -> None:
    """The memory is as large as what is under way: an hour's packets do not stay in it."""
    relay = Relay().ready()
    observer = relay.worker._observer
    for _ in range(8):
        for _ in range(5):
            relay.a.send("channel-0")
        relay.rounds()

    assert len(relay.a.state.acknowledged) == 40
    kept = observer._known, observer._asked
    assert [len(memory.packets) + len(memory.acknowledgements) for memory in kept] == [0, 0]
    assert all(len(memory.kept) <= 2 for memory in kept)
