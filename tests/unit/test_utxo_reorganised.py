"""Reorganisations of a UTXO chain under a relayer: what a zone's client does, and the tokens."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.transactions import decode_transaction
from chainkit.primitives.heights import Height
from ibc.ics02_client.port import AnyValue
from light_clients.bitcoin.codec import decode_client_state, decode_headers
from parachains.utxo.chain import open_chain
from parachains.utxo.mining import build_template, search
from parachains.utxo.parameters import REGTEST
from parachains.utxo.state_machine import StateMachine
from tests.utxo_network import K, Network, failures, named_key
from tests.utxo_worlds import NATIVE, PREFIX

CLIENT = "isthmus-bitcoin-0"
AMOUNT = 40_000


@pytest.fixture
async def network():
    opened = Network()
    await opened.settle()
    return opened


class Rival:
    """The same chain up to a height, mined on by somebody who was cut off."""

    def __init__(self, utxo, fork):
        self.utxo = utxo

        def machine(database):
            return StateMachine(
                database, chain_id=utxo.chain_id, native=NATIVE, address_prefix=PREFIX, **utxo.parts
            )

        self.chain = open_chain(MemoryDatabase(), machine, REGTEST)
        for height in range(1, fork + 1):
            point = utxo.chain.at(height)
            self.chain.accept_block(utxo.chain.block(point.header.hash), point.header.time)
        self.blocks = []

    def block(self, *transactions):
        point = self.chain.tip
        template = build_template(
            self.chain, transactions, payout_script=b"\x51", time=point.header.time + 1
        )
        assert template.refused == ()
        block = search(template.block, 0, 1 << 20)
        self.chain.accept_block(block, block.header.time)
        self.blocks.append(block)

    def win(self):
        """Show the blocks to the other node, which then has them as its chain."""
        for block in self.blocks:
            change = self.utxo.chain.accept_block(block, block.header.time + 60)
            if change.connected:
                joined = [tx for each in change.connected for tx in each.block.transactions]
                left = [tx for each in reversed(change.disconnected) for tx in each.transactions]
                self.utxo.mempool.after_change(left, joined)
        assert self.utxo.chain.tip == self.chain.tip


async def kept(network):
    """What the zone's client of the UTXO chain is and keeps, by height."""
    zone = network.zone.client()
    (hosted,) = [each for each in await zone.clients() if each.client_id == CLIENT]
    heights = await zone.consensus_heights(CLIENT)
    states = {
        each.revision_height: await zone.hosted_consensus_state(CLIENT, each) for each in heights
    }
    return decode_client_state(hosted.state), states


async def vouchers(network):
    held = await network.zone_balances(network.zone.users["ann"].address)
    return sum(amount for denom, amount in held.items() if denom.startswith("ibc/"))


async def sent_on_a_branch(network, depth):
    """A transfer in the first of ``depth`` blocks; all that is final there is relayed."""
    fork = network.utxo.chain.tip.height
    rival = Rival(network.utxo, fork)
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_utxo(sam, ann, NATIVE, AMOUNT)
    while network.utxo.chain.tip.height < fork + depth:
        network.utxo.block()
    for _ in range(6):
        for worker in network.workers:
            await worker.round()
        network.zone.block()
    for _ in range(depth + 1):
        rival.block()
    return rival


@pytest.mark.parametrize("depth", range(1, K))
async def test_below_k_the_zone_changes_nothing_and_the_transfer_is_made_once(
    network, depth
) -> None:
    """
    The client stays as it was, the transaction returns and is mined again, and pays once.
    """
    rival = await sent_on_a_branch(network, depth)
    state, states = await kept(network)
    assert await vouchers(network) == 0
    rival.win()
    assert network.utxo.escrowed() == 0
    assert len(network.utxo.mempool) == 1

    await network.settle()

    after, states_after = await kept(network)
    assert not after.frozen
    assert {height: states_after[height] for height in states} == states
    assert after.latest_height > state.latest_height
    assert await vouchers(network) == network.utxo.escrowed() == AMOUNT
    assert failures(network) == []


@pytest.mark.parametrize("depth", range(K, 2 * K + 1))
async def test_at_k_the_relayer_shows_the_branch_and_the_client_freezes(network, depth) -> None:
    """
    The block that the zone took as final is gone: its client freezes, and nobody makes a new one.
    """
    rival = await sent_on_a_branch(network, depth)
    assert await vouchers(network) == AMOUNT
    state, states = await kept(network)
    assert state.latest_height == Height(0, network.utxo.chain.tip.height - K + 1)
    rival.win()

    await network.settle()

    assert await kept(network) == (replace(state, frozen=True), states)
    told = [event for event, _ in network.journal.notes]
    assert told.count("client.fork_reported") == 1
    assert "path.stuck" in told
    assert len(await network.zone.client().clients()) == 1
    # The transfer was in no conflict: it came back, and the vouchers are backed again.
    assert await vouchers(network) == network.utxo.escrowed() == AMOUNT


async def test_nothing_is_shown_before_the_branch_is_longer(network) -> None:
    """
    Headers that are no more than what the client has would be paid for and change nothing.
    """
    await sent_on_a_branch(network, K)
    client = network.utxo.client()
    (hosted,) = await network.zone.client().clients()
    state = decode_client_state(hosted.state)
    agreed = Height(0, state.latest_height.revision_height - 1)

    assert await client.fork_evidence(hosted.state, agreed) == ()
    network.utxo.block()
    (shown,) = await client.fork_evidence(hosted.state, agreed)
    headers = decode_headers(AnyValue(shown.type_url, shown.value)).headers
    assert headers[0].previous_block == network.utxo.chain.at(agreed.revision_height).header.hash
    assert headers[-1] == network.utxo.chain.tip.header


async def test_of_two_branches_of_equal_work_the_first_seen_stays(network) -> None:
    """
    A branch must have more work, not as much: else whoever is last undoes what was first.
    """
    utxo = network.utxo
    rival = Rival(utxo, utxo.chain.tip.height)
    utxo.block()
    first = utxo.chain.tip
    rival.block()
    for block in rival.blocks:
        assert not utxo.chain.accept_block(block, block.header.time + 60).connected

    assert utxo.chain.tip == first
    rival.block()
    rival.win()


async def test_of_two_spends_of_one_escrow_the_mined_one_is_paid(network) -> None:
    """
    The same coin and the same sequence on both branches: the zone gets the winner's packet,
    although the relayer had looked at the other one.
    """
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    fork = network.utxo.chain.tip.height
    rival = Rival(network.utxo, fork)
    client = network.utxo.client(sam)
    other = await client.sign((network.message(client.signer, ann, NATIVE, AMOUNT + 1),))
    first = await network.from_utxo(sam, ann, NATIVE, AMOUNT)
    for worker in network.workers:
        await worker.round()  # it sees the packet and remembers it
    rival.block(decode_transaction(other.data))
    rival.block()
    rival.win()
    assert await client.outcome(first.tx_hash) is None
    assert len(network.utxo.mempool) == 0

    await network.settle()

    assert await vouchers(network) == network.utxo.escrowed() == AMOUNT + 1
    assert len(failures(network)) == 1, "the remembered packet is refused once"
    assert not (await kept(network))[0].frozen
