"""Finds the decoders: public functions named ``decode_*``, ``parse_*`` or ``*_from_json``.

The first parameter that takes bytes, text, an ``AnyValue`` or parsed JSON is the one that is
fuzzed; the others get what ``FIXED`` says. A decoder that fits neither is an error of
``tests/property/test_fuzz.py``: it must be given a target by hand, or a reason in ``EXEMPT``.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "chainkit",
    "ibc",
    "light_clients",
    "htlc",
    "integrity",
    "relay_chain",
    "parachains",
    "relayer",
    "isthmus",
)
_NAME = re.compile(r"^(decode|parse)_\w+$|^[a-z]\w*_from_json$")

FIXED: dict[str, object] = {
    "prefix": "isthmus",
    "what": "field",
    "max_bytes": 65_536,
    "offset": 0,
    "magic": b"\xfa\xbf\xb5\xda",
    "code": 0x12,
    "chain_id": 1,
    "limit": 64,
    "encoding": "application/json",
    "datum": bytes(32),
    "level": 1,
    "types": ("uint256", "bytes", "address", "string[]", "bytes32", "bytes[]"),
}
"""What the other parameters are given, by name."""

KINDS = {
    "bytes": "bytes",
    "str": "text",
    "bytes | str": "bytes",
    "AnyValue": "any",
    "Any": "proto_any",
    "AnyProto": "proto_any",
    "object": "json",
    "Mapping[str, object]": "json_object",
}
"""How a parameter is fuzzed, by its annotation."""

_OWN = "a record of our own database: whoever can change it needs no malformed one"
EXEMPT = {
    "chainkit.commitments.iavl.node.decode_node": _OWN,
    "chainkit.modules.auth_codec.decode_account": _OWN,
    "chainkit.modules.bank_codec.decode_metadata": _OWN,
    "chainkit.modules.staking_params.decode_params": _OWN,
    "parachains.account.world.decode_account_state": _OWN,
    "parachains.utxo.codec.decode_lots": _OWN,
    "parachains.utxo.codec.decode_payout": _OWN,
    "parachains.sdk.undo.decode_undo": _OWN,
    "parachains.utxo.coins.decode_coin": _OWN,
    "relay_chain.app.governance_codec.decode_proposal": _OWN,
    "relay_chain.app.slashing_codec.decode_info": _OWN,
    "relay_chain.app.slashing_codec.decode_params": _OWN,
    "relay_chain.app.staking_codec.decode_unbonding": _OWN,
    "relay_chain.app.staking_codec.decode_validator": _OWN,
    "relay_chain.node.stored_forms.decode_result": _OWN,
    "relay_chain.node.stored_forms.decode_state": _OWN,
    "relay_chain.node.stored_forms.tx_result_from_json": _OWN,
    "htlc.onchain.bitcoin.parse_output": "a hash of what parse_witness_script reads",
    "chainkit.wire.codec.decode_strict": "every message decoder goes through it",
    "chainkit.wire.codec.decode_known": "every message decoder goes through it",
}
"""Decoders that no target is needed for, with the reason."""

ONE_WAY = {
    "chainkit.primitives.varint.decode_uvarint": "returns the offset after it as well",
    "chainkit.primitives.varint.decode_zigzag": "returns the offset after it as well",
    "chainkit.primitives.bech32.decode_bech32": "returns two values, which the encoder takes",
    "chainkit.primitives.bech32.decode_checked": "returns three values, which the encoder takes",
    "ibc.ics20_transfer.encodings.decode_value": "its encoder takes the encoding too",
    "chainkit.formats.ethereum.abi.decode_abi": "its encoder takes the types too",
    "parachains.account.contracts.abi.decode_abi": "its encoder takes the types too",
    "parachains.account.wire.decode_frame": "returns code and size, the encoder takes the payload",
    "parachains.dag.wire.decode_frame": "returns kind and size, the encoder takes the payload",
    "parachains.dag.wire.decode_not_found": "returns two values, which the encoder takes",
    "parachains.account.consensus.codec.decode_message": "takes what the encoder returns in two",
    "ibc.ics04_channel.acknowledgement.decode_acknowledgement": "reads what others write too",
}
"""Decoders whose value is not what the encoder of that name takes."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder, the parameter that takes what came from outside, and how that is fuzzed."""

    name: str
    function: Callable[..., object]
    parameter: str
    kind: str
    encoder: Callable[..., object] | None
    """The function of the same module that writes what this one reads, if there is one."""

    def __call__(self, value: object) -> object:
        """Decode one value."""
        arguments = {
            name: value if name == self.parameter else FIXED[name]
            for name, parameter in inspect.signature(self.function).parameters.items()
            if name == self.parameter or parameter.default is inspect.Parameter.empty
        }
        positional = [
            arguments.pop(name)
            for name, parameter in inspect.signature(self.function).parameters.items()
            if name in arguments and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        ]
        return self.function(*positional, **arguments)


class Unfit(Exception):
    """A decoder whose parameters nothing here knows how to fill."""


def modules() -> Iterator[ModuleType]:
    """Import every module of the product in order."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name.endswith("_pb2.py") or "testing" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not name.endswith("__main__"):
                yield importlib.import_module(name)


def functions() -> dict[str, tuple[ModuleType, Callable[..., object]]]:
    """Return every decoder by its full name."""
    return {
        f"{module.__name__}.{name}": (module, function)
        for module in modules()
        for name, function in sorted(vars(module).items())
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and _NAME.match(name)
    }


def decoders() -> tuple[list[Decoder], list[str]]:
    """Return the decoders that can be fuzzed as they are, and the names of those that cannot."""
    found, unfit = [], []
    for name, (module, function) in functions().items():
        if name in EXEMPT:
            continue
        try:
            found.append(_fit(name, module, function))
        except Unfit:
            unfit.append(name)
    return found, unfit


def _fit(name: str, module: ModuleType, function: Callable[..., object]) -> Decoder:
    chosen = kind = ""
    for parameter in inspect.signature(function).parameters.values():
        annotation = str(getattr(parameter.annotation, "__name__", parameter.annotation))
        if hasattr(parameter.annotation, "__args__"):
            annotation = str(parameter.annotation).replace("collections.abc.", "")
        if parameter.name in FIXED or parameter.default is not inspect.Parameter.empty:
            continue
        if chosen or annotation not in KINDS:
            raise Unfit(name)
        chosen, kind = parameter.name, KINDS[annotation]
    if not chosen:
        raise Unfit(name)
    short = function.__name__
    writer = re.sub(r"^(decode|parse)_", "encode_", short)
    if short.endswith("_from_json"):
        writer = short.replace("_from_json", "_to_json")
    encoder = getattr(module, writer, None) if writer != short and name not in ONE_WAY else None
    return Decoder(name, function, chosen, kind, encoder)
