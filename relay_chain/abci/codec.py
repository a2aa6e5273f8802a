"""Requests and answers as protobuf (CometBFT 0.38 ``tendermint.abci``).

Over a socket each is wrapped in ``Request`` or ``Response``; over gRPC the method's name says
what it is, so that the same bytes stand alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from chainkit.formats.tendermint.codec import (
    consensus_params_from_proto,
    consensus_params_to_proto,
)
from chainkit.formats.tendermint.types import BlockIdFlag, ConsensusParams
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_CHAIN_ID_BYTES
from chainkit.primitives.types import Address, BlockHeight, ChainId, VotingPower
from chainkit.runtime.abci import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    InitChainResult,
    ProposedBlock,
    QueryResult,
    TxResult,
)
from chainkit.runtime.context import LastVote, Misbehaviour, MisbehaviourKind
from chainkit.runtime.events import Event
from chainkit.runtime.module import ValidatorUpdate
from chainkit.wire.codec import decode_known, encode, timestamp_from_proto
from chainkit.wire.proto.tendermint.abci import types_pb2 as pb
from chainkit.wire.proto.tendermint.crypto import keys_pb2, proof_pb2
from relay_chain.abci.limits import MAX_ECHO_BYTES, MAX_MESSAGE_BYTES
from relay_chain.abci.messages import (
    Answer,
    ApplySnapshotChunkRequest,
    CheckTxAnswer,
    CheckTxRequest,
    CommitAnswer,
    CommitRequest,
    EchoAnswer,
    EchoRequest,
    ExceptionAnswer,
    ExtendVoteAnswer,
    ExtendVoteRequest,
    FlushAnswer,
    FlushRequest,
    InfoRequest,
    InitChainRequest,
    ListSnapshotsAnswer,
    ListSnapshotsRequest,
    LoadSnapshotChunkAnswer,
    LoadSnapshotChunkRequest,
    OfferSnapshotRequest,
    PrepareProposalAnswer,
    PrepareProposalRequest,
    ProcessProposalAnswer,
    QueryRequest,
    Request,
    VerifyVoteExtensionAnswer,
    VerifyVoteExtensionRequest,
)
from relay_chain.node.genesis import Genesis, GenesisValidator
from relay_chain.node.json_forms import parse_json
from relay_chain.node.p2p.fields import message_field
from relay_chain.node.snapshots import ChunkAnswer, OfferVerdict, Snapshot

_KEY_BYTES = 32
SERVICE = "tendermint.abci.ABCI"

METHODS: Mapping[str, str] = {
    method.name: field.name
    for method in pb.DESCRIPTOR.services_by_name["ABCI"].methods
    for field in pb.Request.DESCRIPTOR.fields
    if field.message_type is method.input_type
}
"""Each gRPC method and the field of ``Request`` that is the same call."""

# --- requests ---------------------------------------------------------------------------


def decode_request(data: bytes) -> Request:
    """Return the request in a socket's message.

    Raises:
        MalformedMessage: Longer than may be, of no known kind, or not of its form.
    """
    outer = decode_known(pb.Request, data, max_bytes=MAX_MESSAGE_BYTES)
    kind = outer.WhichOneof("value")
    if kind is None:
        raise MalformedMessage("ABCI request of no known kind")
    return _REQUESTS[kind](getattr(outer, kind))


def request_of_call(method: str, data: bytes) -> Request:
    """Return the request of a gRPC call to a method in :data:`METHODS`.

    Raises:
        MalformedMessage: Longer than may be, or not of its form.
    """
    number = pb.Request.DESCRIPTOR.fields_by_name[METHODS[method]].number
    return decode_request(message_field(number, data))


def _echo(call: pb.RequestEcho) -> EchoRequest:
    if len(call.message.encode()) > MAX_ECHO_BYTES:
        raise MalformedMessage(f"Echo of more than {MAX_ECHO_BYTES} bytes")
    return EchoRequest(call.message)


def _init_chain(call: pb.RequestInitChain) -> InitChainRequest:
    if not 1 <= len(call.chain_id.encode()) <= MAX_CHAIN_ID_BYTES:
        raise MalformedMessage(f"chain id must be 1 to {MAX_CHAIN_ID_BYTES} bytes")
    if call.initial_height < 1:
        raise MalformedMessage("initial height must be at least 1")
    params = ConsensusParams()
    if call.HasField("consensus_params"):
        params = consensus_params_from_proto(call.consensus_params)
    state: Mapping[str, object] = {}
    if call.app_state_bytes:
        state = parse_json(call.app_state_bytes, what="app_state")
    return InitChainRequest(
        Genesis(
            chain_id=ChainId(call.chain_id),
            genesis_time=timestamp_from_proto(call.time),
            initial_height=BlockHeight(call.initial_height),
            consensus_params=params,
            validators=tuple(_first_validator(each) for each in call.validators),
            app_state=state,
        )
    )


def _first_validator(update: pb.ValidatorUpdate) -> GenesisValidator:
    key = update.pub_key.ed25519
    if len(key) != _KEY_BYTES:
        raise MalformedMessage("validator's key is no ed25519 key")
    if update.power < 1:
        raise MalformedMessage("validator's power must be at least 1")
    return GenesisValidator(key, VotingPower(update.power))


def _height(value: int) -> BlockHeight:
    if value < 0:
        raise MalformedMessage(f"height {value} is below 0")
    return BlockHeight(value)


def _query(call: pb.RequestQuery) -> QueryRequest:
    return QueryRequest(call.path, call.data, _height(call.height), call.prove)


def _prepare(call: pb.RequestPrepareProposal) -> PrepareProposalRequest:
    time = timestamp_from_proto(call.time)
    if time < 0:
        raise MalformedMessage("block time is before 1970")
    return PrepareProposalRequest(tuple(call.txs), call.max_tx_bytes, _height(call.height), time)


def _process(call: pb.RequestProcessProposal) -> ProposedBlock:
    time = timestamp_from_proto(call.time)
    address = Address(call.proposer_address)
    return ProposedBlock(_height(call.height), time, address, tuple(call.txs))


def _finalize(call: pb.RequestFinalizeBlock) -> FinalizeBlockRequest:
    return FinalizeBlockRequest(
        height=_height(call.height),
        time=timestamp_from_proto(call.time),
        proposer_address=Address(call.proposer_address),
        txs=tuple(call.txs),
        last_votes=tuple(_vote(each) for each in call.decided_last_commit.votes),
        misbehaviour=tuple(_misbehaviour(each) for each in call.misbehavior),
        block_hash=call.hash,
        next_validators_hash=call.next_validators_hash,
    )


def _vote(info: pb.VoteInfo) -> LastVote:
    try:
        flag = BlockIdFlag(info.block_id_flag)
    except ValueError as error:
        raise MalformedMessage(f"vote with block id flag {info.block_id_flag}") from error
    return LastVote(Address(info.validator.address), VotingPower(info.validator.power), flag)


def _misbehaviour(item: pb.Misbehavior) -> Misbehaviour:
    try:
        kind = MisbehaviourKind(item.type)
    except ValueError as error:
        raise MalformedMessage(f"misbehaviour of type {item.type}") from error
    return Misbehaviour(
        kind=kind,
        validator_address=Address(item.validator.address),
        validator_power=VotingPower(item.validator.power),
        height=_height(item.height),
        time=timestamp_from_proto(item.time),
        total_voting_power=VotingPower(item.total_voting_power),
    )


def _offer(call: pb.RequestOfferSnapshot) -> OfferSnapshotRequest:
    offered = call.snapshot
    snapshot = Snapshot(
        offered.height, offered.format, offered.chunks, offered.hash, offered.metadata
    )
    return OfferSnapshotRequest(snapshot, call.app_hash)


_REQUESTS: Mapping[str, Callable[[Any], Request]] = {
    "echo": _echo,
    "flush": lambda _: FlushRequest(),
    "info": lambda call: InfoRequest(call.version),
    "init_chain": _init_chain,
    "query": _query,
    "check_tx": lambda call: CheckTxRequest(call.tx, call.type == pb.RECHECK),
    "commit": lambda _: CommitRequest(),
    "list_snapshots": lambda _: ListSnapshotsRequest(),
    "offer_snapshot": _offer,
    "load_snapshot_chunk": lambda c: LoadSnapshotChunkRequest(c.height, c.format, c.chunk),
    "apply_snapshot_chunk": lambda c: ApplySnapshotChunkRequest(c.index, c.chunk, c.sender),
    "prepare_proposal": _prepare,
    "process_proposal": _process,
    "extend_vote": lambda call: ExtendVoteRequest(_height(call.height)),
    "verify_vote_extension": lambda c: VerifyVoteExtensionRequest(
        _height(c.height), c.vote_extension
    ),
    "finalize_block": _finalize,
}

# --- answers ----------------------------------------------------------------------------


def encode_answer(answer: Answer) -> bytes:
    """Return the answer as a socket's message."""
    kind, message = _to_proto(answer)
    return message_field(pb.Response.DESCRIPTOR.fields_by_name[kind].number, encode(message))


def encode_reply(answer: Answer) -> bytes:
    """Return the answer as the message of a gRPC call."""
    return encode(_to_proto(answer)[1])


def _to_proto(answer: Answer) -> tuple[str, Message]:
    kind, make = _ANSWERS[type(answer)]
    return kind, make(answer)


def _info_to_proto(info: ApplicationInfo) -> pb.ResponseInfo:
    return pb.ResponseInfo(
        data=info.data,
        version=info.version,
        app_version=info.app_version,
        last_block_height=info.last_block_height,
        last_block_app_hash=info.last_block_app_hash,
    )


def _begun_to_proto(result: InitChainResult) -> pb.ResponseInitChain:
    params = result.consensus_params
    return pb.ResponseInitChain(
        consensus_params=None if params is None else consensus_params_to_proto(params),
        validators=_updates_to_proto(result.validators),
        app_hash=result.app_hash,
    )


def _updates_to_proto(updates: Sequence[ValidatorUpdate]) -> list[pb.ValidatorUpdate]:
    return [
        pb.ValidatorUpdate(
            pub_key=keys_pb2.PublicKey(ed25519=update.public_key), power=update.power
        )
        for update in updates
    ]


def _query_to_proto(result: QueryResult) -> pb.ResponseQuery:
    ops = [proof_pb2.ProofOp(type=o.type, key=o.key, data=o.data) for o in result.proof_ops]
    return pb.ResponseQuery(
        code=result.code,
        log=result.log,
        key=result.key,
        value=result.value,
        proof_ops=proof_pb2.ProofOps(ops=ops) if ops else None,
        height=result.height,
        codespace=result.codespace,
    )


def _events_to_proto(events: Sequence[Event]) -> list[pb.Event]:
    """Return events whose attributes the engine shall all index, as the SDK's default is."""
    return [
        pb.Event(
            type=event.type,
            attributes=[
                pb.EventAttribute(key=key, value=value, index=True)
                for key, value in event.attributes
            ],
        )
        for event in events
    ]


def _checked_to_proto(answer: CheckTxAnswer) -> pb.ResponseCheckTx:
    result = answer.result
    return pb.ResponseCheckTx(
        code=result.code,
        data=result.data,
        log=result.log,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
        events=_events_to_proto(result.events),
        codespace=result.codespace,
    )


def _tx_result_to_proto(result: TxResult) -> pb.ExecTxResult:
    return pb.ExecTxResult(
        code=result.code,
        data=result.data,
        log=result.log,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
        events=_events_to_proto(result.events),
        codespace=result.codespace,
    )


def _executed_to_proto(result: FinalizeBlockResult) -> pb.ResponseFinalizeBlock:
    params = result.consensus_param_updates
    return pb.ResponseFinalizeBlock(
        events=_events_to_proto(result.events),
        tx_results=[_tx_result_to_proto(each) for each in result.tx_results],
        validator_updates=_updates_to_proto(result.validator_updates),
        consensus_param_updates=None if params is None else consensus_params_to_proto(params),
        app_hash=result.app_hash,
    )


def _processed_to_proto(answer: ProcessProposalAnswer) -> pb.ResponseProcessProposal:
    status = pb.ResponseProcessProposal
    return status(status=status.ACCEPT if answer.accepted else status.REJECT)


def _verified_to_proto(answer: VerifyVoteExtensionAnswer) -> pb.ResponseVerifyVoteExtension:
    status = pb.ResponseVerifyVoteExtension
    return status(status=status.ACCEPT if answer.accepted else status.REJECT)


def _snapshots_to_proto(answer: ListSnapshotsAnswer) -> pb.ResponseListSnapshots:
    return pb.ResponseListSnapshots(
        snapshots=[
            pb.Snapshot(
                height=each.height,
                format=each.format,
                chunks=each.chunks,
                hash=each.hash,
                metadata=each.metadata,
            )
            for each in answer.snapshots
        ]
    )


def _chunk_answer_to_proto(answer: ChunkAnswer) -> pb.ResponseApplySnapshotChunk:
    return pb.ResponseApplySnapshotChunk(
        result=pb.ResponseApplySnapshotChunk.Result.ValueType(answer.verdict.value),
        refetch_chunks=answer.refetch_chunks,
        reject_senders=answer.reject_senders,
    )


_ANSWERS: Mapping[type, tuple[str, Callable[[Any], Message]]] = {
    ExceptionAnswer: ("exception", lambda a: pb.ResponseException(error=a.error)),
    EchoAnswer: ("echo", lambda a: pb.ResponseEcho(message=a.message)),
    FlushAnswer: ("flush", lambda _: pb.ResponseFlush()),
    ApplicationInfo: ("info", _info_to_proto),
    InitChainResult: ("init_chain", _begun_to_proto),
    QueryResult: ("query", _query_to_proto),
    CheckTxAnswer: ("check_tx", _checked_to_proto),
    PrepareProposalAnswer: (
        "prepare_proposal",
        lambda a: pb.ResponsePrepareProposal(txs=a.txs),
    ),
    ProcessProposalAnswer: (
        "process_proposal",
        _processed_to_proto,
    ),
    ExtendVoteAnswer: (
        "extend_vote",
        lambda a: pb.ResponseExtendVote(vote_extension=a.extension),
    ),
    VerifyVoteExtensionAnswer: (
        "verify_vote_extension",
        _verified_to_proto,
    ),
    FinalizeBlockResult: ("finalize_block", _executed_to_proto),
    CommitAnswer: ("commit", lambda a: pb.ResponseCommit(retain_height=a.retain_height)),
    ListSnapshotsAnswer: ("list_snapshots", _snapshots_to_proto),
    OfferVerdict: (
        "offer_snapshot",
        lambda a: pb.ResponseOfferSnapshot(result=a.value),
    ),
    LoadSnapshotChunkAnswer: (
        "load_snapshot_chunk",
        lambda a: pb.ResponseLoadSnapshotChunk(chunk=a.chunk),
    ),
    ChunkAnswer: ("apply_snapshot_chunk", _chunk_answer_to_proto),
}
