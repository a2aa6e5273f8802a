"""A network as its user runs it, for measurements: started, used and read over public RPC."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import Message

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, Denom
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.forward.memo import ForwardInstruction, encode_memo
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.homes import AccountPlace, ChainPlace, NetPlace, read_network
from parachains.sdk.relaying import AccountSequenceWrong
from parachains.zone.accounts import Key
from parachains.zone.client import ZoneClient, ZoneConfig
from parachains.zone.rpc import Rpc

PORT = "transfer"
UP_TIMEOUT_S = 180.0
CHANNELS_TIMEOUT_S = 180.0
POLL_S = 0.25
TRANSFER_GAS = 600_000
TRANSFER_TIMEOUT_NS = 3_600 * 10**9
_ISTHMUS = "import sys; from isthmus.cli.main import main; sys.exit(main())"


@asynccontextmanager
async def running_network(
    home: Path, spec: Path | None = None
) -> AsyncIterator[tuple[int, NetPlace]]:
    """Run ``isthmus up`` in ``home`` and give its process id and ``net.json``; end it after."""
    command = _command(home, spec)
    with (home / "up.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(UP_TIMEOUT_S):
            ready = await process.stdout.readline()
        if not ready:
            raise OperationFailed(f"the network ended: see {home / 'up.log'}")
        yield process.pid, read_network(home)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _command(home: Path, spec: Path | None) -> list[str]:
    """Return the command of a network in ``home``, which is made."""
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _ISTHMUS, "up", "--home", str(home), "--json"]
    return command if spec is None else [*command, "--spec", str(spec)]


@dataclass(slots=True)
class ChainAccess:
    """One chain's RPC with one account's key. Mutable: it counts the account's sequence."""

    place: ChainPlace
    transport: HttpRpcTransport
    client: ZoneClient
    key: Key
    number: int = 0
    sequence: int = 0

    @property
    def rpc(self) -> Rpc:
        """The typed calls."""
        return Rpc(self.transport)

    def sign(self, message: Message) -> bytes:
        """Return a transaction with one message at the present sequence, which stays."""
        return build_tx(
            (AnyMessage(type_url(message), encode(message)),),
            self.key.private_key,
            chain_id=ChainId(self.place.chain_id),
            account_number=self.number,
            sequence=self.sequence,
            fee=(),
            gas_limit=TRANSFER_GAS,
        )

    async def submit(self, message: Message) -> None:
        """Sign and hand over one message; the sequence is read again where it was wrong.

        Raises:
            OperationFailed: The node refused it.
        """
        for _ in range(3):
            try:
                await self.rpc.broadcast(self.sign(message))
            except AccountSequenceWrong:
                await self.read_account()
            else:
                self.sequence += 1
                return
        raise OperationFailed(f"the sequence of {self.key.address} never fitted")

    async def read_account(self) -> None:
        """Take number and sequence from the chain."""
        account = await self.client.account()
        self.number, self.sequence = account.number, account.sequence


@asynccontextmanager
async def chain_access(chain: ChainPlace, account: AccountPlace) -> AsyncIterator[ChainAccess]:
    """Open a chain's RPC for an account."""
    async with HttpRpcTransport([node.rpc_url for node in chain.nodes]) as transport:
        key = Key(bytes.fromhex(account.private_key), chain.bech32_prefix)
        config = ZoneConfig(ChainId(chain.chain_id), key, Denom(chain.denom))
        access = ChainAccess(chain, transport, ZoneClient(config, transport), key)
        await access.read_account()
        yield access


async def open_channel(access: ChainAccess, other: ChainPlace) -> IdentifiedChannel:
    """Wait for the open transfer channel from one chain to another and return its end.

    Raises:
        OperationFailed: It did not open in time.
    """
    deadline = time.monotonic() + CHANNELS_TIMEOUT_S
    while time.monotonic() < deadline:
        for connection in await access.client.connections():
            if await _tracks(access, connection.end.client_id, other):
                for channel in await access.client.channels(connection.connection_id):
                    if channel.end.state is ChannelState.OPEN and channel.port_id == PORT:
                        return channel
        await asyncio.sleep(POLL_S)
    raise OperationFailed(f"no open channel from {access.place.name} to {other.name}")


async def _tracks(access: ChainAccess, client_id: str, other: ChainPlace) -> bool:
    marker = other.chain_id.encode()
    return any(
        marker in hosted.state.value
        for hosted in await access.client.clients()
        if hosted.client_id == client_id
    )


@dataclass(frozen=True, slots=True)
class Route:
    """From an account on one zone over the hub to an account on another."""

    channel_on_origin: str
    channel_on_hub: str
    denom: str
    sender: str
    receiver: str

    def transfer(self, amount: int) -> MsgTransfer:
        """Return the message that sends ``amount`` all the way."""
        hop = ForwardInstruction(self.receiver, PORT, self.channel_on_hub, 0, None, None)
        message = MsgTransfer(
            source_port=PORT,
            source_channel=self.channel_on_origin,
            token=Coin(denom=self.denom, amount=str(amount)),
            sender=self.sender,
            receiver="hub",
            timeout_timestamp=time.time_ns() + TRANSFER_TIMEOUT_NS,
            memo=encode_memo(hop),
        )
        message.timeout_height.SetInParent()
        return message


@dataclass(slots=True)
class DeliveryReader:
    """Follows a chain's blocks and counts what it gave to one receiver, by amount.

    Knows the RPC's JSON only: it shares nothing with the ledgers. Mutable: it counts.
    """

    transport: HttpRpcTransport
    receiver: str
    next_height: int
    delivered: dict[int, int] = field(default_factory=dict)
    """How often each amount arrived."""
    seen_at: dict[int, float] = field(default_factory=dict)
    """When each amount was first seen, by the monotonic clock."""

    async def advance(self) -> None:
        """Read every block that is new."""
        status = await self.transport.call("status", {})
        newest = int(status["sync_info"]["latest_block_height"])
        while self.next_height <= newest:
            results = await self.transport.call("block_results", {"height": str(self.next_height)})
            now = time.monotonic()
            for amount in _amounts(results, self.receiver):
                self.delivered[amount] = self.delivered.get(amount, 0) + 1
                self.seen_at.setdefault(amount, now)
            self.next_height += 1


def _amounts(results: object, receiver: str) -> Iterator[int]:
    for tx in results.get("txs_results") or ():
        for event in tx.get("events") or ():
            facts = {each["key"]: each.get("value", "") for each in event.get("attributes") or ()}
            received = event["type"] == "fungible_token_packet" and "success" in facts
            if tx.get("code", 0) == 0 and received and facts.get("receiver") == receiver:
                assert facts["success"] == "true"
                yield int(facts["amount"])


async def balance_of(access: ChainAccess, address: str, denom: str) -> int:
    """Return a balance by the bank's query."""
    answer = await access.rpc.query(
        "/cosmos.bank.v1beta1.Query/Balance",
        bank_query.QueryBalanceRequest(address=address, denom=denom),
        bank_query.QueryBalanceResponse,
    )
    return int(answer.balance.amount or 0)
