"""Forgeries of ICS-23 proofs: a true chain of two proofs in, chains that prove something else out.

Each is what an attacker would try who knows the format: bytes moved between prefix, key and
value (Dragonberry, GHSA-559w-cqpc-p2f4), steps dropped, doubled and exchanged, neighbours
that are none, and other encodings of the same proof.
"""

from collections.abc import Iterator
from dataclasses import replace

from chainkit.commitments.ics23 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
    NonExistenceProof,
    decode_proof,
    encode_proof,
    join_merkle_proof,
    split_merkle_proof,
)
from chainkit.primitives.hashing import sha256
from chainkit.primitives.varint import encode_uvarint
from demos.forged.values import Kind

Forged = tuple[Kind, str, bytes]
"""The kind, what was done, and the encoded ``MerkleProof``."""

_UNKNOWN_FIELD = b"\xf8\x3f\x01"
_DEEP = 200
"""More steps than any tree has, and than the verifier allows (128)."""


def forged_proofs(proof: bytes) -> Iterator[Forged]:
    """Yield forgeries of one chain of proofs, existence or absence at its lower end."""
    lower, upper = (decode_proof(part) for part in split_merkle_proof(proof))
    assert isinstance(upper, ExistenceProof)
    for kind, label, forged in _of_any(lower):
        yield kind, f"store: {label}", _join(forged, upper)
    for kind, label, forged in _of_existence(upper):
        yield kind, f"multistore: {label}", _join(lower, forged)
    yield from _of_chain(proof, lower, upper)
    yield from _of_encoding(proof)


def _join(*proofs: CommitmentProof) -> bytes:
    return join_merkle_proof([encode_proof(each) for each in proofs])


def _of_any(proof: CommitmentProof) -> Iterator[tuple[Kind, str, CommitmentProof]]:
    if isinstance(proof, ExistenceProof):
        yield from _of_existence(proof)
        return
    yield from _of_absence(proof)


def _of_existence(proof: ExistenceProof) -> Iterator[tuple[Kind, str, CommitmentProof]]:
    leaf = proof.leaf
    assert leaf is not None
    for label, forged_leaf in _leaves(leaf):
        yield Kind.PROOF_CUT_OPEN, label, replace(proof, leaf=forged_leaf)
    for label, path in _paths(proof.path):
        yield Kind.PROOF_CUT_OPEN, label, replace(proof, path=path)
    yield Kind.PROOF_CUT_OPEN, "no leaf operation", replace(proof, leaf=None)
    yield Kind.PROOF_CUT_OPEN, "value given as its hash", _with_hashed_value(proof, leaf)
    for cut in (1, len(proof.key) // 2, len(proof.key) - 1):
        yield Kind.PROOF_CUT_OPEN, f"{cut} bytes of the key in the prefix", _cut(proof, leaf, cut)
    yield Kind.PROOF_OF_ANOTHER_KEY, "another key", replace(proof, key=proof.key + b"0")
    yield Kind.PROOF_OF_ANOTHER_KEY, "no key", replace(proof, key=b"")
    yield Kind.PROOF_OF_ANOTHER_KEY, "another value", replace(proof, value=bytes(32))
    yield Kind.PROOF_OF_ANOTHER_KEY, "no value", replace(proof, value=b"")
    yield (
        Kind.PROOF_OF_ANOTHER_KEY,
        "key and value exchanged",
        replace(proof, key=proof.value, value=proof.key),
    )
    yield (
        Kind.PROOF_OF_ANOTHER_KIND,
        "as the left neighbour of nothing",
        NonExistenceProof(proof.key, proof, None),
    )
    yield (
        Kind.PROOF_OF_ANOTHER_KIND,
        "as both neighbours of itself",
        NonExistenceProof(proof.key, proof, proof),
    )


def _leaves(leaf: LeafOp) -> Iterator[tuple[str, LeafOp]]:
    yield "leaf prefix longer", replace(leaf, prefix=leaf.prefix + b"\0")
    yield "leaf prefix shorter", replace(leaf, prefix=leaf.prefix[:-1])
    yield "leaf prefix of an inner node", replace(leaf, prefix=b"\x01" + leaf.prefix)
    yield "leaf hashed otherwise", replace(leaf, hash=HashOp.SHA512)
    yield "leaf not hashed", replace(leaf, hash=HashOp.NO_HASH)
    yield "key hashed first", replace(leaf, prehash_key=HashOp.SHA256)
    yield "value not hashed", replace(leaf, prehash_value=HashOp.NO_HASH)
    yield "no lengths", replace(leaf, length=LengthOp.NO_PREFIX)
    yield "fixed lengths", replace(leaf, length=LengthOp.FIXED32_BIG)


def _paths(path: tuple[InnerOp, ...]) -> Iterator[tuple[str, tuple[InnerOp, ...]]]:
    """Yield forgeries of the steps; a tree of one leaf has none to forge."""
    yield "a step too many", (*path, InnerOp(HashOp.SHA256, b"\x01", bytes(32)))
    yield "no bottom: steps without end", path * (_DEEP // max(len(path), 1) + 1)
    if not path:
        return
    first, last = path[0], path[-1]
    yield "the first step left out", path[1:]
    yield "the last step left out", path[:-1]
    yield "the first step twice", (first, *path)
    yield "no steps", ()
    yield "steps reversed", path[::-1] if path[::-1] != path else (*path, last)
    for label, op in (
        ("a step hashed otherwise", replace(first, hash=HashOp.SHA512_256)),
        ("a step not hashed", replace(first, hash=HashOp.NO_HASH)),
        ("a step's prefix as a leaf's", replace(first, prefix=b"\0" + first.prefix)),
        ("a step's prefix longer", replace(first, prefix=first.prefix + b"\0")),
        ("a step's prefix shorter", replace(first, prefix=first.prefix[:-1])),
        ("a step's suffix longer", replace(first, suffix=first.suffix + b"\0")),
        ("a step's suffix in its prefix", InnerOp(first.hash, first.prefix + first.suffix)),
        ("a step's prefix in its suffix", InnerOp(first.hash, b"", first.prefix + first.suffix)),
        ("a step with a child too many", replace(first, suffix=first.suffix + bytes(33))),
    ):
        if op != first:
            yield label, (op, *path[1:])


def _with_hashed_value(proof: ExistenceProof, leaf: LeafOp) -> ExistenceProof:
    """Return a proof with the same root whose value is the true value's hash."""
    return replace(
        proof, leaf=replace(leaf, prehash_value=HashOp.NO_HASH), value=sha256(proof.value)
    )


def _cut(proof: ExistenceProof, leaf: LeafOp, size: int) -> ExistenceProof:
    """Return a proof with the same root in which ``size`` bytes of the key are prefix."""
    key, value = proof.key, sha256(proof.value)
    moved = replace(
        leaf,
        prefix=leaf.prefix + encode_uvarint(len(key)) + key[:size],
        prehash_value=HashOp.NO_HASH,
        length=LengthOp.NO_PREFIX,
    )
    return replace(proof, leaf=moved, key=key[size:], value=encode_uvarint(len(value)) + value)


def _of_absence(proof: NonExistenceProof) -> Iterator[tuple[Kind, str, CommitmentProof]]:
    left, right = proof.left, proof.right
    yield Kind.PROOF_CUT_OPEN, "neighbours exchanged", replace(proof, left=right, right=left)
    yield Kind.PROOF_CUT_OPEN, "no neighbours", replace(proof, left=None, right=None)
    yield Kind.PROOF_OF_ANOTHER_KEY, "another absent key", replace(proof, key=proof.key + b"0")
    yield Kind.PROOF_OF_ANOTHER_KEY, "no key", replace(proof, key=b"")
    for side, neighbour in (("left", left), ("right", right)):
        if neighbour is None:
            continue
        other = "right" if side == "left" else "left"
        yield Kind.PROOF_OF_ANOTHER_KIND, f"its {side} neighbour's existence", neighbour
        yield (
            Kind.PROOF_CUT_OPEN,
            f"the {side} neighbour on both sides",
            replace(proof, left=neighbour, right=neighbour),
        )
        if left is not None and right is not None:
            yield (
                Kind.PROOF_CUT_OPEN,
                f"only the {side} neighbour",
                NonExistenceProof(proof.key, left, None)
                if side == "left"
                else NonExistenceProof(proof.key, None, right),
            )
        for kind, label, forged in _of_existence(neighbour):
            if isinstance(forged, ExistenceProof):
                yield (
                    kind,
                    f"{side} neighbour: {label}",
                    NonExistenceProof(
                        proof.key,
                        forged if other == "right" else left,
                        forged if other == "left" else right,
                    ),
                )


def absences_of(
    key: bytes, receipt: bytes, before: bytes, other: bytes
) -> Iterator[tuple[Kind, str, bytes]]:
    """Yield forged proofs that ``key`` is absent, made of true proofs of its tree.

    Args:
        key: It is there.
        receipt: The proof that it is there.
        before: A proof that a key exists that sorts before it, not next to it.
        other: A proof that a key next to it is absent.
    """
    held, upper = (decode_proof(part) for part in split_merkle_proof(receipt))
    low = decode_proof(split_merkle_proof(before)[0])
    absent = decode_proof(split_merkle_proof(other)[0])
    assert isinstance(held, ExistenceProof)
    assert isinstance(low, ExistenceProof)
    assert isinstance(absent, NonExistenceProof)
    kind = Kind.TIMEOUT_OF_RECEIVED
    yield kind, "the proof that it is there", receipt
    yield kind, "the absence of another key", other
    for label, forged in (
        ("another key's absence under its name", replace(absent, key=key)),
        ("right of a key that is not next to it", NonExistenceProof(key, low, None)),
        ("between a far key and itself", NonExistenceProof(key, low, held)),
        ("left of itself", NonExistenceProof(key, None, held)),
        ("right of itself", NonExistenceProof(key, held, None)),
        ("right of itself, left of the next", NonExistenceProof(key, held, absent.right)),
        ("between the others' neighbours", NonExistenceProof(key, low, absent.right)),
        ("nothing around it", NonExistenceProof(key, None, None)),
    ):
        yield kind, label, _join(forged, upper)


def _of_chain(proof: bytes, lower: CommitmentProof, upper: ExistenceProof) -> Iterator[Forged]:
    parts = split_merkle_proof(proof)
    kind = Kind.PROOF_CUT_OPEN
    yield kind, "both proofs exchanged", join_merkle_proof(parts[::-1])
    yield kind, "the multistore's proof alone", join_merkle_proof(parts[1:])
    yield kind, "the store's proof alone", join_merkle_proof(parts[:1])
    yield kind, "the store's proof twice", join_merkle_proof((parts[0], *parts))
    yield kind, "the store's proof for both", join_merkle_proof((parts[0], parts[0]))
    yield kind, "nine proofs", join_merkle_proof((parts[0],) * 9)
    yield Kind.PROOF_OF_ANOTHER_KEY, "of another store", _join(lower, replace(upper, key=b"bank"))


def _of_encoding(proof: bytes) -> Iterator[Forged]:
    parts = split_merkle_proof(proof)
    kind = Kind.PROOF_ENCODING
    yield kind, "a byte after the end", proof + b"\0"
    yield kind, "an unknown field after the end", proof + _UNKNOWN_FIELD
    yield kind, "an unknown field before the start", _UNKNOWN_FIELD + proof
    yield kind, "cut short", proof[:-1]
    yield kind, "cut in half", proof[: len(proof) // 2]
    yield kind, "only zeros", bytes(len(proof))
    yield kind, "only ones", b"\xff" * len(proof)
    yield kind, "written twice", proof + proof
    yield kind, "an unknown field in a proof", _raw((parts[0] + _UNKNOWN_FIELD, parts[1]))
    yield kind, "a batch proof", _raw((b"\x1a\x00", parts[1]))
    yield kind, "a compressed proof", _raw((b"\x22\x00", parts[1]))
    yield kind, "a proof of no kind", _raw((b"", parts[1]))
    yield kind, "a length that is over the end", b"\x0a\xff\xff\xff\xff\x0f" + proof
    yield kind, "a varint of eleven bytes", b"\x0a" + b"\x80" * 10 + b"\x01" + proof
    yield kind, "a length in more bytes than needed", _long_length(parts)


def _raw(parts: tuple[bytes, ...]) -> bytes:
    """Return a ``MerkleProof`` of parts that need not be proofs."""
    return b"".join(b"\x0a" + encode_uvarint(len(part)) + part for part in parts)


def _long_length(parts: tuple[bytes, ...]) -> bytes:
    length = encode_uvarint(len(parts[0]))
    longer = length[:-1] + bytes([length[-1] | 0x80]) + b"\0"
    return b"\x0a" + longer + parts[0] + _raw(parts[1:])
