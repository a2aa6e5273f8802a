"""What a running script has: its stacks, its conditions, and the checks that operations share.

Spec:
    Bitcoin Core ``script/interpreter.cpp``, EvalScript.
"""

from chainkit.formats.bitcoin.limits import MAX_OPS_PER_SCRIPT
from chainkit.formats.bitcoin.script import (
    ScriptEndsEarly,
    decode_number,
    encode_number,
    instruction_at,
    is_minimal_number,
    push,
)
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.sighash import NO_CODESEPARATOR, TapscriptContext
from chainkit.formats.bitcoin.signature_checks import (
    SigVersion,
    SpendContext,
    check_public_key_encoding,
    check_signature_encoding,
)

VALIDATION_WEIGHT_PER_SIGOP = 50
"""BIP-342: what each signature that is checked costs of the witness's size."""

TRUE = b"\x01"
FALSE = b""


def as_bool(item: bytes) -> bool:
    """Return whether a stack item counts as true: any bit set but a lone sign bit."""
    return any(item[:-1]) or (bool(item) and item[-1] not in {0, 0x80})


class Tapscript:
    """What a tapscript run knows beside the transaction: its leaf, annex and weight left."""

    __slots__ = ("annex", "leaf_hash", "weight_left")

    def __init__(self, leaf_hash: bytes, annex: bytes | None, weight_left: int) -> None:
        self.leaf_hash = leaf_hash
        self.annex = annex
        self.weight_left = weight_left


class Machine:
    """The state of one run, and what operations ask of it; the result is left in ``stack``."""

    def __init__(
        self,
        stack: list[bytes],
        flags: ScriptFlag,
        spend: SpendContext,
        version: SigVersion,
        tapscript: Tapscript | None = None,
    ) -> None:
        self.stack = stack
        self.alternative: list[bytes] = []
        self.conditions: list[bool] = []
        self.flags = flags
        self.spend = spend
        self.version = version
        self.tapscript = tapscript
        self.minimal = bool(flags & ScriptFlag.MINIMALDATA)
        self.script = b""
        self.code_start = 0
        self.next_offset = 0
        self.position = 0
        self.separator_position = NO_CODESEPARATOR
        self.operations = 0

    def count_operations(self, count: int) -> None:
        """Count operations that the script may run in all."""
        self.operations += count
        if self.operations > MAX_OPS_PER_SCRIPT:
            raise ScriptFailed("OP_COUNT")

    def need(self, count: int) -> None:
        """Refuse to go on with fewer items on the stack."""
        if len(self.stack) < count:
            raise ScriptFailed("INVALID_STACK_OPERATION")

    def number_at(self, depth: int, max_bytes: int = 4) -> int:
        """Return the number ``depth`` items below the top (1 is the top)."""
        data = self.stack[-depth]
        if len(data) > max_bytes or (self.minimal and not is_minimal_number(data)):
            raise ScriptFailed("SCRIPTNUM")
        return decode_number(data)

    def push_number(self, value: int) -> None:
        """Push a number in its shortest form."""
        self.stack.append(encode_number(value))

    def push_bool(self, value: bool) -> None:
        """Push one or nothing."""
        self.stack.append(TRUE if value else FALSE)

    def check_signature(self, signature: bytes, key: bytes) -> bool:
        """Return whether the signature holds under this script's version."""
        if self.tapscript is not None:
            return self._check_tapscript_signature(self.tapscript, signature, key)
        code = self.script[self.code_start :]
        if self.version is SigVersion.BASE:
            code = self.without_signature(code, signature)
        check_signature_encoding(signature, self.flags)
        check_public_key_encoding(key, self.flags, self.version)
        valid = self.spend.check_ecdsa(signature, key, code, self.version)
        if not valid and self.flags & ScriptFlag.NULLFAIL and signature:
            raise ScriptFailed("NULLFAIL")
        return valid

    def without_signature(self, code: bytes, signature: bytes) -> bytes:
        """Return the signed code with pushes of the signature cut out (a quirk of consensus)."""
        wanted = _plain_push(signature)
        shorter = find_and_delete(code, wanted)
        if len(shorter) != len(code) and self.flags & ScriptFlag.CONST_SCRIPTCODE:
            raise ScriptFailed("SIG_FINDANDDELETE")
        return shorter

    def _check_tapscript_signature(
        self, tapscript: Tapscript, signature: bytes, key: bytes
    ) -> bool:
        if signature:
            tapscript.weight_left -= VALIDATION_WEIGHT_PER_SIGOP
            if tapscript.weight_left < 0:
                raise ScriptFailed("TAPSCRIPT_VALIDATION_WEIGHT")
        if not key:
            raise ScriptFailed("TAPSCRIPT_EMPTY_PUBKEY")
        if len(key) == 32:
            if signature:
                context = TapscriptContext(tapscript.leaf_hash, self.separator_position)
                self.spend.check_schnorr(signature, key, tapscript.annex, context)
        elif self.flags & ScriptFlag.DISCOURAGE_UPGRADABLE_PUBKEYTYPE:
            raise ScriptFailed("DISCOURAGE_UPGRADABLE_PUBKEYTYPE")
        return bool(signature)


def _plain_push(data: bytes) -> bytes:
    """Return the push that Core's ``CScript << vector`` makes: never a number opcode."""
    return push(data) if len(data) != 1 else b"\x01" + data


def find_and_delete(script: bytes, wanted: bytes) -> bytes:
    """Return the script without ``wanted`` wherever it stands at an instruction's start."""
    out = bytearray()
    kept_from = offset = 0
    while True:
        out += script[kept_from:offset]
        while script.startswith(wanted, offset):
            offset += len(wanted)
        kept_from = offset
        if offset >= len(script):
            break
        try:
            offset = instruction_at(script, offset).end
        except ScriptEndsEarly:
            break
    return bytes(out + script[kept_from:])
