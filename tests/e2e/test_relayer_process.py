"""The relayer as a real process over HTTP, killed with SIGKILL at its write points."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import (
    QuerySupplyOfRequest,
    QuerySupplyOfResponse,
)
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState
from tests.relaying import SECOND, FakeClock
from tests.zones import InProcessZone

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("network")]
RELAY = "import sys; from isthmus.cli.main import main; sys.exit(main())"
BLOCK_S = 0.1
AMOUNT = 10
VOUCHER = "ibc/" + sha256(b"transfer/channel-0/atoken").hex().upper()
TRANSFERS = 3
LIVES = 12
POINTS = 64
"""How many write points a relayer reaches from a fresh start to the first packets' end, rounded up."""
SETTINGS = """
[[chains]]
id = "zone-a-1"
rpc = ["{a_url}"]
private_key = "{a_key}"
address_prefix = "zone"
fee_denom = "atoken"
[[chains]]
id = "hub-1"
rpc = ["{hub_url}"]
private_key = "{hub_key}"
address_prefix = "isthmus"
fee_denom = "stake"
[[paths]]
name = "a-hub"
a = "zone-a-1"
b = "hub-1"
channels = [{{ port_a = "transfer", port_b = "transfer", version = "ics20-1" }}]
"""


async def serve(zone):
    async def handle(request):
        call = await request.json()
        answer = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            answer["result"] = await zone.call(call["method"], call["params"])
        except (OperationFailed, RuleBroken, KeyError) as error:
            answer["error"] = {"code": -32603, "message": "Internal error", "data": str(error)}
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"


async def launch(home, **crash):
    """The relayer as users start it; ``crash`` names the write point at which it dies."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ISTHMUS_CRASH")}
    with (home / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", RELAY, "relay", "--home", str(home),
            env=environment | crash, stdout=log, stderr=log,
        )  # fmt: skip


async def until(condition):
    async with asyncio.timeout(90):
        while not await condition():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(BLOCK_S)


class World:
    """Two zones that make blocks, a user who keeps sending, and where a relayer finds them."""

    def __init__(self):
        clock = FakeClock(1_700_000_000 * SECOND)
        self.a = InProcessZone("zone-a-1", clock, prefix="zone", denom="atoken", users=["ann"])
        self.hub = InProcessZone("hub-1", clock, prefix="isthmus", denom="stake")
        self.user = self.a.users["ann"]
        self.sent = 0

    async def make_blocks(self):
        while True:
            self.a.block()
            self.hub.block()
            await asyncio.sleep(BLOCK_S)

    async def is_open(self):
        ends = [await zone.client().channels("connection-0") for zone in (self.a, self.hub)]
        return all(end and end[0].end.state is ChannelState.OPEN for end in ends)

    async def keep_sending(self):
        """One transfer every few blocks, once the channel is open."""
        await until(self.is_open)
        client = self.a.client(self.user)
        while True:
            height = self.a.height
            await client.broadcast(await client.sign((self.transfer(),)))
            self.sent += 1
            await until(self._later(height + 3))

    def _later(self, height):
        async def reached():
            return self.a.height >= height

        return reached

    def transfer(self):
        message = MsgTransfer(
            source_port="transfer",
            source_channel="channel-0",
            sender=self.user.address,
            receiver=self.hub.relayer_key.address,
            timeout_timestamp=self.a.clock.now() + 100_000 * SECOND,
        )
        message.token.denom, message.token.amount = "atoken", str(AMOUNT)
        return AnyValue(type_url(message), encode(message))

    async def first_has_ended(self):
        return 1 in self.finished(self.a, "acknowledge_packet")

    async def is_done(self):
        path = b"nextSequenceSend/ports/transfer/channels/channel-0"
        answer = self.a.app.query("/store/ibc/key", path, height=0, prove=False)
        included = int.from_bytes(answer.value, "big") - 1
        return included == self.sent > 0 and not await self.a.client().commitments(
            "transfer", "channel-0"
        )

    def finished(self, zone, event):
        """Sequences of packets for which a successful transaction had the event, with repeats."""
        return sorted(
            int(dict(found.attributes)["packet_sequence"])
            for _, _, result in zone.included.values()
            for found in result.events
            if result.code == 0 and found.type == event
        )

    def vouchers(self):
        request = QuerySupplyOfRequest(denom=VOUCHER).SerializeToString()
        answer = self.hub.app.query(
            "/cosmos.bank.v1beta1.Query/SupplyOf", request, height=0, prove=False
        )
        return int(QuerySupplyOfResponse.FromString(answer.value).amount.amount)

    async def judge(self):
        """Fail unless every packet was delivered and acknowledged once, and minted once."""
        assert self.vouchers() == AMOUNT * self.sent
        every = list(range(1, self.sent + 1))
        assert self.finished(self.hub, "write_acknowledgement") == every
        assert self.finished(self.a, "acknowledge_packet") == every
        for zone in (self.a, self.hub):
            client = zone.client()
            assert len(await client.clients()) == 1
            assert len(await client.connections()) == 1
            assert len(await client.channels("connection-0")) == 1


@asynccontextmanager
async def world(home):
    """A world that runs until the block ends; then no task or server of it is left."""
    made = World()
    servers = [await serve(zone) for zone in (made.a, made.hub)]
    (home / "relayer.toml").write_text(
        SETTINGS.format(
            a_url=servers[0][1],
            hub_url=servers[1][1],
            a_key=made.a.relayer_key.private_key.hex(),
            hub_key=made.hub.relayer_key.private_key.hex(),
        )
    )
    for zone in (made.a, made.hub):
        zone.auto = False
    try:
        async with asyncio.TaskGroup() as group:
            blocks = group.create_task(made.make_blocks())
            yield made
            blocks.cancel()
    finally:
        for runner, _ in servers:
            await runner.cleanup()


async def dies(process):
    async with asyncio.timeout(120):
        return await process.wait()


async def run_to_the_end(made, home, sending):
    """Start a relayer that nothing kills, wait until every packet ended, and stop it."""

    async def has_sent():
        return made.sent >= TRANSFERS

    process = await launch(home)
    try:
        await until(has_sent)
        sending.cancel()
        await until(made.is_done)
    finally:
        sending.cancel()
        process.terminate()
        code = await dies(process)
    assert code == 0, (home / "log").read_text()[-2000:]


async def test_the_list_of_points_is_whole(tmp_path):
    """
    A run that nothing kills reaches no more points up to its first packet's end than are tried.
    """
    names = tmp_path / "points"
    async with world(tmp_path) as made, asyncio.TaskGroup() as group:
        sending = group.create_task(made.keep_sending())
        process = await launch(tmp_path, ISTHMUS_CRASH_LIST=str(names))
        try:
            await until(made.first_has_ended)
        finally:
            sending.cancel()
            process.terminate()
            await dies(process)

    reached = names.read_text().split()
    assert {name.rpartition(".")[2] for name in reached} == {
        "before_journal", "after_journal", "after_broadcast", "before_settled", "after_settled",
    }  # fmt: skip
    assert POINTS - 24 < len(reached) <= POINTS


@pytest.mark.parametrize(
    "crash_at",
    [n if n in {2, 40} else pytest.param(n, marks=pytest.mark.slow) for n in range(POINTS)],
)
async def test_kill_at_a_write_point_loses_and_repeats_nothing(tmp_path, crash_at):
    """
    Killed once with SIGKILL and started again on the same journal: every packet ends once,
    and each chain has one client, one connection and one channel.
    """
    async with world(tmp_path) as made, asyncio.TaskGroup() as group:
        sending = group.create_task(made.keep_sending())
        process = await launch(tmp_path, ISTHMUS_CRASH_AT=str(crash_at))
        assert await dies(process) == -signal.SIGKILL
        await run_to_the_end(made, tmp_path, sending)
        await made.judge()


@pytest.mark.slow
async def test_killed_again_and_again(tmp_path):
    """
    A relayer that dies one point later in each of its lives still ends every packet once.
    """
    async with world(tmp_path) as made, asyncio.TaskGroup() as group:
        sending = group.create_task(made.keep_sending())
        for crash_at in range(LIVES):
            process = await launch(tmp_path, ISTHMUS_CRASH_AT=str(crash_at))
            assert await dies(process) == -signal.SIGKILL
        await run_to_the_end(made, tmp_path, sending)
        await made.judge()
