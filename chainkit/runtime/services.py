"""The queries that an application answers itself: simulate, node settings, versions."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.runtime.abci import TxResult
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, SimulationRefused
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.tx_codec import decode_responses
from chainkit.wire.codec import decode_known, encode, timestamp_to_proto
from chainkit.wire.proto.cosmos.base.abci.v1beta1 import abci_pb2
from chainkit.wire.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from chainkit.wire.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2
from chainkit.wire.proto.tendermint.p2p import types_pb2 as p2p_pb2

COMETBFT_VERSION = "v0.38.17"
SDK_VERSION = "v0.53.0"
IBC_GO_VERSION = "v10.1.0"
"""What we behave as; relayers choose their dialect by these (DECISIONS.md, IBC)."""


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What a chain's program calls itself, and the least fee of this node."""

    name: str
    version: str
    minimum_gas_prices: str = ""


def simulate_route(simulate: Callable[[bytes], TxResult]) -> QueryRoute:
    """Return the route of ``cosmos.tx.v1beta1.Service/Simulate``."""

    def handle(_ctx: Context, data: bytes) -> bytes:
        request = decode_known(service_pb2.SimulateRequest, data, max_bytes=MAX_TX_BYTES + 16)
        # Older clients send the transaction in its readable form.
        tx = request.tx_bytes or encode(request.tx)
        if not tx:
            raise InvalidRequest("empty txBytes is not allowed")
        result = simulate(tx)
        if result.code:
            raise SimulationRefused(f"{result.log} with gas used: '{result.gas_used}'")
        responses = [
            AnyProto(type_url=response.type_url, value=response.value)
            for response in decode_responses(result.data)
        ]
        return encode(
            service_pb2.SimulateResponse(
                gas_info=abci_pb2.GasInfo(gas_wanted=result.gas_wanted, gas_used=result.gas_used),
                result=abci_pb2.Result(msg_responses=responses),
            )
        )

    return QueryRoute(
        "/cosmos.tx.v1beta1.Service/Simulate", handle, ("POST /cosmos/tx/v1beta1/simulate",)
    )


def node_routes(info: ServiceInfo, height: Callable[[], int]) -> list[QueryRoute]:
    """Return the routes of the node and tendermint services."""

    def config(_ctx: Context, _data: bytes) -> bytes:
        return encode(node_pb2.ConfigResponse(minimum_gas_price=info.minimum_gas_prices))

    def status(ctx: Context, _data: bytes) -> bytes:
        return encode(
            node_pb2.StatusResponse(height=height(), timestamp=timestamp_to_proto(ctx.time))
        )

    def node_info(ctx: Context, _data: bytes) -> bytes:
        modules = (
            ("github.com/cometbft/cometbft", COMETBFT_VERSION),
            ("github.com/cosmos/cosmos-sdk", SDK_VERSION),
            ("github.com/cosmos/ibc-go/v10", IBC_GO_VERSION),
        )
        response = tendermint_pb2.GetNodeInfoResponse(
            default_node_info=p2p_pb2.DefaultNodeInfo(
                network=ctx.chain_id, version=COMETBFT_VERSION.removeprefix("v"), moniker=info.name
            ),
            application_version=tendermint_pb2.VersionInfo(
                name=info.name,
                app_name=info.name,
                version=info.version,
                cosmos_sdk_version=SDK_VERSION,
                build_deps=[tendermint_pb2.Module(path=p, version=v) for p, v in modules],
            ),
        )
        return encode(response)

    def syncing(_ctx: Context, _data: bytes) -> bytes:
        return encode(tendermint_pb2.GetSyncingResponse(syncing=False))

    return [
        QueryRoute(
            "/cosmos.base.node.v1beta1.Service/Config",
            config,
            ("GET /cosmos/base/node/v1beta1/config",),
        ),
        QueryRoute(
            "/cosmos.base.node.v1beta1.Service/Status",
            status,
            ("GET /cosmos/base/node/v1beta1/status",),
        ),
        QueryRoute(
            "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
            node_info,
            ("GET /cosmos/base/tendermint/v1beta1/node_info",),
        ),
        QueryRoute(
            "/cosmos.base.tendermint.v1beta1.Service/GetSyncing",
            syncing,
            ("GET /cosmos/base/tendermint/v1beta1/syncing",),
        ),
    ]
