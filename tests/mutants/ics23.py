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
    Mutant(
        name="ics23: a leaf's prefix need not be the spec's",
        file=_RULES,
        old="    if not op.prefix.startswith(leaf_spec.prefix):\n",
        new="    if False:\n",
        test=f"{_TEST}::test_leaf_prefix_of_a_tree_without_rules_of_its_own",
    ),
    Mutant(
        name="ics23: a Tendermint leaf's prefix may hide bytes",
        file=_RULES,
        old="    elif op.prefix != leaf_spec.prefix and is_alike(spec, TENDERMINT_SPEC):\n",
        new="    elif False:\n",
        test=f"{_TEST}::test_leaf_operation_is_the_specs",
    ),
    Mutant(
        name="ics23: an inner prefix may be a leaf's",
        file=_RULES,
        old="    if op.prefix.startswith(leaf_spec.prefix):\n",
        new="    if False:\n",
        test=f"{_TEST}::test_inner_operations_of_a_tree_without_rules_of_its_own",
    ),
    Mutant(
        name="ics23: an inner prefix may be short",
        file=_RULES,
        old="    if size < inner_spec.min_prefix_length:\n",
        new="    if False:\n",
        test=f"{_TEST}::test_inner_operations_of_a_tree_without_rules_of_its_own",
    ),
    Mutant(
        name="ics23: an inner prefix may be long",
        file=_RULES,
        old="    if size > inner_spec.max_prefix_length + most_left:\n",
        new="    if False:\n",
        test=f"{_TEST}::test_inner_operations_of_a_tree_without_rules_of_its_own",
    ),
    Mutant(
        name="ics23: a Tendermint inner prefix need not begin with 01",
        file=_RULES,
        old='    if not op.prefix.startswith(b"\\x01"):\n',
        new="    if False:\n",
        test=f"{_TEST}::test_tendermint_inner_operations",
    ),
    Mutant(
        name="ics23: a spec may have thousands of children",
        file=_RULES,
        old="    if len(inner.child_order) > MAX_CHILDREN:\n",
        new="    if False:\n",
        test=f"{_TEST}::test_unsound_spec_is_refused",
    ),
]
