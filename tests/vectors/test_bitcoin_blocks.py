"""Real Bitcoin blocks, headers and inclusion proofs from five projects."""

import bz2
import csv
from typing import Any

import pytest

from chainkit.formats.bitcoin.blocks import (
    check_block,
    check_block_in_context,
    decode_block,
    transactions_root,
)
from chainkit.formats.bitcoin.encoding import display_hash, parse_display_hash
from chainkit.formats.bitcoin.errors import (
    BitcoinRuleBroken,
    MalformedBitcoin,
    WrongMerkleProof,
)
from chainkit.formats.bitcoin.headers import HEADER_BYTES, BlockHeader, decode_header
from chainkit.formats.bitcoin.merkle import (
    MerkleBlock,
    build_merkle_block,
    decode_merkle_block,
    extract_matches,
    merkle_branch,
    merkle_root,
    root_and_mutation,
    tree_depth,
    verify_branch,
)
from chainkit.formats.bitcoin.proof_of_work import (
    MAINNET_RULES,
    check_proof_of_work,
    median_time_past,
    retarget,
    starts_period,
    work_of,
)
from chainkit.primitives.errors import RuleBroken
from tests.vectors.support import load_json, vector_set, vectors_root

GENESIS_HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
FIRST_HEIGHT = 822528
BIP34_HEIGHT = 227931


def spaced(name: str) -> Any:
    """Mark a test as one of the set ``name``, skipped where its folder is absent."""

    def decorate(test: Any) -> Any:
        for mark in vector_set(name):
            test = mark(test)
        return test

    return decorate


def ckb_headers() -> list[BlockHeader]:
    raw = (vectors_root() / "ckb-bitcoin-spv-testdata/headers_0822528_0830592.bin").read_bytes()
    return [decode_header(raw[at : at + 80]) for at in range(0, len(raw), HEADER_BYTES)]


@spaced("ckb-bitcoin-spv-testdata/headers")
def test_8065_headers(vector_cases: Any) -> None:
    """Four periods of the main chain: links, work, difficulty and median time past all hold."""
    headers = ckb_headers()
    for position, header in enumerate(headers):
        check_proof_of_work(header, MAINNET_RULES)
        if position == 0:
            continue
        parent = headers[position - 1]
        assert header.previous_block == parent.hash
        times = [earlier.time for earlier in headers[max(0, position - 11) : position]]
        if len(times) == 11:
            assert header.time > median_time_past(times)
        bits = parent.bits
        if starts_period(FIRST_HEIGHT + position, MAINNET_RULES):
            first = headers[position - MAINNET_RULES.retarget_interval]
            bits = retarget(parent.bits, first.time, parent.time, MAINNET_RULES)
        assert header.bits == bits
    vector_cases(len(headers))


@spaced("ckb-bitcoin-spv-testdata/retargets")
def test_every_retarget_to_832608(vector_cases: Any) -> None:
    """All 413 difficulty changes from genesis, and the chain work at every boundary."""
    file = vectors_root() / "ckb-bitcoin-spv-testdata/retarget_boundaries.csv"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    parsed = [(int(row["height"]), decode_header(bytes.fromhex(row["header_hex"]))) for row in rows]
    work = 0
    first = parsed[0][1]
    last_height = -1
    retargets = 0
    previous: BlockHeader | None = None
    for (height, header), row in zip(parsed, rows, strict=True):
        if previous is not None and starts_period(height, MAINNET_RULES):
            assert header.bits == retarget(first.bits, first.time, previous.time, MAINNET_RULES)
            first = header
            retargets += 1
        work += (height - last_height) * work_of(header.bits)
        assert work == int(row["chainwork_hex"], 16)
        last_height, previous = height, header
    assert retargets == 413
    vector_cases(len(rows))


@spaced("ckb-bitcoin-spv-testdata/stale")
def test_stale_header() -> None:
    """A header that lost has proof of work all the same, and its parent is on the main chain."""
    case = load_json("ckb-bitcoin-spv-testdata/stale_headers.json")[0]
    header = decode_header(bytes.fromhex(case["header_hex"]))
    check_proof_of_work(header, MAINNET_RULES)
    main = ckb_headers()
    at = case["height"] - FIRST_HEIGHT
    assert header.previous_block == main[at - 1].hash
    assert display_hash(header.hash) == case["hash"]
    assert display_hash(main[at].hash) == case["main_chain_hash_at_height"]


PROOFS = load_json("ckb-bitcoin-spv-testdata/txoutproof/index.json")


@spaced("ckb-bitcoin-spv-testdata/proofs")
@pytest.mark.parametrize("number", range(len(PROOFS)))
def test_txoutproof(number: int) -> None:
    """An inclusion proof of Bitcoin Core proves its transactions; any changed byte does not."""
    case = PROOFS[number]
    raw = (vectors_root() / "ckb-bitcoin-spv-testdata/txoutproof" / case["file"]).read_bytes()
    block = decode_merkle_block(raw)
    assert block.encode() == raw
    assert display_hash(block.header.hash) == case["block_hash"]
    expected = tuple((m["index"], parse_display_hash(m["txid"])) for m in case["matches"])
    assert extract_matches(block) == expected
    for at in range(HEADER_BYTES, len(raw), 7):
        changed = bytearray(raw)
        changed[at] ^= 0x40
        try:
            found = extract_matches(decode_merkle_block(bytes(changed)))
        except RuleBroken:
            continue
        assert found == expected, f"byte {at}"  # padding bits after the last flag prove nothing


MERKLE_BLOCKS: Any = load_json("rust-bitcoin/merkle_blocks.json", {})


@spaced("rust-bitcoin/merkle_blocks")
def test_rust_bitcoin_merkle_blocks(vector_cases: Any) -> None:
    """Proofs are read, refused, built and their trees measured as rust-bitcoin says."""
    for case in MERKLE_BLOCKS["valid"]:
        block = decode_merkle_block(bytes.fromhex(case["merkle_block_hex"]))
        assert display_hash(block.header.hash) == case["block_hash"]
        assert block.total == case["transactions"]
        assert extract_matches(block) == tuple(
            (m["index"], parse_display_hash(m["txid"].zfill(64))) for m in case["matches"]
        )
    with pytest.raises(RuleBroken):
        extract_matches(
            decode_merkle_block(bytes.fromhex(MERKLE_BLOCKS["malformed"][0]["merkle_block_hex"]))
        )
    raw = (vectors_root() / "rust-bitcoin/block_13b8a.hex").read_text()
    whole = decode_block(bytes.fromhex(raw))
    check_block(whole)
    txids = [tx.txid for tx in whole.transactions]
    for case in MERKLE_BLOCKS["build"]:
        wanted = frozenset(parse_display_hash(text.zfill(64)) for text in case["match_txids"])
        built = build_merkle_block(whole.header, txids, wanted)
        assert decode_merkle_block(built.encode()) == built
        assert extract_matches(built) == tuple(
            (m["index"], parse_display_hash(m["txid"].zfill(64))) for m in case["matches"]
        )
    proof = bytes.fromhex((vectors_root() / "rust-bitcoin/merkle_block.hex").read_text())
    assert len(extract_matches(decode_merkle_block(proof))) == 1
    vector_cases(5 + 1)


@spaced("rust-bitcoin/malleability")
def test_repeated_transactions_are_refused() -> None:
    """A block whose last transactions repeat has the root of one without; both are told apart."""
    case = MERKLE_BLOCKS["malleability"]
    txids = [parse_display_hash(text) for text in case["txids"]]
    root, mutated = root_and_mutation(txids)
    assert mutated
    header = BlockHeader(1, bytes(32), root, 0, 0x207FFFFF, 0)
    wanted = frozenset(txid for txid, match in zip(txids, case["match"], strict=True) if match)
    built = build_merkle_block(header, txids, wanted)
    with pytest.raises(WrongMerkleProof):
        extract_matches(built)


@spaced("rust-bitcoin/tree_width")
def test_tree_width(vector_cases: Any) -> None:
    """The width of every level of a tree."""
    for case in MERKLE_BLOCKS["tree_width"]:
        count, level = case["transactions"], case["height"]
        assert (count + (1 << level) - 1) >> level == case["width"]
        assert tree_depth(count) >= level or case["width"] == 1
    vector_cases(len(MERKLE_BLOCKS["tree_width"]))


ELECTRUM = ("bitcoin_mainnet_951658", "bitcoin_testnet4_40000")


@spaced("electrumx/blocks")
@pytest.mark.parametrize("name", ELECTRUM)
def test_electrumx_block(name: str, vector_cases: Any) -> None:
    """A whole block of today: every txid, both merkle roots, each transaction's branch."""
    case = load_json(f"electrumx/{name}.json")
    block = decode_block(bytes.fromhex(case["block"]))
    assert block.encoded.hex() == case["block"]
    assert display_hash(block.header.hash) == case["hash"]
    assert [display_hash(tx.txid) for tx in block.transactions] == case["tx"]
    assert display_hash(transactions_root(block.transactions)) == case["merkleroot"]
    check_block(block)
    check_block_in_context(block, case["height"])
    txids = [tx.txid for tx in block.transactions]
    for index, txid in enumerate(txids):
        branch = merkle_branch(txids, index)
        verify_branch(block.header.merkle_root, txid, index, len(txids), branch)
    with pytest.raises(WrongMerkleProof):
        verify_branch(
            block.header.merkle_root, txids[0], len(txids), len(txids), merkle_branch(txids, 0)
        )
    vector_cases(len(txids))


@spaced("btcd/blocks")
def test_first_255_blocks(vector_cases: Any) -> None:
    """The chain's first blocks link from genesis and satisfy every check that needs no state."""
    raw = bz2.decompress((vectors_root() / "btcd/blocks_1_255.bin.bz2").read_bytes())
    offset, parent, count = 0, parse_display_hash(GENESIS_HASH), 0
    while offset < len(raw):
        size = int.from_bytes(raw[offset + 4 : offset + 8], "little")
        block = decode_block(raw[offset + 8 : offset + 8 + size])
        offset += 8 + size
        count += 1
        assert block.header.previous_block == parent
        check_block(block)
        check_proof_of_work(block.header, MAINNET_RULES)
        with pytest.raises(BitcoinRuleBroken, match="bad-cb-height"):
            check_block_in_context(block, BIP34_HEIGHT)
        parent = block.header.hash
    assert count == 255
    vector_cases(count)


def test_a_merkle_block_with_too_many_transactions_is_malformed() -> None:
    """The number of transactions is bounded before anything is allocated for it."""
    header = BlockHeader(1, bytes(32), bytes(32), 0, 0x207FFFFF, 0)
    block = MerkleBlock(header, 2**32 - 1, (bytes(32),), (True,) + (False,) * 7)
    with pytest.raises(MalformedBitcoin, match="do not fit a block"):
        decode_merkle_block(block.encode())


def test_root_of_one_leaf_is_the_leaf() -> None:
    """A block with its coinbase alone has the coinbase's txid for its root."""
    assert merkle_root([b"\x07" * 32]) == b"\x07" * 32
