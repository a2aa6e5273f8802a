"""Every decoder of bytes from outside, with broken ones: a short run with one seed.

``make fuzz`` runs the same targets for longer and with another seed each time.
"""

import pytest

from fuzz.check import Target, fuzz, targets
from fuzz.discovery import EXEMPT, ONE_WAY, decoders, functions
from fuzz.targets import TARGETS

TRIES = 120
ALL = targets()


@pytest.mark.parametrize("target", ALL, ids=[target.name for target in ALL])
def test_a_decoder_gives_a_value_or_a_named_refusal(target):
    """Seeds, past crashers and mutants: no other exception, and what is written reads the same."""
    tally, crash = fuzz(target, 1, lambda tried: tried < TRIES)

    assert crash is None, f"{crash.error!r} for {crash.value!r}"
    assert tally.tried >= TRIES


def test_every_decoder_has_a_target():
    """A decoder that the fuzzer cannot feed by itself is fed by hand."""
    _, unfit = decoders()
    by_hand = {target.covers for target in TARGETS}

    assert [name for name in unfit if name not in by_hand] == []


def test_every_target_begins_from_something_valid():
    """Mutants of nothing reach nothing: each target has a seed that it accepts.

    ``python -m pytest -p fuzz.record tests/unit/...`` adds what the tests of a decoder feed it.
    """
    without = []
    for target in ALL:
        accepted = 0
        for seed in target.seeds:
            try:
                target.run(seed)
            except target.allowed:
                continue
            accepted += 1
        if not accepted:
            without.append(target.name)

    assert without == []


def test_what_is_excused_exists():
    """No name in the lists of exceptions is of a decoder that is gone."""
    names = set(functions())

    assert sorted((set(EXEMPT) | set(ONE_WAY)) - names) == []
    assert sorted({target.covers for target in TARGETS} - names - {""}) == []


def test_the_fuzzer_sees_a_decoder_that_crashes():
    """A target that lets an unnamed exception out is a crash, and so is one that never ends."""

    def fragile(value):
        if len(value) > 3:
            raise IndexError(value)

    target = Target("fragile", "bytes", fragile, (b"abc",), (), (ValueError,))
    _, crash = fuzz(target, 1, lambda tried: tried < 5_000)

    assert isinstance(crash.error, IndexError)
