"""Lots keep their labels, split and merge as they must, and conserve amounts."""

from hypothesis import given
from hypothesis import strategies as st

from integrity.axes import Level
from integrity.limits import MAX_LOTS
from integrity.lots import MIXED, Lot, Lots, add, draw, put_back, total

LOT = st.builds(
    Lot,
    st.integers(0, 4).map(Level),
    st.sampled_from(["a", "b", "c"]),
    st.integers(1, 50),
    st.integers(1, 1000),
)
HOLDING = st.lists(LOT, max_size=MAX_LOTS).map(lambda lots: add((), lots))


def lot(label: int, amount: int, source: str = "a", height: int = 1) -> Lot:
    """Return a lot."""
    return Lot(Level(label), source, height, amount)


def test_dust_does_not_lower_the_label_of_others_coins() -> None:
    """A holding is not poisoned by what it is sent: the good lot stays as it was."""
    good = lot(3, 1000)
    holding: Lots = (good,)
    for height in range(1, 200):
        holding = add(holding, [lot(0, 1, "evil", height)])
    assert len(holding) <= MAX_LOTS
    assert good in holding
    drawn = draw(holding, 0, 1000, at_least=3)
    assert drawn is not None
    assert drawn.label() == 3


def test_above_the_bound_the_lowest_become_one_of_a_mixed_source() -> None:
    """Whichever chain falls, a lot of mixed source counts as its own."""
    many = add((), [lot(min(n, 1), 1, f"chain-{n}", n) for n in range(MAX_LOTS + 1)])
    assert len(many) == MAX_LOTS
    assert [kept for kept in many if kept.source == MIXED] == [lot(0, 2, MIXED, 1)]


def test_a_draw_takes_the_lowest_that_will_do() -> None:
    """The owner keeps the best; what never left the hub goes last."""
    holding = (lot(1, 10), lot(2, 10), lot(3, 10))
    drawn = draw(holding, 5, 15, at_least=2)
    assert drawn is not None
    assert drawn.taken == (lot(2, 10), lot(3, 5))
    assert drawn.left == (lot(1, 10), lot(3, 5))
    assert draw(holding, 5, 26, at_least=2) is None
    with_own = draw(holding, 5, 25, at_least=2)
    assert with_own is not None
    assert with_own.own == 5


def test_a_frozen_lot_is_not_drawn() -> None:
    """IL-quarantine: it stays, and what is left must suffice."""
    holding = (lot(1, 10, "bad"), lot(2, 10))
    drawn = draw(holding, 0, 10, is_frozen=lambda kept: kept.source == "bad")
    assert drawn is not None
    assert drawn.taken == (lot(2, 10),)
    assert draw(holding, 0, 11, is_frozen=lambda kept: kept.source == "bad") is None


def test_a_refund_gives_back_the_very_lots() -> None:
    """However many other lots lie in the pool."""
    pool = add((), [lot(0, 50), lot(3, 20), lot(4, 5)])
    drawn = put_back(pool, (lot(3, 20),))
    assert drawn.taken == (lot(3, 20),)
    assert drawn.left == (lot(0, 50), lot(4, 5))


def test_a_refund_from_a_pool_that_lacks_them_takes_the_lowest() -> None:
    """A zone may have returned them to others: nothing becomes better by that."""
    drawn = put_back((lot(1, 8), lot(4, 8)), (lot(3, 10),))
    assert drawn.taken == (lot(1, 8), lot(4, 2))


@given(HOLDING, st.integers(0, 500), st.integers(0, 40_000), st.integers(0, 4))
def test_a_draw_conserves_and_respects_its_least_label(
    holding: Lots, own: int, amount: int, at_least: int
) -> None:
    """Taken and left are the holding, and nothing below the least was taken."""
    drawn = draw(holding, own, amount, at_least=at_least)
    admissible = total(kept for kept in holding if kept.label >= at_least)
    assert (drawn is None) == (amount > admissible + own)
    if drawn is not None:
        assert total(drawn.taken) + drawn.own == amount
        assert total(drawn.left) + total(drawn.taken) == total(holding)
        assert all(kept.label >= at_least for kept in drawn.taken)
        assert add(drawn.left, drawn.taken) == add((), holding)


@given(HOLDING, st.lists(LOT, max_size=MAX_LOTS))
def test_adding_conserves_and_never_raises_a_label(holding: Lots, more: list[Lot]) -> None:
    """For every level, no more than before is at or above it."""
    result = add(holding, more)
    assert total(result) == total(holding) + total(more)
    assert len(result) <= MAX_LOTS
    for level in range(5):
        before = total(kept for kept in (*holding, *more) if kept.label >= level)
        assert total(kept for kept in result if kept.label >= level) <= before


@given(HOLDING, HOLDING)
def test_a_refund_conserves(pool: Lots, wanted: Lots) -> None:
    """What the pool lacks is its own part that never had a label."""
    drawn = put_back(pool, wanted)
    assert total(drawn.taken) + drawn.own == total(wanted)
    assert total(drawn.left) + total(drawn.taken) == total(pool)
