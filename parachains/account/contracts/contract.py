"""A native contract: methods by selector, and what a call of one is given."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.context import Context
from parachains.account.contracts.abi import (
    SELECTOR_BYTES,
    AbiValue,
    decode_abi,
    encode_abi,
    selector_of,
)
from parachains.account.contracts.machine import revert
from parachains.account.errors import MalformedCall

GAS_DISPATCH = 200
GAS_ARGUMENT_BYTE = 3
"""Decoding arguments, as memory would cost a virtual machine."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls which account with how many wei; the wei are there already."""

    ctx: Context
    this: Address
    sender: Address
    value: int


Arguments = tuple[AbiValue, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the ABI; ``handle`` returns the values of ``outputs``, or raises to refuse."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    handle: Callable[[Call, Arguments], Arguments]
    is_payable: bool = False

    @property
    def signature(self) -> str:
        """The text whose hash is the selector."""
        return f"{self.name}({','.join(self.inputs)})"


class NativeContract:
    """Code that accounts have: an account runs it if it has the hash of ``code``."""

    __slots__ = ("_methods", "code", "code_hash", "name")

    def __init__(self, name: str, methods: Iterable[Method]) -> None:
        self.name = name
        self.code = b"\xfe" + name.encode()
        """INVALID to a virtual machine, then the name: what ``eth_getCode`` shows."""
        self.code_hash: Hash32 = keccak256(self.code)
        self._methods: dict[bytes, Method] = {}
        for method in methods:
            selector = selector_of(method.signature)
            assert selector not in self._methods
            self._methods[selector] = method

    def methods(self) -> tuple[Method, ...]:
        """Return the methods in order."""
        return tuple(self._methods.values())

    def run(self, call: Call, data: bytes) -> bytes:
        """Return what a call returns.

        Raises:
            Reverted: The contract has no such method, or refuses.
            OutOfGas: The gas is used up.
        """
        call.ctx.gas.consume(GAS_DISPATCH + GAS_ARGUMENT_BYTE * len(data), "call")
        method = self._methods.get(data[:SELECTOR_BYTES])
        if method is None:
            raise revert(f"{self.name} has no such method")
        if call.value and not method.is_payable:
            raise revert(f"{method.name} takes no value")
        try:
            arguments = decode_abi(method.inputs, data[SELECTOR_BYTES:])
        except MalformedCall as error:
            raise revert(str(error)) from error
        return encode_abi(method.outputs, method.handle(call, arguments))


@dataclass(frozen=True, slots=True)
class Contracts:
    """The native contracts of a chain: by code, and where genesis puts them."""

    by_code: Mapping[Hash32, NativeContract]
    deployed: Mapping[Address, NativeContract]

    def code_of(self, code_hash: Hash32) -> bytes:
        """Return the code that a hash stands for; none where no contract has it."""
        contract = self.by_code.get(code_hash)
        return b"" if contract is None else contract.code


def contracts_of(deployed: Mapping[Address, NativeContract], *others: NativeContract) -> Contracts:
    """Return the contracts at fixed addresses with those that only appear later."""
    found = {contract.code_hash: contract for contract in (*deployed.values(), *others)}
    return Contracts(found, dict(deployed))
