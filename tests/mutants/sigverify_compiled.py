"""The rules inside the compiled engines: the engine is built anew in the mutated copy.

Scalar rules are taken out of the portable engine, those of the lanes out of the emulated one,
since both run on every machine; the fast engines are made of the same files.
"""

from tests.mutants.support import Mutant

_ENGINES = "tests/unit/test_sigverify_engines.py"
_FIELD = "tests/unit/test_sigverify_field.py"
_USE = "tests/unit/test_sigverify_use.py"
_BATCH = "chainkit/sigverify/_batch.pxi"
_CURVE = "chainkit/sigverify/_curve.pxi"
_LANES = "chainkit/sigverify/_lanes.pxi"
_PORTABLE = "chainkit/sigverify/_portable.pyx"
_CRAFTED = f"{_ENGINES}::TestVerdicts::test_crafted_points_and_encodings[portable]"
_SIZES = f"{_ENGINES}::TestBadInput::test_wrong_lengths_and_large_s[portable]"
_ONE_BAD = f"{_ENGINES}::TestVerdicts::test_one_bad_at_each_place"
_CANCEL = f"{_ENGINES}::TestVerdicts::test_two_errors_that_cancel"
_TO_PORTABLE = "chainkit.sigverify._portable"
_TO_LANES = "chainkit.sigverify._ifma_emulated"

MUTANTS = [
    Mutant(
        "compiled: without the cofactor",
        _CURVE,
        "    point_double(&q, &q, 0)\n" * 3,
        "",
        _CRAFTED,
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: s may be the order or more",
        _BATCH,
        "    return scalar_load(item.s, item.signature + 32)\n",
        "    scalar_load(item.s, item.signature + 32)\n    return 1\n",
        _SIZES,
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: y of p or more is refused",
        _CURVE,
        "    fe_pow22523_pair(power, power)\n    return (\n",
        "    fe_pow22523_pair(power, power)\n"
        "    if second[0] >= 0xED and second[31] & 0x7F == 0x7F:\n        return 0\n    return (\n",
        _CRAFTED,
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: x = 0 with the sign bit is refused",
        _CURVE,
        "    if fe_parity(x) != sign:\n",
        "    if sign and fe_is_zero(x):\n        return 0\n    if fe_parity(x) != sign:\n",
        _CRAFTED,
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: a key with x = 0 is refused",
        _BATCH,
        "        b.verdicts[i] = b.items[i].key_decodes & b.items[i].r_decodes\n",
        "        b.verdicts[i] = b.items[i].key_decodes & b.items[i].r_decodes\n"
        "        if fe_is_zero(&b.items[i].ax):\n            b.verdicts[i] = 0\n",
        _CRAFTED,
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: every coefficient is one",
        _PORTABLE,
        "        memcpy(z, b.coefficients + 16 * i, 16)\n",
        "        z[0], z[1] = 1, 0\n",
        f"{_CANCEL}[portable]",
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: every coefficient is zero",
        _BATCH,
        "        coefficients = urandom(16 * b.count if b.count >= BATCH_FROM else 0)\n",
        "        coefficients = bytes(16 * b.count)\n",
        f"{_ONE_BAD}[16-portable]",
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: every coefficient is the same, in lanes",
        _LANES,
        "        memcpy(drawn, b.coefficients + 16 * i, 16)\n",
        "        memcpy(drawn, b.coefficients, 16)\n",
        f"{_CANCEL}[ifma-emulated]",
        extension=_TO_LANES,
    ),
    Mutant(
        "compiled: a product's upper carry comes back once instead of 19 times",
        "chainkit/sigverify/_field.h",
        "    out->v[0] = ((uint64_t)r0 & FE_MASK) + 19 * c4;\n",
        "    out->v[0] = ((uint64_t)r0 & FE_MASK) + c4;\n",
        f"{_ENGINES}::TestVerdicts::test_good_batches_of_every_size[1-portable]",
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: a column's carry is dropped, in lanes",
        "chainkit/sigverify/_vector_ifma.h",
        "    out->v[3] = v_add(v_and(in->v[3], mask), q2);\n",
        "    out->v[3] = v_and(in->v[3], mask);\n",
        f"{_FIELD}::test_extreme_limbs[ifma-emulated]",
        extension=_TO_LANES,
    ),
    Mutant(
        "compiled: after the first bad part nobody is judged",
        _PORTABLE,
        "    judge_rest(b, low, b.count, high)\n",
        "    judge_rest(b, low, high, high)\n",
        f"{_ENGINES}::TestVerdicts::test_many_bad_among_many[portable]",
        extension=_TO_PORTABLE,
    ),
    Mutant(
        "compiled: the other half is not looked at, in lanes",
        _LANES,
        "    if not point_is_small(&right):\n        find_bad(b, middle, high, &right, budget)\n",
        "",
        f"{_ONE_BAD}[24-ifma-emulated]",
        extension=_TO_LANES,
    ),
    Mutant(
        "compiled: times before 1970 are rounded up",
        "chainkit/formats/tendermint/_sign_bytes.pyx",
        "            second -= 1\n",
        "            pass\n",
        f"{_USE}::test_sign_bytes_of_a_commit_at_random_times",
        extension="chainkit.formats.tendermint._sign_bytes",
    ),
]
