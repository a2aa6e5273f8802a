"""Values as CometBFT 0.38's RPC shows them (a codec module: JSON stays here).

64-bit integers are strings, 32-bit ones numbers; hashes upper-case hex; transactions,
signatures and data base64; times RFC 3339 with nanoseconds; empty data null.
"""

from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    DuplicateVoteEvidence,
    Evidence,
    Header,
    LightClientAttackEvidence,
    Validator,
    Vote,
)
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.runtime.events import Event
from chainkit.runtime.module import ValidatorUpdate
from relay_chain.node.block_store import BlockMeta
from relay_chain.node.event_bus import (
    BlockEventsPublished,
    BlockPublished,
    EvidencePublished,
    HeaderPublished,
    Published,
    TxPublished,
    ValidatorsPublished,
)
from relay_chain.node.json_forms import JsonObject, params_to_json, public_key_to_json, to_base64
from relay_chain.node.ports import FinalizeBlockResult, QueryResult, TxResult


def upper_hex(data: bytes) -> str:
    """Return upper-case hex."""
    return data.hex().upper()


def data_or_null(data: bytes) -> str | None:
    """Return base64; null for nothing (Go's nil slice)."""
    return to_base64(data) if data else None


def block_id_json(block_id: BlockId) -> JsonObject:
    """Return a block's id."""
    parts = block_id.part_set_header
    return {
        "hash": upper_hex(block_id.hash),
        "parts": {"total": parts.total, "hash": upper_hex(parts.hash)},
    }


def header_json(header: Header) -> JsonObject:
    """Return a header."""
    version: JsonObject = {"block": str(header.version_block)}
    if header.version_app:
        version["app"] = str(header.version_app)
    return {
        "version": version,
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": format_rfc3339(header.time),
        "last_block_id": block_id_json(header.last_block_id),
        "last_commit_hash": upper_hex(header.last_commit_hash),
        "data_hash": upper_hex(header.data_hash),
        "validators_hash": upper_hex(header.validators_hash),
        "next_validators_hash": upper_hex(header.next_validators_hash),
        "consensus_hash": upper_hex(header.consensus_hash),
        "app_hash": upper_hex(header.app_hash),
        "last_results_hash": upper_hex(header.last_results_hash),
        "evidence_hash": upper_hex(header.evidence_hash),
        "proposer_address": upper_hex(header.proposer_address),
    }


def commit_json(commit: Commit) -> JsonObject:
    """Return a commit."""
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": block_id_json(commit.block_id),
        "signatures": [
            {
                "block_id_flag": int(signature.block_id_flag),
                "validator_address": upper_hex(signature.validator_address),
                "timestamp": format_rfc3339(signature.timestamp),
                "signature": data_or_null(signature.signature),
            }
            for signature in commit.signatures
        ],
    }


def vote_json(vote: Vote) -> JsonObject:
    """Return a vote."""
    return {
        "type": int(vote.type),
        "height": str(vote.height),
        "round": vote.round,
        "block_id": block_id_json(vote.block_id),
        "timestamp": format_rfc3339(vote.timestamp),
        "validator_address": upper_hex(vote.validator_address),
        "validator_index": vote.validator_index,
        "signature": data_or_null(vote.signature),
        "extension": data_or_null(vote.extension),
        "extension_signature": data_or_null(vote.extension_signature),
    }


def validator_json(validator: Validator) -> JsonObject:
    """Return a validator."""
    return {
        "address": upper_hex(validator.address),
        "pub_key": public_key_to_json(validator.public_key),
        "voting_power": str(validator.voting_power),
        "proposer_priority": str(validator.proposer_priority),
    }


def evidence_json(evidence: Evidence) -> JsonObject:
    """Return a piece of evidence in the wrapper that names its kind."""
    match evidence:
        case DuplicateVoteEvidence():
            return {
                "type": "tendermint/DuplicateVoteEvidence",
                "value": {
                    "vote_a": vote_json(evidence.vote_a),
                    "vote_b": vote_json(evidence.vote_b),
                    "total_voting_power": str(evidence.total_voting_power),
                    "validator_power": str(evidence.validator_power),
                    "timestamp": format_rfc3339(evidence.timestamp),
                },
            }
        case LightClientAttackEvidence():
            conflicting = evidence.conflicting_block
            signed = conflicting.signed_header
            proposer = conflicting.validator_set.proposer
            return {
                "type": "tendermint/LightClientAttackEvidence",
                "value": {
                    "conflicting_block": {
                        "signed_header": {
                            "header": header_json(signed.header),
                            "commit": commit_json(signed.commit),
                        },
                        "validator_set": {
                            "validators": [
                                validator_json(v) for v in conflicting.validator_set.validators
                            ],
                            "proposer": validator_json(proposer) if proposer else None,
                        },
                    },
                    "common_height": str(evidence.common_height),
                    "byzantine_validators": [
                        validator_json(v) for v in evidence.byzantine_validators
                    ],
                    "total_voting_power": str(evidence.total_voting_power),
                    "timestamp": format_rfc3339(evidence.timestamp),
                },
            }


def block_json(block: Block) -> JsonObject:
    """Return a whole block."""
    return {
        "header": header_json(block.header),
        "data": {"txs": [to_base64(tx) for tx in block.txs]},
        "evidence": {"evidence": [evidence_json(piece) for piece in block.evidence]},
        "last_commit": commit_json(block.last_commit) if block.last_commit else None,
    }


def meta_json(meta: BlockMeta) -> JsonObject:
    """Return a block's meta data."""
    return {
        "block_id": block_id_json(meta.block_id),
        "block_size": str(meta.block_size),
        "header": header_json(meta.header),
        "num_txs": str(meta.num_txs),
    }


def events_json(events: tuple[Event, ...]) -> list[object]:
    """Return events; all attributes are indexed."""
    return [
        {
            "type": event.type,
            "attributes": [
                {"key": key, "value": value, "index": True} for key, value in event.attributes
            ],
        }
        for event in events
    ]


def tx_result_json(result: TxResult) -> JsonObject:
    """Return what a transaction did."""
    return {
        "code": result.code,
        "data": data_or_null(result.data),
        "log": result.log,
        "info": "",
        "gas_wanted": str(result.gas_wanted),
        "gas_used": str(result.gas_used),
        "events": events_json(result.events),
        "codespace": result.codespace,
    }


def update_json(update: ValidatorUpdate) -> JsonObject:
    """Return a validator's new power as ABCI shows it."""
    return {
        "pub_key": {
            "Sum": {
                "type": "tendermint.crypto.PublicKey_Ed25519",
                "value": {"ed25519": to_base64(update.public_key)},
            }
        },
        "power": str(update.power),
    }


def block_results_json(height: int, result: FinalizeBlockResult) -> JsonObject:
    """Return what a block did."""
    params = result.consensus_param_updates
    return {
        "height": str(height),
        "txs_results": [tx_result_json(item) for item in result.tx_results] or None,
        "finalize_block_events": events_json(result.events) or None,
        "validator_updates": [update_json(u) for u in result.validator_updates] or None,
        "consensus_param_updates": params_to_json(params) if params else None,
        "app_hash": data_or_null(result.app_hash),
    }


def query_json(result: QueryResult) -> JsonObject:
    """Return an answer about the state."""
    ops = [
        {"type": op.type, "key": to_base64(op.key), "data": to_base64(op.data)}
        for op in result.proof_ops
    ]
    return {
        "code": result.code,
        "log": result.log,
        "info": "",
        "index": "0",
        "key": data_or_null(result.key),
        "value": data_or_null(result.value),
        "proofOps": {"ops": ops} if ops else None,
        "height": str(result.height),
        "codespace": result.codespace,
    }


def _without_zeros(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value not in (0, "", "0", None, [])}


def _payload_json(item: Published) -> JsonObject:
    match item.payload:
        case BlockPublished(block, block_id, result):
            outcome: JsonObject = {
                "validator_updates": [update_json(u) for u in result.validator_updates],
                "app_hash": data_or_null(result.app_hash),
            }
            if result.events:
                outcome["events"] = events_json(result.events)
            if result.tx_results:
                outcome["tx_results"] = [tx_result_json(item) for item in result.tx_results]
            value: JsonObject = {
                "block": block_json(block),
                "block_id": block_id_json(block_id),
                "result_finalize_block": outcome,
            }
            return {"type": "tendermint/event/NewBlock", "value": value}
        case HeaderPublished(block):
            value = {"header": header_json(block.header)}
            return {"type": "tendermint/event/NewBlockHeader", "value": value}
        case BlockEventsPublished(height, events, num_txs):
            value = {
                "height": str(height),
                "events": events_json(events),
                "num_txs": str(num_txs),
            }
            return {"type": "tendermint/event/NewBlockEvents", "value": value}
        case EvidencePublished(height, evidence):
            value = {"height": str(height), "evidence": evidence_json(evidence)}
            return {"type": "tendermint/event/NewEvidence", "value": value}
        case ValidatorsPublished(validators):
            value = {"validator_updates": [validator_json(each) for each in validators]}
            return {"type": "tendermint/event/ValidatorSetUpdates", "value": value}
        case TxPublished(height, index, tx, result):
            inner = _without_zeros(tx_result_json(result))
            fields: JsonObject = {"height": str(height), "tx": to_base64(tx), "result": inner}
            if index:
                fields["index"] = index
            return {"type": "tendermint/event/Tx", "value": {"TxResult": fields}}


def event_json(query: str, item: Published) -> JsonObject:
    """Return what a subscriber is sent; the query as it was asked."""
    flat: dict[str, list[str]] = {}
    for event in item.events:
        for key, value in event.attributes:
            flat.setdefault(f"{event.type}.{key}", []).append(value)
    return {"query": query, "data": _payload_json(item), "events": flat}
