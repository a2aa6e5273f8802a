"""Script: opcodes, parsing, numbers, and the standard output forms.

Spec:
    Bitcoin Core ``script/script.h``, ``script/solver.cpp``; BIP-16, BIP-141, BIP-341.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.hashing import hash160
from chainkit.formats.bitcoin.limits import MAX_PUBKEYS_PER_MULTISIG
from chainkit.primitives.hashing import sha256


class Op(IntEnum):
    """Opcodes by their names without ``OP_``; those that start with a digit keep it."""

    OP_0 = 0x00
    PUSHDATA1 = 0x4C
    PUSHDATA2 = 0x4D
    PUSHDATA4 = 0x4E
    OP_1NEGATE = 0x4F
    RESERVED = 0x50
    OP_1 = 0x51
    OP_2 = 0x52
    OP_3 = 0x53
    OP_4 = 0x54
    OP_5 = 0x55
    OP_6 = 0x56
    OP_7 = 0x57
    OP_8 = 0x58
    OP_9 = 0x59
    OP_10 = 0x5A
    OP_11 = 0x5B
    OP_12 = 0x5C
    OP_13 = 0x5D
    OP_14 = 0x5E
    OP_15 = 0x5F
    OP_16 = 0x60
    NOP = 0x61
    VER = 0x62
    IF = 0x63
    NOTIF = 0x64
    VERIF = 0x65
    VERNOTIF = 0x66
    ELSE = 0x67
    ENDIF = 0x68
    VERIFY = 0x69
    RETURN = 0x6A
    TOALTSTACK = 0x6B
    FROMALTSTACK = 0x6C
    OP_2DROP = 0x6D
    OP_2DUP = 0x6E
    OP_3DUP = 0x6F
    OP_2OVER = 0x70
    OP_2ROT = 0x71
    OP_2SWAP = 0x72
    IFDUP = 0x73
    DEPTH = 0x74
    DROP = 0x75
    DUP = 0x76
    NIP = 0x77
    OVER = 0x78
    PICK = 0x79
    ROLL = 0x7A
    ROT = 0x7B
    SWAP = 0x7C
    TUCK = 0x7D
    CAT = 0x7E
    SUBSTR = 0x7F
    LEFT = 0x80
    RIGHT = 0x81
    SIZE = 0x82
    INVERT = 0x83
    AND = 0x84
    OR = 0x85
    XOR = 0x86
    EQUAL = 0x87
    EQUALVERIFY = 0x88
    RESERVED1 = 0x89
    RESERVED2 = 0x8A
    OP_1ADD = 0x8B
    OP_1SUB = 0x8C
    OP_2MUL = 0x8D
    OP_2DIV = 0x8E
    NEGATE = 0x8F
    ABS = 0x90
    NOT = 0x91
    OP_0NOTEQUAL = 0x92
    ADD = 0x93
    SUB = 0x94
    MUL = 0x95
    DIV = 0x96
    MOD = 0x97
    LSHIFT = 0x98
    RSHIFT = 0x99
    BOOLAND = 0x9A
    BOOLOR = 0x9B
    NUMEQUAL = 0x9C
    NUMEQUALVERIFY = 0x9D
    NUMNOTEQUAL = 0x9E
    LESSTHAN = 0x9F
    GREATERTHAN = 0xA0
    LESSTHANOREQUAL = 0xA1
    GREATERTHANOREQUAL = 0xA2
    MIN = 0xA3
    MAX = 0xA4
    WITHIN = 0xA5
    RIPEMD160 = 0xA6
    SHA1 = 0xA7
    SHA256 = 0xA8
    HASH160 = 0xA9
    HASH256 = 0xAA
    CODESEPARATOR = 0xAB
    CHECKSIG = 0xAC
    CHECKSIGVERIFY = 0xAD
    CHECKMULTISIG = 0xAE
    CHECKMULTISIGVERIFY = 0xAF
    NOP1 = 0xB0
    CHECKLOCKTIMEVERIFY = 0xB1
    CHECKSEQUENCEVERIFY = 0xB2
    NOP4 = 0xB3
    NOP5 = 0xB4
    NOP6 = 0xB5
    NOP7 = 0xB6
    NOP8 = 0xB7
    NOP9 = 0xB8
    NOP10 = 0xB9
    CHECKSIGADD = 0xBA


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a script: an opcode, and the data where it pushes some."""

    opcode: int
    data: bytes | None
    end: int
    """Offset of the byte after it."""

    @property
    def is_push(self) -> bool:
        """Whether it only pushes (Core counts OP_RESERVED in)."""
        return self.opcode <= Op.OP_16


class ScriptEndsEarly(BitcoinRuleBroken):
    """A push says more bytes than the script has: the interpreter's BAD_OPCODE."""

    code = 6

    def __init__(self) -> None:
        super().__init__("BAD_OPCODE", "a push runs past the end of the script")


def instruction_at(script: bytes, offset: int) -> Instruction:
    """Return the instruction at ``offset``, which is inside the script.

    Raises:
        ScriptEndsEarly: Its data runs past the end.
    """
    opcode = script[offset]
    offset += 1
    if opcode > Op.PUSHDATA4:
        return Instruction(opcode, None, offset)
    if opcode < Op.PUSHDATA1:
        size = opcode
    else:
        width = (1, 2, 4)[opcode - Op.PUSHDATA1]
        if offset + width > len(script):
            raise ScriptEndsEarly
        size = int.from_bytes(script[offset : offset + width], "little")
        offset += width
    end = offset + size
    if end > len(script):
        raise ScriptEndsEarly
    return Instruction(opcode, script[offset:end], end)


def instructions(script: bytes) -> Iterator[Instruction]:
    """Yield the script's instructions.

    Raises:
        ScriptEndsEarly: A push runs past the end.
    """
    offset = 0
    while offset < len(script):
        instruction = instruction_at(script, offset)
        yield instruction
        offset = instruction.end


def encode_number(value: int) -> bytes:
    """Return Script's shortest little-endian sign-magnitude form; empty for zero."""
    if value == 0:
        return b""
    magnitude = abs(value)
    data = bytearray(magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "little"))
    if data[-1] & 0x80:
        data.append(0x80 if value < 0 else 0)
    elif value < 0:
        data[-1] |= 0x80
    return bytes(data)


def decode_number(data: bytes) -> int:
    """Return the number in Script's form, minimal or not."""
    if not data:
        return 0
    value = int.from_bytes(data, "little")
    sign = 0x80 << 8 * (len(data) - 1)
    return -(value ^ sign) if value & sign else value


def is_minimal_number(data: bytes) -> bool:
    """Return whether ``data`` is the shortest form of its number."""
    return encode_number(decode_number(data)) == data


def push(data: bytes) -> bytes:
    """Return the shortest push of ``data``, as MINIMALDATA asks."""
    if not data:
        return bytes([Op.OP_0])
    if len(data) == 1 and 1 <= data[0] <= 16:
        return bytes([Op.OP_1 + data[0] - 1])
    if data == b"\x81":
        return bytes([Op.OP_1NEGATE])
    size = len(data)
    if size < Op.PUSHDATA1:
        return bytes([size]) + data
    if size <= 0xFF:
        return bytes([Op.PUSHDATA1, size]) + data
    if size <= 0xFFFF:
        return bytes([Op.PUSHDATA2]) + size.to_bytes(2, "little") + data
    return bytes([Op.PUSHDATA4]) + size.to_bytes(4, "little") + data


def push_number(value: int) -> bytes:
    """Return the shortest push of a number."""
    return push(encode_number(value))


def build(*parts: Op | int | bytes) -> bytes:
    """Return a script of opcodes (``Op``), numbers and data, pushed in the shortest form."""
    out = bytearray()
    for part in parts:
        if isinstance(part, Op):
            out.append(part)
        elif isinstance(part, int):
            out += push_number(part)
        else:
            out += push(part)
    return bytes(out)


def is_push_only(script: bytes) -> bool:
    """Return whether the script only pushes; one that ends early does not."""
    try:
        return all(instruction.is_push for instruction in instructions(script))
    except ScriptEndsEarly:
        return False


def p2pkh(key_hash: bytes) -> bytes:
    """Return the output script that pays a 20-byte key hash."""
    return build(Op.DUP, Op.HASH160, key_hash, Op.EQUALVERIFY, Op.CHECKSIG)


def p2sh(script_hash: bytes) -> bytes:
    """Return the output script that pays a 20-byte script hash (BIP-16)."""
    return build(Op.HASH160, script_hash, Op.EQUAL)


def p2sh_of(redeem_script: bytes) -> bytes:
    """Return the P2SH output script of ``redeem_script``."""
    return p2sh(hash160(redeem_script))


def witness_program(version: int, program: bytes) -> bytes:
    """Return the output script of a witness program (BIP-141)."""
    return build(version, program) if version else bytes([Op.OP_0]) + push(program)


def p2wpkh(key_hash: bytes) -> bytes:
    """Return the witness output script that pays a 20-byte key hash."""
    return witness_program(0, key_hash)


def p2wsh_of(witness_script: bytes) -> bytes:
    """Return the witness output script of ``witness_script``."""
    return witness_program(0, sha256(witness_script))


def p2tr(output_key: bytes) -> bytes:
    """Return the taproot output script of a 32-byte output key (BIP-341)."""
    return witness_program(1, output_key)


def multisig(required: int, public_keys: Sequence[bytes]) -> bytes:
    """Return a bare multisig script: ``required`` of the keys, in their order."""
    assert 0 < required <= len(public_keys) <= MAX_PUBKEYS_PER_MULTISIG
    return build(required, *public_keys, len(public_keys), Op.CHECKMULTISIG)


def null_data(*items: bytes) -> bytes:
    """Return an OP_RETURN output script that carries ``items``."""
    return build(Op.RETURN, *items)


def as_witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Return (version, program) of a witness output script, else None."""
    if not 4 <= len(script) <= 42 or script[1] + 2 != len(script):
        return None
    if script[0] != Op.OP_0 and not Op.OP_1 <= script[0] <= Op.OP_16:
        return None
    return (script[0] - Op.OP_1 + 1 if script[0] else 0), script[2:]


def is_p2sh(script: bytes) -> bool:
    """Return whether the script is the 23 bytes of BIP-16."""
    return len(script) == 23 and script[:2] == b"\xa9\x14" and script[22] == Op.EQUAL


def is_unspendable(script: bytes) -> bool:
    """Return whether no input can ever satisfy it, so that no coin is kept for it."""
    return script[:1] == bytes([Op.RETURN]) or len(script) > 10_000


def count_sigops(script: bytes, *, accurate: bool) -> int:
    """Return the signature operations as Core counts them; a multisig counts 20 or its keys."""
    total = 0
    last = 0xFF
    try:
        for instruction in instructions(script):
            opcode = instruction.opcode
            if opcode in {Op.CHECKSIG, Op.CHECKSIGVERIFY}:
                total += 1
            elif opcode in {Op.CHECKMULTISIG, Op.CHECKMULTISIGVERIFY}:
                known = accurate and Op.OP_1 <= last <= Op.OP_16
                total += last - Op.OP_1 + 1 if known else MAX_PUBKEYS_PER_MULTISIG
            last = opcode
    except ScriptEndsEarly:
        return total
    return total
