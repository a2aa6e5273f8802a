"""Blocks, validators and the node itself: ``cosmos.base.tendermint`` and ``cosmos.base.node``.

Spec:
    Cosmos SDK client/grpc/cmtservice, ``service.go``; client/grpc/node, ``service.go``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.formats.tendermint.block_codec import block_to_proto
from chainkit.formats.tendermint.codec import block_id_to_proto, consensus_params_to_proto
from chainkit.formats.tendermint.types import Validator
from chainkit.primitives.types import Address, BlockHeight
from chainkit.runtime.addresses import format_address
from chainkit.runtime.errors import InvalidRequest, NotFound
from chainkit.runtime.page_codec import paginate
from chainkit.wire.codec import decode_known, encode, pack_any
from chainkit.wire.proto.cosmos.auth.v1beta1.query_pb2 import Bech32PrefixResponse
from chainkit.wire.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest, PageResponse
from chainkit.wire.proto.cosmos.base.tendermint.v1beta1 import query_pb2, types_pb2
from chainkit.wire.proto.cosmos.consensus.v1 import query_pb2 as consensus_pb2
from chainkit.wire.proto.cosmos.crypto.ed25519.keys_pb2 import PubKey
from chainkit.wire.proto.tendermint.p2p import types_pb2 as p2p_pb2
from chainkit.wire.proto.tendermint.types import block_pb2
from chainkit.wire.proto.tendermint.types import types_pb2 as tendermint_pb2
from relay_chain.node.api.limits import MAX_REQUEST_BYTES
from relay_chain.node.api.methods import NodeRoute
from relay_chain.node.executor import Executor
from relay_chain.node.rpc.methods import NodeFacts

M = TypeVar("M", bound=Message)
SERVICE = "/cosmos.base.tendermint.v1beta1.Service/"
REST = "GET /cosmos/base/tendermint/v1beta1/"
NODE_SERVICE = "/cosmos.base.node.v1beta1.Service/"
PREFIX_METHOD = "/cosmos.auth.v1beta1.Query/Bech32Prefix"


def _decode(cls: type[M], data: bytes) -> M:
    return decode_known(cls, data, max_bytes=MAX_REQUEST_BYTES)


@dataclass(slots=True)
class BlockService:
    """Answers from one node's stores. Mutable only in the prefix that it learnt."""

    executor: Executor
    facts: NodeFacts
    catching_up: Callable[[], bool]
    _prefix: str | None = field(default=None)

    def routes(self) -> tuple[NodeRoute, ...]:
        """Return the routes."""
        return (
            NodeRoute(SERVICE + "GetLatestBlock", self._latest_block, (REST + "blocks/latest",)),
            NodeRoute(SERVICE + "GetBlockByHeight", self._block, (REST + "blocks/{height}",)),
            NodeRoute(
                SERVICE + "GetLatestValidatorSet",
                self._latest_validators,
                (REST + "validatorsets/latest",),
            ),
            NodeRoute(
                SERVICE + "GetValidatorSetByHeight",
                self._validators,
                (REST + "validatorsets/{height}",),
            ),
            NodeRoute(SERVICE + "GetNodeInfo", self._node_info, (REST + "node_info",)),
            NodeRoute(SERVICE + "GetSyncing", self._syncing, (REST + "syncing",)),
            NodeRoute(SERVICE + "ABCIQuery", self._abci_query, (REST + "abci_query",)),
            NodeRoute(
                NODE_SERVICE + "Status", self._status, ("GET /cosmos/base/node/v1beta1/status",)
            ),
            NodeRoute(
                "/cosmos.consensus.v1.Query/Params",
                self._params,
                ("GET /cosmos/consensus/v1/params",),
            ),
        )

    # --- blocks -------------------------------------------------------------------------

    def _latest_block(self, _data: bytes) -> bytes:
        block_id, block, own = self._blocks(self.executor.state.last_block_height)
        return encode(
            query_pb2.GetLatestBlockResponse(block_id=block_id, block=block, sdk_block=own)
        )

    def _block(self, data: bytes) -> bytes:
        height = self._known(_decode(query_pb2.GetBlockByHeightRequest, data).height)
        block_id, block, own = self._blocks(height)
        return encode(
            query_pb2.GetBlockByHeightResponse(block_id=block_id, block=block, sdk_block=own)
        )

    def _known(self, height: int) -> BlockHeight:
        last = self.executor.state.last_block_height
        if height > last:
            raise InvalidRequest("requested block height is bigger then the chain length")
        if height < max(self.executor.blocks.base(), 1):
            raise NotFound(f"height {height} is not available")
        return BlockHeight(height)

    def _blocks(
        self, height: BlockHeight
    ) -> tuple[tendermint_pb2.BlockID, block_pb2.Block, types_pb2.Block | None]:
        """Return a block's id, the block, and the SDK's form with the proposer's address as text.

        The last is None where the application has no addresses.
        """
        block, block_id = self.executor.blocks.block(height), self.executor.blocks.block_id(height)
        if block is None or block_id is None:
            raise NotFound(f"block {height} is not available")
        pb = block_to_proto(block)
        prefix = self._address_prefix()
        own = None
        if prefix:
            fields = {name: getattr(pb.header, name) for name in _SHARED_HEADER_FIELDS}
            proposer = format_address(prefix + "valcons", block.header.proposer_address)
            header = types_pb2.Header(**fields, proposer_address=proposer)
            own = types_pb2.Block(
                header=header, data=pb.data, evidence=pb.evidence, last_commit=pb.last_commit
            )
        return block_id_to_proto(block_id), pb, own

    def _address_prefix(self) -> str:
        if self._prefix is None:
            answer = self.executor.application.query(
                PREFIX_METHOD, b"", height=BlockHeight(0), prove=False
            )
            found = b"" if answer.code else answer.value
            self._prefix = _decode(Bech32PrefixResponse, found).bech32_prefix
        return self._prefix

    # --- validators ---------------------------------------------------------------------

    def _latest_validators(self, data: bytes) -> bytes:
        request = _decode(query_pb2.GetLatestValidatorSetRequest, data)
        height = self.executor.state.last_block_height
        found, page = self._page_of_validators(height, request.pagination)
        return encode(
            query_pb2.GetLatestValidatorSetResponse(
                block_height=height, validators=found, pagination=page
            )
        )

    def _validators(self, data: bytes) -> bytes:
        request = _decode(query_pb2.GetValidatorSetByHeightRequest, data)
        height = self._known(request.height)
        found, page = self._page_of_validators(height, request.pagination)
        return encode(
            query_pb2.GetValidatorSetByHeightResponse(
                block_height=height, validators=found, pagination=page
            )
        )

    def _page_of_validators(
        self, height: BlockHeight, request: PageRequest
    ) -> tuple[list[query_pb2.Validator], PageResponse]:
        validators = self.executor.states.validators(height)
        if validators is None:
            raise NotFound(f"validators of height {height} are not available")
        pairs = (
            (index.to_bytes(4, "big"), validator)
            for index, validator in enumerate(validators.validators)
        )
        page, rest = paginate(pairs, request)
        return [self._validator(validator) for validator in page], rest

    def _validator(self, validator: Validator) -> query_pb2.Validator:
        prefix = self._address_prefix()
        address = Address(validator.address)
        text = format_address(prefix + "valcons", address) if prefix else address.hex().upper()
        return query_pb2.Validator(
            address=text,
            pub_key=pack_any(PubKey(key=validator.public_key)),
            voting_power=validator.voting_power,
            proposer_priority=validator.proposer_priority,
        )

    # --- the node -----------------------------------------------------------------------

    def _node_info(self, _data: bytes) -> bytes:
        answer = self.executor.application.query(
            SERVICE + "GetNodeInfo", b"", height=BlockHeight(0), prove=False
        )
        known = b"" if answer.code else answer.value
        response = _decode(query_pb2.GetNodeInfoResponse, known)
        facts = self.facts
        response.default_node_info.CopyFrom(
            p2p_pb2.DefaultNodeInfo(
                protocol_version=p2p_pb2.ProtocolVersion(
                    p2p=8, block=11, app=self.executor.state.version_app
                ),
                default_node_id=facts.node_id,
                listen_addr=facts.listen_addr,
                network=facts.network,
                version=facts.version,
                channels=facts.channels,
                moniker=facts.moniker,
                other=p2p_pb2.DefaultNodeInfoOther(tx_index="on", rpc_address=facts.rpc_addr),
            )
        )
        return encode(response)

    def _syncing(self, _data: bytes) -> bytes:
        return encode(query_pb2.GetSyncingResponse(syncing=self.catching_up()))

    def _status(self, _data: bytes) -> bytes:
        answer = self.executor.application.query(
            NODE_SERVICE + "Status", b"", height=BlockHeight(0), prove=False
        )
        response = _decode(node_pb2.StatusResponse, b"" if answer.code else answer.value)
        state = self.executor.state
        meta = self.executor.blocks.meta(state.last_block_height)
        response.height = state.last_block_height
        response.app_hash = state.app_hash
        response.validator_hash = meta.header.next_validators_hash if meta else b""
        return encode(response)

    def _params(self, _data: bytes) -> bytes:
        params = consensus_params_to_proto(self.executor.state.consensus_params)
        return encode(consensus_pb2.QueryParamsResponse(params=params))

    def _abci_query(self, data: bytes) -> bytes:
        request = _decode(query_pb2.ABCIQueryRequest, data)
        if request.height < 0:
            raise InvalidRequest("height < 0")
        answer = self.executor.application.query(
            request.path, request.data, height=BlockHeight(request.height), prove=request.prove
        )
        ops = [query_pb2.ProofOp(type=op.type, key=op.key, data=op.data) for op in answer.proof_ops]
        return encode(
            query_pb2.ABCIQueryResponse(
                code=answer.code,
                log=answer.log,
                key=answer.key,
                value=answer.value,
                proof_ops=query_pb2.ProofOps(ops=ops) if ops else None,
                height=answer.height,
                codespace=answer.codespace,
            )
        )


_SHARED_HEADER_FIELDS = tuple(
    each.name for each in types_pb2.Header.DESCRIPTOR.fields if each.name != "proposer_address"
)
"""The SDK's header differs from CometBFT's only in how it writes the proposer's address."""
