"""libFuzzer's side in Python: ``python -m fuzz.coverage CORPUS [libFuzzer's options]``.

Only for ``tools/fuzz_sigverify.py``, which loads libFuzzer and engines with coverage counters. An
input is a batch of signatures: raw bytes, or choices of the generator of crafted signatures. All
engines must give the same verdicts, alone, together and from warm keys, and now and then those of
the oracle. What breaks aborts, so that libFuzzer keeps the input.
"""

import ctypes
import os
import random
import sys
import traceback
import zlib
from pathlib import Path
from typing import Self

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import engines
from tests.sigverify_cases import COMPILED, crafted, good_items, judge

Item = engines.Item

FAST = tuple(name for name in COMPILED if name != "ifma-emulated")
ORACLE_EVERY = 32
EMULATED_EVERY = 128
MAX_ITEMS = 12
GOOD = frozenset(good_items())
SEEDS = 96
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t)


class Choices(random.Random):
    """Randomness read from the input, and zeros after its end."""

    def __new__(cls, _data: bytes) -> Self:
        """Make one: the base class would hash the bytes as a seed."""
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data

    def getrandbits(self, k: int) -> int:
        """Return the next ``k`` bits."""
        size = (k + 7) // 8
        taken, self._data = self._data[:size], self._data[size:]
        return int.from_bytes(taken, "little") & ((1 << k) - 1)

    @property
    def is_spent(self) -> bool:
        """Whether all of the input was read."""
        return not self._data


def items_of(data: bytes) -> list[Item]:
    """Return the batch that an input stands for; its first byte says how to read the rest."""
    kind, rest = data[0], data[1:]
    if kind & 1:
        items: list[Item] = [(rest[:32], rest[96:], rest[32:96])]
    else:
        choices = Choices(rest)
        items = [crafted(choices)]
        while not choices.is_spent and len(items) < MAX_ITEMS:
            items.append(crafted(choices))
    good: list[Item] = good_items()[: kind >> 4]
    return good + items if kind & 2 else items + good


class Differs(AssertionError):
    """Two ways to judge the same bytes disagree."""


class Checker:
    """Judges each input in every way. Mutable: its caches of keys live as long as the run."""

    def __init__(self) -> None:
        self._keys = {name: engines.load(name).Keys(8) for name in COMPILED}

    def check(self, data: bytes) -> None:
        """Judge one input.

        Raises:
            Differs: Two ways disagree.
        """
        items = items_of(data)
        chosen = zlib.crc32(data)
        expected = judge(FAST[0], items)
        for name in COMPILED:
            if name not in FAST and chosen % EMULATED_EVERY:
                continue
            ways = [judge(name, items), judge(name, items, self._keys[name])]
            if name in FAST:
                alone = {item: judge(name, [item])[0] for item in items if item not in GOOD}
                ways.append([alone.get(item, True) for item in items])
            if any(way != expected for way in ways):
                raise Differs(name, items, expected, ways)
        if chosen % ORACLE_EVERY == 0:
            for item, verdict in zip(items, expected, strict=True):
                if reference.verify(*item) != verdict:
                    raise Differs("oracle", item, verdict)


def write_seeds(folder: Path) -> None:
    """Begin with crafted signatures, raw and as choices."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SEEDS):
        rng = random.Random(number)
        key, message, signature = crafted(rng)
        kind = rng.randrange(128) << 1
        raw = bytes((kind | 1,)) + key + signature + message
        (folder / f"raw-{number}").write_bytes(raw)
        (folder / f"choices-{number}").write_bytes(bytes((kind,)) + rng.randbytes(1 + 8 * number))


def main() -> int:
    """Hand over to libFuzzer, which ends the process."""
    write_seeds(Path(sys.argv[1]))
    checker = Checker()

    def one(data: "ctypes._Pointer[ctypes.c_ubyte]", size: int) -> int:
        if size:
            try:
                checker.check(ctypes.string_at(data, size))
            except BaseException:  # noqa: BLE001 - libFuzzer must see it, whatever it is
                traceback.print_exc()
                sys.stderr.flush()
                os.abort()
        return 0

    callback = _CALLBACK(one)
    words = [argument.encode() for argument in sys.argv]
    argc = ctypes.c_int(len(words))
    argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    pointer = ctypes.cast(argv, ctypes.POINTER(ctypes.c_char_p))
    driver = ctypes.CDLL(None).LLVMFuzzerRunDriver
    return int(driver(ctypes.byref(argc), ctypes.byref(pointer), callback))


if __name__ == "__main__":
    sys.exit(main())
