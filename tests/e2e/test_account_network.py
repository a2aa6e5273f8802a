"""An account chain beside the hub: the commands on it, and what killed validators do to it."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from chainkit.formats.ethereum.qbft import decode_extra_data
from chainkit.primitives.heights import Height
from demos.network import Network, open_network
from isthmus.homes import read_network
from light_clients.qbft.codec import CLIENT_STATE_TYPE_URL
from parachains.account.client import AccountClient
from relayer.codec import update_client
from tests.e2e.test_cli_network import ISTHMUS, Person
from tests.e2e.test_demo_transfer import no_defects

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SPEC = """
[[chains]]
name = "hub"
kind = "hub"
denom = "uisth"
[[chains]]
name = "vault"
kind = "account"
validators = 4
denom = "wei"
[[paths]]
a = "vault"
b = "hub"
"""
PATIENCE = 5
"""Blocks of the hub in which a chain that stands still would have gone on."""


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Bring a network up once; it is ended whatever happens."""
    folder = tmp_path_factory.mktemp("account")
    (folder / "net.toml").write_text(SPEC)
    person = Person(folder / "net")
    person.types("up", "--spec", str(folder / "net.toml"), "--detach", "--json")
    yield person
    subprocess.run([ISTHMUS, "down", "--home", person.home], check=False, timeout=120)


def test_coins_are_paid_to_an_account(person) -> None:
    """
    The receiver has the amount more, the payer the amount and the gas less; the receipt says so.
    """
    before = {name: person.holds(name, "vault")["wei"] for name in ("alice", "bob")}
    paid = person.asks("tx", "send", "alice", "bob", "12345wei", "--chain", "vault")
    after = {name: person.holds(name, "vault")["wei"] for name in ("alice", "bob")}
    receipt = person.asks("query", "tx", paid["hash"], "--chain", "vault")
    block = person.asks("query", "block", str(paid["height"]), "--chain", "vault")
    address = person.asks("query", "address", "bob", "--chain", "vault")["address"]

    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert (paid["chain"], paid["code"], receipt["status"]) == ("vault", 0, "0x1")
    assert after["bob"] == before["bob"] + 12_345
    assert after["alice"] == before["alice"] - 12_345 - fee
    assert receipt["to"] == address
    assert paid["hash"] in block["transactions"]


def test_tokens_cross_to_the_account_chain_and_come_home(person) -> None:
    """
    The hub's token is an ERC-20 voucher there and the hub's again for it; wei go the other way.
    """
    there = ("tx", "transfer", "alice", "bob", "50000uisth", "--chain", "hub", "--to", "vault")
    sent = person.asks(*there, "--follow")
    held = person.holds("bob", "vault")
    [voucher] = [denom for denom in held if denom.startswith("ibc/")]
    before = person.holds("alice", "hub")["uisth"]
    back = ("tx", "transfer", "bob", "alice", f"50000{voucher}", "--chain", "vault", "--to", "hub")
    home = person.asks(*back, "--follow")
    out = ("tx", "transfer", "alice", "bob", "777wei", "--chain", "vault", "--to", "hub")
    wei = person.asks(*out, "--follow")

    traces = [each["trace"]["state"] for each in (sent, home, wei)]
    assert traces == ["delivered", "delivered", "delivered"]
    assert held[voucher] == 50_000
    assert voucher not in person.holds("bob", "vault")
    assert person.holds("alice", "hub")["uisth"] == before + 50_000
    assert 777 in person.holds("bob", "hub").values()
    [client] = [c for c in person.asks("status")["clients"] if c["client_id"].startswith("isthmus")]
    assert (client["chain"], client["tracks"], client["health"]) == ("hub", "vault", "active")


def test_refusals_are_one_line(person) -> None:
    """
    An address of nowhere, too much for the purse, a token that is none, nothing to stake.
    """
    for arguments, text in (
        (("send", "alice", "nowhere", "5wei"), "receiver"),
        (("send", "alice", "bob", "9999999999999wei"), "insufficient funds"),
        (("send", "alice", "bob", "5stone"), "stone is no token of this chain"),
        (("delegate", "alice", "vault-1", "1wei"), "has no message for delegate"),
    ):
        refused = person.types("tx", *arguments, "--chain", "vault", code=1)

        assert text in refused.stderr.splitlines()[-1]


def test_validators_are_killed_and_return(person) -> None:
    """
    After a restart all go on. Without one of four, whose turn comes, a block has a round above 0,
    and the hub's light client takes it; without two the chain stands still; with them back all
    four go on with the same blocks.
    """
    person.types("down")
    asyncio.run(killings(person.home))

    assert no_defects(person.home / "logs")


async def killings(home: Path) -> None:
    place = read_network(home)
    async with open_network(home, place, say=lambda _: None) as net:
        await net.wait_for_height("vault", 1)
        await net.wait_for_height("vault", max(await heights(net)) + 1)

        await net.devnet.stop("vault-3", force=True)
        height = await turn_of_the_dead(net, bytes.fromhex(place.chain("vault").nodes[3].node_id))
        assert await hub_knows(net, height)

        await net.devnet.stop("vault-2", force=True)
        await let_the_hub_work(net)
        stopped = await heights(net)
        await let_the_hub_work(net)
        assert await heights(net) == stopped
        assert len(stopped) == 2

        await net.devnet.start("vault-2")
        await net.devnet.start("vault-3")
        last = max(stopped) + 2
        await net.wait_for_height("vault", last)
        for number in (height, last):
            assert len({block["hash"] for block in await blocks(net, number)}) == 1


async def heights(net: Network) -> list[int]:
    """Of the vault's validators that answer."""
    found = await net.reader.chain_status(net.chain("vault"))
    return [node.height for node in found if node.height >= 0]


async def let_the_hub_work(net: Network) -> None:
    """Wait for as many blocks of the hub as the vault would make some in."""
    (node,) = await net.reader.chain_status(net.chain("hub"))
    await net.wait_for_height("hub", node.height + PATIENCE)


async def turn_of_the_dead(net: Network, dead: bytes) -> int:
    """Return the next height that was a killed validator's turn, which another's round made."""
    seen = max(await heights(net))
    rpc = (await net.client_as(AccountClient, "vault")).rpc

    async def look() -> int | None:
        nonlocal seen
        while seen < max(await heights(net)):
            before, header = await rpc.header(hex(seen)), await rpc.header(hex(seen + 1))
            seen += 1
            extra = decode_extra_data(header.extra_data)
            turns = sorted(extra.validators)
            if turns[(turns.index(before.beneficiary) + 1) % len(turns)] == dead:
                assert extra.round > 0
                assert header.beneficiary != dead
                return seen
        return None

    return await net.wait_until("waiting for the turn of the killed validator", look)


async def hub_knows(net: Network, height: int) -> bool:
    """Bring the hub's light client the header at a height; return whether it has its state."""
    hub, vault = await net.client("hub"), await net.client("vault")
    [hosted] = [c for c in await hub.clients() if c.state.type_url == CLIENT_STATE_TYPE_URL]
    known = vault.read_client(hosted.state)
    assert known is not None
    [header] = await vault.updates(known.latest_height, height)
    outcome = await net.deliver(hub, update_client(hosted.client_id, header, hub.signer))
    assert outcome.code == 0, outcome.log
    state = await hub.hosted_consensus_state(hosted.client_id, Height(0, height))
    return state == await vault.consensus_state(Height(0, height))


async def blocks(net: Network, number: int) -> list[Mapping[str, object]]:
    """Each validator's block."""
    params = {"which": hex(number), "full": False}
    nodes = net.chain("vault").nodes
    return [await net.reader.call(node, "eth_getBlockByNumber", params) for node in nodes]
