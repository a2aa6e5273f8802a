"""Stored forms, messages and answers of ``cosmos.gov.v1``."""

from dataclasses import dataclass
from enum import Enum

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.amounts import Coin, normalize_coins
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import Address, TimestampNs
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import coin_from_proto, coin_to_proto
from chainkit.wire.codec import decode_known, encode, timestamp_from_proto, timestamp_to_proto
from chainkit.wire.proto.cosmos.gov.v1 import gov_pb2, query_pb2, tx_pb2

MAX_TEXT = 10_000
"""SDK gov ``DefaultMaxSummaryLength`` and above its limits of titles and metadata."""

MAX_QUERY_BYTES = 1_024


class Choice(Enum):
    """``VoteOption``."""

    YES = 1
    ABSTAIN = 2
    NO = 3
    NO_WITH_VETO = 4


class Stage(Enum):
    """``ProposalStatus``; the SDK's deposit period is left out."""

    VOTING = 2
    PASSED = 3
    REJECTED = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class Submit:
    """``MsgSubmitProposal``; a proposal without messages is a text."""

    proposer: Address
    messages: tuple[AnyMessage, ...]
    deposit: tuple[Coin, ...]
    title: str
    summary: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Vote:
    """``MsgVote``."""

    proposal_id: int
    voter: Address
    choice: Choice


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal; ``tally`` is the stake for each choice, once it is decided."""

    id: int
    submit: Submit
    submit_time: TimestampNs
    voting_end_time: TimestampNs
    stage: Stage = Stage.VOTING
    tally: tuple[int, int, int, int] = (0, 0, 0, 0)
    failed_reason: str = ""


def decode_submit(prefix: str, data: bytes) -> Submit:
    """Return the ``MsgSubmitProposal`` in ``data``.

    Raises:
        InvalidRequest: No title, or a text over ``MAX_TEXT``.
        MalformedMessage, InvalidAddress: What their names say.
    """
    pb = decode_known(tx_pb2.MsgSubmitProposal, data, max_bytes=MAX_TX_BYTES)
    if not pb.title or max(map(len, (pb.title, pb.summary, pb.metadata))) > MAX_TEXT:
        raise InvalidRequest("proposal has no title, or a text is too long")
    return Submit(
        proposer=parse_address(prefix, pb.proposer),
        messages=tuple(AnyMessage(message.type_url, message.value) for message in pb.messages),
        deposit=normalize_coins(coin_from_proto(coin) for coin in pb.initial_deposit),
        title=pb.title,
        summary=pb.summary,
        metadata=pb.metadata,
    )


def decode_vote(prefix: str, data: bytes) -> Vote:
    """Return the ``MsgVote`` in ``data``.

    Raises:
        InvalidRequest: No option that exists.
    """
    pb = decode_known(tx_pb2.MsgVote, data, max_bytes=MAX_TX_BYTES)
    if pb.option not in {choice.value for choice in Choice}:
        raise InvalidRequest(f"invalid vote option {pb.option}")
    return Vote(pb.proposal_id, parse_address(prefix, pb.voter), Choice(pb.option))


def encode_submit_response(proposal_id: int) -> bytes:
    """Return ``MsgSubmitProposalResponse``."""
    return encode(tx_pb2.MsgSubmitProposalResponse(proposal_id=proposal_id))


def encode_vote_response() -> bytes:
    """Return ``MsgVoteResponse``."""
    return encode(tx_pb2.MsgVoteResponse())


def proposal_to_proto(prefix: str, proposal: Proposal) -> gov_pb2.Proposal:
    """Return a proposal's protobuf form."""
    submit = proposal.submit
    yes, abstain, no, veto = map(str, proposal.tally)
    return gov_pb2.Proposal(
        id=proposal.id,
        messages=[AnyProto(type_url=m.type_url, value=m.value) for m in submit.messages],
        status=gov_pb2.ProposalStatus.ValueType(proposal.stage.value),
        final_tally_result=gov_pb2.TallyResult(
            yes_count=yes, abstain_count=abstain, no_count=no, no_with_veto_count=veto
        ),
        submit_time=timestamp_to_proto(proposal.submit_time),
        total_deposit=[coin_to_proto(coin) for coin in submit.deposit],
        voting_start_time=timestamp_to_proto(proposal.submit_time),
        voting_end_time=timestamp_to_proto(proposal.voting_end_time),
        metadata=submit.metadata,
        title=submit.title,
        summary=submit.summary,
        proposer=format_address(prefix, submit.proposer),
        failed_reason=proposal.failed_reason,
    )


def encode_proposal(prefix: str, proposal: Proposal) -> bytes:
    """Return the stored form."""
    return encode(proposal_to_proto(prefix, proposal))


def decode_proposal(prefix: str, data: bytes) -> Proposal:
    """Return what :func:`encode_proposal` stored."""
    pb = decode_known(gov_pb2.Proposal, data, max_bytes=MAX_STORE_VALUE_BYTES)
    tally = pb.final_tally_result
    return Proposal(
        id=pb.id,
        submit=Submit(
            proposer=parse_address(prefix, pb.proposer),
            messages=tuple(AnyMessage(m.type_url, m.value) for m in pb.messages),
            deposit=tuple(coin_from_proto(coin) for coin in pb.total_deposit),
            title=pb.title,
            summary=pb.summary,
            metadata=pb.metadata,
        ),
        submit_time=timestamp_from_proto(pb.submit_time),
        voting_end_time=timestamp_from_proto(pb.voting_end_time),
        stage=Stage(pb.status),
        tally=(
            int(tally.yes_count),
            int(tally.abstain_count),
            int(tally.no_count),
            int(tally.no_with_veto_count),
        ),
        failed_reason=pb.failed_reason,
    )


def decode_proposal_request(data: bytes) -> int:
    """Return the id that ``Query/Proposal`` asks for."""
    request = decode_known(query_pb2.QueryProposalRequest, data, max_bytes=MAX_QUERY_BYTES)
    return request.proposal_id


def encode_proposal_response(prefix: str, proposal: Proposal) -> bytes:
    """Return the answer of ``Query/Proposal``."""
    return encode(query_pb2.QueryProposalResponse(proposal=proposal_to_proto(prefix, proposal)))


def encode_proposals_response(prefix: str, proposals: list[Proposal]) -> bytes:
    """Return the answer of ``Query/Proposals``."""
    found = [proposal_to_proto(prefix, proposal) for proposal in proposals]
    return encode(query_pb2.QueryProposalsResponse(proposals=found))
