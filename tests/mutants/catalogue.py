"""All mutants, and the defences that must never be without one."""

import importlib
import pkgutil

import tests.mutants
from tests.mutants.support import Mutant

_NOT_LISTS = {"support", "catalogue", "__main__"}

REQUIRED: dict[str, tuple[str, ...]] = {
    "ICS-23 prefix checks": (
        "ics23: IAVL prefix may end in any count of bytes",
        "ics23: IAVL leaf prefix may carry more bytes",
        "ics23: Tendermint prefix may be longer before a suffix",
        "ics23: an inner prefix may be a leaf's",
    ),
    "2/3": ("commit-two-thirds", "consensus-quorum-of-two-thirds"),
    "trusting period": ("light-trusting-period",),
    "receipt on receive": ("ibc-receipt-on-receive",),
    "commitment deleted before callback": (
        "ibc-commitment-deleted-before-the-timeout-callback",
        "ibc-commitment-deleted-before-the-acknowledgement-callback",
    ),
    "privval regression": ("privval-regression",),
    "WAL before sign": ("wal-before-sign", "consensus-wal-after-sign"),
    "lock rule": (
        "consensus-lock-not-kept",
        "consensus-locked-node-prevotes-nil",
        "consensus-paper-rule-in-a-mixed-network",
    ),
    "proof of lock on unlock": (
        "consensus-proof-of-lock-not-checked",
        "consensus-unlock-by-an-old-proof",
    ),
    "QBFT quorum": ("qbft-quorum-of-f-plus-1", "qbft-client-header-set-not-counted"),
    "QBFT justification": (
        "qbft-justification-ignored",
        "qbft-one-round-change-justifies",
        "qbft-prepared-block-dropped-at-round-change",
    ),
    "QBFT log and key": ("qbft-wal-after-sign", "qbft-key-signs-two-things"),
    "QBFT trusted set": (
        "qbft-client-header-names-its-own-validators",
        "qbft-client-a-seal-counts-twice",
        "qbft-client-trusting-period",
    ),
}
"""The defences that each issue names, each with the mutants that take it out."""


def all_mutants() -> list[Mutant]:
    """Return the mutants of every list in this package."""
    found: list[Mutant] = []
    for module in pkgutil.iter_modules(tests.mutants.__path__):
        if module.name not in _NOT_LISTS:
            found += importlib.import_module(f"tests.mutants.{module.name}").MUTANTS
    names = [mutant.name for mutant in found]
    assert len(names) == len(set(names)), "two mutants share a name"
    return found
