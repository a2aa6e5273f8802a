"""Proofs that answer an ABCI query: operators applied from the value up to the app hash.

Spec:
    CometBFT crypto/merkle, ``ProofOperators.Verify``, ``KeyPathToKeys`` and ``ValueOp``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.merkle import MerkleProof, leaf_hash
from chainkit.primitives.hashing import sha256
from chainkit.primitives.varint import encode_uvarint

MAX_OPERATORS = 16


class ProofOperator(Protocol):
    """One step: turns the root of a tree into the root of the tree that holds it."""

    @property
    def key(self) -> bytes:
        """The key that this step proves; empty if it proves none."""
        ...

    def run(self, value: bytes) -> bytes:
        """Return the root that ``value`` leads to; raises InvalidProof."""
        ...


@dataclass(frozen=True, slots=True)
class ValueOperator:
    """``simple:v``: a key and its value in a simple tree."""

    key: bytes
    proof: MerkleProof

    def run(self, value: bytes) -> bytes:
        """Return the simple tree's root.

        Raises:
            InvalidProof: The leaf is another, or the proof has no tree's shape.
        """
        pair = b"".join(encode_uvarint(len(part)) + part for part in (self.key, sha256(value)))
        if leaf_hash(pair) != self.proof.leaf_hash:
            raise InvalidProof("leaf hash is of another key and value")
        return self.proof.calculate_root()


def parse_key_path(text: str) -> tuple[bytes, ...]:
    """Return the keys of a path, the highest tree's first: ``/store/key`` or ``/x:0a0b``.

    Raises:
        InvalidProof: It does not start with a slash, a part is not hexadecimal after
            ``x:``, or it is no text that UTF-8 can write.
    """
    if not text.startswith("/"):
        raise InvalidProof("key path must start with a slash")
    keys = []
    for part in text[1:].split("/"):
        if part.startswith("x:"):
            try:
                keys.append(bytes.fromhex(part[2:]))
            except ValueError as error:
                raise InvalidProof(f"key path part {part[:40]!r} is not hexadecimal") from error
        else:
            try:
                keys.append(unquote_to_bytes(part))
            except UnicodeEncodeError as error:
                raise InvalidProof(f"key path part {part[:40]!r} is no text") from error
    return tuple(keys)


def verify_operators(
    operators: Sequence[ProofOperator], root: bytes, key_path: str, value: bytes
) -> None:
    """Check that ``key_path`` leads to ``value`` under ``root``.

    Raises:
        InvalidProof: A key is not the path's next from the right, keys are left over, a
            step refuses, or the last root is another.
    """
    if not 0 < len(operators) <= MAX_OPERATORS:
        raise InvalidProof(f"{len(operators)} proof operators")
    keys = list(parse_key_path(key_path))
    current = value
    for operator in operators:
        if operator.key:
            if not keys or keys[-1] != operator.key:
                raise InvalidProof("key of an operator is not the path's")
            keys.pop()
        current = operator.run(current)
    if not root or current != root:
        raise InvalidProof("calculated root is not the root")
    if keys:
        raise InvalidProof("key path was not consumed whole")
