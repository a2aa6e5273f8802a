"""The rule: low may not flow to high, with the exceptions that are named."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.axes import Level
from integrity.errors import (
    ChainIsolated,
    EqualDenied,
    HubTooLow,
    IntegrityRefusal,
    LowToHigh,
)
from integrity.rules import Content, Delivery, Flow, Mode, judge, meet

LEVELS = st.integers(0, 4).map(Level)


def flow(label: int, destination: int, **more: object) -> Flow:
    """Return a flow under a hub of the highest level, of a source that never fell."""
    values: dict[str, object] = {"label_when_sent": Level(label), "hub": Level(4), **more}
    return Flow(label=Level(label), destination=Level(destination), **values)  # type: ignore[arg-type] - the fields of Flow


@pytest.mark.parametrize(("label", "destination"), list(itertools.product(range(5), range(5))))
def test_the_table_of_the_paper(label: int, destination: int) -> None:
    """IL-equal: high to low and equal pass, low to high is refused."""
    if label >= destination:
        assert judge(flow(label, destination)) is Delivery.DELIVER
    else:
        with pytest.raises(LowToHigh):
            judge(flow(label, destination))


def test_a_channel_may_refuse_equals() -> None:
    """``strict_equal`` wants more than its own level."""
    with pytest.raises(EqualDenied):
        judge(flow(2, 2, strict_equal=True))
    assert judge(flow(3, 2, strict_equal=True)) is Delivery.DELIVER


def test_modes_deliver_from_below_with_consequences() -> None:
    """Low-water-mark demotes the port, ring quarantines it."""
    assert judge(flow(1, 3, mode=Mode.LOW_WATER_MARK)) is Delivery.DEMOTE
    assert judge(flow(1, 3, mode=Mode.RING)) is Delivery.QUARANTINE
    assert judge(flow(3, 1, mode=Mode.RING)) is Delivery.DELIVER


def test_what_was_under_way_when_its_source_fell_is_held() -> None:
    """IL-drop-inflight: neither delivered nor refused."""
    assert judge(flow(1, 3, label_when_sent=Level(3))) is Delivery.HOLD
    with pytest.raises(LowToHigh):
        judge(flow(1, 3, label_when_sent=Level(2)))


def test_the_hub_delivers_nothing_above_its_own_level() -> None:
    """A hub that fell is no trusted process any more."""
    with pytest.raises(HubTooLow):
        judge(flow(4, 3, hub=Level(2)))
    with pytest.raises(HubTooLow):
        judge(flow(4, 3, hub=Level(2), mode=Mode.RING))


def test_an_endorsement_lifts_to_its_level_and_no_higher() -> None:
    """``endorsed(l)`` serves destinations up to l."""
    assert judge(flow(0, 3, endorsed=Level(3))) is Delivery.DELIVER
    with pytest.raises(LowToHigh):
        judge(flow(0, 4, endorsed=Level(3)))


@pytest.mark.parametrize("content", [Content.RETURN, Content.PREIMAGE, Content.CONTROL])
def test_the_exceptions_rise(content: Content) -> None:
    """Each has its own proof, that the caller has checked."""
    assert judge(flow(0, 4, content=content)) is Delivery.DELIVER


@pytest.mark.parametrize("content", [Content.DATA, Content.RETURN, Content.PREIMAGE])
def test_an_isolated_chain_is_cut_off_but_for_control_bits(content: Content) -> None:
    """Refunds must still work, so answers and timeouts pass."""
    with pytest.raises(ChainIsolated, match="forged"):
        judge(flow(4, 0, content=content, isolated="forged"))
    control = flow(4, 0, content=Content.CONTROL, isolated="forged")
    assert judge(control) is Delivery.DELIVER


@given(LEVELS, LEVELS, LEVELS, st.booleans(), st.none() | LEVELS)
def test_strict_data_never_rises_without_an_endorsement(
    label: Level, destination: Level, hub: Level, strict_equal: bool, endorsed: Level | None
) -> None:
    """Judged by the paper's sentence alone."""
    asked = flow(label, destination, hub=hub, strict_equal=strict_equal, endorsed=endorsed)
    try:
        delivered = judge(asked) is Delivery.DELIVER
    except IntegrityRefusal:
        delivered = False
    if delivered:
        assert max(label, label if endorsed is None else endorsed) >= destination
        assert hub >= destination


def test_what_is_made_from_several_has_the_least_label() -> None:
    """Taint is the meet."""
    assert meet(Level(3), Level(1), Level(2)) == 1
    assert meet() == 4
