"""summa-tx: SPV proofs, headers, merkle branches, compact sizes and retargets."""

import json
from typing import Any

import pytest

from chainkit.formats.bitcoin.encoding import Reader
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, MalformedBitcoin
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend
from chainkit.formats.bitcoin.headers import BlockHeader, decode_header
from chainkit.formats.bitcoin.merkle import branch_root
from chainkit.formats.bitcoin.proof_of_work import (
    MAINNET_RULES,
    bits_of,
    check_proof_of_work,
    required_bits,
    retarget,
    starts_period,
    target_of,
    work_of,
)
from chainkit.formats.bitcoin.transactions import decode_transaction
from chainkit.primitives.errors import RuleBroken
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("summa-tx")[1:]
SPV: Any = load_json("summa-tx/spv_vectors.json", {})
PROOFS: Any = load_json("summa-tx/spv_proofs.json", {})
RELAY: Any = load_json("summa-tx/relay_vectors.json", {})


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def header_at(data: bytes) -> BlockHeader:
    return decode_header(data)


def check_proof(proof: dict[str, Any]) -> None:
    """The whole of an SPV proof: transaction, branch, header, proof of work."""
    raw = b"".join(unhex(proof[part]) for part in ("version", "vin", "vout", "locktime"))
    tx = decode_transaction(raw, allow_witness=False)
    if tx.txid != unhex(proof["tx_id"]):
        raise BitcoinRuleBroken("txid")
    check_header(proof["confirming_header"])
    header = header_at(unhex(proof["confirming_header"]["raw"]))
    nodes = unhex(proof["intermediate_nodes"])
    branch = [nodes[at : at + 32] for at in range(0, len(nodes), 32)]
    if branch_root(tx.txid, proof["index"], branch) != header.merkle_root:
        raise BitcoinRuleBroken("merkle")


def well_formed(proof: dict[str, Any]) -> bool:
    """Whether every text of a proof is hex of its due length, and the header an 80-byte one."""
    header = proof["confirming_header"]
    try:
        hashes = [unhex(proof["tx_id"]), *(unhex(header[k]) for k in ("hash", "prevhash"))]
        nodes = unhex(proof["intermediate_nodes"])
        decode_header(unhex(header["raw"]))
    except (MalformedBitcoin, ValueError):
        return False
    return len(nodes) % 32 == 0 and all(len(item) == 32 for item in hashes)


def check_header(row: dict[str, Any]) -> None:
    header = header_at(unhex(row["raw"]))
    named = (row["hash"], row["merkle_root"], row["prevhash"])
    if (header.hash, header.merkle_root, header.previous_block) != tuple(map(unhex, named)):
        raise BitcoinRuleBroken("header")
    check_proof_of_work(header, MAINNET_RULES)


@pytest.mark.vectors("summa-tx/proofs")
def test_spv_proofs(vector_cases: Any) -> None:
    """The valid proof and header pass; each bad one is refused, and each bad text is malformed."""
    for text in PROOFS["valid"]:
        check_proof(json.loads(text))
    for text in PROOFS["validHeader"]:
        check_header(json.loads(text))
    for case in PROOFS["badHeaders"]:
        with pytest.raises(BitcoinRuleBroken):
            check_header(case["header"])
    for case in PROOFS["badSPVProofs"]:
        with pytest.raises(RuleBroken):
            check_proof(case["proof"])
    malformed = [name for name in PROOFS if name.startswith("errBad") and "Hash160" not in name]
    for name in malformed:
        assert not well_formed(json.loads(PROOFS[name])), name
    vector_cases(1 + 1 + 3 + 4 + len(malformed))


@pytest.mark.vectors("summa-tx/varint")
def test_compact_sizes(vector_cases: Any) -> None:
    """A compact size is read whole and canonical, or refused."""
    for case in SPV["parseVarInt"]:
        data = unhex(case["input"])
        if "solidityError" in case:
            with pytest.raises(MalformedBitcoin, match="non-canonical"):
                Reader(data).compact_size()
            continue
        reader = Reader(data)
        assert reader.compact_size() == case["output"][1]
        assert reader.position == case["output"][0] + 1
    for case in SPV["parseVarIntError"]:
        with pytest.raises(MalformedBitcoin, match="ends early"):
            Reader(unhex(case["input"])).compact_size()
    vector_cases(len(SPV["parseVarInt"]) + len(SPV["parseVarIntError"]))


@pytest.mark.vectors("summa-tx/merkle")
def test_merkle_branches(vector_cases: Any) -> None:
    """A branch leads to its root, or does not, as the peer says."""
    for case in SPV["verifyHash256Merkle"]:
        data = unhex(case["input"]["proof"])
        nodes = [data[at : at + 32] for at in range(0, len(data), 32)]
        whole = bool(nodes) and len(data) % 32 == 0 and len(nodes) != 2
        leads = whole and branch_root(nodes[0], case["input"]["index"], nodes[1:-1]) == nodes[-1]
        assert leads == case["output"], case
    for case in SPV["prove"]:
        given = case["input"]
        data = unhex(given["proof"])
        nodes = [data[at : at + 32] for at in range(0, len(data), 32)]
        root = branch_root(unhex(given["txIdLE"]), given["index"], nodes)
        assert (root == unhex(given["merkleRootLE"])) == case["output"]
    for case in SPV["hash256MerkleStep"]:
        left, right = map(unhex, case["input"])
        assert double_sha256(left + right) == unhex(case["output"])
    vector_cases(8 + 3 + 2)


@pytest.mark.vectors("summa-tx/headers")
def test_header_fields(vector_cases: Any) -> None:
    """Fields, hash, target and work of headers are the peer's."""
    for name, attribute in (
        ("extractMerkleRootLE", "merkle_root"),
        ("extractPrevBlockLE", "previous_block"),
        ("workHash", "hash"),
    ):
        for case in SPV[name]:
            assert getattr(header_at(unhex(case["input"])), attribute) == unhex(case["output"])
    for case in SPV["extractTimestamp"]:
        assert header_at(unhex(case["input"])).time == case["output"]
    for case in SPV["extractTarget"]:
        bits = header_at(unhex(case["input"])).bits
        assert target_of(bits).to_bytes(32, "big") == unhex(case["output"])
    for case in SPV["validateHeaderPrevHash"]:
        header = header_at(unhex(case["input"]["header"]))
        assert (header.previous_block == unhex(case["input"]["prevHash"])) == case["output"]
    for case in SPV["validateHeaderChain"]:
        assert chain_work(unhex(case["input"])) > 0
    for case in SPV["validateHeaderChainError"]:
        with pytest.raises(RuleBroken):
            chain_work(unhex(case["input"]))
    for case in SPV["work"]:
        digest = header_at(unhex(case["input"])).hash
        assert int.from_bytes(digest, "little") == int(case["output"])
    for case in SPV["hash256"]:
        assert double_sha256(unhex(case["input"])) == unhex(case["output"])
    vector_cases(3 + 1 + 1 + 2 + 1 + 3 + 1 + 2)


def chain_work(data: bytes) -> int:
    """The work of linked headers, or a refusal."""
    work = 0
    parent = b""
    for at in range(0, len(data), 80):
        header = header_at(data[at : at + 80])
        if parent and header.previous_block != parent:
            raise BitcoinRuleBroken("prev-blk-not-found")
        check_proof_of_work(header, MAINNET_RULES)
        work += work_of(header.bits)
        parent = header.hash
    return work


CHAINS = RELAY["header"]["validateHeaderChain"] if RELAY else []


@pytest.mark.vectors("summa-tx/relay_chains")
@pytest.mark.parametrize("number", range(len(CHAINS)))
def test_relay_chain(number: int) -> None:
    """A run of headers from an anchor is taken or refused with the peer's verdict."""
    case = CHAINS[number]
    may_retarget = case["internal"] or not case["isMainnet"]
    try:
        check_run(case["anchor"], case["headers"], may_retarget=may_retarget)
        accepted = True
    except RuleBroken:
        accepted = False
    assert accepted == (case["output"] == 0), case["comment"]


HEADER_FILES = ("relay_headers", "relay_headersWithRetarget", "relay_headersReorgAndRetarget")


@pytest.mark.vectors("summa-tx/header_files")
@pytest.mark.parametrize("name", HEADER_FILES)
def test_headers_of_the_relay(name: str, vector_cases: Any) -> None:
    """
    The light client's own rule takes the peer's chains, over retargets too, and the header that
    lost; at a height where two compete both follow one parent.
    """
    given = load_json(f"summa-tx/{name}.json")
    chain = [row for key in CHAIN_PARTS for row in given.get(key, [])]
    first = decode_header(unhex(given["genesis"]["hex"]))
    old = given.get("oldPeriodStart")
    start = first.time if old is None else decode_header(unhex(old["hex"])).time
    point = ChainPoint(first, given["genesis"]["height"], work_of(first.bits), start, (0,) * 10)
    points = {point.height: point}
    for row in chain:
        header = decode_header(unhex(row["hex"]))
        point = extend(point, header, MAINNET_RULES, now=header.time)
        assert header.hash == unhex(row["digest_le"])
        assert point.height == row["height"]
        points[point.height] = point
    others = [given[key] for key in given if key.startswith("orphan")]
    for row in others:
        header = decode_header(unhex(row["hex"]))
        lost = extend(points[row["height"] - 1], header, MAINNET_RULES, now=header.time)
        assert lost.chain_work == points[row["height"]].chain_work
        assert lost.header.hash != points[row["height"]].header.hash
    bad = [given[key] for key in given if key.startswith("bad")]
    for row in bad:
        header = decode_header(unhex(row["hex"])[:80])
        with pytest.raises(BitcoinRuleBroken, match="prev-blk-not-found"):
            extend(points[562_629], header, MAINNET_RULES, now=header.time)
    vector_cases(1 + len(chain) + len(others) + len(bad))


CHAIN_PARTS = ("chain", "preRetargetChain", "postRetargetChain")
RELAYED = RELAY["validator"]["validateProof"] if RELAY else []


@pytest.mark.vectors("summa-tx/relay_proofs")
@pytest.mark.parametrize("number", range(len(RELAYED)))
def test_proof_of_the_relay(number: int) -> None:
    """A proof is taken or refused as the relay says, whatever it knows of the header's chain."""
    case = RELAYED[number]
    try:
        check_proof(case["proof"])
        accepted = True
    except RuleBroken:
        accepted = False
    assert accepted == (case["error"] == 0)


def check_run(anchor: dict[str, Any], rows: list[dict[str, Any]], *, may_retarget: bool) -> None:
    """Check headers after an anchor: each field that a row names, links, work, difficulty."""
    parent = decode_header(unhex(anchor["raw"]))
    height = anchor["height"]
    if parent.hash != unhex(anchor["hash"]):
        raise BitcoinRuleBroken("anchor")
    for row in rows:
        check_header(row)
        header = decode_header(unhex(row["raw"]))
        if row["height"] != height + 1 or header.previous_block != parent.hash:
            raise BitcoinRuleBroken("prev-blk-not-found")
        if header.bits != parent.bits and not may_retarget:
            raise BitcoinRuleBroken("bad-diffbits")
        parent, height = header, row["height"]


@pytest.mark.vectors("summa-tx/retarget")
def test_retargets(vector_cases: Any) -> None:
    """The next target over a period is the peer's, and truncates as bits do."""
    for case in SPV["retargetAlgorithm"]:
        first, last, expected = (header_at(unhex(row["hex"])) for row in case["input"])
        assert retarget(first.bits, first.time, last.time, MAINNET_RULES) == expected.bits
    vector_cases(len(SPV["retargetAlgorithm"]))


CHANGES = RELAY["header"]["validateDifficultyChange"] if RELAY else []


@pytest.mark.vectors("summa-tx/difficulty_change")
@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_difficulty_change(number: int) -> None:
    """A change of difficulty holds only at a period's end, from that period's first header."""
    case = CHANGES[number]
    start, anchor = case["prevEpochStart"], case["anchor"]
    first, last = (decode_header(unhex(row["raw"])) for row in (start, anchor))
    following = decode_header(unhex(case["headers"][0]["raw"]))
    holds = (
        starts_period(anchor["height"] + 1, MAINNET_RULES)
        and anchor["height"] - start["height"] == MAINNET_RULES.retarget_interval - 1
        and first.bits == last.bits
        and following.bits == required_bits(anchor["height"] + 1, last, first, MAINNET_RULES)
    )
    assert holds == (case["output"] == 0), case["comment"]


def test_compact_round_trip() -> None:
    """Bits of a target of bits are the bits, for the shapes that headers carry."""
    for bits in (0x1D00FFFF, 0x207FFFFF, 0x1B0404CB, 0x17372E88):
        assert bits_of(target_of(bits)) == bits
