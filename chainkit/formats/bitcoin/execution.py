"""The loop that runs one script on a stack machine.

Spec:
    Bitcoin Core ``script/interpreter.cpp``, EvalScript.
"""

from chainkit.formats.bitcoin.limits import (
    MAX_SCRIPT_BYTES,
    MAX_SCRIPT_ELEMENT_BYTES,
    MAX_STACK_ITEMS,
)
from chainkit.formats.bitcoin.machine import Machine
from chainkit.formats.bitcoin.operations import OPERATIONS
from chainkit.formats.bitcoin.script import (
    Instruction,
    Op,
    ScriptEndsEarly,
    instruction_at,
    push,
)
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.signature_checks import SigVersion

_DISABLED = frozenset(
    {
        Op.CAT, Op.SUBSTR, Op.LEFT, Op.RIGHT, Op.INVERT, Op.AND, Op.OR, Op.XOR, Op.OP_2MUL,
        Op.OP_2DIV, Op.MUL, Op.DIV, Op.MOD, Op.LSHIFT, Op.RSHIFT,
    }
)  # fmt: skip


def run(machine: Machine, script: bytes) -> None:
    """Run the script to its end.

    Raises:
        ScriptFailed: With Core's name of the failure.
    """
    bounded = machine.version is not SigVersion.TAPSCRIPT
    if bounded and len(script) > MAX_SCRIPT_BYTES:
        raise ScriptFailed("SCRIPT_SIZE")
    machine.script = script
    while machine.next_offset < len(script):
        try:
            instruction = instruction_at(script, machine.next_offset)
        except ScriptEndsEarly as error:
            raise ScriptFailed("BAD_OPCODE") from error
        machine.next_offset = instruction.end
        _check_instruction(machine, instruction, bounded=bounded)
        _execute(machine, instruction)
        if len(machine.stack) + len(machine.alternative) > MAX_STACK_ITEMS:
            raise ScriptFailed("STACK_SIZE")
        machine.position += 1
    if machine.conditions:
        raise ScriptFailed("UNBALANCED_CONDITIONAL")


def _check_instruction(machine: Machine, instruction: Instruction, *, bounded: bool) -> None:
    """Check what holds in branches that are not taken, too."""
    opcode = instruction.opcode
    if instruction.data is not None and len(instruction.data) > MAX_SCRIPT_ELEMENT_BYTES:
        raise ScriptFailed("PUSH_SIZE")
    if bounded and opcode > Op.OP_16:
        machine.count_operations(1)
    if opcode in _DISABLED:
        raise ScriptFailed("DISABLED_OPCODE")
    constant = machine.flags & ScriptFlag.CONST_SCRIPTCODE and machine.version is SigVersion.BASE
    if opcode == Op.CODESEPARATOR and constant:
        raise ScriptFailed("OP_CODESEPARATOR")


def _execute(machine: Machine, instruction: Instruction) -> None:
    opcode = instruction.opcode
    executing = all(machine.conditions)
    if executing and instruction.data is not None:
        if machine.minimal and push(instruction.data)[0] != opcode:
            raise ScriptFailed("MINIMALDATA")
        machine.stack.append(instruction.data)
    elif executing and (opcode == Op.OP_1NEGATE or Op.OP_1 <= opcode <= Op.OP_16):
        machine.push_number(opcode - Op.OP_1 + 1)
    elif executing or Op.IF <= opcode <= Op.ENDIF:
        operation = OPERATIONS.get(opcode)
        if operation is None:
            raise ScriptFailed("BAD_OPCODE")
        operation(machine)
