"""The guard of the hub: what may flow between zones of several levels, end to end in process."""

import json

import pytest

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.state import escrow_address
from ibc.testing.ledger import TestLedger
from ibc.testing.path import written_acknowledgements
from integrity.axes import Level
from integrity.contamination import report
from integrity.errors import (
    ChainIsolated,
    HubTooLow,
    LotFrozen,
    LotTooLow,
    LowToHigh,
    QuotaExceeded,
    ReturnExcess,
    ReturnMemo,
    ReturnReceiver,
)
from integrity.isolation import cut_off
from integrity.levels import LevelState
from integrity.lots import total
from integrity.records import HUB, ChannelPolicy, Params
from integrity.rules import Mode
from tests.unit.ibc_worlds import address, datagram_path, send, send_datagram
from tests.unit.integrity_worlds import ACCEPTED, Hub


def forward(hub: Hub, name: str, receiver: str = "carol", **more: object) -> str:
    """Return the memo that sends a token on to a zone."""
    to = {"receiver": receiver, "port": "transfer", "channel": hub.channel(name), **more}
    return json.dumps({"forward": to})


def refused_by(answers: list[bytes], refusal: type[Exception]) -> bool:
    """Return whether the answer is an error of this refusal's code and nothing else."""
    code = refusal.code
    text = f'{{"error":"ABCI code: {code}: error handling packet: see events for details"}}'
    return answers == [text.encode()]


def state_without_receipts(hub: Hub) -> dict:
    """Return all of the hub's state but what the packet layer keeps."""
    return {name: dict(pairs) for name, pairs in hub.chain.snapshot().items() if name != "ibc"}


def test_low_to_high_is_refused_leaves_no_state_and_refunds():
    """The paper's rule: receipt and error acknowledgement, nothing else."""
    hub = Hub(low=1, high=3)
    before = state_without_receipts(hub)
    packet, answers = hub.send_up("low", "ulow", 100, memo=forward(hub, "high"))

    assert refused_by(answers, LowToHigh)
    assert state_without_receipts(hub) == before
    path = hub.paths["low"]
    path.acknowledge(path.b, packet, answers[0])
    assert hub.zones["low"].balance("alice", "ulow") == 10_000


def test_high_to_low_and_equals_are_delivered():
    """The answer waits for the next hop, so the hub writes none yet."""
    hub = Hub(low=1, high=3, peer=3)

    assert hub.send_up("high", "uhigh", 100, memo=forward(hub, "low"))[1] == []
    assert hub.send_up("high", "uhigh", 100, memo=forward(hub, "peer"))[1] == []


def test_a_channel_nobody_bound_is_of_level_0():
    """A client with another's chain id gains nothing by it."""
    hub = Hub(stranger=4, high=1)
    hub.store.kv.delete(b"client/" + hub.paths["stranger"].a.client_id.encode())

    answers = hub.send_up("stranger", "ustranger", 5, memo=forward(hub, "high"))[1]
    assert refused_by(answers, LowToHigh)


def test_a_lot_keeps_its_label_on_the_hub():
    """IL-indirect: a user of the hub cannot pass a low zone's token up."""
    hub = Hub(low=1, high=3)
    assert hub.send_up("low", "ulow", 100)[1] == [ACCEPTED]
    voucher = hub.voucher("low", "ulow")

    with pytest.raises(LotTooLow):
        send(hub.paths["high"].a, "bob", "carol", voucher, 1)
    send(hub.paths["low"].a, "bob", address(hub.zones["low"], "alice"), voucher, 40)


def test_no_chain_in_between_strips_a_label():
    """IL-indirect: low -> middle, and the middle, however high by then, on to high."""
    hub = Hub(low=1, middle=1, high=3)
    hub.send_up("low", "ulow", 100)
    voucher = hub.voucher("low", "ulow")
    path = hub.paths["middle"]
    packet = send(path.a, "bob", address(hub.zones["middle"], "alice"), voucher, 100)
    path.recv(path.b, packet)
    hub.change("middle", level=LevelState(Level(4)))

    there = f"transfer/{path.b.channel_id}/transfer/{hub.channel('low')}/ulow"
    back = send(
        path.b,
        "alice",
        address(hub.chain, "bob"),
        extract_denom(there).local_denom(),
        100,
        memo=forward(hub, "high"),
    )
    assert refused_by(hub.receive("middle", back), LotTooLow)


def test_an_asset_returns_home_upward_with_a_receiver_only():
    """IL-return: the high chain's own token comes back through the hub from a low zone."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)

    hub_answers = hub.send_up("low", at_low, 30, memo=forward(hub, "high", "carol"))[1]
    assert hub_answers == [], "sent on, no answer yet"


@pytest.mark.parametrize(
    ("receiver", "more", "refusal"),
    [
        (
            "carol",
            {"next": {"forward": {"receiver": "x", "port": "transfer", "channel": "channel-9"}}},
            ReturnMemo,
        ),
        ("module/escrow", {}, ReturnReceiver),
        ("carol{}", {}, ReturnReceiver),
    ],
)
def test_what_returns_upward_carries_nothing_else(receiver, more, refusal):
    """IL-return-memo: no more hops, no call, no receiver that is more than an address."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)

    answers = hub.send_up("low", at_low, 30, memo=forward(hub, "high", receiver, **more))[1]
    assert refused_by(answers, refusal)


def test_a_zone_returns_no_more_than_the_ledger_says():
    """IL-return-excess: refused before the application, even where the escrow has enough."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    path = hub.paths["low"]
    voucher = hub.voucher("high", "uhigh")
    entry = hub.store.zone(hub.channel("low"), voucher)
    hub.store.set_zone(hub.channel("low"), voucher, type(entry)(held=29))

    assert path.b.chain.balance("alice", at_low) == 60
    packet, answers = hub.send_up("low", at_low, 30)
    assert refused_by(answers, ReturnExcess)
    end = hub.guard.remotes.find(hub.chain.context(), "transfer", hub.channel("low"))
    with pytest.raises(ReturnExcess, match="30 of the 29"):
        hub.guard.check_receive(hub.chain.context(), end, packet, hub.chain.account("relayer"))
    hub.change("low", isolated="")
    assert hub.send_up("low", at_low, 29)[1] == [ACCEPTED]


def send_to_low(hub: Hub) -> Denom:
    """Bring 60 of the high zone's token over the hub to the low one; return its name there."""
    hub.send_up("high", "uhigh", 100)
    path = hub.paths["low"]
    voucher = hub.voucher("high", "uhigh")
    packet = send(path.a, "bob", address(hub.zones["low"], "alice"), voucher, 60)
    path.recv(path.b, packet)
    path.acknowledge(path.a, packet, ACCEPTED)
    there = f"transfer/{path.b.channel_id}/transfer/{hub.channel('high')}/uhigh"
    return extract_denom(there).local_denom()


def test_the_ledger_of_zones_balances_at_every_step():
    """Custody is what accounts of the hub hold and what zones hold."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    voucher = hub.voucher("high", "uhigh")
    store = hub.store

    def balances() -> bool:
        custody = store.zone(hub.channel("high"), voucher).custody
        held = store.zone(hub.channel("low"), voucher).held
        escrow = hub.chain.ledger.balance(
            hub.chain.context(), escrow_address("transfer", hub.channel("low")), voucher
        )
        on_hub = hub.chain.balance("bob", voucher)
        return custody == hub.chain.supply(voucher) == on_hub + held and held == escrow

    assert balances()
    hub.send_up("low", at_low, 25)
    assert balances()
    assert hub.chain.balance("bob", voucher) == 65
    path = hub.paths["high"]
    home = send(path.a, "bob", address(hub.zones["high"], "alice"), voucher, 65)
    assert balances()
    path.recv(path.b, home)
    path.acknowledge(path.a, home, ACCEPTED)
    assert balances()
    assert store.zone(hub.channel("high"), voucher).returning == 0


def test_a_refund_gives_back_the_lots_that_were_sent():
    """A timeout neither raises nor lowers anybody's label."""
    hub = Hub(low=1, high=3)
    hub.send_up("high", "uhigh", 100)
    voucher = hub.voucher("high", "uhigh")
    owner = hub.chain.account("bob")
    before = hub.store.lots(owner, voucher)
    path = hub.paths["low"]
    packet = send(path.a, "bob", "nobody", voucher, 60)
    _, events = path.recv(path.b, packet)
    ((_, answer),) = written_acknowledgements(events)
    assert total(hub.store.lots(owner, voucher)) == 40
    path.acknowledge(path.a, packet, answer)

    assert hub.store.lots(owner, voucher) == before
    assert hub.store.pool(hub.channel("low"), voucher) == ()


def test_what_was_under_way_when_its_source_fell_is_held():
    """IL-drop-inflight: no answer and no delivery; after the hold it is refused."""
    hub = Hub(source=3, high=3)
    path = hub.paths["source"]
    packet = send(
        path.b, "alice", address(hub.chain, "bob"), "usource", 7, memo=forward(hub, "high")
    )
    fallen = LevelState(Level(0), previous=Level(3), fell_at=hub.chain.height)
    hub.change("source", level=fallen)

    assert hub.receive("source", packet) == []
    (held,) = hub.store.held()
    assert held.packet == packet
    assert held.deadline == held.held_at + Params().hold_blocks


def test_an_isolated_chain_neither_sends_nor_receives():
    """Control bits still pass, so that what was under way is refunded."""
    hub = Hub(bad=2, other=2)
    hub.send_up("other", "uother", 10)
    voucher = hub.voucher("other", "uother")
    path = hub.paths["bad"]
    packet = send(path.a, "bob", "nobody", voucher, 5)
    hub.change("bad", isolated="forged a header")

    assert refused_by(hub.send_up("bad", "ubad", 1)[1], ChainIsolated)
    with pytest.raises(ChainIsolated, match="forged a header"):
        send(path.a, "bob", "nobody", voucher, 1)
    _, events = path.recv(path.b, packet)
    ((_, answer),) = written_acknowledgements(events)
    path.acknowledge(path.a, packet, answer)
    assert hub.chain.balance("bob", voucher) == 10


def test_a_zone_that_floods_meets_its_quota():
    """Others are not touched by it, and the next epoch begins anew."""
    hub = Hub(loud=1, calm=1)
    hub.store.set_params(Params(epoch_blocks=1_000, packets_per_epoch=3))
    for _ in range(3):
        assert hub.send_up("loud", "uloud", 1)[1] == [ACCEPTED]

    assert refused_by(hub.send_up("loud", "uloud", 1)[1], QuotaExceeded)
    assert hub.send_up("calm", "ucalm", 1)[1] == [ACCEPTED]
    hub.chain.height += 1_000
    assert hub.send_up("loud", "uloud", 1)[1] == [ACCEPTED]


def test_a_hub_that_fell_delivers_nothing_upward():
    """The hub's own level is computed and binds it."""
    hub = Hub(hub=1, high=3, peer=3)

    assert refused_by(hub.send_up("high", "uhigh", 1, memo=forward(hub, "peer"))[1], HubTooLow)


def test_users_of_a_hub_that_fell_send_nothing_upward_but_what_goes_home():
    """What never left the hub is worth no more than the hub."""
    hub = Hub(hub=1, high=3)
    hub.chain.fund("bob", "uhub", 10)
    with pytest.raises(HubTooLow):
        send(hub.paths["high"].a, "bob", "carol", "uhub", 1)
    hub.send_up("high", "uhigh", 5)
    send(hub.paths["high"].a, "bob", "carol", hub.voucher("high", "uhigh"), 5)


def test_plain_data_for_the_hub_needs_the_hubs_level():
    """A datagram of a low zone reaches no port of the hub."""
    hub = Hub(low=1)
    path = datagram_path(hub.chain, hub.zones["low"])
    hub.describe("low", 1)
    client = hub.store.chain_of_client(hub.paths["low"].a.client_id)
    assert client is not None
    hub.change("low", client_id=path.a.client_id)
    packet = send_datagram(path.b, b"oracle value: 7")
    _, events = path.recv(path.a, packet)
    assert refused_by([found for _, found in written_acknowledgements(events)], LowToHigh)


def test_plain_data_of_the_hub_goes_no_higher_than_the_hub():
    """A datagram of the hub's own user reaches a chain of the hub's level, and none above it."""
    hub = Hub(hub=2, high=3)
    path = datagram_path(hub.chain, hub.zones["high"])
    hub.change("high", client_id=path.a.client_id)
    with pytest.raises(HubTooLow):
        send_datagram(path.a, b"as the hub says")
    hub.describe(HUB, 3)

    assert b"as the hub says" in send_datagram(path.a, b"as the hub says").data


@pytest.mark.parametrize("mode", [Mode.LOW_WATER_MARK, Mode.RING])
def test_a_port_that_took_low_data_passes_nothing_up(mode):
    """The other modes deliver from below, and the port counts as no higher from then on."""
    hub = Hub(low=1, middle=2, high=2)
    hub.store.set_policy(hub.channel("middle"), ChannelPolicy(mode))

    assert hub.send_up("middle", "umiddle", 1, memo=forward(hub, "high"))[1] == []
    assert hub.send_up("low", "ulow", 9, memo=forward(hub, "middle"))[1] == []
    assert hub.store.floor("middle", "transfer") == 1
    answers = hub.send_up("middle", "umiddle", 1, memo=forward(hub, "high"))[1]
    assert refused_by(answers, LowToHigh)


@pytest.mark.parametrize("mode", [Mode.LOW_WATER_MARK, Mode.RING])
def test_a_users_low_lot_demotes_the_port_that_takes_it(mode):
    """The floor follows the lot, whoever sent it on."""
    hub = Hub(low=1, middle=2)
    hub.store.set_policy(hub.channel("middle"), ChannelPolicy(mode))
    hub.send_up("low", "ulow", 9)
    send(hub.paths["middle"].a, "bob", "carol", hub.voucher("low", "ulow"), 9)

    assert hub.store.floor("middle", "transfer") == 1


@pytest.mark.parametrize("mode", [Mode.LOW_WATER_MARK, Mode.RING])
def test_whose_word_it_was_demotes_the_port_too(mode):
    """A low zone decides who gets a high chain's token: the lot is high, the word is low."""
    hub = Hub(low=1, middle=2, high=3)
    hub.store.set_policy(hub.channel("middle"), ChannelPolicy(mode))
    at_low = send_to_low(hub)

    assert hub.send_up("low", at_low, 5, memo=forward(hub, "middle"))[1] == []
    assert hub.store.floor("middle", "transfer") == 1


def test_an_answer_from_below_is_one_bit():
    """IL-ack-covert: what a low zone writes into its acknowledgement does not rise."""
    hub = Hub(low=1)
    end = hub.guard.remotes.find(hub.chain.context(), "transfer", hub.channel("low"))
    admit = hub.guard.admit_acknowledgement
    ctx = hub.chain.context()

    assert admit(ctx, end, None, b'{"result":"c2VjcmV0"}') == ACCEPTED
    secret = admit(ctx, end, None, b'{"error":"secret 4711"}')
    assert b"secret" not in secret
    assert b"4711" not in secret
    hub.change("low", level=LevelState(Level(4)))
    assert admit(ctx, end, None, b'{"error":"told"}') == b'{"error":"told"}'


def test_an_answer_that_is_no_envelope_is_the_applications_to_refuse():
    """The guard never makes a refusal of an answer."""
    hub = Hub(low=1)
    ctx = hub.chain.context()
    end = hub.guard.remotes.find(ctx, "transfer", hub.channel("low"))
    for odd in (b"", b"[]", b'{"result": "AQ=="}'):
        assert hub.guard.admit_acknowledgement(ctx, end, None, odd) == odd


def test_a_proved_fraud_isolates_and_freezes_what_was_accepted_lately():
    """IL-quarantine: traced, frozen, not deleted; what is older stays free."""
    hub = Hub(bad=2, good=2)
    hub.chain.height += 95
    hub.send_up("bad", "ubad", 50)
    voucher = hub.voucher("bad", "ubad")
    chain = hub.store.chain("bad")
    ctx = hub.chain.context()
    hub.store.set_chain(cut_off(ctx, hub.store, chain, "two headers", Params()))

    fallen = hub.store.chain("bad")
    assert fallen is not None
    found = report(hub.store, fallen)
    assert found is not None
    assert found.frozen
    assert [record.amount for record in found.packets] == [50]
    bob, carol = hub.chain.account("bob"), hub.chain.account("carol")
    coin = Coin(voucher, 10)
    with ctx.savepoint() as savepoint:
        hub.chain.ledger.send(ctx, bob, carol, coin)
        with pytest.raises(LotFrozen):
            hub.keeper.moved(ctx, bob, carol, coin)
        savepoint.discard()
    assert hub.chain.balance("bob", voucher) == 50
    hub.store.thaw("bad")
    hub.chain.ledger.send(ctx, bob, carol, coin)
    hub.keeper.moved(ctx, bob, carol, coin)
    assert total(hub.store.lots(carol, voucher)) == 10


def test_lots_follow_moves_between_accounts():
    """A gift has the label of what was given."""
    hub = Hub(low=1, high=3)
    hub.send_up("low", "ulow", 50)
    voucher = hub.voucher("low", "ulow")
    ctx = hub.chain.context()
    bob, carol = hub.chain.account("bob"), hub.chain.account("carol")
    hub.chain.ledger.send(ctx, bob, carol, Coin(voucher, 20))
    hub.keeper.moved(ctx, bob, carol, Coin(voucher, 20))

    assert total(hub.store.lots(bob, voucher)) == 30
    assert [lot.label for lot in hub.store.lots(carol, voucher)] == [1]
    with pytest.raises(LotTooLow):
        send(hub.paths["high"].a, "carol", "dave", voucher, 1)


class WatchedLedger(TestLedger):
    """A ledger that tells of every move between accounts, as the hub's bank does."""

    watcher = None

    def send(self, ctx, sender, receiver, coin) -> None:
        super().send(ctx, sender, receiver, coin)
        if self.watcher is not None:
            self.watcher(ctx, sender, receiver, coin)


def test_a_channels_first_packet_takes_labelled_lots_too(monkeypatch):
    """IL-lot: before its first packet nobody knew the escrow; a move into it is no payment."""
    monkeypatch.setattr("tests.unit.integrity_worlds.TestLedger", WatchedLedger)
    hub = Hub(low=1, high=3, peer=1)
    hub.chain.ledger.watcher = hub.keeper.moved
    hub.send_up("low", "ulow", 100)
    voucher = hub.voucher("low", "ulow")

    with pytest.raises(LotTooLow):
        send(hub.paths["high"].a, "bob", "carol", voucher, 1)
    send(hub.paths["peer"].a, "bob", "carol", voucher, 40)
    assert total(hub.store.lots(hub.chain.account("bob"), voucher)) == 60
    assert total(hub.store.pool(hub.channel("peer"), voucher)) == 40
