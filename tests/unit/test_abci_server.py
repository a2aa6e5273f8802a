"""The application behind ABCI 2.0: the same results as in process, and no call can break it."""

import grpc
import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address, BlockHeight, TimestampNs
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from chainkit.wire.proto.tendermint.abci import types_pb2 as pb
from chainkit.wire.proto.tendermint.crypto import keys_pb2
from isthmus.adapters.grpc_server import AbciGrpcServer
from relay_chain.abci import driver as driver_module
from relay_chain.abci import server as server_module
from relay_chain.abci.codec import METHODS, decode_request
from relay_chain.abci.messages import EchoRequest, VerifyVoteExtensionRequest
from tests.abci_world import (
    BOB,
    GENESIS,
    START,
    Engine,
    Refused,
    application,
    asked,
    block,
    driver_over,
    init_chain,
    payment,
    serving,
    wrapped,
)
from tests.signing import task

BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
BOBS = encode(bank_pb2.QueryBalanceRequest(address=format_address("isthmus", BOB), denom="stake"))
BLOCKS = ((payment(0), payment(1)), (), (payment(2, 5), b"no transaction"), (payment(3),))


def in_process() -> list:
    """What the application says when our own engine calls it."""
    app = application(MemoryDatabase())
    app.init_chain(GENESIS)
    results = []
    for number, txs in enumerate(BLOCKS, 1):
        results.append(
            app.finalize_block(
                FinalizeBlockRequest(
                    BlockHeight(number),
                    TimestampNs(START + number * 10**9),
                    Address(b"\x05" * 20),
                    txs,
                    next_validators_hash=b"\x06" * 32,
                )
            )
        )
        app.commit()
    return results


async def test_over_a_socket_the_application_says_what_it_says_in_process() -> None:
    """App hash, results, events and validator updates of each block are the same."""
    expected = in_process()
    async with serving(driver_over(MemoryDatabase())) as served:
        client = await served.dial()
        assert (await client.call(pb.RequestEcho(message="hello"))).message == "hello"
        assert (await client.call(pb.RequestInfo())).last_block_height == 0
        begun = await client.call(init_chain())
        assert [(u.pub_key.ed25519, u.power) for u in begun.validators] in (
            [],
            [(b"\x07" * 32, 10)],
        )
        for number, (txs, result) in enumerate(zip(BLOCKS, expected, strict=True), 1):
            got = await client.call(block(number, *txs))
            assert got.app_hash == result.app_hash
            assert [
                (r.code, r.data, r.log, r.gas_wanted, r.gas_used, r.codespace)
                for r in got.tx_results
            ] == [
                (r.code, r.data, r.log, r.gas_wanted, r.gas_used, r.codespace)
                for r in result.tx_results
            ]
            for theirs, ours in (
                (got, result),
                *zip(got.tx_results, result.tx_results, strict=True),
            ):
                assert [
                    (e.type, tuple((a.key, a.value) for a in e.attributes)) for e in theirs.events
                ] == [(e.type, e.attributes) for e in ours.events]
                assert all(a.index for e in theirs.events for a in e.attributes)
            await client.call(pb.RequestCommit())
        info = await client.call(pb.RequestInfo())
        assert (info.last_block_height, info.last_block_app_hash) == (4, expected[-1].app_hash)
        answer = await client.call(pb.RequestQuery(path=BALANCE, data=BOBS))
        assert bank_pb2.QueryBalanceResponse.FromString(answer.value).balance.amount == "8"
        proven = await client.call(pb.RequestQuery(path="/store/bank/key", data=b"x", prove=True))
        assert [op.type for op in proven.proof_ops.ops] == ["ics23:iavl", "ics23:simple"]


async def test_an_executed_block_is_seen_by_nobody_before_its_commit() -> None:
    """Between FinalizeBlock and Commit, Info and Query answer of the block before, and a second
    FinalizeBlock begins from there."""
    database = MemoryDatabase()
    async with serving(driver_over(database)) as served:
        client, other = await served.dial(), await served.dial()
        await client.call(init_chain())
        await client.call(block(1))
        await client.call(pb.RequestCommit())
        first = await client.call(block(2, payment(0, 7)))
        assert (await other.call(pb.RequestInfo())).last_block_height == 1
        answer = await other.call(pb.RequestQuery(path=BALANCE, data=BOBS))
        assert bank_pb2.QueryBalanceResponse.FromString(answer.value).balance.amount == "0"
        again = await client.call(block(2, payment(0, 7)))
        assert again.SerializeToString() == first.SerializeToString()
        await client.call(pb.RequestCommit())
        assert (await other.call(pb.RequestInfo())).last_block_app_hash == first.app_hash


def _begun():
    driver = driver_over(MemoryDatabase())
    asked(driver, init_chain())
    return driver


def _with_block():
    driver = _begun()
    asked(driver, block(1))
    asked(driver, pb.RequestCommit())
    return driver


OUT_OF_ORDER = [
    (lambda: driver_over(MemoryDatabase()), block(1), "FinalizeBlock out of order: InitChain"),
    (lambda: driver_over(MemoryDatabase()), pb.RequestCheckTx(tx=b"x"), "CheckTx out of order"),
    (lambda: driver_over(MemoryDatabase()), pb.RequestCommit(), "Commit out of order: no block"),
    (_begun, pb.RequestCommit(), "Commit out of order: no block"),
    (_begun, block(2), "height 2, the next block is 1"),
    (_begun, block(0), "height 0, the next block is 1"),
    (_with_block, pb.RequestCommit(), "Commit out of order: no block"),
    (_with_block, block(1), "height 1, the next block is 2"),
    (_with_block, block(3), "height 3, the next block is 2"),
    (_with_block, init_chain(), "InitChain out of order: the chain has 1 blocks"),
    (_with_block, pb.RequestPrepareProposal(height=1), "PrepareProposal out of order"),
    (_with_block, pb.RequestProcessProposal(height=9), "ProcessProposal out of order"),
    (lambda: driver_over(MemoryDatabase()), init_chain(chain_id="zone-2"), "InitChain: chain_id"),
    (
        lambda: driver_over(MemoryDatabase()),
        init_chain(app_state_bytes=b"{}"),
        "InitChain: app_state",
    ),
    (_begun, pb.RequestOfferSnapshot(), "takes no snapshots"),
    (_begun, pb.RequestApplySnapshotChunk(), "takes no snapshots"),
]


@pytest.mark.parametrize(("made", "call", "reason"), OUT_OF_ORDER)
def test_a_call_out_of_order_is_refused_by_name_and_changes_nothing(made, call, reason) -> None:
    """The answer is an exception, Info says the same as before, and the right call still works."""
    driver = made()
    before = asked(driver, pb.RequestInfo())

    with pytest.raises(Refused, match=reason):
        asked(driver, call)

    assert asked(driver, pb.RequestInfo()) == before
    if before.last_block_height == 0:
        asked(driver, init_chain())
    asked(driver, block(before.last_block_height + 1))
    asked(driver, pb.RequestCommit())


def test_a_refused_block_is_not_what_a_later_commit_keeps() -> None:
    """After FinalizeBlock of a wrong height, Commit keeps the block that was executed before it."""
    driver = _begun()
    executed = asked(driver, block(1, payment(0)))
    with pytest.raises(Refused):
        asked(driver, block(7))
    asked(driver, pb.RequestCommit())
    assert asked(driver, pb.RequestInfo()).last_block_app_hash == executed.app_hash


def test_nobody_votes_with_extensions_here() -> None:
    """Our votes carry none, and one of another validator is refused."""
    driver = _begun()
    assert asked(driver, pb.RequestExtendVote(height=1)).vote_extension == b""
    verdicts = pb.ResponseVerifyVoteExtension
    for extension, verdict in ((b"", verdicts.ACCEPT), (b"x", verdicts.REJECT)):
        call = pb.RequestVerifyVoteExtension(height=1, vote_extension=extension)
        assert asked(driver, call).status == verdict


class Died(BaseException):
    """The process was killed."""


def test_killed_between_any_two_calls_the_application_goes_on_as_if_never(monkeypatch) -> None:
    """Before each call and behind it, one run each: the engine's handshake and replay lead to the
    app hashes of the run that nobody disturbed, and no block is executed twice into the state."""
    undisturbed = Engine(BLOCKS)
    points: list[str] = []
    monkeypatch.setattr(driver_module, "reach", points.append)
    undisturbed.run(driver_over(MemoryDatabase()))
    assert {"abci.CommitRequest.asked", "abci.FinalizeBlockRequest.answered"} <= set(points)

    for doomed in range(len(points)):
        reached: list[str] = []

        def reach(name: str, reached: list[str] = reached, doomed: int = doomed) -> None:
            reached.append(name)
            if len(reached) == doomed + 1:
                raise Died

        database, engine = MemoryDatabase(), Engine(BLOCKS)
        monkeypatch.setattr(driver_module, "reach", reach)
        with pytest.raises(Died):
            engine.run(driver_over(database))
        engine.run(driver_over(database))
        assert engine.hashes == undisturbed.hashes, points[doomed]


def test_an_engine_that_was_killed_alone_finds_the_application_where_it_was(monkeypatch) -> None:
    """CometBFT dies, the application's process lives: the block is executed anew and kept once."""
    undisturbed = Engine(BLOCKS)
    undisturbed.run(driver_over(MemoryDatabase()))
    driver, engine = driver_over(MemoryDatabase()), Engine(BLOCKS)
    asked(driver, init_chain())
    engine.blocks.append(block(1, *BLOCKS[0]))
    asked(driver, engine.blocks[0])

    engine.run(driver)

    assert engine.hashes == undisturbed.hashes


BROKEN = [
    (b"\xff\xff\xff\xff\x7f", "length prefix is too long"),
    (b"\x80\x80\x80\x7f", "over 104857600"),
    (b"\x03\x00\x00\x00", "not a tendermint.abci.Request"),
    (b"\x00", "of no known kind"),
    (b"\x02\x22\x00", "not known here"),
]


@pytest.mark.parametrize(("data", "reason"), BROKEN)
async def test_a_broken_frame_ends_its_connection_with_a_reason_and_no_other(data, reason) -> None:
    """The exception names what was wrong; the engine's other connections go on."""
    async with serving(driver_over(MemoryDatabase())) as served:
        good, bad = await served.dial(), await served.dial()
        await good.call(init_chain())
        bad.writer.write(data)
        answer = pb.Response.FromString(await bad.receive())
        assert reason in answer.exception.error
        with pytest.raises(EOFError):
            await bad.receive()
        await good.call(block(1))
        await good.call(pb.RequestCommit())


async def test_connections_past_the_limit_are_closed(monkeypatch) -> None:
    """One more than may be is closed at once; one that ends makes room."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    async with serving(driver_over(MemoryDatabase())) as served:
        first, second = await served.dial(), await served.dial()
        await first.call(pb.RequestEcho(message="1"))
        with pytest.raises((EOFError, ConnectionError)):
            await second.receive()


REFUSED_FORMS = [
    init_chain(initial_height=0),
    init_chain(chain_id=""),
    init_chain(chain_id="x" * 51),
    init_chain(app_state_bytes=b"[]"),
    init_chain(app_state_bytes=b"{"),
    init_chain(validators=[pb.ValidatorUpdate(power=1)]),
    init_chain(
        validators=[pb.ValidatorUpdate(pub_key=keys_pb2.PublicKey(secp256k1=b"\x02" * 33), power=1)]
    ),
    init_chain(
        validators=[pb.ValidatorUpdate(pub_key=keys_pb2.PublicKey(ed25519=b"\x02" * 32), power=0)]
    ),
    pb.RequestQuery(height=-1),
    pb.RequestFinalizeBlock(height=-1),
    pb.RequestFinalizeBlock(
        height=1, decided_last_commit=pb.CommitInfo(votes=[pb.VoteInfo(block_id_flag=0)])
    ),
    pb.RequestFinalizeBlock(height=1, misbehavior=[pb.Misbehavior(type=pb.UNKNOWN)]),
    pb.RequestEcho(message="x" * 65_537),
]


@pytest.mark.parametrize("message", REFUSED_FORMS)
def test_a_request_that_is_not_of_its_form_is_refused(message) -> None:
    """Each is named as malformed before anything is asked of the application."""
    with pytest.raises(MalformedMessage):
        decode_request(wrapped(message))


def test_what_a_request_says_is_read() -> None:
    """Two that the other tests do not look into."""
    assert decode_request(wrapped(pb.RequestEcho(message="x"))) == EchoRequest("x")
    call = pb.RequestVerifyVoteExtension(height=4, vote_extension=b"e")
    assert decode_request(wrapped(call)) == VerifyVoteExtensionRequest(BlockHeight(4), b"e")


async def test_grpc_answers_the_same_and_refuses_by_status() -> None:
    """Every method of the service is there; an exception is UNKNOWN with its text, garbage
    INVALID_ARGUMENT, another method UNIMPLEMENTED."""
    assert len(METHODS) == 16
    server = AbciGrpcServer(driver_over(MemoryDatabase()))
    async with task(server.run("127.0.0.1", 0)):
        port = await server.wait_listening()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

            async def call(method: str, data: bytes) -> bytes:
                return await channel.unary_unary(f"/tendermint.abci.ABCI/{method}")(data)

            await call("InitChain", encode(init_chain()))
            expected = in_process()[0]
            executed = await call("FinalizeBlock", encode(block(1, *BLOCKS[0])))
            assert pb.ResponseFinalizeBlock.FromString(executed).app_hash == expected.app_hash
            await call("Commit", b"")
            info = pb.ResponseInfo.FromString(await call("Info", b""))
            assert info.last_block_app_hash == expected.app_hash
            for method, data, status in (
                ("Commit", b"", grpc.StatusCode.UNKNOWN),
                ("Info", b"\x0c", grpc.StatusCode.INVALID_ARGUMENT),
                ("Begin", b"", grpc.StatusCode.UNIMPLEMENTED),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await call(method, data)
                assert refusal.value.code() is status
