"""Zones that the hub cuts off by its own ledger and by their quota, and for what it does not."""

import pytest

from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.ics20_transfer.denoms import extract_denom
from integrity.axes import Level
from integrity.errors import ChainIsolated, LowToHigh, QuotaExceeded, ReturnExcess
from integrity.isolation import FLOODED, INFLATED, last_known_good
from integrity.levels import LevelState
from integrity.records import Params
from tests.unit.ibc_worlds import send
from tests.unit.integrity_worlds import ACCEPTED, Hub
from tests.unit.test_ibc_v2 import REFUSED, voucher
from tests.unit.test_integrity_guard import forward, refused_by, send_to_low
from tests.unit.test_integrity_module import FULL, World, zone
from tests.unit.test_integrity_v2 import over_clients


def reason(hub: Hub, name: str) -> str:
    """Return why a zone is cut off."""
    chain = hub.store.chain(name)
    assert chain is not None
    return chain.isolated


def inflate(hub: Hub, name: str, denom: str, amount: int) -> list[bytes]:
    """Let a zone make vouchers out of nothing and send them back; return the hub's answers."""
    hub.zones[name].fund("alice", denom, amount)
    return hub.send_up(name, denom, amount)[1]


def test_a_zone_that_sends_back_more_than_it_holds_is_cut_off_by_the_ledger():
    """At once: the next packet of the same block is refused, and what came lately is frozen."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    hub.send_up("low", "ulow", 9)
    assert refused_by(inflate(hub, "low", at_low, 61), ReturnExcess)

    assert reason(hub, "low") == INFLATED
    assert refused_by(hub.send_up("low", "ulow", 1)[1], ChainIsolated)
    since = last_known_good(hub.store.params(), hub.chain.height)
    assert hub.store.quarantines() == {"low": since}
    with pytest.raises(ChainIsolated, match=INFLATED):
        send(hub.paths["low"].a, "bob", "x", hub.voucher("high", "uhigh"), 1)


def test_an_inflating_zones_level_falls_in_the_next_block():
    """As after any proved fraud, until governance has it joined again."""
    world = World(z=0)
    hub_too = {"name": "hub", "operator": "us", "declared": FULL}
    world.start(hub_too, zone(), epoch_blocks=1_000, stale_epochs=0)
    world.bind("z")
    hub = world.hub
    world.blocks(1)
    for name in ("hub", "z"):
        hub.change(name, level=LevelState(Level(3)))
    hub.chain.fund("bob", "uhub", 5)
    path = hub.paths["z"]
    packet = send(path.a, "bob", hub.zones["z"].text(hub.zones["z"].account("alice")), "uhub", 5)
    path.recv(path.b, packet)
    back = f"transfer/{path.b.channel_id}/uhub"
    at_z = extract_denom(back).local_denom()
    assert hub.send_up("z", at_z, 2)[1] == [ACCEPTED]
    inflate(hub, "z", at_z, 4)
    assert world.level("z") == 3
    assert reason(hub, "z") == INFLATED
    world.blocks(1)

    assert world.level("z") == 0
    world.say("Reinstate", tx_pb2.MsgReinstate(authority=world.gov, chain="z"))
    assert (reason(hub, "z"), hub.store.quarantines(), world.level("z")) == ("", {}, 0)


def test_an_inflating_zone_is_cut_off_over_v2_too():
    """The packet's client says whose state it is."""
    hub = Hub(low=1, high=3)
    low = over_clients(hub, "low")
    hub.chain.fund("bob", "uhub", 100)
    low.recv(low.path.b, low.transfer(low.path.a, "bob", "alice", "uhub", 30))
    at_low = voucher(low.path.b, "uhub")
    hub.zones["low"].fund("alice", at_low, 1)
    _, answers = low.recv(low.path.a, low.transfer(low.path.b, "alice", "bob", at_low, 31))

    assert answers == [REFUSED]
    assert reason(hub, "low") == INFLATED


def test_other_refusals_cut_nobody_off():
    """A user of an honest zone can have packets refused, as many as there are rules."""
    hub = Hub(low=1, high=3)
    assert refused_by(hub.send_up("low", "ulow", 1, memo=forward(hub, "high"))[1], LowToHigh)
    module = hub.chain.text(hub.chain.ledger.module_address("gov"))
    path = hub.paths["low"]
    hub.receive("low", send(path.b, "alice", module, "ulow", 1))

    assert reason(hub, "low") == ""
    assert hub.store.quarantines() == {}


def test_what_a_cut_off_zone_brought_is_frozen_on_the_hub():
    """Those of other zones are not."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    hub.send_up("low", "ulow", 9)
    inflate(hub, "low", at_low, 61)
    owner = hub.chain.account("bob")
    (lot,) = hub.store.lots(owner, hub.voucher("low", "ulow"))

    assert hub.keeper.is_frozen(hub.store, lot)
    hub.chain.height += 1_000
    hub.send_up("high", "uhigh", 1)
    assert not any(
        hub.keeper.is_frozen(hub.store, each)
        for each in hub.store.lots(owner, hub.voucher("high", "uhigh"))
    )


QUOTA = Params(epoch_blocks=100, packets_per_epoch=2, flood_epochs=2)


def fill(hub: Hub, epoch: int) -> None:
    """Let a zone use up its quota in an epoch, and try once more."""
    hub.chain.height = epoch * QUOTA.epoch_blocks
    for _ in range(QUOTA.packets_per_epoch):
        assert hub.send_up("loud", "uloud", 1)[1] == [ACCEPTED]
    hub.send_up("loud", "uloud", 1)


def test_a_zone_that_floods_epoch_after_epoch_is_cut_off_by_its_quota():
    """It is no fraud: neither level nor lots suffer, and governance joins it again."""
    hub = Hub(loud=1)
    hub.store.set_params(QUOTA)
    fill(hub, 1)
    assert reason(hub, "loud") == ""
    fill(hub, 2)
    chain = hub.store.chain("loud")
    assert chain is not None

    assert chain.isolated == FLOODED
    assert (chain.level.level, chain.fraud_at, hub.store.quarantines()) == (1, 0, {})
    hub.chain.height = 3 * QUOTA.epoch_blocks
    assert refused_by(hub.send_up("loud", "uloud", 1)[1], ChainIsolated)


@pytest.mark.parametrize(("epochs", "flood_epochs"), [((1, 3, 5), 2), ((1, 2, 3), 0)])
def test_a_busy_zone_is_not_cut_off_for_single_epochs(epochs, flood_epochs):
    """Its quota alone binds it where epochs lie between, or where the hub cuts nobody off."""
    hub = Hub(loud=1)
    hub.store.set_params(Params(epoch_blocks=100, packets_per_epoch=2, flood_epochs=flood_epochs))
    for epoch in epochs:
        fill(hub, epoch)
    assert reason(hub, "loud") == ""
    assert refused_by(hub.send_up("loud", "uloud", 1)[1], QuotaExceeded)


def test_a_reinstated_flooder_begins_to_count_anew():
    """Governance's word is not undone by the next full epoch."""
    world = World(loud=1)
    hub = world.hub
    hub.store.set_params(QUOTA)
    fill(hub, 1)
    fill(hub, 2)
    world.say("Reinstate", tx_pb2.MsgReinstate(authority=world.gov, chain="loud"))
    fill(hub, 3)
    assert reason(hub, "loud") == ""
