"""Proofs a second: made from a multistore of 10,000 keys, and verified as IBC does.

A proof is the pair that a packet needs: ICS-23 of the IAVL tree, then of the simple tree of
stores. Processor time; every key once, so that no cache helps twice.
"""

import time
from collections.abc import Callable

from benchmarks.report import Row
from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    TENDERMINT_SPEC,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.commitments.multistore import MultiStore

KEYS = 10_000
PROOFS = 500
STORES = ("acc", "bank", "ibc", "staking", "transfer")
SPECS = (IAVL_SPEC, TENDERMINT_SPEC)


def measure(keys: int = KEYS, proofs: int = PROOFS) -> list[Row]:
    """Return the rows for a store of ``keys`` keys."""
    store = MultiStore(MemoryDatabase(), STORES)
    for name in STORES:
        store.store(name).set(b"first", b"value")
    ibc = store.store("ibc")
    for number in range(keys):
        ibc.set(_key(number), b"%032d" % number)
    root = store.commit().hash
    there = [_key(number * keys // proofs) for number in range(proofs)]
    absent = [key + b"/none" for key in there]
    state = store.at(1)
    made = []
    seconds = _timed(lambda: made.extend(tuple(state.prove("ibc", key)) for key in there))
    rows = [Row("proofs made, existence", proofs / seconds, "proofs/s", f"{keys} keys")]
    none = []
    seconds = _timed(lambda: none.extend(tuple(state.prove("ibc", key)) for key in absent))
    rows.append(Row("proofs made, absence", proofs / seconds, "proofs/s", f"{keys} keys"))

    def existence() -> None:
        for key, proof in zip(there, made, strict=True):
            value = state.store("ibc").get(key)
            assert value is not None
            verify_chained_membership(SPECS, proof, root, (b"ibc", key), value)

    def absence() -> None:
        for key, proof in zip(absent, none, strict=True):
            verify_chained_non_membership(SPECS, proof, root, (b"ibc", key))

    rows.append(Row("proofs verified, existence", proofs / _timed(existence), "proofs/s"))
    rows.append(Row("proofs verified, absence", proofs / _timed(absence), "proofs/s"))
    return rows


def _key(number: int) -> bytes:
    return b"commitments/ports/transfer/channels/channel-0/sequences/%08d" % number


def _timed(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began
