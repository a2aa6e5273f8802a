"""The remote signer: a key in another process signs as one in the home, and lies are refused."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from chainkit.formats.tendermint.sign_bytes import vote_extension_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import NIL_BLOCK_ID, VoteType
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import ChainId, DurationNs
from chainkit.sigverify.ed25519 import public_key_from_seed, sign, verify
from relay_chain.node import privval
from relay_chain.node.privval import SigningRefused
from relay_chain.node.signing import client as client_module
from relay_chain.node.signing import limits as signing_limits
from relay_chain.node.signing import server as server_module
from relay_chain.node.signing.endpoint import TcpEndpoint, UnixEndpoint, signer_endpoint_of
from relay_chain.node.signing.errors import SignerSilent, UnexpectedMessage
from relay_chain.node.signing.messages import (
    PingRequest,
    PingResponse,
    PubKeyRequest,
    PubKeyResponse,
    RemoteSignerError,
    SignedProposalResponse,
    SignedVoteResponse,
    SignProposalRequest,
    SignVoteRequest,
    decode_signer_message,
    encode_signer_message,
)
from relay_chain.node.signing.server import answer_request
from tests.node_in_memory import SEED
from tests.signing import (
    ANY_PORT,
    BLOCK,
    CHAIN,
    OTHER,
    T0,
    Inbox,
    RemoteNode,
    closed,
    dial,
    key_in,
    listening,
    proposal,
    remote_in,
    signing,
    task,
    vote,
)

KEY = public_key_from_seed(SEED)
ERROR = RemoteSignerError(1, "no")
MESSAGES = [
    PingRequest(),
    PingResponse(),
    PubKeyRequest(CHAIN),
    PubKeyResponse(KEY),
    PubKeyResponse(ERROR),
    SignVoteRequest(vote(1, 0, VoteType.PREVOTE), CHAIN),
    SignedVoteResponse(replace(vote(1, 0, VoteType.PRECOMMIT), signature=b"s", extension=b"e")),
    SignedVoteResponse(ERROR),
    SignProposalRequest(proposal(1, 0), CHAIN),
    SignedProposalResponse(replace(proposal(1, 0), signature=b"s")),
    SignedProposalResponse(ERROR),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_wire(message):
    """What is encoded is decoded again."""
    assert decode_signer_message(encode_signer_message(message)) == message


def test_the_bytes_of_an_error_are_go_s():
    """An answer that is an error carries Go's empty value beside it: the year 1 and empty ids."""
    assert encode_signer_message(PingRequest()).hex() == "3a00"
    assert (
        encode_signer_message(PubKeyResponse(ERROR)).hex() == "120a" + "0a00" + "1206080112026e6f"
    )
    answer = encode_signer_message(SignedVoteResponse(ERROR))
    assert answer.hex().startswith("22" + "1b" + "0a11" + "22021200" + "2a0b088092b8c398feffffff01")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x3a", b"\x4a\x00", bytes.fromhex("12020a00"), bytes.fromhex("1a020a00"), b"\xff" * 40],
    ids=["nothing", "cut", "unknown kind", "no key", "vote without a type", "noise"],
)
def test_other_bytes_are_no_message(data):
    """Bytes that are none of the messages are refused by name."""
    with pytest.raises(MalformedMessage):
        decode_signer_message(data)


@pytest.mark.parametrize("text", ["", "tcp://a", "http://a:1", "unix://a", "tcp://a:99999", "a:1"])
def test_an_address_is_tcp_or_a_socket_file(text):
    """Only the two forms of CometBFT are taken."""
    assert signer_endpoint_of("tcp://127.0.0.1:26659") == TcpEndpoint("127.0.0.1", 26659)
    assert str(signer_endpoint_of("unix:///run/s")) == "unix:///run/s"
    with pytest.raises(ValueError):
        signer_endpoint_of(text)


# --- the signer -----------------------------------------------------------------------------


def test_a_signer_signs_votes_and_proposals(tmp_path):
    """The signatures are the key's, of the canonical bytes."""
    key = key_in(tmp_path)
    first = answer_request(key, CHAIN, SignProposalRequest(proposal(1, 0), CHAIN)).answer
    second = answer_request(key, CHAIN, SignVoteRequest(vote(1, 0, VoteType.PREVOTE), CHAIN)).answer

    assert replace(first, signature=b"") == proposal(1, 0)
    assert verify(KEY, vote_sign_bytes(CHAIN, second), second.signature)
    assert second.extension_signature == b""


def test_a_precommit_s_extension_is_signed_too(tmp_path):
    """A precommit for a block comes back with the signature of its extension; others have none."""
    key = key_in(tmp_path)
    asked = replace(vote(1, 0, VoteType.PRECOMMIT), extension=b"price")
    signed = answer_request(key, CHAIN, SignVoteRequest(asked, CHAIN)).answer
    nil = vote(2, 0, VoteType.PRECOMMIT, NIL_BLOCK_ID)
    plain = answer_request(key, CHAIN, SignVoteRequest(nil, CHAIN)).answer
    extended = answer_request(key, CHAIN, SignVoteRequest(replace(nil, extension=b"x"), CHAIN))

    assert verify(KEY, vote_extension_sign_bytes(CHAIN, asked), signed.extension_signature)
    assert plain.signature
    assert plain.extension_signature == b""
    assert "extension" in extended.answer.description


@pytest.mark.parametrize(
    "request_",
    [
        SignVoteRequest(vote(5, 0, VoteType.PREVOTE, OTHER), CHAIN),
        SignVoteRequest(vote(4, 9, VoteType.PREVOTE), CHAIN),
        SignProposalRequest(proposal(5, 0), CHAIN),
        SignVoteRequest(vote(6, 0, VoteType.PREVOTE), ChainId("other-1")),
        SignProposalRequest(proposal(6, 0), ChainId("other-1")),
        PubKeyRequest(ChainId("other-1")),
    ],
    ids=["another block", "older", "older step", "vote elsewhere", "proposal elsewhere", "key"],
)
def test_a_signer_refuses_and_forgets_nothing(tmp_path, request_):
    """A contradiction, a regression or another chain is answered with an error, not a signature."""
    key = key_in(tmp_path)
    answer_request(key, CHAIN, SignVoteRequest(vote(5, 0, VoteType.PREVOTE), CHAIN))
    before = key.last
    answer = answer_request(key_in(tmp_path), CHAIN, request_).answer

    assert isinstance(answer, RemoteSignerError)
    assert key_in(tmp_path).last == before


def test_an_answer_is_no_request(tmp_path):
    """A node that answers its signer is hung up on."""
    with pytest.raises(UnexpectedMessage):
        answer_request(key_in(tmp_path), CHAIN, PingResponse())


# --- the node -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_a_chain_runs_with_its_key_elsewhere_and_waits_while_it_is_away(tmp_path, kind):
    """
    A lone validator decides blocks by a remote key; when the signer goes, the node stays up and
    waits; when it is back, the chain goes on.
    """
    endpoint = ANY_PORT if kind == "tcp" else UnixEndpoint(str(tmp_path / "s.sock"))
    remote = remote_in(tmp_path / "node", endpoint)
    async with listening(remote) as at:
        async with signing(tmp_path / "signer", at):
            await remote.wait_key()
            node = RemoteNode(tmp_path, remote)
            running = task(node.shell.run())
            await running.__aenter__()
            await node.reach(3)
        stopped = node.height
        await asyncio.sleep(0)
        async with signing(tmp_path / "signer", at):
            await node.reach(stopped + 3)
        await running.__aexit__(None, None, None)
    node.shell.close()

    commits = [node.executor.blocks.seen_commit(height) for height in range(1, node.height)]
    assert all(commit.signatures[0].signature for commit in commits)
    assert key_in(tmp_path / "signer").last.position.height >= node.height


async def test_a_request_outlives_its_connection(tmp_path):
    """A vote that was asked for and not answered is asked for again on the next connection."""
    remote = remote_in(tmp_path)
    inbox = Inbox(remote)
    wanted = vote(7, 1, VoteType.PREVOTE)
    async with listening(remote) as at:
        link = await dial(at)
        assert await link.receive() == PubKeyRequest(CHAIN)
        await link.send(PubKeyResponse(KEY))
        remote.sign_vote(CHAIN, wanted)
        assert await link.receive() == SignVoteRequest(wanted, CHAIN)
        link.close()
        async with signing(tmp_path / "signer", at):
            signed = await inbox.next()

    assert replace(signed, signature=b"") == wanted


async def _play(at, answer, *, key=KEY):
    """Play a signer that tells a key and answers the next request with ``answer``."""
    link = await dial(at)
    await link.receive()
    await link.send(PubKeyResponse(key))
    if answer is not None:
        await link.receive()
        await link.send(answer)
    await closed(link)


def _forged(**changes):
    given = replace(vote(7, 1, VoteType.PREVOTE), **changes)
    return replace(given, signature=sign(SEED, vote_sign_bytes(CHAIN, given)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (SignedVoteResponse(_forged(block_id=OTHER)), "another message"),
        (SignedVoteResponse(_forged(height=8)), "another message"),
        (SignedVoteResponse(_forged(validator_index=3)), "another message"),
        (SignedVoteResponse(replace(_forged(), extension=b"x")), "another message"),
        (SignedVoteResponse(replace(_forged(), signature=b"\x01" * 64)), "does not verify"),
        (SignedVoteResponse(replace(_forged(), timestamp=T0 + 1)), "does not verify"),
        (SignedProposalResponse(replace(proposal(7, 1), signature=b"s")), "expected a vote"),
        (PingResponse(), "expected a vote"),
        (SignVoteRequest(vote(7, 1, VoteType.PREVOTE), CHAIN), "expected a vote"),
    ],
    ids=["block", "height", "index", "extension", "signature", "time", "proposal", "pong", "echo"],
)
async def test_a_lying_signer_is_refused_with_a_reason(tmp_path, answer, reason):
    """
    An answer that is not the message asked for, signed by the key, ends the connection; the
    request is kept for a better signer.
    """
    remote = remote_in(tmp_path)
    inbox = Inbox(remote)
    remote.sign_vote(CHAIN, vote(7, 1, VoteType.PREVOTE))
    with capture_logs() as logs:
        async with listening(remote) as at:
            await _play(at, answer)
            assert inbox.is_empty
            async with signing(tmp_path / "signer", at):
                signed = await inbox.next()

    assert verify(KEY, vote_sign_bytes(CHAIN, signed), signed.signature)
    ends = [entry for entry in logs if entry["event"] == "signer.dropped"]
    assert reason in ends[0]["reason"]
    assert ends[0]["log_level"] == "warning"


async def test_a_request_that_spoils_connections_is_given_up(tmp_path):
    """After three bad answers a request is dropped, so that the next can be served."""
    remote = remote_in(tmp_path)
    inbox = Inbox(remote)
    remote.sign_vote(CHAIN, vote(7, 1, VoteType.PREVOTE))
    remote.sign_vote(CHAIN, vote(7, 1, VoteType.PRECOMMIT))
    async with listening(remote) as at:
        for _ in range(signing_limits.MAX_ATTEMPTS):
            await _play(at, SignedVoteResponse(_forged(block_id=OTHER)))
        async with signing(tmp_path / "signer", at):
            signed = await inbox.next()

    assert signed.type is VoteType.PRECOMMIT


async def test_a_signer_with_another_key_is_refused_for_ever(tmp_path):
    """The first key is remembered over restarts; another one never signs for this node."""
    first = remote_in(tmp_path / "node")
    async with listening(first) as at, signing(tmp_path / "signer", at):
        await first.wait_key()
    again = remote_in(tmp_path / "node")
    await again.wait_key()
    with capture_logs() as logs:
        async with listening(again) as at:
            await _play(at, None, key=public_key_from_seed(b"\x08" * 32))

    assert again.public_key == first.public_key == KEY
    assert [entry["error"] for entry in logs if entry["event"] == "signer.dropped"] == ["OtherKey"]


async def test_garbage_ends_the_connection(tmp_path):
    """Frames that are no messages are refused, and the node goes on listening."""
    remote = remote_in(tmp_path, UnixEndpoint(str(tmp_path / "s.sock")))
    with capture_logs() as logs:
        async with listening(remote) as at:
            for noise in (b"\xff" * 5_000, b"\x05hello", b"\xff\xff\x7f"):
                reader, writer = await asyncio.open_unix_connection(at.path)
                writer.write(noise)
                await reader.read(1_000)
                await reader.read()
                writer.close()
            async with signing(tmp_path / "signer", at):
                await remote.wait_key()

    ends = [entry["error"] for entry in logs if entry["event"] == "signer.dropped"]
    assert ends[:3] == ["MalformedFrame", "MalformedMessage", "MalformedFrame"]


async def test_a_silent_signer_is_dropped_and_another_takes_its_place(tmp_path, monkeypatch):
    """A signer that reads and never answers holds its place for one time limit only."""
    monkeypatch.setattr(client_module, "ANSWER_TIMEOUT_NS", DurationNs(50_000_000))
    remote = remote_in(tmp_path)
    async with listening(remote) as at:
        silent = await dial(at)
        await closed(silent)
        async with signing(tmp_path / "signer", at):
            await remote.wait_key()

    assert remote.public_key == KEY


async def test_an_idle_connection_is_pinged(tmp_path, monkeypatch):
    """A connection at rest is asked for a sign of life, and goes on when there is one."""
    monkeypatch.setattr(client_module, "PING_AFTER_NS", DurationNs(20_000_000))
    remote = remote_in(tmp_path)
    async with listening(remote) as at:
        link = await dial(at)
        await link.receive()
        await link.send(PubKeyResponse(KEY))
        for _ in range(2):
            assert await link.receive() == PingRequest()
            await link.send(PingResponse())
        assert await link.receive() == PingRequest()
        await link.send(PubKeyResponse(KEY))
        await closed(link)


async def test_a_node_whose_signer_never_came_does_not_start(tmp_path, monkeypatch):
    """Before the first key is known the node has no address to vote as: it says so and ends."""
    monkeypatch.setattr(client_module, "FIRST_KEY_TIMEOUT_NS", DurationNs(20_000_000))
    remote = remote_in(tmp_path)

    with pytest.raises(SignerSilent, match="no signer came"):
        await remote.wait_key()


def test_a_node_asks_for_no_two_votes_even_of_a_signer_without_memory(tmp_path):
    """What was asked is on disk before it is asked, and binds the node after a restart."""
    remote_in(tmp_path).sign_vote(CHAIN, vote(7, 1, VoteType.PREVOTE))
    again = remote_in(tmp_path)

    assert again.last.position.height == 7
    again.sign_vote(CHAIN, replace(vote(7, 1, VoteType.PREVOTE), timestamp=T0 + 5))
    with pytest.raises(SigningRefused, match="conflicting"):
        again.sign_vote(CHAIN, vote(7, 1, VoteType.PREVOTE, OTHER))
    with pytest.raises(SigningRefused, match="regression"):
        again.sign_proposal(CHAIN, proposal(7, 1))


async def test_an_older_request_of_one_height_waits_and_one_of_an_older_height_does_not(tmp_path):
    """While the signer is away requests of the present height wait, bounded; others are dropped."""
    remote = remote_in(tmp_path)
    inbox = Inbox(remote)
    remote.sign_vote(CHAIN, vote(6, 0, VoteType.PRECOMMIT))
    rounds = signing_limits.MAX_PENDING_SIGNATURES + 2
    for round_ in range(rounds):
        remote.sign_vote(CHAIN, vote(7, round_, VoteType.PREVOTE))
    async with listening(remote) as at, signing(tmp_path / "signer", at):
        served = [await inbox.next() for _ in range(signing_limits.MAX_PENDING_SIGNATURES)]

    assert [(each.height, each.round) for each in served] == [(7, r) for r in range(2, rounds)]
    assert inbox.is_empty


async def test_a_signer_dials_until_its_node_is_there(tmp_path, monkeypatch):
    """A signer that was started first waits for its node; a silent node is dialled anew."""
    monkeypatch.setattr(server_module, "SILENCE_TIMEOUT_NS", DurationNs(50_000_000))
    at = UnixEndpoint(str(tmp_path / "s.sock"))
    connections: asyncio.Queue[None] = asyncio.Queue()
    writers = []

    def accept(_, writer):
        writers.append(writer)
        connections.put_nowait(None)

    async with signing(tmp_path / "signer", at):
        server = await asyncio.start_unix_server(accept, at.path)
        async with asyncio.timeout(30):
            for _ in range(2):
                await connections.get()
        server.close()
    for writer in writers:
        writer.close()


def test_a_signature_is_given_only_after_its_state_is_saved(tmp_path, monkeypatch):
    """If the state cannot be written the signer signs nothing."""

    def full(*_, **__):
        raise OSError("no space left on device")

    key = key_in(tmp_path)
    monkeypatch.setattr(privval, "write_durably", full)

    with pytest.raises(OSError, match="no space"):
        answer_request(key, CHAIN, SignVoteRequest(vote(1, 0, VoteType.PREVOTE, BLOCK), CHAIN))
    assert key.last.position.height == 0
