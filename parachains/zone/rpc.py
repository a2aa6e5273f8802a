"""A Tendermint chain's public RPC as values: one method an endpoint, no state of its own."""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from chainkit.formats.tendermint.types import Header, SignedHeader, ValidatorSet
from chainkit.formats.tendermint.validator_set import sort_by_voting_power
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.limits import MAX_PROOF_BYTES, MAX_VOTES_COUNT
from chainkit.primitives.types import BlockHeight
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from chainkit.wire.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof
from parachains.sdk.ibc_queries import QueryFailed
from parachains.sdk.relaying import (
    AccountSequenceWrong,
    ChainStatus,
    TxOutcome,
    TxRedundant,
    TxRefused,
)
from parachains.zone.rpc_forms import (
    events_from_json,
    field,
    header_from_json,
    signed_header_from_json,
    time_from_json,
    validator_from_json,
)
from relay_chain.node.json_forms import from_base64, integer, mapping, sequence, text

M = TypeVar("M", bound=Message)
Event = tuple[str, dict[str, str]]

MAX_ANSWER_BYTES = 16_777_216
"""A decoded gRPC answer; a page is far smaller."""

VALIDATORS_PER_PAGE = 100
SEARCH_PER_PAGE = 30


class RpcTransport(Protocol):
    """Carries one JSON-RPC call."""

    async def call(self, method: str, params: Mapping[str, object]) -> object:
        """Return the ``result``.

        Raises:
            OperationFailed: No node answered, or it answered with an error.
        """
        ...


class Rpc:
    """The calls that a relayer or a reader makes."""

    def __init__(self, transport: RpcTransport) -> None:
        self._transport = transport

    async def status(self) -> ChainStatus:
        """Return the newest block whose commit is known.

        Raises:
            OperationFailed: The node is still catching up, so its newest is not the chain's.
        """
        info = field(await self._transport.call("status", {}), "sync_info")
        if field(info, "catching_up") is not False:
            raise OperationFailed("the node is catching up")
        height = integer(field(info, "latest_block_height"), what="latest_block_height")
        return ChainStatus(BlockHeight(height), time_from_json(field(info, "latest_block_time")))

    async def header(self, height: BlockHeight) -> Header:
        """Return the header at ``height``."""
        answer = await self._transport.call("header", {"height": str(height)})
        return header_from_json(field(answer, "header"))

    async def signed_header(self, height: BlockHeight) -> SignedHeader:
        """Return the header at ``height`` with a commit for it."""
        answer = await self._transport.call("commit", {"height": str(height)})
        return signed_header_from_json(field(answer, "signed_header"))

    async def validators(self, height: BlockHeight) -> ValidatorSet:
        """Return the validators of ``height``, all pages of them."""
        found: list[object] = []
        for page in range(1, MAX_VOTES_COUNT // VALIDATORS_PER_PAGE + 2):
            params = {
                "height": str(height),
                "page": str(page),
                "per_page": str(VALIDATORS_PER_PAGE),
            }
            answer = await self._transport.call("validators", params)
            batch = sequence(field(answer, "validators"), what="validators")
            found += batch
            if not batch or len(found) >= integer(field(answer, "total"), what="total"):
                break
        return ValidatorSet(
            sort_by_voting_power(validator_from_json(validator) for validator in found)
        )

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what a gRPC query answers at the newest height."""
        value = await self._abci_query(path, encode(request), None, prove=False)
        data = from_base64(value.get("value") or "", what="response.value")
        return decode_known(answer, data, max_bytes=MAX_ANSWER_BYTES)

    async def prove(self, store: str, key: bytes, height: BlockHeight) -> tuple[bytes, bytes]:
        """Return the value at ``key`` after block ``height`` (empty: none) and a MerkleProof."""
        answer = await self._abci_query(f"store/{store}/key", key, height, prove=True)
        operations = sequence(field(answer, "proofOps", "ops"), what="proofOps.ops")
        proofs = [
            decode_known(
                CommitmentProof,
                from_base64(field(operation, "data"), what="ops.data"),
                max_bytes=MAX_PROOF_BYTES,
            )
            for operation in operations
        ]
        value = from_base64(answer.get("value") or "", what="response.value")
        return value, encode(MerkleProof(proofs=proofs))

    async def _abci_query(
        self, path: str, data: bytes, height: BlockHeight | None, *, prove: bool
    ) -> Mapping[str, object]:
        params: dict[str, object] = {"path": path, "data": data.hex(), "prove": prove}
        if height is not None:
            params["height"] = str(height)
        answer = await self._transport.call("abci_query", params)
        response = mapping(field(answer, "response"), what="response")
        code = integer(response.get("code", 0), what="response.code")
        if code != 0:
            raise QueryFailed(
                path=path,
                code=code,
                codespace=text(response.get("codespace", ""), what="codespace"),
                log=text(response.get("log", ""), what="log"),
            )
        return response

    async def broadcast(self, tx: bytes) -> None:
        """Hand a transaction to the node's mempool; one that it has already is fine.

        Raises:
            TxRefused: CheckTx refused it.
        """
        params = {"tx": base64.b64encode(tx).decode()}
        try:
            answer = await self._transport.call("broadcast_tx_sync", params)
        except OperationFailed as error:
            if "already exists in cache" in str(error):
                return
            raise
        result = mapping(answer, what="broadcast")
        code = integer(result.get("code", 0), what="code")
        if code != 0:
            raise refusal(
                code=code,
                codespace=text(result.get("codespace", ""), what="codespace"),
                log=text(result.get("log", ""), what="log"),
            )

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return what a block made of a transaction, or None where none is known to hold it."""
        params = {"hash": base64.b64encode(bytes.fromhex(tx_hash)).decode(), "prove": False}
        try:
            answer = await self._transport.call("tx", params)
        except OperationFailed as error:
            if "not found" in str(error):
                return None
            raise
        result = mapping(field(answer, "tx_result"), what="tx_result")
        return TxOutcome(
            tx_hash=tx_hash,
            height=BlockHeight(integer(field(answer, "height"), what="height")),
            code=integer(result.get("code", 0), what="code"),
            codespace=text(result.get("codespace", ""), what="codespace"),
            log=text(result.get("log", ""), what="log"),
        )

    async def search(self, event_type: str, attributes: Mapping[str, str]) -> AsyncIterator[Event]:
        """Yield the events of ``event_type`` with these attributes, oldest first.

        Transactions are asked first, then whole blocks, for events that a block's begin or
        end emits. Filtered here again: an index may match attributes over several events.
        """
        terms = [f"{event_type}.{name} = '{value}'" for name, value in attributes.items()]
        params = {
            "query": " AND ".join(terms),
            "prove": False,
            "page": "1",
            "per_page": str(SEARCH_PER_PAGE),
            "order_by": "asc",
        }
        answer = await self._transport.call("tx_search", params)
        for found in sequence(field(answer, "txs"), what="txs"):
            result = mapping(field(found, "tx_result"), what="tx_result")
            if integer(result.get("code", 0), what="code") != 0:
                continue
            for event in events_from_json(result.get("events")):
                if _matches(event, event_type, attributes):
                    yield event
        del params["prove"]
        answer = await self._transport.call("block_search", params)
        for found in sequence(field(answer, "blocks"), what="blocks"):
            height = text(field(found, "block", "header", "height"), what="height")
            results = await self._transport.call("block_results", {"height": height})
            events = mapping(results, what="block_results").get("finalize_block_events")
            for event in events_from_json(events):
                if _matches(event, event_type, attributes):
                    yield event


def _matches(event: Event, event_type: str, attributes: Mapping[str, str]) -> bool:
    kind, found = event
    return kind == event_type and all(
        found.get(name) == value for name, value in attributes.items()
    )


def refusal(*, code: int, codespace: str, log: str) -> TxRefused:
    """Return the error that CheckTx's answer means."""
    kind = TxRefused
    if codespace == "sdk" and code == 32:
        kind = AccountSequenceWrong
    elif "messages are redundant" in log:
        kind = TxRedundant
    return kind(code=code, codespace=codespace, log=log)
