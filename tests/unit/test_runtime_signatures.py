"""Signatures verified before a block runs: found by the ante, and never decisive."""

import pytest

from chainkit.runtime import signatures
from chainkit.sigverify import secp256k1
from chainkit.sigverify._threads import THREADS_VARIABLE
from tests.unit.test_runtime_application import BOB_KEY, Chain, send_tx

TXS = 130
SPOILED = 76


def _block_txs():
    """Two senders in turns; one signature is another transaction's."""
    txs = [
        send_tx(1, sequence=k // 2, fee=1, **({"key": BOB_KEY} if k % 2 else {}))
        for k in range(TXS)
    ]
    txs[SPOILED] = txs[SPOILED][:-64] + txs[SPOILED - 2][-64:]
    txs[-1] = b"no transaction"
    return txs


@pytest.fixture(autouse=True)
def forgotten():
    secp256k1.VERIFIED.clear()
    yield
    secp256k1.VERIFIED.clear()


def _results(monkeypatch, threads):
    monkeypatch.setenv(THREADS_VARIABLE, threads)
    secp256k1.VERIFIED.clear()
    result = Chain().block(*_block_txs())
    return result.tx_results, result.app_hash


def test_results_do_not_depend_on_it(monkeypatch):
    """The same results and app hash with one thread, which verifies nothing ahead, and with two."""
    results, app_hash = _results(monkeypatch, "1")
    assert _results(monkeypatch, "2") == (results, app_hash)
    assert results[SPOILED].code != 0
    assert results[-1].code != 0
    assert results[0].code == results[SPOILED - 1].code == 0


def test_what_was_verified_ahead_is_not_verified_again(monkeypatch):
    """In the block itself only the bad signature is looked at once more."""
    monkeypatch.setenv(THREADS_VARIABLE, "2")
    chain, phases, verify = Chain(), [], secp256k1.verify
    ahead = secp256k1.verify_items

    def items(given):
        verdicts = ahead(given)
        phases.append("ahead done")
        return verdicts

    def one(*item):
        phases.append("verify")
        return verify(*item)

    monkeypatch.setattr(secp256k1, "verify_items", items)
    monkeypatch.setattr(secp256k1, "verify", one)
    chain.block(*_block_txs())

    assert phases.index("ahead done") == TXS - 1
    # the bad one; its sender's later ones are refused for their sequence, before the signature
    assert phases[phases.index("ahead done") + 1 :] == ["verify"]


def test_a_small_block_is_not_worth_it(monkeypatch):
    """Below two threads' share nothing is verified ahead."""
    monkeypatch.setenv(THREADS_VARIABLE, "2")
    monkeypatch.setattr(secp256k1, "verify_items", None)
    assert Chain().block(*_block_txs()[:3]).tx_results[0].code == 0


def test_no_more_than_is_remembered(monkeypatch):
    """A block of more signatures verifies ahead as many as the cache keeps."""
    monkeypatch.setenv(THREADS_VARIABLE, "2")
    monkeypatch.setattr(signatures, "MAX_AHEAD", 70)
    sizes = []
    monkeypatch.setattr(secp256k1, "verify_items", lambda items: sizes.append(len(items)))
    Chain().block(*_block_txs())
    assert sizes == [70]
