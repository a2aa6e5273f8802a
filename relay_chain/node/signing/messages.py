"""The messages between a node and its signer (CometBFT ``tendermint.privval.Message``)."""

from dataclasses import dataclass

from chainkit.formats.tendermint.codec import (
    proposal_from_proto,
    proposal_to_proto,
    vote_from_proto,
    vote_to_proto,
)
from chainkit.formats.tendermint.types import Proposal, Vote
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import ChainId
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.crypto import keys_pb2
from chainkit.wire.proto.tendermint.privval import types_pb2
from relay_chain.node.signing.limits import MAX_SIGNER_MESSAGE_BYTES

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class RemoteSignerError:
    """Why a signer did not do what it was asked."""

    code: int
    description: str


@dataclass(frozen=True, slots=True)
class PubKeyRequest:
    """Which key votes on this chain?"""

    chain_id: ChainId


@dataclass(frozen=True, slots=True)
class PubKeyResponse:
    """The ed25519 key, 32 bytes, or why there is none."""

    answer: bytes | RemoteSignerError


@dataclass(frozen=True, slots=True)
class SignVoteRequest:
    """Sign this vote; of a precommit for a block its extension, too."""

    vote: Vote
    chain_id: ChainId


@dataclass(frozen=True, slots=True)
class SignedVoteResponse:
    """The vote signed, or why not."""

    answer: Vote | RemoteSignerError


@dataclass(frozen=True, slots=True)
class SignProposalRequest:
    """Sign this proposal."""

    proposal: Proposal
    chain_id: ChainId


@dataclass(frozen=True, slots=True)
class SignedProposalResponse:
    """The proposal signed, or why not."""

    answer: Proposal | RemoteSignerError


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class PingResponse:
    """Yes."""


SignerRequest = PubKeyRequest | SignVoteRequest | SignProposalRequest | PingRequest
SignerResponse = PubKeyResponse | SignedVoteResponse | SignedProposalResponse | PingResponse
SignerMessage = SignerRequest | SignerResponse


def encode_signer_message(message: SignerMessage) -> bytes:
    """Return ``tendermint.privval.Message``."""
    return encode(_to_proto(message))


def _to_proto(message: SignerMessage) -> types_pb2.Message:
    match message:
        case PubKeyRequest(chain_id):
            return types_pb2.Message(pub_key_request=types_pb2.PubKeyRequest(chain_id=chain_id))
        case SignVoteRequest(vote, chain_id):
            return types_pb2.Message(
                sign_vote_request=types_pb2.SignVoteRequest(
                    vote=vote_to_proto(vote), chain_id=chain_id
                )
            )
        case SignProposalRequest(proposal, chain_id):
            return types_pb2.Message(
                sign_proposal_request=types_pb2.SignProposalRequest(
                    proposal=proposal_to_proto(proposal), chain_id=chain_id
                )
            )
        case PingRequest():
            return types_pb2.Message(ping_request=types_pb2.PingRequest())
        case PingResponse():
            return types_pb2.Message(ping_response=types_pb2.PingResponse())
        case PubKeyResponse() | SignedVoteResponse() | SignedProposalResponse():
            return _answer_to_proto(message)


def _answer_to_proto(
    message: PubKeyResponse | SignedVoteResponse | SignedProposalResponse,
) -> types_pb2.Message:
    answer = message.answer
    error = _error_to_proto(answer) if isinstance(answer, RemoteSignerError) else None
    match message:
        case PubKeyResponse():
            key = keys_pb2.PublicKey(ed25519=answer) if isinstance(answer, bytes) else None
            return types_pb2.Message(
                pub_key_response=types_pb2.PubKeyResponse(pub_key=key, error=error)
            )
        case SignedVoteResponse():
            vote = vote_to_proto(answer) if isinstance(answer, Vote) else None
            return types_pb2.Message(
                signed_vote_response=types_pb2.SignedVoteResponse(vote=vote, error=error)
            )
        case SignedProposalResponse():
            proposal = proposal_to_proto(answer) if isinstance(answer, Proposal) else None
            return types_pb2.Message(
                signed_proposal_response=types_pb2.SignedProposalResponse(
                    proposal=proposal, error=error
                )
            )


def _error_to_proto(error: RemoteSignerError) -> types_pb2.RemoteSignerError:
    return types_pb2.RemoteSignerError(code=error.code, description=error.description)


def decode_signer_message(data: bytes) -> SignerMessage:
    """Return the message in the bytes.

    Raises:
        MalformedMessage: They do not decode to one of the messages.
    """
    outer = decode_known(types_pb2.Message, data, max_bytes=MAX_SIGNER_MESSAGE_BYTES)
    match outer.WhichOneof("sum"):
        case "pub_key_request":
            return PubKeyRequest(ChainId(outer.pub_key_request.chain_id))
        case "sign_vote_request":
            asked = outer.sign_vote_request
            return SignVoteRequest(vote_from_proto(asked.vote), ChainId(asked.chain_id))
        case "sign_proposal_request":
            wanted = outer.sign_proposal_request
            return SignProposalRequest(
                proposal_from_proto(wanted.proposal), ChainId(wanted.chain_id)
            )
        case "ping_request":
            return PingRequest()
        case "ping_response":
            return PingResponse()
        case _:
            return _answer_from_proto(outer)


def _answer_from_proto(outer: types_pb2.Message) -> SignerResponse:
    match outer.WhichOneof("sum"):
        case "pub_key_response":
            key = outer.pub_key_response
            if key.HasField("error"):
                return PubKeyResponse(_error_from_proto(key.error))
            if len(key.pub_key.ed25519) != _KEY_BYTES:
                raise MalformedMessage("signer's key is no ed25519 key")
            return PubKeyResponse(key.pub_key.ed25519)
        case "signed_vote_response":
            vote = outer.signed_vote_response
            if vote.HasField("error"):
                return SignedVoteResponse(_error_from_proto(vote.error))
            return SignedVoteResponse(vote_from_proto(vote.vote))
        case "signed_proposal_response":
            proposal = outer.signed_proposal_response
            if proposal.HasField("error"):
                return SignedProposalResponse(_error_from_proto(proposal.error))
            return SignedProposalResponse(proposal_from_proto(proposal.proposal))
        case _:
            raise MalformedMessage("signer message of no known kind")


def _error_from_proto(error: types_pb2.RemoteSignerError) -> RemoteSignerError:
    return RemoteSignerError(error.code, error.description)
