"""What the relayer has of the world: its journal, HTTP and MQTT, each against the real thing."""

import asyncio
import json
import socket

import aiomqtt
import pytest
from aiohttp import web

from isthmus.adapters.broker import BrokerUnavailable, embedded_broker
from isthmus.adapters.journal import JournalUnusable, SqliteJournal
from isthmus.adapters.mqtt import MqttBus, PollingBus
from isthmus.adapters.rpc_client import HttpRpcTransport, NodeUnreachable, RpcFailed
from relayer.ports import Submission

SECOND = 10**9


def test_the_journal_remembers_after_a_restart(tmp_path) -> None:
    """
    What was submitted and not settled is asked about again, chain by chain, oldest first.
    """
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for number in range(3):
        journal.submitted(Submission("hub", f"tx{number}", 7, "1 ReceivePacket", b"tx", number))
    journal.submitted(Submission("zone-a", "other", 3, "", b"\x00bytes", 12))
    journal.settled("tx1", code=0, log="")
    journal.note("a-hub", "packet.received", '{"sequence": 1}')
    again = SqliteJournal(path)

    assert [s.tx_hash for s in again.unsettled("hub")] == ["tx0", "tx2"]
    assert again.unsettled("zone-a") == (Submission("zone-a", "other", 3, "", b"\x00bytes", 12),)
    assert [(event, detail) for event, _, _, detail in again.notes("packet.received")] == [
        ("packet.received", '{"sequence": 1}')
    ]
    journal.close()
    again.close()


def test_a_file_that_is_no_journal_is_refused_by_name(tmp_path) -> None:
    """
    The operator reads which file, not a traceback.
    """
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all" * 100)

    with pytest.raises(JournalUnusable, match=r"journal\.db"):
        SqliteJournal(path)


async def _serve(answer, port=0):
    async def handle(request):
        return web.json_response(answer(await request.json()))

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_calls_go_to_the_next_node_when_one_is_away() -> None:
    """
    A dead node costs a try; an error of a living one is the answer.
    """
    runner, url = await _serve(lambda call: {"id": call["id"], "result": call["params"]})
    dead = f"http://127.0.0.1:{_free_port()}/"
    async with HttpRpcTransport([dead, url]) as transport:
        assert await transport.call("status", {"height": "7"}) == {"height": "7"}
    async with HttpRpcTransport([dead]) as transport:
        with pytest.raises(NodeUnreachable, match="status"):
            await transport.call("status", {})
    await runner.cleanup()


def _node(height, *, catching_up):
    """A node that tells its height to whatever it is asked."""
    info = {"latest_block_height": str(height), "catching_up": catching_up}
    return lambda call: {"id": call["id"], "result": {"sync_info": info}}


def height_of(answer):
    return answer["sync_info"]["latest_block_height"]


async def test_a_node_that_catches_up_is_left_for_one_that_has() -> None:
    """
    What it knows is old, so the next calls go to the other, too; where all are behind, the
    caller is told so.
    """
    behind, behind_url = await _serve(_node(3, catching_up=True))
    ready, ready_url = await _serve(_node(9, catching_up=False))
    async with HttpRpcTransport([behind_url, ready_url]) as transport:
        assert height_of(await transport.call("header", {})) == "3"
        assert height_of(await transport.call("status", {})) == "9"
        assert height_of(await transport.call("header", {})) == "9"
        await ready.cleanup()
        assert (await transport.call("status", {}))["sync_info"]["catching_up"]
    await behind.cleanup()


async def test_it_stays_with_the_node_that_answered() -> None:
    """
    A node that comes back from the dead is behind: it is asked again only when another is away.
    """
    other, other_url = await _serve(_node(9, catching_up=False))
    port = _free_port()
    async with HttpRpcTransport([f"http://127.0.0.1:{port}/", other_url]) as transport:
        assert height_of(await transport.call("header", {})) == "9"
        back, _ = await _serve(_node(3, catching_up=False), port)
        assert height_of(await transport.call("header", {})) == "9"
        await other.cleanup()
        assert height_of(await transport.call("header", {})) == "3"
    await back.cleanup()


async def test_a_node_s_error_is_told_with_its_data() -> None:
    """
    "tx not found" is in the data, and callers look for it.
    """
    runner, url = await _serve(
        lambda call: {
            "error": {"code": -32603, "message": "Internal error", "data": "tx not found"}
        }
    )
    async with HttpRpcTransport([url]) as transport:
        with pytest.raises(RpcFailed, match="tx not found"):
            await transport.call("tx", {})
    await runner.cleanup()


async def test_mqtt_wakes_and_reports() -> None:
    """
    A block's message ends a wait long before its time; a report reaches a subscriber.
    """
    port = _free_port()
    try:
        with embedded_broker(port) as url:
            await _converse(url, port)
    except BrokerUnavailable as error:
        pytest.skip(str(error))


async def _converse(url, port):
    bus = MqttBus(url)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(bus.run())
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("isthmus/relayer/#")
            await bus.connected.wait()
            waiting = group.create_task(bus.wait(60 * SECOND))
            while not waiting.done():
                await client.publish("isthmus/chain/hub/block", json.dumps({"height": 9}))
                await asyncio.wait({waiting}, timeout=0.05)
            await bus.publish("isthmus/relayer/a-hub/packet.received", b"{}")
            message = await anext(aiter(client.messages))
        running.cancel()

    assert str(message.topic) == "isthmus/relayer/a-hub/packet.received"


async def test_without_a_broker_reports_drop_and_waits_end() -> None:
    """
    The relayer works on without it.
    """
    for bus in (PollingBus(), MqttBus(f"mqtt://127.0.0.1:{_free_port()}")):
        await bus.publish("topic", b"{}")
        await bus.wait(SECOND // 100)
