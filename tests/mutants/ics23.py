"""ICS-23's defences, one taken out at a time."""

from tests.mutants.support import Mutant

_RULES = "chainkit/commitments/ics23/rules.py"
_TEST = "tests/unit/test_commitments_ics23.py"

MUTANTS = [
    Mutant(
        name="ics23: IAVL prefix may end in any count of bytes",
        file=_RULES,
        old="if rest not in _IAVL_PREFIX_REMAINDERS:",
        new="if False:",
        test=f"{_TEST}::test_iavl_inner_operations",
    ),
    Mutant(
        name="ics23: IAVL height is not compared with the layer",
        file=_RULES,
        old="if height < layer:",
        new="if False:",
        test=f"{_TEST}::test_iavl_inner_operations",
    ),
    Mutant(
        name="ics23: IAVL leaf prefix may carry more bytes",
        file=_RULES,
        old="if rest != 0:",
        new="if False:",
        test=f"{_TEST}::test_iavl_leaf_prefix",
    ),
    Mutant(
        name="ics23: Tendermint prefix may be longer before a suffix",
        file=_RULES,
        old='if op.suffix and op.prefix != b"\\x01":',
        new="if False:",
        test=f"{_TEST}::test_tendermint_inner_operations",
    ),
    Mutant(
        name="ics23: suffix need not be whole children",
        file=_RULES,
        old="if len(op.suffix) % inner_spec.child_size != 0:",
        new="if False:",
        test=f"{_TEST}::test_tendermint_inner_operations",
    ),
    Mutant(
        name="ics23: spec may allow a prefix with room for a child",
        file=_RULES,
        old="if inner.max_prefix_length >= inner.min_prefix_length + inner.child_size:",
        new="if False:",
        test=f"{_TEST}::test_unsound_spec_is_refused",
    ),
    Mutant(
        name="ics23: neighbours need not be adjacent",
        file="chainkit/commitments/ics23/verify.py",
        old="if not are_neighbours(spec, left.path, right.path):",
        new="if False:",
        test=f"{_TEST}::test_absence_needs_true_neighbours",
    ),
]
