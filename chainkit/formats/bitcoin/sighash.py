"""What a signature signs: legacy, BIP-143 (SegWit v0) and BIP-341 (taproot)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chainkit.formats.bitcoin.encoding import encode_compact_size, encode_sized
from chainkit.formats.bitcoin.hashing import double_sha256, tagged_hash
from chainkit.formats.bitcoin.script import Op, ScriptEndsEarly, instructions
from chainkit.formats.bitcoin.transactions import Transaction, TxOutput
from chainkit.primitives.hashing import sha256

SIGHASH_DEFAULT = 0
SIGHASH_ALL = 1
SIGHASH_NONE = 2
SIGHASH_SINGLE = 3
SIGHASH_ANYONECANPAY = 0x80
_TAPROOT_HASH_TYPES = frozenset({0, 1, 2, 3, 0x81, 0x82, 0x83})
_ONE = (1).to_bytes(32, "little")
_ZERO = bytes(32)
NO_CODESEPARATOR = 0xFFFFFFFF


def without_codeseparators(script: bytes) -> bytes:
    """Return the script with its OP_CODESEPARATORs cut out."""
    out = bytearray()
    start = 0
    try:
        for instruction in instructions(script):
            if instruction.opcode == Op.CODESEPARATOR:
                out += script[start : instruction.end - 1]
                start = instruction.end
    except ScriptEndsEarly:
        pass  # a script that cannot be parsed further fails anyway; the rest stays
    return bytes(out + script[start:])


def legacy_sighash(tx: Transaction, script_code: bytes, index: int, hash_type: int) -> bytes:
    """Return the 32-byte digest that input ``index`` signs; ``hash_type`` is a 32-bit number.

    SIGHASH_SINGLE without a matching output gives the number one: a quirk of consensus.
    """
    base = hash_type & 0x1F
    if base == SIGHASH_SINGLE and index >= len(tx.outputs):
        return _ONE
    script_code = without_codeseparators(script_code)
    anyone = hash_type & SIGHASH_ANYONECANPAY
    chosen = [index] if anyone else range(len(tx.inputs))
    parts = [tx.version.to_bytes(4, "little"), encode_compact_size(len(chosen))]
    for at in chosen:
        tx_input = tx.inputs[at]
        signed = at == index
        parts.append(tx_input.previous_output.encode())
        parts.append(encode_sized(script_code if signed else b""))
        hidden = not signed and base in {SIGHASH_NONE, SIGHASH_SINGLE}
        parts.append((0 if hidden else tx_input.sequence).to_bytes(4, "little"))
    if base == SIGHASH_NONE:
        parts.append(encode_compact_size(0))
    elif base == SIGHASH_SINGLE:
        parts.append(encode_compact_size(index + 1))
        parts.extend([TxOutput(-1, b"").encode()] * index)
        parts.append(tx.outputs[index].encode())
    else:
        parts.append(encode_compact_size(len(tx.outputs)))
        parts.extend(output.encode() for output in tx.outputs)
    parts.append(tx.lock_time.to_bytes(4, "little"))
    parts.append((hash_type & 0xFFFFFFFF).to_bytes(4, "little"))
    return double_sha256(b"".join(parts))


@dataclass(frozen=True)
class SighashData:
    """A transaction with the outputs that it spends, and the hashes its inputs share."""

    tx: Transaction
    spent: tuple[TxOutput, ...]

    @cached_property
    def prevouts(self) -> bytes:
        """SHA-256 over all outpoints."""
        return sha256(b"".join(i.previous_output.encode() for i in self.tx.inputs))

    @cached_property
    def sequences(self) -> bytes:
        """SHA-256 over all sequence numbers."""
        return sha256(b"".join(i.sequence.to_bytes(4, "little") for i in self.tx.inputs))

    @cached_property
    def outputs(self) -> bytes:
        """SHA-256 over all outputs."""
        return sha256(b"".join(output.encode() for output in self.tx.outputs))

    @cached_property
    def amounts(self) -> bytes:
        """SHA-256 over the values of the spent outputs."""
        return sha256(b"".join(o.value.to_bytes(8, "little", signed=True) for o in self.spent))

    @cached_property
    def scripts(self) -> bytes:
        """SHA-256 over the scripts of the spent outputs."""
        return sha256(b"".join(encode_sized(output.script_pubkey) for output in self.spent))


def segwit_sighash(data: SighashData, script_code: bytes, index: int, hash_type: int) -> bytes:
    """Return the digest of BIP-143 for input ``index`` with the value of its spent output."""
    tx = data.tx
    base = hash_type & 0x1F
    anyone = hash_type & SIGHASH_ANYONECANPAY
    tx_input = tx.inputs[index]
    shared = base not in {SIGHASH_NONE, SIGHASH_SINGLE}
    outputs: bytes = _ZERO
    if shared:
        outputs = sha256(data.outputs)
    elif base == SIGHASH_SINGLE and index < len(tx.outputs):
        outputs = double_sha256(tx.outputs[index].encode())
    return double_sha256(
        b"".join(
            (
                tx.version.to_bytes(4, "little"),
                _ZERO if anyone else sha256(data.prevouts),
                sha256(data.sequences) if shared and not anyone else _ZERO,
                tx_input.previous_output.encode(),
                encode_sized(script_code),
                data.spent[index].value.to_bytes(8, "little", signed=True),
                tx_input.sequence.to_bytes(4, "little"),
                outputs,
                tx.lock_time.to_bytes(4, "little"),
                (hash_type & 0xFFFFFFFF).to_bytes(4, "little"),
            )
        )
    )


@dataclass(frozen=True, slots=True)
class TapscriptContext:
    """What a signature inside a tapscript commits to beside the transaction (BIP-342)."""

    leaf_hash: bytes
    codeseparator_position: int = NO_CODESEPARATOR


def taproot_message(
    data: SighashData,
    index: int,
    hash_type: int,
    annex: bytes | None = None,
    tapscript: TapscriptContext | None = None,
) -> bytes | None:
    """Return BIP-341's message with its epoch byte, or None for a hash type that is not defined."""
    tx = data.tx
    if hash_type not in _TAPROOT_HASH_TYPES or len(data.spent) != len(tx.inputs):
        return None
    base = hash_type & 3 if hash_type else SIGHASH_ALL
    anyone = hash_type & SIGHASH_ANYONECANPAY
    parts = [bytes([0, hash_type]), tx.version.to_bytes(4, "little")]
    parts.append(tx.lock_time.to_bytes(4, "little"))
    if not anyone:
        parts += [data.prevouts, data.amounts, data.scripts, data.sequences]
    if base == SIGHASH_ALL:
        parts.append(data.outputs)
    parts.append(bytes([(2 if tapscript else 0) + (annex is not None)]))
    tx_input = tx.inputs[index]
    if anyone:
        parts += [tx_input.previous_output.encode(), data.spent[index].encode()]
        parts.append(tx_input.sequence.to_bytes(4, "little"))
    else:
        parts.append(index.to_bytes(4, "little"))
    if annex is not None:
        parts.append(sha256(encode_sized(annex)))
    if base == SIGHASH_SINGLE:
        if index >= len(tx.outputs):
            return None
        parts.append(sha256(tx.outputs[index].encode()))
    if tapscript:
        parts += [tapscript.leaf_hash, b"\x00"]
        parts.append(tapscript.codeseparator_position.to_bytes(4, "little"))
    return b"".join(parts)


def taproot_sighash(
    data: SighashData,
    index: int,
    hash_type: int,
    annex: bytes | None = None,
    tapscript: TapscriptContext | None = None,
) -> bytes | None:
    """Return the digest of BIP-341, or None for a hash type that is not defined."""
    message = taproot_message(data, index, hash_type, annex, tapscript)
    return None if message is None else tagged_hash("TapSighash", message)


def leaf_hash(script: bytes, leaf_version: int = 0xC0) -> bytes:
    """Return the hash of a taproot leaf."""
    return tagged_hash("TapLeaf", bytes([leaf_version]) + encode_sized(script))


def branch_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a taproot branch; the order of its children does not matter."""
    return tagged_hash("TapBranch", min(left, right) + max(left, right))


def root_of_path(leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the taproot tree's root from a leaf hash and its siblings upward."""
    node = leaf
    for sibling in path:
        node = branch_hash(node, sibling)
    return node


def taproot_tweak(internal_key: bytes, merkle_root: bytes = b"") -> bytes:
    """Return the tweak that turns an x-only internal key into the output key."""
    return tagged_hash("TapTweak", internal_key + merkle_root)
