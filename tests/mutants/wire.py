"""Defences of the codec, each removed in turn."""

from tests.mutants.support import Mutant

CODEC = "chainkit/wire/codec.py"
UNIT = "tests/unit/test_wire_codec.py"
MUTANTS = [
    Mutant(
        "wire-strict-accepts-another-encoding",
        CODEC,
        "    if encode(message) != data:\n",
        "    if len(encode(message)) > len(data):\n",
        f"{UNIT}::test_another_encoding_of_the_same_value_is_refused",
    ),
    Mutant(
        "wire-known-accepts-unknown-fields",
        CODEC,
        "    if message.ByteSize() != size:\n",
        "    if message.ByteSize() > size:\n",
        f"{UNIT}::test_decode_known_takes_any_order_but_no_unknown_field",
    ),
    Mutant(
        "wire-any-ignores-the-type",
        CODEC,
        "    if packed.type_url != type_url(cls):\n",
        "    if not packed.type_url:\n",
        f"{UNIT}::test_any_names_its_type_and_gives_only_that",
    ),
    Mutant(
        "wire-drops-empty-values",
        CODEC,
        "            value.SetInParent()\n",
        "            continue\n",
        f"{UNIT}::test_empty_values_that_go_writes_are_written",
    ),
]
