"""Labels are the hub's own: nobody writes his, and a channel that wants more gets more."""

import json

import pytest

from integrity.errors import LotTooLow, LowToHigh
from integrity.records import ChannelPolicy
from integrity.rules import Mode
from tests.unit.ibc_worlds import address, send
from tests.unit.integrity_worlds import Hub
from tests.unit.test_integrity_guard import forward, refused_by

FORGED = [
    {"integrity": {"label": 4}},
    {"label": 4},
    {"integrity_level": 4, "lineage": []},
    {"endorsed": {"level": 4, "by": ["one", "two", "three"]}},
]


@pytest.mark.parametrize("claim", FORGED)
def test_a_forged_label_is_ignored(claim):
    """forged label: whatever a packet says of itself, the hub computes."""
    hub = Hub(low=1, high=3)
    memo = json.dumps({**json.loads(forward(hub, "high")), **claim})
    assert refused_by(hub.send_up("low", "ulow", 5, memo=memo)[1], LowToHigh)
    hub.send_up("low", "ulow", 5, memo=json.dumps(claim))
    [lot] = hub.store.lots(hub.chain.account("bob"), hub.voucher("low", "ulow"))
    assert lot.label == 1


def test_a_channel_that_wants_more_takes_no_equal_lot_of_a_user():
    """IL-equal: through a user of the hub, by hand, as little as through a forward."""
    hub = Hub(middle=2, other=2, better=3)
    hub.store.set_policy(hub.channel("other"), ChannelPolicy(Mode.STRICT, strict_equal=True))
    hub.chain.fund("bob", "uhub", 5)
    end = hub.paths["other"].a
    receiver = address(hub.zones["other"], "alice")
    for zone in ("middle", "better"):
        hub.send_up(zone, f"u{zone}", 5)
    with pytest.raises(LotTooLow):
        send(end, "bob", receiver, hub.voucher("middle", "umiddle"), 5)
    send(end, "bob", receiver, hub.voucher("better", "ubetter"), 5)
    send(end, "bob", receiver, "uhub", 5)
