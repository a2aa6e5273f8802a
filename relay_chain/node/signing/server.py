"""The signer's side: dials the node, and signs what does not contradict what it signed."""

import asyncio
import secrets
from dataclasses import replace

import structlog

from chainkit.formats.tendermint.types import Vote, VoteType
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import ChainId, DurationNs
from relay_chain.node.p2p.errors import ConnectionLost
from relay_chain.node.p2p.peer import seconds
from relay_chain.node.privval import FilePrivateValidator, SigningRefused
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint, UnixEndpoint
from relay_chain.node.signing.errors import UnexpectedMessage
from relay_chain.node.signing.limits import (
    HANDSHAKE_TIMEOUT_NS,
    REDIAL_FIRST_NS,
    REDIAL_LONGEST_NS,
    SILENCE_TIMEOUT_NS,
)
from relay_chain.node.signing.link import SignerLink, make_link
from relay_chain.node.signing.messages import (
    PingRequest,
    PingResponse,
    PubKeyRequest,
    PubKeyResponse,
    RemoteSignerError,
    SignedProposalResponse,
    SignedVoteResponse,
    SignerMessage,
    SignerResponse,
    SignProposalRequest,
    SignVoteRequest,
)

_log = structlog.get_logger()
_REFUSED = 0
"""CometBFT's signer gives this code for every reason."""


def answer_request(
    key: FilePrivateValidator, chain_id: ChainId, request: SignerMessage
) -> SignerResponse:
    """Return the answer to a node's request; a refusal is an answer, too.

    Raises:
        UnexpectedMessage: It is no request.
    """
    match request:
        case PingRequest():
            return PingResponse()
        case PubKeyRequest(asked):
            wrong = _other_chain(chain_id, asked)
            return PubKeyResponse(key.public_key if wrong is None else wrong)
        case SignVoteRequest(vote, asked):
            wrong = _other_chain(chain_id, asked)
            return SignedVoteResponse(_sign_vote(key, chain_id, vote) if wrong is None else wrong)
        case SignProposalRequest(proposal, asked):
            wrong = _other_chain(chain_id, asked)
            if wrong is not None:
                return SignedProposalResponse(wrong)
            try:
                return SignedProposalResponse(key.sign_proposal(chain_id, proposal))
            except SigningRefused as refusal:
                return SignedProposalResponse(_refused(str(refusal)))
        case PubKeyResponse() | SignedVoteResponse() | SignedProposalResponse() | PingResponse():
            raise UnexpectedMessage(expected="a request", actual=type(request).__name__)


def _sign_vote(
    key: FilePrivateValidator, chain_id: ChainId, vote: Vote
) -> Vote | RemoteSignerError:
    extends = vote.type is VoteType.PRECOMMIT and not vote.block_id.is_nil()
    if vote.extension and not extends:
        return _refused("only a precommit for a block has an extension")
    try:
        signed = key.sign_vote(chain_id, vote)
    except SigningRefused as refusal:
        return _refused(str(refusal))
    if not extends:
        return signed
    # Applications may extend the same vote differently after a restart: signed anew each time.
    return replace(signed, extension_signature=key.sign_extension(chain_id, signed))


def _other_chain(ours: ChainId, asked: ChainId) -> RemoteSignerError | None:
    if asked == ours:
        return None
    return _refused(f"this signer signs for {ours}, not for {asked[:50]}")


def _refused(reason: str) -> RemoteSignerError:
    _log.warning("signer.request_refused", reason=reason)
    return RemoteSignerError(_REFUSED, reason)


class SignerServer:
    """A key that a node uses from afar. Mutable: it owns the connection.

    Args:
        key: With its memory of what it signed.
        chain_id: The one chain that it signs for.
        endpoint: Where the node waits for it.
    """

    def __init__(
        self, key: FilePrivateValidator, chain_id: ChainId, endpoint: SignerEndpoint
    ) -> None:
        self._key = key
        self._chain_id = chain_id
        self._endpoint = endpoint
        self._seed = secrets.token_bytes(32)

    async def run(self) -> None:
        """Dial the node and answer it, for ever, until cancelled."""
        back_off = REDIAL_FIRST_NS
        while True:
            try:
                link = await self._dial()
            except (TimeoutError, OSError, ConnectionLost, RuleBroken) as error:
                _log.debug(
                    "signer.dial_failed", node=str(self._endpoint), error=type(error).__name__
                )
                await asyncio.sleep(seconds(back_off))
                back_off = DurationNs(min(2 * back_off, REDIAL_LONGEST_NS))
                continue
            back_off = REDIAL_FIRST_NS
            _log.info("signer.connected", node=str(self._endpoint))
            try:
                await self._serve(link)
            except RuleBroken as error:
                _log.warning("signer.dropped", error=type(error).__name__, reason=str(error))
            except (OperationFailed, TimeoutError) as error:
                _log.info("signer.disconnected", error=type(error).__name__, reason=str(error))
            finally:
                link.close()
            await asyncio.sleep(seconds(back_off))  # a node that hangs up at once is not hammered

    async def _dial(self) -> SignerLink:
        async with asyncio.timeout(seconds(HANDSHAKE_TIMEOUT_NS)):
            match self._endpoint:
                case TcpEndpoint(host, port):
                    reader, writer = await asyncio.open_connection(host.strip("[]"), port)
                    link = make_link(reader, writer, seed=self._seed)
                case UnixEndpoint(path):
                    reader, writer = await asyncio.open_unix_connection(path)
                    link = make_link(reader, writer, seed=None)
            try:
                await link.agree()
            except BaseException:
                link.close()
                raise
            return link

    async def _serve(self, link: SignerLink) -> None:
        while True:
            async with asyncio.timeout(seconds(SILENCE_TIMEOUT_NS)):
                request = await link.receive()
            await link.send(answer_request(self._key, self._chain_id, request))
