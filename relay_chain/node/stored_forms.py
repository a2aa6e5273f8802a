"""How results and chain states are written in the node's database.

JSON of this node's own; nobody else reads it. Blocks, commits and validator sets inside keep
their protobuf bytes.
"""

import json
from collections.abc import Mapping
from typing import cast

from chainkit.formats.tendermint.codec import (
    decode_consensus_params,
    decode_validator_set,
    encode_consensus_params,
    encode_validator_set,
)
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, ValidatorSet
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs, VotingPower
from chainkit.runtime.events import Event
from chainkit.runtime.module import ValidatorUpdate
from relay_chain.consensus.state import ChainState
from relay_chain.node.ports import FinalizeBlockResult, TxResult

_Json = dict[str, object]


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _events_to_json(events: tuple[Event, ...]) -> list[object]:
    return [[event.type, [list(pair) for pair in event.attributes]] for event in events]


def _events_from_json(value: object) -> tuple[Event, ...]:
    rows = cast("list[tuple[str, list[list[str]]]]", value)
    return tuple(
        Event(kind, tuple((name, text) for name, text in attributes)) for kind, attributes in rows
    )


def tx_result_to_json(result: TxResult) -> list[object]:
    """Return a transaction's result as JSON values."""
    return [
        result.code,
        result.data.hex(),
        result.log,
        result.gas_wanted,
        result.gas_used,
        _events_to_json(result.events),
        result.codespace,
    ]


def tx_result_from_json(value: object) -> TxResult:
    """Return the result of :func:`tx_result_to_json`."""
    code, data, log, wanted, used, events, codespace = cast(
        "tuple[int, str, str, int, int, object, str]", value
    )
    return TxResult(
        code, bytes.fromhex(data), log, wanted, used, _events_from_json(events), codespace
    )


def encode_result(result: FinalizeBlockResult) -> bytes:
    """Return the bytes of a block's results."""
    params = result.consensus_param_updates
    return _dump(
        {
            "events": _events_to_json(result.events),
            "txs": [tx_result_to_json(item) for item in result.tx_results],
            "validators": [[u.public_key.hex(), u.power] for u in result.validator_updates],
            "params": None if params is None else encode_consensus_params(params).hex(),
            "app_hash": result.app_hash.hex(),
        }
    )


def decode_result(data: bytes) -> FinalizeBlockResult:
    """Return the results that :func:`encode_result` wrote."""
    fields: Mapping[str, object] = json.loads(data)
    params = cast("str | None", fields["params"])
    return FinalizeBlockResult(
        events=_events_from_json(fields["events"]),
        tx_results=tuple(tx_result_from_json(v) for v in cast("list[object]", fields["txs"])),
        validator_updates=tuple(
            ValidatorUpdate(bytes.fromhex(key), VotingPower(power))
            for key, power in cast("list[tuple[str, int]]", fields["validators"])
        ),
        consensus_param_updates=(
            None if params is None else decode_consensus_params(bytes.fromhex(params))
        ),
        app_hash=bytes.fromhex(cast("str", fields["app_hash"])),
    )


def _set_to_json(validators: ValidatorSet) -> str:
    return encode_validator_set(validators).hex() if validators.validators else ""


def _set_from_json(value: object) -> ValidatorSet:
    text = cast("str", value)
    return decode_validator_set(bytes.fromhex(text)) if text else ValidatorSet(())


def encode_state(state: ChainState) -> bytes:
    """Return the bytes of a chain state."""
    block_id = state.last_block_id
    fields: _Json = {
        "chain_id": state.chain_id,
        "initial_height": state.initial_height,
        "height": state.last_block_height,
        "block_id": [
            block_id.hash.hex(),
            block_id.part_set_header.total,
            block_id.part_set_header.hash.hex(),
        ],
        "time": state.last_block_time,
        "next_validators": _set_to_json(state.next_validators),
        "validators": _set_to_json(state.validators),
        "last_validators": _set_to_json(state.last_validators),
        "validators_changed": state.last_height_validators_changed,
        "params": encode_consensus_params(state.consensus_params).hex(),
        "params_changed": state.last_height_params_changed,
        "results_hash": state.last_results_hash.hex(),
        "app_hash": state.app_hash.hex(),
        "version_app": state.version_app,
    }
    return _dump(fields)


def decode_state(data: bytes) -> ChainState:
    """Return the state that :func:`encode_state` wrote."""
    fields = json.loads(data)
    block_hash, total, parts_hash = fields["block_id"]
    return ChainState(
        chain_id=ChainId(fields["chain_id"]),
        initial_height=BlockHeight(fields["initial_height"]),
        last_block_height=BlockHeight(fields["height"]),
        last_block_id=BlockId(
            bytes.fromhex(block_hash), PartSetHeader(total, bytes.fromhex(parts_hash))
        ),
        last_block_time=TimestampNs(fields["time"]),
        next_validators=_set_from_json(fields["next_validators"]),
        validators=_set_from_json(fields["validators"]),
        last_validators=_set_from_json(fields["last_validators"]),
        last_height_validators_changed=BlockHeight(fields["validators_changed"]),
        consensus_params=decode_consensus_params(bytes.fromhex(fields["params"])),
        last_height_params_changed=BlockHeight(fields["params_changed"]),
        last_results_hash=bytes.fromhex(fields["results_hash"]),
        app_hash=bytes.fromhex(fields["app_hash"]),
        version_app=fields["version_app"],
    )
