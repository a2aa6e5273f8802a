"""ed25519 batches beside the peers, in one interleaved run: ``python -m benchmarks.sigverify``.

Distinct keys and messages of 120 bytes, one core, called from Python. Each figure is the least
of many repetitions in processor time of the thread, taken in turns with the peers', so that a
busy machine slows all alike. The threaded row is wall-clock time.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign_open

from benchmarks.report import Row, describe_machine, format_rows
from chainkit.formats.tendermint.sign_bytes import commit_sign_bytes, commit_vote_sign_bytes
from chainkit.formats.tendermint.types import (
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    PartSetHeader,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import new_validator, new_validator_set
from chainkit.formats.tendermint.verify_commit import verify_commit
from chainkit.primitives.types import BlockHeight, ChainId, Round, TimestampNs, VotingPower
from chainkit.sigverify import _threads, ed25519, engines, secp256k1

SIZES = (1, 4, 8, 16, 64, 128, 1024)
MESSAGE_BYTES = 120
VALIDATORS = 175
ROUNDS = 7
MIN_PART_S = 0.004
PEER_SIGNATURES = 32
BAD_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
ACCOUNT_SIGNATURES = 400

Task = Callable[[], object]


def items_of(count: int) -> tuple[engines.Item, ...]:
    """Return signatures with distinct keys and messages."""
    items = []
    for index in range(count):
        seed = hashlib.sha256(b"bench %d" % index).digest()
        message = hashlib.shake_128(seed).digest(MESSAGE_BYTES)
        public_key = ed25519.public_key_from_seed(seed)
        items.append((public_key, message, ed25519.sign(seed, message)))
    return tuple(items)


def interleaved(tasks: dict[str, Task], clock: Callable[[], float]) -> dict[str, float]:
    """Return the least time of each task in seconds, all measured in turns."""
    repeats = {}
    best = dict.fromkeys(tasks, float("inf"))
    for name, task in tasks.items():
        task()
        started = clock()
        task()
        repeats[name] = max(1, int(MIN_PART_S / max(clock() - started, 1e-6)))
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            for _ in range(repeats[name]):
                started = clock()
                task()
                best[name] = min(best[name], clock() - started)
    return best


def _verification(
    name: str, items: tuple[engines.Item, ...], keys: engines.KeyCache | None
) -> Task:
    engine = engines.load(name)
    assert engine is not None
    verdicts = bytearray(len(items))

    def run() -> None:
        engine.verify_range(items, 0, len(items), verdicts, keys)
        assert all(verdicts)

    return run


def _peers(items: Sequence[engines.Item]) -> dict[str, Task]:
    signed = [(signature + message, key) for key, message, signature in items]
    loaded = [(Ed25519PublicKey.from_public_bytes(k), s, m) for k, m, s in items]

    def nacl() -> None:
        for text, key in signed:
            crypto_sign_open(text, key)

    def openssl() -> None:
        for key, signature, message in loaded:
            key.verify(signature, message)

    return {"PyNaCl": nacl, "cryptography": openssl}


def measure_batches() -> list[Row]:
    """Return microseconds a signature of every engine and size, and of the peers."""
    items = items_of(max(SIZES))
    tasks = _peers(items[:PEER_SIGNATURES])
    counts = dict.fromkeys(tasks, PEER_SIGNATURES)
    for name in engines.available():
        engine = engines.load(name)
        assert engine is not None
        sizes = SIZES if name != "python" else (1, 64)
        for size in sizes:
            part = items[:size]
            tasks[f"{name} n={size} raw"] = _verification(name, part, None)
            tasks[f"{name} n={size} warm"] = _verification(name, part, engine.Keys(size))
            counts[f"{name} n={size} raw"] = counts[f"{name} n={size} warm"] = size
    best = interleaved(tasks, time.thread_time)
    each = {name: seconds / counts[name] * 1e6 for name, seconds in best.items()}
    rows = []
    for name, micros in each.items():
        note = f"version {version(name.lower())}" if name in {"PyNaCl", "cryptography"} else ""
        if not note:
            note = (
                f"{each['PyNaCl'] / micros:.1f} x PyNaCl, "
                f"{each['cryptography'] / micros:.1f} x cryptography"
            )
        rows.append(Row(name, micros, "us/signature", note))
    rows += [
        Row(name, 0, "us/signature", "not run: this processor or build has not that engine")
        for name in engines.FASTEST_FIRST
        if name not in engines.available()
    ]
    return rows


def _one_by_one(name: str, items: tuple[engines.Item, ...]) -> Task:
    engine = engines.load(name)
    assert engine is not None
    verdict = bytearray(1)

    def run() -> None:
        for item in items:
            engine.verify_range((item,), 0, 1, verdict, None)

    return run


def _with_bad(items: tuple[engines.Item, ...], bad: int) -> tuple[engines.Item, ...]:
    """Return the items with so many bad ones among them, as far apart as can be."""
    count = len(items)
    return tuple(
        (key, message + b"!", signature)
        if index * bad // count != (index - 1) * bad // count
        else (key, message, signature)
        for index, (key, message, signature) in enumerate(items)
    )


def measure_bad() -> list[Row]:
    """Return what naming the bad ones of 128 costs, against good batches and one by one."""
    items = items_of(128)
    names = [name for name in engines.available() if name != "python"]
    tasks = _peers(items)
    for name in names:
        engine = engines.load(name)
        assert engine is not None
        tasks[f"{name} one by one"] = _one_by_one(name, items)
        for bad in (0, *BAD_COUNTS):

            def run(
                engine: engines.Engine = engine,
                part: tuple[engines.Item, ...] = _with_bad(items, bad),
            ) -> None:
                engine.verify_range(part, 0, len(part), bytearray(len(part)), None)

            tasks[f"{name} {bad}"] = run
    best = interleaved(tasks, time.thread_time)
    return [
        Row(
            f"{name} 128 with {bad} bad",
            best[f"{name} {bad}"] / 128 * 1e6,
            "us/signature",
            f"{best[f'{name} {bad}'] / best[f'{name} 0']:.2f} x a good batch, "
            f"{best[f'{name} {bad}'] / best[f'{name} one by one']:.2f} x its own one by one, "
            f"{best[f'{name} {bad}'] / best['PyNaCl']:.2f} x PyNaCl's",
        )
        for name in names
        for bad in BAD_COUNTS
    ]


def _in_threads(task: Callable[[], tuple[bool, ...]], forget: Task) -> dict[str, float]:
    """Return the least wall-clock time of the task in one and in two threads."""
    before = os.environ.get(_threads.THREADS_VARIABLE)
    tasks: dict[str, Task] = {}
    for threads in ("1", "2"):

        def run(threads: str = threads) -> None:
            os.environ[_threads.THREADS_VARIABLE] = threads
            forget()
            assert all(task())

        tasks[threads] = run
    best = interleaved(tasks, time.perf_counter)
    if before is None:
        del os.environ[_threads.THREADS_VARIABLE]
    else:
        os.environ[_threads.THREADS_VARIABLE] = before
    return best


def measure_threads() -> list[Row]:
    """Return what a second thread gives at n = 1024."""
    items = items_of(1024)
    best = _in_threads(lambda: ed25519.verify_items(items), lambda: None)
    ratio = best["1"] / best["2"]
    return [
        Row("2 threads n=1024 warm", best["2"] / 1024 * 1e6, "us/signature", f"{ratio:.2f} x one")
    ]


def _commit() -> tuple[ValidatorSet, Commit]:
    seeds = [hashlib.sha256(b"validator %d" % index).digest() for index in range(VALIDATORS)]
    keys = {}
    for seed in seeds:
        public_key = ed25519.public_key_from_seed(seed)
        keys[ed25519.ed25519_address(public_key)] = (seed, public_key)
    validators = new_validator_set(
        [new_validator(key, VotingPower(10)) for _, key in keys.values()]
    )
    block_id = BlockId(bytes(32), PartSetHeader(1, bytes(32)))
    places = tuple(
        CommitSig(
            BlockIdFlag.COMMIT,
            validator.address,
            TimestampNs(1_764_000_000 * 10**9 + 1_000_003 * index),
        )
        for index, validator in enumerate(validators.validators)
    )
    unsigned = Commit(BlockHeight(5), Round(0), block_id, places)
    signed = tuple(
        CommitSig(
            place.block_id_flag,
            place.validator_address,
            place.timestamp,
            ed25519.sign(
                keys[place.validator_address][0],
                commit_vote_sign_bytes(ChainId("bench-1"), unsigned, index),
            ),
        )
        for index, place in enumerate(places)
    )
    return validators, Commit(unsigned.height, unsigned.round, block_id, signed)


def measure_commit() -> list[Row]:
    """Return a commit of 175 from objects to verdict, sign-bytes included, warm keys.

    Beside it PyNaCl one by one with the same sign-bytes, the engine's share, and the same commit
    when its votes were verified before.
    """
    validators, commit = _commit()
    chain_id = ChainId("bench-1")
    engine, keys = engines.engine(), ed25519.expanded_keys()
    verdicts = bytearray(VALIDATORS)
    indices = list(range(VALIDATORS))
    items = tuple(
        (validator.public_key, message, place.signature)
        for validator, message, place in zip(
            validators.validators,
            commit_sign_bytes(chain_id, commit, indices),
            commit.signatures,
            strict=True,
        )
    )

    def known() -> None:
        verify_commit(chain_id, validators, commit.block_id, commit.height, commit)

    def ours() -> None:
        ed25519.VERIFIED.clear()
        known()

    def alone() -> None:
        engine.verify_range(items, 0, VALIDATORS, verdicts, keys)

    def nacl() -> None:
        messages = commit_sign_bytes(chain_id, commit, indices)
        for validator, place, message in zip(
            validators.validators, commit.signatures, messages, strict=True
        ):
            crypto_sign_open(place.signature + message, validator.public_key)

    before = os.environ.get(_threads.THREADS_VARIABLE)
    os.environ[_threads.THREADS_VARIABLE] = "1"
    best = interleaved({"ours": ours, "engine": alone, "PyNaCl": nacl}, time.thread_time)
    ours()
    best |= interleaved({"known": known}, time.thread_time)
    if before is None:
        del os.environ[_threads.THREADS_VARIABLE]
    else:
        os.environ[_threads.THREADS_VARIABLE] = before
    around = best["ours"] - best["engine"]
    return [
        Row(
            f"commit of {VALIDATORS}, {engine.NAME}",
            best["ours"] * 1e3,
            "ms",
            f"{best['PyNaCl'] / best['ours']:.1f} x PyNaCl one by one "
            f"({best['PyNaCl'] * 1e3:.2f} ms)",
        ),
        Row(
            f"commit of {VALIDATORS}, the engine's share",
            best["engine"] * 1e3,
            "ms",
            f"{around * 1e6:.0f} us are spent around it",
        ),
        Row(
            f"commit of {VALIDATORS}, votes seen before",
            best["known"] * 1e3,
            "ms",
            f"{best['PyNaCl'] / best['known']:.0f} x PyNaCl one by one",
        ),
    ]


def measure_accounts() -> list[Row]:
    """Return what threads give for the account signatures of a block (secp256k1)."""
    items = []
    for index in range(ACCOUNT_SIGNATURES):
        seed = hashlib.sha256(b"account %d" % index).digest()
        digest = hashlib.sha256(seed).digest()
        items.append((secp256k1.public_key_of(seed), digest, secp256k1.sign(seed, digest)))
    best = _in_threads(lambda: secp256k1.verify_items(tuple(items)), secp256k1.VERIFIED.clear)
    ratio = best["1"] / best["2"]
    return [
        Row(
            f"{ACCOUNT_SIGNATURES} secp256k1 in 2 threads",
            best["2"] / ACCOUNT_SIGNATURES * 1e6,
            "us/signature",
            f"{ratio:.2f} x one thread",
        )
    ]


def measure() -> list[Row]:
    """Return all rows."""
    return [
        *measure_batches(),
        *measure_bad(),
        *measure_commit(),
        *measure_threads(),
        *measure_accounts(),
    ]


def main() -> None:
    """Print the table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for machine and rows as JSON")
    arguments = parser.parse_args()
    machine, rows = describe_machine(), measure()
    print(json.dumps(asdict(machine)))
    print(format_rows(rows))
    if arguments.json:
        result = {"machine": asdict(machine), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
