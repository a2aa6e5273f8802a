"""What the operations of a proof compute.

Spec:
    ICS-23, "Proof steps"; cosmos/ics23 ``proofs.proto``, LeafOp and InnerOp.
"""

import hashlib

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23.types import HashOp, InnerOp, LeafOp, LengthOp
from chainkit.primitives.varint import encode_uvarint


class UnsupportedHash(InvalidProof):
    """The hash operation is none that a tree may use here."""

    def __init__(self, *, hash_op: HashOp) -> None:
        super().__init__(f"unsupported hashop: {hash_op.name}")


class UnsupportedLength(InvalidProof):
    """The length operation is unknown, or the data has not the size it demands."""


def do_hash(hash_op: HashOp, preimage: bytes) -> bytes:
    """Return the hash of ``preimage``.

    Raises:
        UnsupportedHash: ``NO_HASH``, and KECCAK256 and BLAKE3, which no upstream
            verifier computes either.
    """
    match hash_op:
        case HashOp.SHA256:
            return hashlib.sha256(preimage).digest()
        case HashOp.SHA512:
            return hashlib.sha512(preimage).digest()
        case HashOp.RIPEMD160:
            return hashlib.new("ripemd160", preimage).digest()
        case HashOp.BITCOIN:
            return hashlib.new("ripemd160", hashlib.sha256(preimage).digest()).digest()
        case HashOp.SHA512_256:
            return hashlib.new("sha512_256", preimage).digest()
        case HashOp.BLAKE2B_512:
            return hashlib.blake2b(preimage).digest()
        case HashOp.BLAKE2S_256:
            return hashlib.blake2s(preimage).digest()
        case HashOp.NO_HASH | HashOp.KECCAK256 | HashOp.BLAKE3:
            raise UnsupportedHash(hash_op=hash_op)


def do_hash_or_noop(hash_op: HashOp, preimage: bytes) -> bytes:
    """Return the hash of ``preimage``, or itself for ``NO_HASH``."""
    return preimage if hash_op is HashOp.NO_HASH else do_hash(hash_op, preimage)


def do_length(length_op: LengthOp, data: bytes) -> bytes:
    """Return ``data`` with its length written before it.

    Raises:
        UnsupportedLength: ``VAR_RLP``, or a required size that ``data`` has not.
    """
    size = len(data)
    match length_op:
        case LengthOp.NO_PREFIX:
            return data
        case LengthOp.VAR_PROTO:
            return encode_uvarint(size) + data
        case LengthOp.FIXED32_BIG:
            return size.to_bytes(4, "big") + data
        case LengthOp.FIXED32_LITTLE:
            return size.to_bytes(4, "little") + data
        case LengthOp.FIXED64_BIG:
            return size.to_bytes(8, "big") + data
        case LengthOp.FIXED64_LITTLE:
            return size.to_bytes(8, "little") + data
        case LengthOp.REQUIRE_32_BYTES | LengthOp.REQUIRE_64_BYTES:
            required = 32 if length_op is LengthOp.REQUIRE_32_BYTES else 64
            if size != required:
                raise UnsupportedLength(f"data was {size} bytes, not {required}")
            return data
        case LengthOp.VAR_RLP:
            raise UnsupportedLength(f"unsupported lengthop: {length_op.name}")


def apply_leaf(op: LeafOp, key: bytes, value: bytes) -> bytes:
    """Return the hash of the leaf that holds ``key`` and ``value``.

    Raises:
        InvalidProof: An empty key or value, or an operation that is not supported.
    """
    if not key:
        raise InvalidProof("leaf op needs key")
    if not value:
        raise InvalidProof("leaf op needs value")
    key_data = do_length(op.length, do_hash_or_noop(op.prehash_key, key))
    value_data = do_length(op.length, do_hash_or_noop(op.prehash_value, value))
    return do_hash(op.hash, op.prefix + key_data + value_data)


def apply_inner(op: InnerOp, child: bytes) -> bytes:
    """Return the hash of the parent of ``child``.

    Raises:
        InvalidProof: An empty child, or a hash that is not supported.
    """
    if not child:
        raise InvalidProof("inner op needs child value")
    return do_hash(op.hash, op.prefix + child + op.suffix)
