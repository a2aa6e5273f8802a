"""May this input spend that output: script, pay-to-script-hash, witness programs, taproot.

Spec:
    Bitcoin Core ``script/interpreter.cpp``, VerifyScript; BIP-16, BIP-141, BIP-341, BIP-342.
"""

from chainkit.formats.bitcoin.encoding import encode_compact_size, encode_sized
from chainkit.formats.bitcoin.execution import run
from chainkit.formats.bitcoin.limits import MAX_SCRIPT_ELEMENT_BYTES, MAX_STACK_ITEMS
from chainkit.formats.bitcoin.machine import (
    VALIDATION_WEIGHT_PER_SIGOP,
    Machine,
    Tapscript,
    as_bool,
)
from chainkit.formats.bitcoin.script import (
    ScriptEndsEarly,
    as_witness_program,
    instructions,
    is_p2sh,
    is_push_only,
    p2pkh,
    push,
)
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.sighash import leaf_hash, root_of_path, taproot_tweak
from chainkit.formats.bitcoin.signature_checks import SigVersion, SpendContext
from chainkit.primitives.hashing import sha256
from chainkit.sigverify import schnorr

ANNEX_TAG = 0x50
TAPSCRIPT_LEAF_VERSION = 0xC0
_LEAF_MASK = 0xFE
_CONTROL_BASE_BYTES = 33
_CONTROL_NODE_BYTES = 32
_CONTROL_MAX_NODES = 128
_ANCHOR_PROGRAM = b"\x4e\x73"


def is_op_success(opcode: int) -> bool:
    """Return whether a tapscript with this opcode anywhere succeeds at once (BIP-342)."""
    return (
        opcode in {80, 98}
        or 126 <= opcode <= 129
        or 131 <= opcode <= 134
        or 137 <= opcode <= 138
        or 141 <= opcode <= 142
        or 149 <= opcode <= 153
        or 187 <= opcode <= 254
    )


def _require_true(stack: list[bytes]) -> None:
    if not stack or not as_bool(stack[-1]):
        raise ScriptFailed("EVAL_FALSE")


def verify_script(
    script_sig: bytes,
    script_pubkey: bytes,
    witness: tuple[bytes, ...],
    spend: SpendContext,
    flags: ScriptFlag,
) -> None:
    """Check that the input's script and witness satisfy the output's script.

    Raises:
        ScriptFailed: With Core's name of the failure.
    """
    if flags & ScriptFlag.SIGPUSHONLY and not is_push_only(script_sig):
        raise ScriptFailed("SIG_PUSHONLY")
    stack: list[bytes] = []
    run(Machine(stack, flags, spend, SigVersion.BASE), script_sig)
    after_input = list(stack)
    run(Machine(stack, flags, spend, SigVersion.BASE), script_pubkey)
    _require_true(stack)
    program = as_witness_program(script_pubkey) if flags & ScriptFlag.WITNESS else None
    witness_used = program is not None
    if program is not None:
        if script_sig:
            raise ScriptFailed("WITNESS_MALLEATED")
        _verify_witness_program(program, witness, spend, flags, nested=False)
        del stack[1:]
    if flags & ScriptFlag.P2SH and is_p2sh(script_pubkey):
        stack = after_input
        witness_used |= _verify_p2sh(script_sig, stack, witness, spend, flags)
    if flags & ScriptFlag.CLEANSTACK and len(stack) != 1:
        raise ScriptFailed("CLEANSTACK")
    if flags & ScriptFlag.WITNESS and witness and not witness_used:
        raise ScriptFailed("WITNESS_UNEXPECTED")


def _verify_p2sh(
    script_sig: bytes,
    stack: list[bytes],
    witness: tuple[bytes, ...],
    spend: SpendContext,
    flags: ScriptFlag,
) -> bool:
    """Run the redeem script on ``stack``; return whether it was a witness program."""
    if not is_push_only(script_sig):
        raise ScriptFailed("SIG_PUSHONLY")
    redeem_script = stack.pop()
    run(Machine(stack, flags, spend, SigVersion.BASE), redeem_script)
    _require_true(stack)
    program = as_witness_program(redeem_script) if flags & ScriptFlag.WITNESS else None
    if program is None:
        return False
    if script_sig != push(redeem_script):
        raise ScriptFailed("WITNESS_MALLEATED_P2SH")
    _verify_witness_program(program, witness, spend, flags, nested=True)
    del stack[1:]
    return True


def _verify_witness_program(
    program: tuple[int, bytes],
    witness: tuple[bytes, ...],
    spend: SpendContext,
    flags: ScriptFlag,
    *,
    nested: bool,
) -> None:
    version, data = program
    if version == 0:
        _verify_version_0(data, witness, spend, flags)
    elif version == 1 and len(data) == 32 and not nested:
        if flags & ScriptFlag.TAPROOT:
            _verify_taproot(data, witness, spend, flags)
    elif version == 1 and data == _ANCHOR_PROGRAM and not nested:
        return
    elif flags & ScriptFlag.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM:
        raise ScriptFailed("DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM")


def _verify_version_0(
    data: bytes, witness: tuple[bytes, ...], spend: SpendContext, flags: ScriptFlag
) -> None:
    stack = list(witness)
    if len(data) == 32:
        if not stack:
            raise ScriptFailed("WITNESS_PROGRAM_WITNESS_EMPTY")
        script = stack.pop()
        if sha256(script) != data:
            raise ScriptFailed("WITNESS_PROGRAM_MISMATCH")
    elif len(data) == 20:
        if len(stack) != 2:
            raise ScriptFailed("WITNESS_PROGRAM_MISMATCH")
        script = p2pkh(data)
    else:
        raise ScriptFailed("WITNESS_PROGRAM_WRONG_LENGTH")
    _run_witness_script(script, Machine(stack, flags, spend, SigVersion.WITNESS_V0))


def _run_witness_script(script: bytes, machine: Machine) -> None:
    if any(len(item) > MAX_SCRIPT_ELEMENT_BYTES for item in machine.stack):
        raise ScriptFailed("PUSH_SIZE")
    run(machine, script)
    if len(machine.stack) != 1:
        raise ScriptFailed("CLEANSTACK")
    _require_true(machine.stack)


def _verify_taproot(
    output_key: bytes, witness: tuple[bytes, ...], spend: SpendContext, flags: ScriptFlag
) -> None:
    stack = list(witness)
    if not stack:
        raise ScriptFailed("WITNESS_PROGRAM_WITNESS_EMPTY")
    annex = None
    if len(stack) >= 2 and stack[-1][:1] == bytes([ANNEX_TAG]):
        annex = stack.pop()
    if len(stack) == 1:
        spend.check_schnorr(stack[0], output_key, annex, None)
        return
    control = stack.pop()
    script = stack.pop()
    nodes, rest = divmod(len(control) - _CONTROL_BASE_BYTES, _CONTROL_NODE_BYTES)
    if rest or not 0 <= nodes <= _CONTROL_MAX_NODES:
        raise ScriptFailed("TAPROOT_WRONG_CONTROL_SIZE")
    version = control[0] & _LEAF_MASK
    leaf = leaf_hash(script, version)
    path = [control[at : at + 32] for at in range(_CONTROL_BASE_BYTES, len(control), 32)]
    internal_key = control[1:_CONTROL_BASE_BYTES]
    tweak = taproot_tweak(internal_key, root_of_path(leaf, path))
    if schnorr.tweak_public_key(internal_key, tweak) != (output_key, control[0] & 1):
        raise ScriptFailed("WITNESS_PROGRAM_MISMATCH")
    if version == TAPSCRIPT_LEAF_VERSION:
        size = len(encode_compact_size(len(witness))) + sum(len(encode_sized(i)) for i in witness)
        context = Tapscript(leaf, annex, size + VALIDATION_WEIGHT_PER_SIGOP)
        _run_tapscript(script, Machine(stack, flags, spend, SigVersion.TAPSCRIPT, context))
    elif flags & ScriptFlag.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION:
        raise ScriptFailed("DISCOURAGE_UPGRADABLE_TAPROOT_VERSION")


def _run_tapscript(script: bytes, machine: Machine) -> None:
    try:
        for instruction in instructions(script):
            if is_op_success(instruction.opcode):
                if machine.flags & ScriptFlag.DISCOURAGE_OP_SUCCESS:
                    raise ScriptFailed("DISCOURAGE_OP_SUCCESS")
                return
    except ScriptEndsEarly as error:
        raise ScriptFailed("BAD_OPCODE") from error
    if len(machine.stack) > MAX_STACK_ITEMS:
        raise ScriptFailed("STACK_SIZE")
    _run_witness_script(script, machine)
