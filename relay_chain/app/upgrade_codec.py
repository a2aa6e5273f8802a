"""Plans of upgrades: stored forms, messages and answers of ``cosmos.upgrade`` and ICS-02."""

from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import Address, BlockHeight
from chainkit.runtime.addresses import parse_address
from chainkit.runtime.errors import InvalidRequest
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.cosmos.upgrade.v1beta1 import tx_pb2, upgrade_pb2
from chainkit.wire.proto.ibc.core.client.v1 import query_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from ibc.ics02_client.port import AnyValue
from light_clients.tendermint.codec import decode_any

MAX_NAME_BYTES = 140
MAX_INFO_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Plan:
    """The block at ``height`` is executed only by a program that has the upgrade ``name``."""

    name: str
    height: BlockHeight
    info: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``MsgSoftwareUpgrade``, or ``MsgIBCSoftwareUpgrade`` with what clients will follow."""

    signer: Address
    plan: Plan
    client_state: AnyValue | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """``MsgCancelUpgrade``."""

    signer: Address


def _plan_of(pb: upgrade_pb2.Plan) -> Plan:
    if pb.HasField("upgraded_client_state") or pb.time.seconds > 0 or pb.time.nanos:
        raise InvalidRequest("plan: time and upgraded_client_state are no more used")
    if not 0 < len(pb.name.encode()) <= MAX_NAME_BYTES or len(pb.info.encode()) > MAX_INFO_BYTES:
        raise InvalidRequest("plan: expected a name of 1 to 140 bytes, info of at most 4096")
    if pb.height <= 0:
        raise InvalidRequest("plan: height must be greater than 0")
    return Plan(pb.name, BlockHeight(pb.height), pb.info)


def encode_plan(plan: Plan) -> bytes:
    """Return the stored form."""
    return encode(upgrade_pb2.Plan(name=plan.name, height=plan.height, info=plan.info))


def decode_plan(data: bytes) -> Plan:
    """Return what :func:`encode_plan` stored.

    Raises:
        InvalidRequest: Not a plan that can be carried out.
        MalformedMessage: It does not decode.
    """
    return _plan_of(decode_known(upgrade_pb2.Plan, data, max_bytes=MAX_STORE_VALUE_BYTES))


def decode_software_upgrade(data: bytes, prefix: str) -> Schedule:
    """Return ``MsgSoftwareUpgrade``.

    Raises:
        InvalidRequest: Not a plan that can be carried out.
        MalformedMessage, InvalidAddress: It does not decode.
    """
    pb = decode_known(tx_pb2.MsgSoftwareUpgrade, data, max_bytes=MAX_TX_BYTES)
    return Schedule(parse_address(prefix, pb.authority), _plan_of(pb.plan))


def decode_ibc_software_upgrade(data: bytes, prefix: str) -> Schedule:
    """Return ``MsgIBCSoftwareUpgrade``; raises as :func:`decode_software_upgrade`."""
    pb = decode_known(client_tx_pb2.MsgIBCSoftwareUpgrade, data, max_bytes=MAX_TX_BYTES)
    state = AnyValue(pb.upgraded_client_state.type_url, pb.upgraded_client_state.value)
    return Schedule(parse_address(prefix, pb.signer), _plan_of(pb.plan), state)


def decode_cancel_upgrade(data: bytes, prefix: str) -> Cancel:
    """Return ``MsgCancelUpgrade``.

    Raises:
        MalformedMessage, InvalidAddress: It does not decode.
    """
    pb = decode_known(tx_pb2.MsgCancelUpgrade, data, max_bytes=MAX_TX_BYTES)
    return Cancel(parse_address(prefix, pb.authority))


def _any_of(stored: bytes) -> AnyProto:
    found = decode_any(stored)
    return AnyProto(type_url=found.type_url, value=found.value)


def encode_client_response(stored: bytes) -> bytes:
    """Return the answer of ``Query/UpgradedClientState``."""
    return encode(query_pb2.QueryUpgradedClientStateResponse(upgraded_client_state=_any_of(stored)))


def encode_consensus_response(stored: bytes) -> bytes:
    """Return the answer of ``Query/UpgradedConsensusState``."""
    return encode(
        query_pb2.QueryUpgradedConsensusStateResponse(upgraded_consensus_state=_any_of(stored))
    )
