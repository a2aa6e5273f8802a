"""A zone behind the ABCI server, and an engine that calls it in CometBFT's order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from chainkit.commitments.database import KeyValueDatabase
from chainkit.modules.bank_codec import Send, send_message
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import ChainId, Denom, TimestampNs, VotingPower
from chainkit.runtime.addresses import format_address
from chainkit.runtime.application import Application, Settings
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from chainkit.wire.codec import timestamp_to_proto
from chainkit.wire.proto.tendermint.abci import types_pb2 as pb
from chainkit.wire.proto.tendermint.crypto import keys_pb2
from parachains.zone import zone_application
from relay_chain.abci.codec import decode_request, encode_answer
from relay_chain.abci.driver import AbciDriver
from relay_chain.abci.server import AbciSocketServer
from relay_chain.node.genesis import Genesis, GenesisValidator
from relay_chain.node.json_forms import dump_json
from relay_chain.node.p2p.fields import DelimitedReader, delimited
from relay_chain.node.signing.endpoint import TcpEndpoint
from relay_chain.node.snapshots import SnapshotService

PREFIX = "isthmus"
CHAIN = ChainId("zone-1")
ALICE_KEY, BOB_KEY = b"\x01" * 32, b"\x02" * 32
ALICE, BOB = (secp256k1_address(public_key_of(key)) for key in (ALICE_KEY, BOB_KEY))
START = 1_700_000_000 * 10**9
VALIDATOR = b"\x07" * 32
GENESIS = Genesis(
    CHAIN,
    TimestampNs(START),
    validators=(GenesisValidator(VALIDATOR, VotingPower(10)),),
    app_state={
        "bank": {
            "balances": [
                {
                    "address": format_address(PREFIX, ALICE),
                    "coins": [{"denom": "stake", "amount": "100000"}],
                }
            ]
        }
    },
)


def application(database: KeyValueDatabase, keep: int = 0) -> Application:
    """A zone's application."""
    return zone_application(
        database, light_clients=(), applications=(), settings=Settings(keep_recent=keep)
    )


def payment(sequence: int, amount: int = 1, *, account: int = 0) -> bytes:
    """Alice's transaction of that sequence, which pays Bob."""
    message = send_message(PREFIX, Send(ALICE, BOB, (Coin(Denom("stake"), amount),)))
    return build_tx(
        [message],
        ALICE_KEY,
        chain_id=CHAIN,
        account_number=account,
        sequence=sequence,
        fee=(),
        gas_limit=200_000,
    )


def init_chain(**changes: Any) -> pb.RequestInitChain:
    """What CometBFT makes of :data:`GENESIS`."""
    fields = {
        "time": timestamp_to_proto(GENESIS.genesis_time),
        "chain_id": CHAIN,
        "validators": [pb.ValidatorUpdate(pub_key=keys_pb2.PublicKey(ed25519=VALIDATOR), power=10)],
        "app_state_bytes": dump_json(dict(GENESIS.app_state)),
        "initial_height": 1,
    }
    return pb.RequestInitChain(**{**fields, **changes})


def block(height: int, *txs: bytes) -> pb.RequestFinalizeBlock:
    """A decided block."""
    return pb.RequestFinalizeBlock(
        txs=txs,
        height=height,
        time=timestamp_to_proto(TimestampNs(START + height * 10**9)),
        proposer_address=b"\x05" * 20,
        hash=bytes([height % 256]) * 32,
        next_validators_hash=b"\x06" * 32,
    )


class Refused(Exception):
    """The server answered with an exception; the text is its reason."""


def asked(driver: AbciDriver, message: Any) -> Any:
    """The answer to a request without a socket between.

    Raises:
        Refused: It is an exception.
    """
    return _unwrapped(encode_answer(driver.answer(decode_request(wrapped(message)))))


def wrapped(message: Any) -> bytes:
    """The bytes of ``Request`` around a call."""
    for known in pb.Request.DESCRIPTOR.fields:
        if known.message_type is message.DESCRIPTOR:
            return pb.Request(**{known.name: message}).SerializeToString()
    raise AssertionError(message)


def _unwrapped(data: bytes) -> Any:
    outer = pb.Response.FromString(data)
    kind = outer.WhichOneof("value")
    if kind == "exception":
        raise Refused(outer.exception.error)
    return getattr(outer, str(kind))


class Client:
    """One connection of an engine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._messages = DelimitedReader()

    async def call(self, message: Any) -> Any:
        """The answer to a request, which is sent with a Flush behind it.

        Raises:
            Refused: It is an exception.
            EOFError: The server ended the connection.
        """
        self.writer.write(delimited(wrapped(message)) + delimited(wrapped(pb.RequestFlush())))
        try:
            return _unwrapped(await self.receive())
        finally:
            flushed = pb.Response.FromString(await self.receive())
            assert flushed.WhichOneof("value") == "flush"

    async def receive(self) -> bytes:
        """The next message of the server."""
        while (message := self._messages.next_message(2**27)) is None:
            data = await self.reader.read(65_536)
            if not data:
                raise EOFError
            self._messages.feed(data)
        return message


class Served:
    """A driver behind the socket server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.clients: list[Client] = []

    async def dial(self) -> Client:
        """A new connection."""
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self._port)))
        return self.clients[-1]


@asynccontextmanager
async def serving(driver: AbciDriver) -> AsyncIterator[Served]:
    """The socket server over a driver; connections are closed before it ends."""
    server = AbciSocketServer(driver)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(server.run(TcpEndpoint("127.0.0.1", 0)))
        served = Served(await server.wait_listening())
        try:
            yield served
        finally:
            for client in served.clients:
                client.writer.close()
            while server.open_connections:  # noqa: ASYNC110 - the server needs no event for it
                await asyncio.sleep(0.001)
            running.cancel()


@dataclass
class Engine:
    """Calls in CometBFT's order, and keeps what CometBFT keeps on disk: blocks and app hashes."""

    planned: Sequence[Sequence[bytes]]
    blocks: list[pb.RequestFinalizeBlock] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def run(self, driver: AbciDriver) -> None:
        """Handshake, replay what the application lacks, then decide the blocks that are planned."""
        info = asked(driver, pb.RequestInfo(version="0.38.17"))
        height = info.last_block_height
        assert len(self.hashes) <= len(self.blocks) <= len(self.hashes) + 1
        assert len(self.blocks) - 1 <= height <= len(self.blocks)
        if height == 0:
            asked(driver, init_chain())
        elif height <= len(self.hashes):
            assert info.last_block_app_hash == self.hashes[height - 1]
        for decided in self.blocks[height:]:
            self._apply(driver, decided)
        if len(self.hashes) < len(self.blocks):
            self.hashes.append(asked(driver, pb.RequestInfo()).last_block_app_hash)
        for number in range(len(self.blocks) + 1, len(self.planned) + 1):
            wanted = self.planned[number - 1]
            for tx in wanted:
                asked(driver, pb.RequestCheckTx(tx=tx))
            decided = block(number, *wanted)
            proposal = pb.RequestPrepareProposal(
                txs=wanted, max_tx_bytes=10**6, height=number, time=decided.time
            )
            assert list(asked(driver, proposal).txs) == list(wanted)
            judged = pb.RequestProcessProposal(txs=wanted, height=number, time=decided.time)
            assert asked(driver, judged).status == pb.ResponseProcessProposal.ACCEPT
            self.blocks.append(decided)
            self._apply(driver, decided)

    def _apply(self, driver: AbciDriver, decided: pb.RequestFinalizeBlock) -> None:
        result = asked(driver, decided)
        asked(driver, pb.RequestCommit())
        if len(self.hashes) < decided.height:
            self.hashes.append(result.app_hash)
        assert self.hashes[decided.height - 1] == result.app_hash


def driver_over(database: KeyValueDatabase, snapshots: SnapshotService | None = None) -> AbciDriver:
    """A server's driver as a process that starts makes it."""
    return AbciDriver(application(database), GENESIS, snapshots)
