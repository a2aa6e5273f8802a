"""What a block measures: proofs at once, everything else once an epoch, however many chains there are."""

from dataclasses import dataclass, field

import pytest

from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from ibc.ics02_client.codec import any_to_proto
from ibc.testing.light_client import MISBEHAVIOUR_URL
from integrity.isolation import FROZEN
from integrity.monitor import Monitor
from integrity.records import HUB, Params
from tests.unit.integrity_worlds import Hub

EPOCH = 10


@dataclass(frozen=True)
class Counting(Monitor):
    """Remembers which chains were looked at."""

    seen: list[str] = field(default_factory=list)

    def assess(self, ctx, chain, params):
        self.seen.append(chain.name)
        return super().assess(ctx, chain, params)


class World:
    """A hub that measures some zones."""

    def __init__(self, zones: int) -> None:
        self.hub = Hub(**{f"z{n}": 0 for n in range(zones)})
        self.monitor = Counting(self.hub.clients)
        self.hub.store.set_params(Params(epoch_blocks=EPOCH, stale_epochs=0))
        self.to_epoch()
        self.monitor.seen.clear()

    def block(self) -> list[str]:
        """Make a block and return which chains it looked at."""
        self.monitor.seen.clear()
        self.hub.chain.commit()
        self.monitor.begin_block(self.hub.chain.context())
        return list(self.monitor.seen)

    def to_epoch(self) -> list[str]:
        """Make blocks up to the first of an epoch."""
        while True:
            seen = self.block()
            if self.hub.chain.height % EPOCH == 0:
                return seen

    def prove_fraud(self, zone: str) -> None:
        """Bring a proof of misbehaviour to the hub."""
        path = self.hub.paths[zone]
        header = path.b.chain.headers[path.b.chain.commit().revision_height]
        self.hub.chain.execute(
            client_tx.MsgUpdateClient(
                client_id=path.a.client_id,
                client_message=any_to_proto(header.message(MISBEHAVIOUR_URL)),
                signer=path.a.signer(),
            )
        )


@pytest.mark.parametrize("zones", [3, 30])
def test_a_block_within_an_epoch_looks_at_the_hub_alone(zones):
    """Its work does not grow with the number of zones; an epoch's first block looks at all."""
    world = World(zones)
    assert world.block() == [HUB]
    assert sorted(world.to_epoch()) == sorted([HUB, *world.hub.zones])


def test_a_proof_counts_in_the_next_block_of_any_epoch():
    """The chain is cut off and at level 0 one block later, and looked at once."""
    world = World(3)
    world.hub.change("z1", operator="somebody")
    world.prove_fraud("z1")
    assert sorted(world.block()) == [HUB, "z1"]
    chain = world.hub.store.chain("z1")
    assert chain is not None
    assert (chain.isolated, chain.level.level) == (FROZEN, 0)
    assert world.block() == [HUB]


def test_a_proof_is_not_lost_where_blocks_were_not_measured():
    """All proofs since the last measured block count, not only the last block's."""
    world = World(3)
    world.prove_fraud("z2")
    world.hub.chain.commit(3)
    world.block()
    chain = world.hub.store.chain("z2")
    assert chain is not None
    assert chain.isolated == FROZEN
