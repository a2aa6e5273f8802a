"""What each opcode does to a machine; pushes of data and small numbers are the loop's.

Spec:
    Bitcoin Core ``script/interpreter.cpp``, EvalScript.
"""

import hashlib
from collections.abc import Callable

from chainkit.formats.bitcoin.hashing import double_sha256, hash160, ripemd160
from chainkit.formats.bitcoin.limits import (
    MAX_PUBKEYS_PER_MULTISIG,
    SEQUENCE_LOCKTIME_DISABLE_FLAG,
)
from chainkit.formats.bitcoin.machine import TRUE, Machine, as_bool
from chainkit.formats.bitcoin.script import Op
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.signature_checks import (
    SigVersion,
    check_public_key_encoding,
    check_signature_encoding,
)
from chainkit.primitives.hashing import sha256


def _if(machine: Machine, *, wanted: bool) -> None:
    value = False
    if all(machine.conditions):
        machine.need(1)
        item = machine.stack[-1]
        minimal = item in {b"", TRUE}
        if machine.version is SigVersion.TAPSCRIPT and not minimal:
            raise ScriptFailed("TAPSCRIPT_MINIMALIF")
        checked = machine.flags & ScriptFlag.MINIMALIF and machine.version is SigVersion.WITNESS_V0
        if checked and not minimal:
            raise ScriptFailed("MINIMALIF")
        value = as_bool(machine.stack.pop()) == wanted
    machine.conditions.append(value)


def _else(machine: Machine) -> None:
    if not machine.conditions:
        raise ScriptFailed("UNBALANCED_CONDITIONAL")
    machine.conditions[-1] = not machine.conditions[-1]


def _end_if(machine: Machine) -> None:
    if not machine.conditions:
        raise ScriptFailed("UNBALANCED_CONDITIONAL")
    machine.conditions.pop()


def _nop(_machine: Machine) -> None:
    return


def _upgradable_nop(machine: Machine) -> None:
    if machine.flags & ScriptFlag.DISCOURAGE_UPGRADABLE_NOPS:
        raise ScriptFailed("DISCOURAGE_UPGRADABLE_NOPS")


def _verify(machine: Machine, failure: str = "VERIFY") -> None:
    machine.need(1)
    if not as_bool(machine.stack[-1]):
        raise ScriptFailed(failure)
    machine.stack.pop()


def _return(_machine: Machine) -> None:
    raise ScriptFailed("OP_RETURN")


def _check_lock_time(machine: Machine) -> None:
    if not machine.flags & ScriptFlag.CHECKLOCKTIMEVERIFY:
        return
    machine.need(1)
    wanted = machine.number_at(1, max_bytes=5)
    if wanted < 0:
        raise ScriptFailed("NEGATIVE_LOCKTIME")
    if not machine.spend.check_lock_time(wanted):
        raise ScriptFailed("UNSATISFIED_LOCKTIME")


def _check_sequence(machine: Machine) -> None:
    if not machine.flags & ScriptFlag.CHECKSEQUENCEVERIFY:
        return
    machine.need(1)
    wanted = machine.number_at(1, max_bytes=5)
    if wanted < 0:
        raise ScriptFailed("NEGATIVE_LOCKTIME")
    if wanted & SEQUENCE_LOCKTIME_DISABLE_FLAG:
        return
    if not machine.spend.check_sequence(wanted):
        raise ScriptFailed("UNSATISFIED_LOCKTIME")


def _to_alternative(machine: Machine) -> None:
    machine.need(1)
    machine.alternative.append(machine.stack.pop())


def _from_alternative(machine: Machine) -> None:
    if not machine.alternative:
        raise ScriptFailed("INVALID_ALTSTACK_OPERATION")
    machine.stack.append(machine.alternative.pop())


def _rearrange(need: int, order: tuple[int, ...]) -> Callable[[Machine], None]:
    """An operation that replaces the top ``need`` items by those numbered in ``order``."""

    def operation(machine: Machine) -> None:
        machine.need(need)
        taken = machine.stack[len(machine.stack) - need :]
        del machine.stack[len(machine.stack) - need :]
        machine.stack.extend(taken[at] for at in order)

    return operation


def _if_dup(machine: Machine) -> None:
    machine.need(1)
    if as_bool(machine.stack[-1]):
        machine.stack.append(machine.stack[-1])


def _depth(machine: Machine) -> None:
    machine.push_number(len(machine.stack))


def _pick(machine: Machine, *, remove: bool) -> None:
    machine.need(2)
    depth = machine.number_at(1)
    machine.stack.pop()
    if not 0 <= depth < len(machine.stack):
        raise ScriptFailed("INVALID_STACK_OPERATION")
    at = len(machine.stack) - 1 - depth
    item = machine.stack.pop(at) if remove else machine.stack[at]
    machine.stack.append(item)


def _size(machine: Machine) -> None:
    machine.need(1)
    machine.push_number(len(machine.stack[-1]))


def _equal(machine: Machine) -> None:
    machine.need(2)
    machine.push_bool(machine.stack.pop() == machine.stack.pop())


def _then_verify(operation: Callable[[Machine], None], failure: str) -> Callable[[Machine], None]:
    def both(machine: Machine) -> None:
        operation(machine)
        _verify(machine, failure)

    return both


def _unary(function: Callable[[int], int]) -> Callable[[Machine], None]:
    def operation(machine: Machine) -> None:
        machine.need(1)
        value = machine.number_at(1)
        machine.stack.pop()
        machine.push_number(function(value))

    return operation


def _binary(function: Callable[[int, int], int]) -> Callable[[Machine], None]:
    def operation(machine: Machine) -> None:
        machine.need(2)
        left, right = machine.number_at(2), machine.number_at(1)
        del machine.stack[-2:]
        machine.push_number(function(left, right))

    return operation


def _within(machine: Machine) -> None:
    machine.need(3)
    value, low, high = machine.number_at(3), machine.number_at(2), machine.number_at(1)
    del machine.stack[-3:]
    machine.push_bool(low <= value < high)


def _hash(function: Callable[[bytes], bytes]) -> Callable[[Machine], None]:
    def operation(machine: Machine) -> None:
        machine.need(1)
        machine.stack.append(function(machine.stack.pop()))

    return operation


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _code_separator(machine: Machine) -> None:
    machine.code_start = machine.next_offset
    machine.separator_position = machine.position


def _check_sig(machine: Machine) -> None:
    machine.need(2)
    valid = machine.check_signature(machine.stack[-2], machine.stack[-1])
    del machine.stack[-2:]
    machine.push_bool(valid)


def _check_sig_add(machine: Machine) -> None:
    if machine.version is not SigVersion.TAPSCRIPT:
        raise ScriptFailed("BAD_OPCODE")
    machine.need(3)
    total = machine.number_at(2)
    valid = machine.check_signature(machine.stack[-3], machine.stack[-1])
    del machine.stack[-3:]
    machine.push_number(total + valid)


def _check_multisig(machine: Machine) -> None:
    if machine.version is SigVersion.TAPSCRIPT:
        raise ScriptFailed("TAPSCRIPT_CHECKMULTISIG")
    stack = machine.stack
    machine.need(1)
    key_count = machine.number_at(1)
    if not 0 <= key_count <= MAX_PUBKEYS_PER_MULTISIG:
        raise ScriptFailed("PUBKEY_COUNT")
    machine.count_operations(key_count)
    machine.need(key_count + 2)
    signature_count = machine.number_at(key_count + 2)
    if not 0 <= signature_count <= key_count:
        raise ScriptFailed("SIG_COUNT")
    used = key_count + signature_count + 2
    machine.need(used)
    # Core matches from the top of the stack downwards: the last key and signature first.
    keys = [stack[-depth] for depth in range(2, key_count + 2)]
    signatures = [stack[-depth] for depth in range(key_count + 3, used + 1)]
    valid = _match_signatures(machine, keys, signatures)
    if not valid and machine.flags & ScriptFlag.NULLFAIL and any(signatures):
        raise ScriptFailed("NULLFAIL")
    del stack[len(stack) - used :]
    machine.need(1)
    if machine.flags & ScriptFlag.NULLDUMMY and stack[-1]:
        raise ScriptFailed("SIG_NULLDUMMY")
    stack.pop()
    machine.push_bool(valid)


def _match_signatures(machine: Machine, keys: list[bytes], signatures: list[bytes]) -> bool:
    code = machine.script[machine.code_start :]
    if machine.version is SigVersion.BASE:
        for signature in signatures:
            code = machine.without_signature(code, signature)
    wanted = 0
    for at, key in enumerate(keys):
        if wanted == len(signatures):
            break
        if len(signatures) - wanted > len(keys) - at:
            return False
        signature = signatures[wanted]
        check_signature_encoding(signature, machine.flags)
        check_public_key_encoding(key, machine.flags, machine.version)
        if machine.spend.check_ecdsa(signature, key, code, machine.version):
            wanted += 1
    return wanted == len(signatures)


_NAMED_OPERATIONS: dict[Op, Callable[[Machine], None]] = {
    Op.NOP: _nop,
    Op.IF: lambda machine: _if(machine, wanted=True),
    Op.NOTIF: lambda machine: _if(machine, wanted=False),
    Op.ELSE: _else,
    Op.ENDIF: _end_if,
    Op.VERIFY: _verify,
    Op.RETURN: _return,
    Op.CHECKLOCKTIMEVERIFY: _check_lock_time,
    Op.CHECKSEQUENCEVERIFY: _check_sequence,
    Op.TOALTSTACK: _to_alternative,
    Op.FROMALTSTACK: _from_alternative,
    Op.OP_2DROP: _rearrange(2, ()),
    Op.OP_2DUP: _rearrange(2, (0, 1, 0, 1)),
    Op.OP_3DUP: _rearrange(3, (0, 1, 2, 0, 1, 2)),
    Op.OP_2OVER: _rearrange(4, (0, 1, 2, 3, 0, 1)),
    Op.OP_2ROT: _rearrange(6, (2, 3, 4, 5, 0, 1)),
    Op.OP_2SWAP: _rearrange(4, (2, 3, 0, 1)),
    Op.IFDUP: _if_dup,
    Op.DEPTH: _depth,
    Op.DROP: _rearrange(1, ()),
    Op.DUP: _rearrange(1, (0, 0)),
    Op.NIP: _rearrange(2, (1,)),
    Op.OVER: _rearrange(2, (0, 1, 0)),
    Op.PICK: lambda machine: _pick(machine, remove=False),
    Op.ROLL: lambda machine: _pick(machine, remove=True),
    Op.ROT: _rearrange(3, (1, 2, 0)),
    Op.SWAP: _rearrange(2, (1, 0)),
    Op.TUCK: _rearrange(2, (1, 0, 1)),
    Op.SIZE: _size,
    Op.EQUAL: _equal,
    Op.EQUALVERIFY: _then_verify(_equal, "EQUALVERIFY"),
    Op.OP_1ADD: _unary(lambda value: value + 1),
    Op.OP_1SUB: _unary(lambda value: value - 1),
    Op.NEGATE: _unary(lambda value: -value),
    Op.ABS: _unary(abs),
    Op.NOT: _unary(lambda value: value == 0),
    Op.OP_0NOTEQUAL: _unary(lambda value: value != 0),
    Op.ADD: _binary(lambda left, right: left + right),
    Op.SUB: _binary(lambda left, right: left - right),
    Op.BOOLAND: _binary(lambda left, right: left != 0 and right != 0),
    Op.BOOLOR: _binary(lambda left, right: left != 0 or right != 0),
    Op.NUMEQUAL: _binary(lambda left, right: left == right),
    Op.NUMEQUALVERIFY: _then_verify(_binary(lambda left, right: left == right), "NUMEQUALVERIFY"),
    Op.NUMNOTEQUAL: _binary(lambda left, right: left != right),
    Op.LESSTHAN: _binary(lambda left, right: left < right),
    Op.GREATERTHAN: _binary(lambda left, right: left > right),
    Op.LESSTHANOREQUAL: _binary(lambda left, right: left <= right),
    Op.GREATERTHANOREQUAL: _binary(lambda left, right: left >= right),
    Op.MIN: _binary(min),
    Op.MAX: _binary(max),
    Op.WITHIN: _within,
    Op.RIPEMD160: _hash(ripemd160),
    Op.SHA1: _hash(_sha1),
    Op.SHA256: _hash(sha256),
    Op.HASH160: _hash(hash160),
    Op.HASH256: _hash(double_sha256),
    Op.CODESEPARATOR: _code_separator,
    Op.CHECKSIG: _check_sig,
    Op.CHECKSIGVERIFY: _then_verify(_check_sig, "CHECKSIGVERIFY"),
    Op.CHECKSIGADD: _check_sig_add,
    Op.CHECKMULTISIG: _check_multisig,
    Op.CHECKMULTISIGVERIFY: _then_verify(_check_multisig, "CHECKMULTISIGVERIFY"),
}
_UPGRADABLE = (Op.NOP1, Op.NOP4, Op.NOP5, Op.NOP6, Op.NOP7, Op.NOP8, Op.NOP9, Op.NOP10)
OPERATIONS: dict[int, Callable[[Machine], None]] = {
    **{int(name): operation for name, operation in _NAMED_OPERATIONS.items()},
    **{int(name): _upgradable_nop for name in _UPGRADABLE},
}
