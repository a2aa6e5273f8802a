"""``cosmos.tx.v1beta1.Service`` beside ``Simulate``: handing transactions in and finding them.

Spec:
    Cosmos SDK x/auth/tx, ``service.go``; client ``broadcast.go``, ``CheckTendermintError``.
"""

import contextlib
import math

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.runtime.errors import (
    InvalidRequest,
    MempoolIsFull,
    NotFound,
    SdkError,
    TxDecodeFailed,
    TxInMempoolCache,
)
from chainkit.runtime.errors import TxTooLarge as SdkTxTooLarge
from chainkit.runtime.events import Event
from chainkit.wire.codec import decode_known, encode, pack_any
from chainkit.wire.proto.cosmos.base.abci.v1beta1 import abci_pb2
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2, tx_pb2
from chainkit.wire.proto.tendermint.abci import types_pb2
from relay_chain.node.api.limits import MAX_REQUEST_BYTES, MAX_TXS_PER_PAGE
from relay_chain.node.api.methods import NodeRoute
from relay_chain.node.event_index import IndexedTx
from relay_chain.node.event_query import BadQuery, parse_query
from relay_chain.node.executor import Executor
from relay_chain.node.mempool import MempoolFull, TxInCache, TxTooLarge

SERVICE = "/cosmos.tx.v1beta1.Service/"
REST = "/cosmos/tx/v1beta1/txs"
_SYNC = service_pb2.BroadcastMode.BROADCAST_MODE_SYNC
_ASYNC = service_pb2.BroadcastMode.BROADCAST_MODE_ASYNC


class TransactionService:
    """Answers from one node's mempool, index and stores."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def routes(self) -> tuple[NodeRoute, ...]:
        """Return the routes."""
        return (
            NodeRoute(SERVICE + "BroadcastTx", self._broadcast, (f"POST {REST}",)),
            NodeRoute(SERVICE + "GetTx", self._get, (f"GET {REST}/{{hash}}",)),
            NodeRoute(SERVICE + "GetTxsEvent", self._search, (f"GET {REST}",)),
        )

    def _broadcast(self, data: bytes) -> bytes:
        request = decode_known(service_pb2.BroadcastTxRequest, data, max_bytes=MAX_REQUEST_BYTES)
        tx = request.tx_bytes
        if not tx:
            raise InvalidRequest("invalid empty tx")
        response = abci_pb2.TxResponse(txhash=tx_hash(tx).hex().upper())
        if request.mode == _ASYNC:
            with contextlib.suppress(RuleBroken):
                self._executor.mempool.add(tx)
        elif request.mode == _SYNC:
            self._add(tx, response)
        else:
            name = service_pb2.BroadcastMode.Name(_known_mode(request.mode))
            raise InvalidRequest(f"unsupported return type {name}; supported types: sync, async")
        return encode(service_pb2.BroadcastTxResponse(tx_response=response))

    def _add(self, tx: bytes, response: abci_pb2.TxResponse) -> None:
        """Fill in what CheckTx found, or the SDK's code of why it was not asked."""
        try:
            result = self._executor.mempool.add(tx)
        except TxInCache:
            _refuse(response, TxInMempoolCache())
        except MempoolFull as error:
            _refuse(response, MempoolIsFull(str(error)))
        except TxTooLarge as error:
            _refuse(response, SdkTxTooLarge(str(error)))
        else:
            response.code, response.codespace = result.code, result.codespace
            response.data, response.raw_log = result.data.hex().upper(), result.log

    def _get(self, data: bytes) -> bytes:
        request = decode_known(service_pb2.GetTxRequest, data, max_bytes=MAX_REQUEST_BYTES)
        if not request.hash:
            raise InvalidRequest("tx hash cannot be empty")
        try:
            digest = bytes.fromhex(request.hash)
        except ValueError as error:
            raise InvalidRequest(f"tx hash is not hex: {request.hash[:80]!r}") from error
        found = self._executor.index.tx(digest)
        if found is None:
            raise NotFound(f"tx not found: {request.hash[:80]}")
        tx = decode_tx_proto(found.tx)
        if tx is None:
            raise TxDecodeFailed(f"tx {request.hash[:80]}")
        return encode(service_pb2.GetTxResponse(tx=tx, tx_response=self._response(found, tx)))

    def _search(self, data: bytes) -> bytes:
        request = decode_known(service_pb2.GetTxsEventRequest, data, max_bytes=MAX_REQUEST_BYTES)
        text = request.query or " AND ".join(request.events)
        if not text:
            raise InvalidRequest("query cannot be empty")
        index = self._executor.index
        try:
            query = parse_query(text)
        except BadQuery as error:
            raise InvalidRequest(str(error)) from error
        found = [each for each in index.scan_txs(query) if each is not None]
        if request.order_by == service_pb2.OrderBy.ORDER_BY_DESC:
            found.reverse()
        size = min(request.limit or MAX_TXS_PER_PAGE, MAX_TXS_PER_PAGE)
        page, pages = request.page or 1, max(1, math.ceil(len(found) / size))
        if page > pages:
            raise InvalidRequest(f"page should be within [1, {pages}] range, given {page}")
        answer = service_pb2.GetTxsEventResponse(
            total=len(found), pagination=PageResponse(total=len(found))
        )
        for position in found[(page - 1) * size : page * size]:
            item = index.load(position)
            if item is None:
                continue
            tx = decode_tx_proto(item.tx)
            answer.tx_responses.append(self._response(item, tx))
            answer.txs.append(tx or tx_pb2.Tx())
        return encode(answer)

    def _response(self, item: IndexedTx, tx: tx_pb2.Tx | None) -> abci_pb2.TxResponse:
        result = item.result
        meta = self._executor.blocks.meta(item.height)
        packed: AnyProto | None = None if tx is None else pack_any(tx)
        return abci_pb2.TxResponse(
            height=item.height,
            txhash=item.hash.hex().upper(),
            codespace=result.codespace,
            code=result.code,
            data=result.data.hex().upper(),
            raw_log=result.log,
            gas_wanted=result.gas_wanted,
            gas_used=result.gas_used,
            tx=packed,
            # The SDK cuts the fraction of the second off here.
            timestamp=format_rfc3339(meta.header.time)[:19] + "Z" if meta else "",
            events=[event_to_proto(event) for event in result.events],
        )


def _known_mode(mode: int) -> service_pb2.BroadcastMode.ValueType:
    known = service_pb2.BroadcastMode
    if mode == known.BROADCAST_MODE_BLOCK:
        return known.BROADCAST_MODE_BLOCK
    return known.BROADCAST_MODE_UNSPECIFIED


def _refuse(response: abci_pb2.TxResponse, error: SdkError) -> None:
    response.code, response.codespace, response.raw_log = error.code, error.codespace, str(error)


def event_to_proto(event: Event) -> types_pb2.Event:
    """Return an event's protobuf form; every attribute is indexed."""
    attributes = [
        types_pb2.EventAttribute(key=key, value=value, index=True)
        for key, value in event.attributes
    ]
    return types_pb2.Event(type=event.type, attributes=attributes)


def decode_tx_proto(data: bytes) -> tx_pb2.Tx | None:
    """Return a transaction in its readable form; None for bytes of a block that are none."""
    try:
        raw = decode_known(tx_pb2.TxRaw, data, max_bytes=MAX_TX_BYTES)
        body = decode_known(tx_pb2.TxBody, raw.body_bytes, max_bytes=MAX_TX_BYTES)
        auth = decode_known(tx_pb2.AuthInfo, raw.auth_info_bytes, max_bytes=MAX_TX_BYTES)
    except RuleBroken:
        return None
    return tx_pb2.Tx(body=body, auth_info=auth, signatures=raw.signatures)
