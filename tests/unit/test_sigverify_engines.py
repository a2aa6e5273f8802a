"""Every engine against the oracle, against libsodium and against itself."""

import hashlib
import itertools
import random
import subprocess
import sys

import pytest
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import _threads, ed25519, engines
from chainkit.sigverify.verified import MAX_REMEMBERED_MESSAGE_BYTES, VerifiedSignatures
from tests.sigverify_cases import COMPILED, TESTED, crafted, good_items, judge, or_skipped

CRAFTED = [crafted(random.Random(seed)) for seed in range(64)]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24)


def _bad(item):
    return item[0], item[1] + b"!", item[2]


@pytest.mark.parametrize("name", TESTED)
class TestVerdicts:
    @pytest.mark.parametrize("size", SIZES)
    def test_good_batches_of_every_size(self, name, size):
        """Full and partly filled groups of lanes pass, from cold and from warm keys."""
        keys = engines.load(name).Keys(16)

        assert judge(name, good_items()[:size]) == [True] * size
        assert judge(name, good_items()[:size], keys) == [True] * size
        assert judge(name, good_items()[:size], keys) == [True] * size

    @pytest.mark.parametrize("size", SIZES)
    def test_one_bad_at_each_place(self, name, size):
        """Wherever the bad one is, it alone is named."""
        for place in range(size):
            items = list(good_items()[:size])
            items[place] = _bad(items[place])
            assert judge(name, items) == [k != place for k in range(size)]

    def test_many_bad_among_many(self, name):
        """Any share of bad ones is named exactly, also when halving is given up."""
        rng = random.Random(7)
        for bad in (1, 2, 5, 30, 77, 149, 150):
            items = (good_items() * 7)[:150]
            chosen = set(rng.sample(range(150), bad))
            items = [_bad(item) if k in chosen else item for k, item in enumerate(items)]
            assert judge(name, items) == [k not in chosen for k in range(150)]

    def test_two_errors_that_cancel(self, name):
        """s + 1 and s - 1 under one key satisfy the plain sum: only the coefficients tell."""
        seed = bytes(32)
        key = ed25519.public_key_from_seed(seed)
        items = list(good_items()[:20])
        for place, step in ((3, 1), (11, -1)):
            signature = ed25519.sign(seed, b"message")
            s = int.from_bytes(signature[32:], "little") + step
            items[place] = (key, b"message", signature[:32] + s.to_bytes(32, "little"))

        assert judge(name, items) == [k not in {3, 11} for k in range(20)]

    def test_the_same_signature_twice(self, name):
        """Copies are judged like any other."""
        item = good_items()[5]
        assert judge(name, [item] * 33) == [True] * 33
        assert judge(name, [item, _bad(item)] * 9) == [True, False] * 9

    def test_crafted_points_and_encodings(self, name):
        """Small-order parts and odd encodings: batch = single = oracle, from warm keys too."""
        expected = [reference.verify(*item) for item in CRAFTED]
        keys = engines.load(name).Keys(200)

        assert judge(name, CRAFTED, keys) == expected
        assert judge(name, CRAFTED, keys) == expected
        assert [judge(name, [item])[0] for item in CRAFTED] == expected
        assert 10 < sum(expected) < 60

    def test_what_libsodium_accepts_is_accepted(self, name):
        """Its rules are stricter: it may only refuse more."""
        for item in [*CRAFTED, *good_items()]:
            try:
                crypto_sign_open(item[2] + item[1], item[0])
            except BadSignatureError:
                continue
            assert judge(name, [item]) == [True]


@pytest.mark.parametrize("name", TESTED)
class TestBadInput:
    def test_wrong_lengths_and_large_s(self, name):
        """None of them is an error, and none spoils its neighbours."""
        key, message, signature = good_items()[0]
        s = int.from_bytes(signature[32:], "little")
        wrong = [
            (b"", message, signature),
            (key[:-1], message, signature),
            (key + b"\0", message, signature),
            (key, message, b""),
            (key, message, signature[:-1]),
            (key, message, signature + b"\0"),
            (key, message, signature[:32] + (s + reference.L).to_bytes(32, "little")),
            (key, message, signature[:32] + reference.L.to_bytes(32, "little")),
            (key, message, signature[:32] + b"\xff" * 32),
            (b"\2" + bytes(31), message, signature),
            (key, message, b"\2" + bytes(31) + signature[32:]),
            (b"\xff" * 32, message, signature),
        ]
        items = [item for bad in wrong for item in (bad, good_items()[1])]

        assert judge(name, items) == [False, True] * len(wrong)
        assert [judge(name, [bad])[0] for bad in wrong] == [False] * len(wrong)

    def test_s_just_below_the_order(self, name):
        """L - 1 is a number like any other: read, and here not the right one."""
        key, message, signature = good_items()[0]
        largest = signature[:32] + (reference.L - 1).to_bytes(32, "little")
        assert judge(name, [(key, message, largest)] * 2) == [False, False]

    def test_empty_and_huge_messages(self, name):
        """0 bytes and 10 MB are hashed as they are, side by side."""
        seed = hashlib.sha256(b"sizes").digest()
        key = ed25519.public_key_from_seed(seed)
        items = []
        for size in (0, 10_000_000, 1_024, 1_025, 0, 100):
            message = bytes(size)
            items.append((key, message, ed25519.sign(seed, message)))

        assert judge(name, items) == [True] * 6
        assert judge(name, [_bad(item) for item in items]) == [False] * 6


@pytest.mark.parametrize("name", or_skipped(COMPILED))
class TestParts:
    def test_what_is_no_triple_of_bytes(self, name):
        """A range outside the batch is an error with a name; nothing is read outside."""
        module = engines.load(name)
        for item in ((1, 2, 3), (bytearray(32), b"", bytes(64)), ("x", b"", b"")):
            with pytest.raises(TypeError):
                module.verify_range((item,), 0, 1, bytearray(1), None)
        with pytest.raises(ValueError, match="unpack"):
            module.verify_range(((b"", b""),), 0, 1, bytearray(1), None)
        for first, last, size in ((0, 2, 2), (0, 1, 0), (-1, 1, 1), (1, 0, 1)):
            with pytest.raises(ValueError, match="outside"):
                module.verify_range((good_items()[0],), first, last, bytearray(size), None)

    @pytest.mark.parametrize("size", [*range(0, 260, 13), 47, 48, 63, 64, 65, 191, 192, 5_000])
    def test_the_hash_is_that_of_hashlib(self, name, size):
        """SHA-512 modulo L over every way that the padding can fall."""
        data = hashlib.shake_256(b"%d" % size).digest(64 + size)
        expected = int.from_bytes(hashlib.sha512(data).digest(), "little") % reference.L
        found = engines.load(name).hash_modulo_order(data[:32], data[32:64], data[64:])
        assert found == expected

    def test_the_cache_is_bounded_and_drops_the_least_recent(self, name):
        """A flood of keys costs its own room only; keys that are no points are not kept."""
        keys = engines.load(name).Keys(4)
        items = good_items()
        judge(name, items[:4], keys)
        judge(name, items[:1], keys)
        judge(name, [items[4], (b"\2" + bytes(31), b"", items[0][2])], keys)

        assert len(keys) == 4
        assert items[0][0] in keys
        assert items[1][0] not in keys
        assert items[4][0] in keys

    def test_warm_keys_are_keyed_by_their_bytes(self, name):
        """Two encodings of one point hash differently, and are two keys."""
        twice = [item for item in CRAFTED if reference.verify(*item)] * 2
        keys = engines.load(name).Keys(200)
        assert judge(name, twice, keys) == [True] * len(twice)
        assert len(keys) == len({item[0] for item in twice})


class TestChoice:
    def _engine_in_a_new_process(self, **environment):
        code = "from chainkit.sigverify.engines import engine; print(engine().NAME)"
        return subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": "", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @pytest.mark.parametrize("name", TESTED)
    def test_the_environment_names_the_engine(self, name):
        """Every engine of this machine can be asked for."""
        done = self._engine_in_a_new_process(**{engines.ENGINE_VARIABLE: name})
        assert done.stdout.strip() == name

    def test_an_engine_that_is_not_here(self):
        """The refusal says which there are."""
        done = self._engine_in_a_new_process(**{engines.ENGINE_VARIABLE: "abacus"})
        assert "no ed25519 engine 'abacus' here; there are: " in done.stderr

    def test_the_fastest_is_the_default(self):
        """Without a wish the first of the list is taken."""
        done = self._engine_in_a_new_process()
        assert done.stdout.strip() == engines.available()[0]

    def test_only_the_plain_engine_has_a_notice(self, monkeypatch):
        """One line tells a user what the install lacks."""
        for name in TESTED:
            monkeypatch.setattr(engines, "engine", lambda name=name: engines.load(name))
            assert (engines.notice() is not None) == (name == "python")
            assert "\n" not in (engines.notice() or "")


class TestThreads:
    @pytest.mark.parametrize("threads", [1, 2, 3])
    def test_parts_cover_the_batch_once(self, threads):
        """Each item is in one part; no part is below the size worth a thread."""
        for count in (0, 1, 63, 64, 127, 128, 129, 1000):
            parts = []

            def part(first, last, parts=parts):
                parts.append((first, last))

            _threads.run_split(part, count, threads)
            parts.sort()
            assert parts[0][0] == 0
            assert parts[-1][1] == count
            assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))
            assert len(parts) == 1 or min(b - a for a, b in parts) >= _threads.MIN_ITEMS_EACH

    def test_verdicts_are_the_same_in_threads(self, monkeypatch):
        """A batch in three parts names the same bad ones."""
        monkeypatch.setenv(_threads.THREADS_VARIABLE, "3")
        batch = ed25519.BatchVerifier()
        for k in range(300):
            item = good_items()[k % 24]
            batch.add(*(_bad(item) if k % 71 == 0 else item))

        assert batch.verify() == tuple(k % 71 != 0 for k in range(300))

    def test_a_batch_of_many_chunks(self):
        """10,000 entries in chunks and threads: each bad one is named at its place."""
        good = good_items()
        items = tuple(_bad(good[0]) if k % 1_009 == 0 else good[k % 24] for k in range(10_000))
        assert ed25519.verify_items(items) == tuple(k % 1_009 != 0 for k in range(10_000))

    def test_what_a_part_raises_is_raised(self):
        """After every part has ended, so that nobody writes into a dropped buffer."""
        ended = []

        def part(first, last):
            ended.append(first)
            if first:
                raise OSError("part")

        with pytest.raises(OSError, match="part"):
            _threads.run_split(part, 128, 2)
        assert sorted(ended) == [0, 64]


class TestRemembered:
    def test_only_what_was_valid_is_remembered(self):
        """A bad signature stays bad however often it comes."""
        seen = VerifiedSignatures()
        for _ in range(2):
            batch = ed25519.BatchVerifier(remembered=seen)
            batch.add(*good_items()[0])
            batch.add(*_bad(good_items()[0]))
            batch.add(*good_items()[1])
            assert batch.verify() == (True, False, True)

        assert len(seen) == 2

    def test_another_message_is_another_signature(self):
        """The whole item must match, among the recent and among the older."""
        seen = VerifiedSignatures(2)
        item, other = good_items()[:2]
        seen.add(item)
        assert _bad(item) not in seen
        assert (other[0], item[1], item[2]) not in seen
        seen.add(other)
        assert _bad(item) not in seen
        assert (other[0], item[1], item[2]) not in seen
        assert item in seen

    def test_bounds(self):
        """The least recently used goes first, and long messages are not kept."""
        seen = VerifiedSignatures(2)
        a, b, c = good_items()[:3]
        seen.add(a)
        seen.add(b)
        assert a in seen
        seen.add(c)
        seen.add((a[0], bytes(MAX_REMEMBERED_MESSAGE_BYTES + 1), a[2]))

        assert (a in seen, b in seen, c in seen, len(seen)) == (True, False, True, 2)

    def test_many_at_once(self):
        """A batch larger than the room leaves its last ones, and the bound holds."""
        seen = VerifiedSignatures(8)
        short = tuple((key, message[:9], sig) for key, message, sig in good_items()[:20])
        seen.add_all(short)
        assert len(seen) <= 4
        assert seen.unknown(short[:20]) == [True] * 16 + [False] * 4
        seen.add_all(short[:3])
        assert len(seen) == 7
        assert not any(seen.unknown(short[:3]))

    def test_one_known_among_many(self):
        """Verdicts keep their places when some are remembered and one is bad."""
        seen = VerifiedSignatures()
        for place in (2, 5, 6):
            seen.add(good_items()[place])
        items = list(good_items()[:9])
        items[4] = _bad(items[4])
        verdicts = ed25519.verify_items(tuple(items), remembered=seen)
        assert verdicts == tuple(k != 4 for k in range(9))

    def test_the_single_function_remembers_too(self):
        """A vote verified in gossip is found in the commit's batch."""
        item = good_items()[3]
        assert ed25519.verify_remembered(*item)
        assert item in ed25519.VERIFIED
        assert ed25519.verify_remembered(*item)
        assert not ed25519.verify_remembered(*_bad(item))
        assert _bad(item) not in ed25519.VERIFIED


def test_arguments_that_are_no_bytes():
    """A str or bytearray is the caller's mistake, and named as one."""
    key, message, signature = good_items()[0]
    for item in ((bytearray(key), message, signature), (key, "x", signature), (key, message, None)):
        with pytest.raises(TypeError, match="expected bytes"):
            ed25519.verify(*item)
        with pytest.raises(TypeError, match="expected bytes"):
            ed25519.BatchVerifier().add(*item)


@pytest.mark.parametrize("engine", ["python", "portable"])
def test_commands_that_verify_say_when_it_is_slow(engine):
    """One line on stderr with the plain engine, and none with a compiled one."""
    if engine not in TESTED:
        pytest.skip(f"the engine {engine} was not built here")
    done = subprocess.run(
        [sys.executable, "-c", "from isthmus.cli.main import main; main()", "demo"],
        env={"PATH": "", engines.ENGINE_VARIABLE: engine},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (engines.SLOW_NOTICE in done.stderr.splitlines()) == (engine == "python")


def test_the_same_bytes_divided_otherwise_are_not_remembered():
    """A key one byte shorter and a signature one byte longer are another claim."""
    seen = VerifiedSignatures()
    seen.add((b"k" * 32, b"message", b"s" * 64))

    assert (b"k" * 32, b"message", b"s" * 64) in seen
    assert (b"k" * 31, b"kmessage", b"s" * 64) not in seen
    assert (b"k" * 32, b"messages", b"s" * 63) not in seen
