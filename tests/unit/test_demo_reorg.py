"""The demo ``reorg`` itself: each figure can be wrong, the wire can be cut, a replay tells lies."""

import asyncio
import contextlib
import json
from dataclasses import fields, replace

import pytest

from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from demos.reorg.replay import Source, replay
from demos.reorg.report import Cut, Report, describe
from demos.reorg.scenario import PLOTS, put_between, spec_of
from demos.reorg.wire import LOOPBACK, Wire
from ibc.rate_limiting.module import APPLICATION
from isthmus.homes import create_network
from light_clients.bitcoin.proofs import commitment_script
from light_clients.tendermint import TendermintClient
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.mining import search
from parachains.utxo.settings import UtxoSettings
from tests.utxo_worlds import NATIVE, PREFIX, UtxoWorld

K = 3
SHALLOW = Cut(
    depth=2, is_below_k=True, fork_height=120, blocks_lost=2, blocks_lost_by_winner=0,
    one_tip=True, tip_height=130, tip="00", root="aa", root_equals_replay=True,
    blocks_replayed=130, replay_seconds=1.0, transactions_lost=3, transactions_returned=2,
    transactions_in_conflict=1, client_id="isthmus-bitcoin-0", client_height_before=119,
    client_was_misled=False, states_compared=9, states_changed=0, client_frozen=False,
    evidence_height=0, evidence_by_relayer=False, vouchers=100, escrowed=107, in_flight=7,
    stranded=0, coins=50, coins_mined=50, seconds=9.0,
)  # fmt: skip
DEEP = replace(
    SHALLOW, depth=4, is_below_k=False, blocks_lost=4, client_was_misled=True, client_frozen=True,
    evidence_height=88, evidence_by_relayer=True, vouchers=130, stranded=30,
)  # fmt: skip
REPORT = Report(
    k=K, cuts=(SHALLOW, DEEP), transfers=4, paid_once=4, double_spends_below_k=1,
    double_spends_paid_as_mined=1, returned_once=True, stranded_refused=True,
    stranded_answer="client state is not active", seconds_to_ready=20.0, seconds=80.0,
)  # fmt: skip


def test_a_report_in_which_all_holds_has_no_failure() -> None:
    """
    The figures of a good run are good, and a person can read them.
    """
    assert REPORT.failures() == ()
    assert "4 of 4 paid once" in describe(REPORT)


@pytest.mark.parametrize(
    ("cut", "changes"),
    [
        (SHALLOW, {"blocks_lost": 1}),
        (SHALLOW, {"blocks_lost_by_winner": 1}),
        (SHALLOW, {"one_tip": False}),
        (SHALLOW, {"root_equals_replay": False}),
        (SHALLOW, {"transactions_returned": 1}),
        (SHALLOW, {"transactions_returned": 3}),
        (SHALLOW, {"client_was_misled": True}),
        (SHALLOW, {"states_compared": 0}),
        (SHALLOW, {"states_changed": 1}),
        (SHALLOW, {"client_frozen": True}),
        (SHALLOW, {"evidence_height": 5}),
        (SHALLOW, {"stranded": 1, "vouchers": 101}),
        (SHALLOW, {"vouchers": 101}),
        (SHALLOW, {"escrowed": 106}),
        (SHALLOW, {"in_flight": 8}),
        (SHALLOW, {"coins": 51}),
        (DEEP, {"client_was_misled": False}),
        (DEEP, {"states_changed": 1}),
        (DEEP, {"client_frozen": False}),
        (DEEP, {"evidence_height": 0}),
        (DEEP, {"evidence_by_relayer": False}),
        (DEEP, {"stranded": 29}),
    ],
)
def test_each_wrong_figure_of_a_cut_fails_the_demo(cut, changes) -> None:
    """
    Whatever a cut shows that must not be is told, and only that.
    """
    cuts = tuple(replace(each, **changes) if each is cut else each for each in REPORT.cuts)
    (failure,) = replace(REPORT, cuts=cuts).failures()

    assert failure.startswith(f"cut of {cut.depth}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"cuts": (SHALLOW,)},
        {"cuts": (DEEP,)},
        {"paid_once": 3},
        {"double_spends_paid_as_mined": 0},
        {"double_spends_below_k": 0, "double_spends_paid_as_mined": 0},
        {"returned_once": False},
        {"stranded_refused": False},
    ],
)
def test_each_wrong_figure_of_the_whole_fails_the_demo(changes) -> None:
    """
    So does what must hold of all cuts together.
    """
    assert len(replace(REPORT, **changes).failures()) == 1


def test_the_json_has_plain_fields() -> None:
    """
    A script reads numbers, texts and booleans, nothing nested but the cuts.
    """
    flat = (bool, int, float, str)
    assert all(isinstance(getattr(SHALLOW, each.name), flat) for each in fields(Cut))
    others = [each.name for each in fields(Report) if each.name != "cuts"]
    assert all(isinstance(getattr(REPORT, name), flat) for name in others)


# --- the wire ----------------------------------------------------------------------------


class Echo:
    """Answers with what it hears; ``ended`` waits for its conversations, so that none outlives it."""

    def __init__(self):
        self.conversations = []

    async def __call__(self, reader, writer):
        self.conversations.append(asyncio.current_task())
        with contextlib.suppress(OSError):
            while data := await reader.read(100):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def ended(self):
        await asyncio.gather(*self.conversations)


async def _says(port, data):
    """What comes back of some bytes; nothing where the wire is cut."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(data)
        return await reader.read(100)
    except OSError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_wire_carries_is_cut_and_carries_again() -> None:
    """
    Whole, bytes go both ways; cut, open connections end and new ones get nothing.
    """
    echo = Echo()
    server = await asyncio.start_server(echo, LOOPBACK, 0)
    with Wire() as wire:
        wire.target_port = server.sockets[0].getsockname()[1]
        assert await _says(wire.port, b"hello") == b"hello"
        reader, writer = await asyncio.open_connection(LOOPBACK, wire.port)
        writer.write(b"a")
        assert await reader.read(1) == b"a"

        wire.cut()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        assert await _says(wire.port, b"hello") == b""

        wire.heal()
        assert await _says(wire.port, b"again") == b"again"
    server.close()
    await echo.ended()


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_the_second_miner_dials_the_wire_and_the_relayer_asks_the_first(tmp_path, plot) -> None:
    """
    Nothing else joins the two miners, and what the relayer sees is the first one's chain.
    """
    place = create_network(tmp_path, spec_of(plot))
    with Wire() as wire:
        put_between(plot, wire, tmp_path, place)
        first, second = place.chain("coin").nodes
        one, two = (
            json.loads((tmp_path / node.home / "node.json").read_text()) for node in (first, second)
        )

        assert (one["peers"], two["peers"]) == ([], [f"127.0.0.1:{wire.port}"])
        assert one["operator_methods"]
        assert two["operator_methods"]
        assert wire.target_port == first.p2p_port
    relayer = (tmp_path / "relayer" / "relayer.toml").read_text()
    assert first.rpc_url in relayer
    assert second.rpc_url not in relayer


# --- the replay --------------------------------------------------------------------------


class Node(Source):
    """A node that answers from a chain in memory."""

    def __init__(self, chain):
        self.chain = chain
        self.blocks = {}

    def call(self, method, **params):
        assert (method, params["verbosity"]) == ("getblock", 0)
        name = bytes.fromhex(params["blockhash"])[::-1]
        return self.blocks.get(name, self.chain.block(name)).encoded.hex()


SETTINGS = UtxoSettings(
    parameters="regtest", chain_id="utxo-1", denom=NATIVE, address_prefix=PREFIX, p2p_port=0,
    rpc_port=0, miner_key="01" * 32, light_clients=("07-tendermint",), applications=("transfer",),
)  # fmt: skip


def world():
    found = UtxoWorld(light_clients=[TendermintClient()], applications=[APPLICATION])
    found.warm_up(103)
    return found


def test_a_replay_computes_what_the_node_has() -> None:
    """
    Root, escrow and coins come from the blocks alone, and are the node's.
    """
    utxo = world()
    tip = utxo.chain.tip
    found = replay(Node(utxo.chain), SETTINGS, display_hash(tip.header.hash))

    assert found.root == found.committed_root == utxo.chain.machine.stores.app_hash().hex()
    assert (found.height, found.blocks, found.tip) == (103, 103, display_hash(tip.header.hash))
    assert found.coins == found.coins_mined == 103 * 50 * 10**8
    assert found.escrowed == sum(c.output.value for _, c in utxo.chain.coins_of(ESCROW_SCRIPT))


def _greedy(outputs):
    return (replace(outputs[0], value=outputs[0].value + 1), *outputs[1:])


def _of_another_state(outputs):
    other = replace(outputs[1], script_pubkey=commitment_script(b"isth", bytes(32)))
    return (outputs[0], other, *outputs[2:])


@pytest.mark.parametrize(
    ("change", "reason"),
    [(_greedy, "bad-cb-amount"), (_of_another_state, "bad-ibc-commitment")],
)
def test_a_replay_takes_no_block_that_breaks_a_rule(change, reason) -> None:
    """
    A node whose block makes coins, or commits to a state that no replay gives, is found out.
    """
    utxo = world()
    node = Node(utxo.chain)
    block = utxo.chain.block(utxo.chain.tip.header.hash)
    coinbase = replace(block.transactions[0], outputs=change(block.transactions[0].outputs))
    header = replace(block.header, merkle_root=coinbase.txid)
    forged = search(replace(block, header=header, transactions=(coinbase,)), 0, 1 << 20)
    node.blocks[forged.header.hash] = forged

    with pytest.raises(BitcoinRuleBroken, match=reason):
        replay(node, SETTINGS, display_hash(forged.header.hash))


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_cuts_below_and_from_k_on(plot) -> None:
    """
    A theft needs a final block, and the deepest cut is nearly twice as deep as the first of them.
    """
    assert 2 <= plot.k <= plot.theft_depth < plot.deep
