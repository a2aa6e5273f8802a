"""The node's side: waits for the signer to dial in, and asks it for signatures.

Consensus never waits: a request is queued, and its answer comes back as an input like any
other. While the signer is away the node takes part without its vote; requests that are still
about the present height are asked when it is back.

The node trusts its signer with the key and with nothing else. The key is remembered from the
first time; an answer must be the message that was asked for, signed by that key, with no other
difference than its time. And the node keeps a memory of its own of what it asked, synced
before it asks, by the rules of ``privval``: a signer that lost its memory still makes no
second vote for this node.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from chainkit.formats.tendermint.sign_bytes import proposal_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import Proposal, Vote
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import Address, ChainId
from chainkit.sigverify.ed25519 import verify
from relay_chain.node.files import write_durably
from relay_chain.node.json_forms import (
    dump_json,
    member,
    parse_json,
    public_key_from_json,
    public_key_to_json,
)
from relay_chain.node.p2p.peer import seconds
from relay_chain.node.privval import (
    Position,
    SigningRefused,
    SignState,
    check_position,
    position_of,
    read_sign_state,
    timestamp_in,
    write_sign_state,
)
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint, UnixEndpoint
from relay_chain.node.signing.errors import (
    OtherKey,
    OtherMessageSigned,
    SignerRefused,
    SignerSilent,
    UnexpectedMessage,
    WrongSignature,
)
from relay_chain.node.signing.limits import (
    ANSWER_TIMEOUT_NS,
    FIRST_KEY_TIMEOUT_NS,
    HANDSHAKE_TIMEOUT_NS,
    MAX_ATTEMPTS,
    MAX_PENDING_SIGNATURES,
    MAX_SIGNER_ERROR_CHARACTERS,
    PING_AFTER_NS,
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
    SignProposalRequest,
    SignVoteRequest,
)

_log = structlog.get_logger()

Signed = Vote | Proposal
T = TypeVar("T", bytes, Vote, Proposal)


@dataclass(slots=True)
class _Wanted:
    """A signature that is wanted; mutable: it counts the connections that it spoilt."""

    message: Signed
    position: Position
    attempts: int = 0


class RemoteValidator:
    """The key that votes, in another process. Mutable: it owns the listening socket.

    Args:
        endpoint: Where the signer dials in.
        chain_id: The chain.
        key_file: Where the signer's key is remembered; removed by an operator who changes it.
        state_file: What was asked last, in the form of ``priv_validator_state.json``.

    Raises:
        MalformedMessage: A file is not of its form.
    """

    def __init__(
        self, endpoint: SignerEndpoint, chain_id: ChainId, key_file: Path, state_file: Path
    ) -> None:
        self.endpoint = endpoint
        self.deliver: Callable[[Signed], None] = _nobody
        """Takes each signed message; the node sets it."""
        self._chain_id = chain_id
        self._key_file = key_file
        self._state_file = state_file
        self._state = read_sign_state(state_file) if state_file.exists() else SignState()
        self._public_key = _read_key(key_file) if key_file.exists() else None
        self._known = asyncio.Event()
        if self._public_key is not None:
            self._known.set()
        self._seed = secrets.token_bytes(32)
        self._wanted: deque[_Wanted] = deque()
        self._work = asyncio.Event()
        self._listening = asyncio.Event()
        self._busy = False

    # --- what consensus asks ------------------------------------------------------------

    @property
    def public_key(self) -> bytes:
        """The signer's key; :meth:`wait_key` must have returned."""
        assert self._public_key is not None, "the key is not known yet"
        return self._public_key

    @property
    def address(self) -> Address:
        """The address that the key votes as."""
        return sha256_truncated(self.public_key)

    @property
    def last(self) -> SignState:
        """What was asked last."""
        return self._state

    def sign_vote(self, chain_id: ChainId, vote: Vote) -> None:
        """Ask for a vote's signature; ``deliver`` gets it.

        Raises:
            SigningRefused: It goes behind, or contradicts, what was asked before.
        """
        assert chain_id == self._chain_id
        self._want(vote)

    def sign_proposal(self, chain_id: ChainId, proposal: Proposal) -> None:
        """Ask for a proposal's signature, by the same rules as :meth:`sign_vote`.

        Raises:
            SigningRefused: It goes behind, or contradicts, what was asked before.
        """
        assert chain_id == self._chain_id
        self._want(proposal)

    def _want(self, message: Signed) -> None:
        asked = position_of(message)
        if check_position(self._state, asked):
            # The signer may have signed it, with the time that it was first asked with.
            message = replace(message, timestamp=timestamp_in(self._state))
            if self._sign_bytes(message) != self._state.sign_bytes:
                last = self._state.position
                raise SigningRefused(asked=asked, last=last, reason="conflicting message")
        else:
            state = SignState(asked, b"", self._sign_bytes(message))
            write_sign_state(self._state_file, state, point=f"signer.{asked.step.name.lower()}")
            self._state = state
        while self._wanted and (
            self._wanted[0].position.height < asked.height
            or len(self._wanted) >= MAX_PENDING_SIGNATURES
        ):
            self._give_up(self._wanted[0], "obsolete")
        self._wanted.append(_Wanted(message, asked))
        self._work.set()

    def _sign_bytes(self, message: Signed) -> bytes:
        if isinstance(message, Vote):
            return vote_sign_bytes(self._chain_id, message)
        return proposal_sign_bytes(self._chain_id, message)

    def _give_up(self, wanted: _Wanted, reason: str) -> None:
        self._wanted.remove(wanted)
        _log.warning("signer.signature_missed", position=str(wanted.position), reason=reason)

    # --- life ---------------------------------------------------------------------------

    async def wait_key(self) -> None:
        """Return once the signer's key is known; at once if it was at an earlier start.

        Raises:
            SignerSilent: No signer came with a key.
        """
        if self._known.is_set():
            return
        _log.info("signer.awaited", address=str(self.endpoint))
        try:
            async with asyncio.timeout(seconds(FIRST_KEY_TIMEOUT_NS)):
                await self._known.wait()
        except TimeoutError as error:
            raise SignerSilent(f"no signer came to {self.endpoint} with a key") from error

    async def wait_listening(self) -> SignerEndpoint:
        """Return where the signer can dial, once it can."""
        await self._listening.wait()
        return self.endpoint

    async def run(self) -> None:
        """Listen, and serve one signer at a time, until cancelled.

        Raises:
            OSError: The address cannot be listened on.
        """
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if self._busy:
                    writer.close()  # one signer at a time; it dials again
                    return
                self._busy = True
                group.create_task(self._serve(reader, writer))

            server = await self._listen(accept)
            try:
                self._listening.set()
                await asyncio.Event().wait()
            finally:
                server.close()

    async def _listen(
        self, accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
    ) -> asyncio.AbstractServer:
        match self.endpoint:
            case TcpEndpoint(host, port):
                server = await asyncio.start_server(accept, host.strip("[]"), port)
                self.endpoint = TcpEndpoint(host, server.sockets[0].getsockname()[1])
                return server
            case UnixEndpoint(path):
                return await asyncio.start_unix_server(accept, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_secret = isinstance(self.endpoint, TcpEndpoint)
        link = make_link(reader, writer, seed=self._seed if is_secret else None)
        try:
            async with asyncio.timeout(seconds(HANDSHAKE_TIMEOUT_NS)):
                await link.agree()
            await self._learn_key(link)
            _log.info("signer.connected", address=str(self.endpoint))
            while True:
                await self._serve_next(link)
        except RuleBroken as error:
            _log.warning("signer.dropped", error=type(error).__name__, reason=str(error))
        except (OperationFailed, TimeoutError, OSError) as error:
            _log.info("signer.disconnected", error=type(error).__name__, reason=str(error))
        finally:
            self._busy = False
            link.close()

    async def _learn_key(self, link: SignerLink) -> None:
        answer = await self._ask(link, PubKeyRequest(self._chain_id))
        if not isinstance(answer, PubKeyResponse):
            raise UnexpectedMessage(expected="a public key", actual=type(answer).__name__)
        key = _unless_refused(answer.answer)
        if self._public_key is None:
            write_durably(self._key_file, dump_json({"pub_key": public_key_to_json(key)}))
            self._public_key = key
            self._known.set()
        elif key != self._public_key:
            raise OtherKey(expected=self._public_key, actual=key)

    async def _serve_next(self, link: SignerLink) -> None:
        if not self._wanted:
            self._work.clear()
            try:
                async with asyncio.timeout(seconds(PING_AFTER_NS)):
                    await self._work.wait()
            except TimeoutError:
                answer = await self._ask(link, PingRequest())
                if not isinstance(answer, PingResponse):
                    raise UnexpectedMessage(
                        expected="a pong", actual=type(answer).__name__
                    ) from None
                return
        wanted = self._wanted[0]
        wanted.attempts += 1
        try:
            signed = await self._ask_signature(link, wanted)
        except SignerRefused as refusal:
            if wanted in self._wanted:
                self._give_up(wanted, str(refusal)[:MAX_SIGNER_ERROR_CHARACTERS])
            return
        except RuleBroken:
            if wanted.attempts >= MAX_ATTEMPTS and wanted in self._wanted:
                self._give_up(wanted, "too many bad answers")
            raise
        if wanted in self._wanted:
            self._wanted.remove(wanted)
        self.deliver(signed)

    async def _ask_signature(self, link: SignerLink, wanted: _Wanted) -> Signed:
        message = wanted.message
        if isinstance(message, Vote):
            answer = await self._ask(link, SignVoteRequest(message, self._chain_id))
            if not isinstance(answer, SignedVoteResponse):
                raise UnexpectedMessage(expected="a vote", actual=type(answer).__name__)
            # The application's votes have no extensions, so that they have no signature either.
            vote = replace(_unless_refused(answer.answer), extension_signature=b"")
            return self._checked(wanted, vote)
        answer = await self._ask(link, SignProposalRequest(message, self._chain_id))
        if not isinstance(answer, SignedProposalResponse):
            raise UnexpectedMessage(expected="a proposal", actual=type(answer).__name__)
        return self._checked(wanted, _unless_refused(answer.answer))

    def _checked(self, wanted: _Wanted, signed: Signed) -> Signed:
        asked = str(wanted.position)
        same = replace(wanted.message, timestamp=signed.timestamp, signature=signed.signature)
        if same != signed:
            raise OtherMessageSigned(asked=asked)
        if not verify(self.public_key, self._sign_bytes(signed), signed.signature):
            raise WrongSignature(asked=asked)
        return signed

    async def _ask(self, link: SignerLink, request: SignerMessage) -> SignerMessage:
        await link.send(request)
        try:
            async with asyncio.timeout(seconds(ANSWER_TIMEOUT_NS)):
                return await link.receive()
        except TimeoutError as error:
            raise SignerSilent(f"no answer to {type(request).__name__}") from error


def _unless_refused(answer: T | RemoteSignerError) -> T:
    if isinstance(answer, RemoteSignerError):
        raise SignerRefused(code=answer.code, description=answer.description)
    return answer


def _nobody(signed: Signed) -> None:
    raise AssertionError(f"nobody takes {type(signed).__name__}")


def _read_key(path: Path) -> bytes:
    fields = parse_json(path.read_bytes(), what=path.name)
    return public_key_from_json(
        member(fields, "pub_key", what=path.name), what=f"{path.name}: pub_key"
    )
