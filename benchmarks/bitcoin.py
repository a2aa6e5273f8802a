"""Bitcoin formats: headers of the light client, blocks validated, commitments proven.

Headers are mined at one bit of work first; blocks hold payments that spend earlier ones, each
with a signature. Proofs are a coinbase, its branch, and ICS-23 under it, of one state.
Processor time.

The peer is Bitcoin Core's own C++ through py-bitcoinkernel, in this process, with its database
in a temporary folder; it judges the same headers and blocks.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.report import Row
from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.blocks import Block
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend
from chainkit.formats.bitcoin.headers import HEADER_BYTES, BlockHeader, decode_header
from chainkit.formats.bitcoin.proof_of_work import REGTEST_RULES
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxOutput
from ibc.forward.module import APPLICATION as TRANSFER
from ibc.ics24_host.paths import STORE_NAME
from light_clients.bitcoin import proofs
from light_clients.bitcoin.codec import decode_membership_proof
from light_clients.bitcoin.types import ConsensusState
from light_clients.tendermint import TendermintClient
from parachains.utxo import proving
from parachains.utxo.wallet import Spendable, build_transaction
from tests.utxo_worlds import UtxoWorld, key

HEADERS = 2_000
BLOCKS = 10
PAYMENTS = 50
PROOFS = 200
MATURITY = 101
THERE = b"clientParams"
ABSENT = b"clients/none"
SPACING_S = 600


def measure(
    headers: int = HEADERS, blocks: int = BLOCKS, payments: int = PAYMENTS, proven: int = PROOFS
) -> list[Row]:
    """Return a row each for headers, empty and full blocks, proofs made and proofs verified."""
    return [_headers(headers), *_blocks(blocks, payments), *_proofs(proven)]


def _timed(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def _by_core(first: Sequence[Block], tasks: Sequence[Sequence[Block]]) -> list[float | None]:
    """Return the seconds that Core takes for each of the tasks, after the first blocks.

    None where py-bitcoinkernel is not installed, which has wheels for some Pythons only.
    """
    if find_spec("pbk") is None:
        return [None] * len(tasks)
    with tempfile.TemporaryDirectory() as folder:
        return _fed_to_core(folder, first, tasks)


def _fed_to_core(
    folder: str, first: Sequence[Block], tasks: Sequence[Sequence[Block]]
) -> list[float | None]:
    import pbk  # noqa: PLC0415 - an oracle that may be absent

    pbk.disable_log_category(pbk.LogCategory.ALL)
    manager = pbk.load_chainman(folder, pbk.ChainType.REGTEST)

    def feed(blocks: Sequence[pbk.Block]) -> None:
        for block in blocks:
            assert manager.process_block(block)

    feed([pbk.Block(block.encoded) for block in first])
    decoded = [[pbk.Block(block.encoded) for block in blocks] for blocks in tasks]
    found: list[float | None] = [_timed(partial(feed, blocks)) for blocks in decoded]
    assert manager.get_active_chain().height == len(first) + sum(map(len, tasks))
    return found


def _headers_by_core(headers: Sequence[bytes]) -> float | None:
    """Return the seconds that Core takes for headers that follow its genesis, or None."""
    if find_spec("pbk") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return _headers_fed_to_core(folder, headers)


def _headers_fed_to_core(folder: str, headers: Sequence[bytes]) -> float:
    import pbk  # noqa: PLC0415 - an oracle that may be absent

    pbk.disable_log_category(pbk.LogCategory.ALL)
    manager = pbk.load_chainman(folder, pbk.ChainType.REGTEST)

    def check() -> None:
        for raw in headers:
            manager.process_block_header(pbk.BlockHeader(raw))

    seconds = _timed(check)
    assert manager.best_entry.height == len(headers)
    return seconds


def _beside(note: str, own_s: float, core_s: float | None, count: int) -> str:
    """Return the note with Core's figure and the ratio of ours to it."""
    if core_s is None:
        return note
    name = f"Core by py-bitcoinkernel {version('py-bitcoinkernel')}"
    told = f"{name} {count / core_s:,.0f}; ours {core_s / own_s:.3f} of it"
    return f"{note}; {told}" if note else told


def _headers(count: int) -> Row:
    """Decode, hash and check consecutive headers."""
    start = UtxoWorld().chain.tip
    raw, point = [], start
    for _ in range(count):
        point = extend(point, _mined(point), REGTEST_RULES, now=0xFFFFFFFF)
        raw.append(point.header.encode())
    data = b"".join(raw)

    def check() -> None:
        point = start
        for at in range(0, len(data), HEADER_BYTES):
            header = decode_header(data[at : at + HEADER_BYTES])
            point = extend(point, header, REGTEST_RULES, now=0xFFFFFFFF)

    seconds = _timed(check)
    note = _beside(f"{count} headers", seconds, _headers_by_core(raw), count)
    return Row("headers checked", count / seconds, "headers/s", note)


def _mined(parent: ChainPoint) -> BlockHeader:
    time_s, nonce = parent.header.time + SPACING_S, 0
    while True:
        header = BlockHeader(4, parent.header.hash, bytes(32), time_s, parent.header.bits, nonce)
        if header.hash[-1] < 0x7F:
            return header
        nonce += 1


def _copy(world: UtxoWorld) -> UtxoWorld:
    database = MemoryDatabase()
    database.write(dict(world.database.iterate(b"", None)))
    return UtxoWorld(database=database, **world.parts)


def _blocks(count: int, payments: int) -> list[Row]:
    """Connect the same blocks to a copy of the chain that has not seen them."""
    world = UtxoWorld()
    first = [world.mine().block for _ in range(MATURITY)]
    fresh = _copy(world)
    alice = key(7)
    source = world.pay(world.miner, [TxOutput(1_000_000, alice.script)] * payments)
    world.mine(source)
    coins = [Spendable(OutPoint(source.txid, at), source.outputs[at]) for at in range(payments)]
    full: list[Block] = [world.chain.block(world.chain.tip.header.hash)]
    for _ in range(count):
        txs = [_onward(coin, alice) for coin in coins]
        full.append(world.mine(*txs).block)
        coins = [Spendable(OutPoint(tx.txid, 0), tx.outputs[0]) for tx in txs]
    empty = [world.mine().block for _ in range(count)]
    fresh.chain.accept_block(full[0], world.now)

    def connect(blocks: list[Block]) -> None:
        for block in blocks:
            assert fresh.chain.accept_block(block, world.now).connected

    full_s = _timed(lambda: connect(full[1:]))
    empty_s = _timed(lambda: connect(empty))
    core = _by_core([*first, full[0]], (full[1:], empty))
    note = f"{payments} signed payments a block"
    paid = count * payments
    return [
        Row(
            "blocks validated, full", count / full_s, "blocks/s",
            _beside(note, full_s, core[0], count),
        ),
        Row(
            "payments validated", paid / full_s, "transactions/s",
            _beside(note, full_s, core[0], paid),
        ),
        Row(
            "blocks validated, empty", count / empty_s, "blocks/s",
            _beside("", empty_s, core[1], count),
        ),
    ]  # fmt: skip


def _onward(coin: Spendable, owner: object) -> Transaction:
    """Pay a coin to its owner again, less a fee."""
    outputs = [TxOutput(coin.output.value - 1_000, coin.output.script_pubkey)]
    return build_transaction(owner, [coin], outputs, fee_rate=1)


def _proofs(count: int) -> list[Row]:
    """Prove a value of the state after a block, and its absence, to the light client."""
    world = UtxoWorld(light_clients=[TendermintClient()], applications=[TRANSFER])
    world.warm_up(3)
    chain = world.chain
    client = proving.client_state(chain.parameters, "utxo-1", 3, chain.tip)
    point = chain.tip
    state = ConsensusState(point.median_time_past, point.header.merkle_root, point.header.hash)
    value, proof = proving.prove(chain, THERE, point.height)
    none, absence = proving.prove(chain, ABSENT, point.height)
    assert value
    assert not none
    assert decode_membership_proof(proof).transactions == 1
    path, missing = (STORE_NAME.encode(), THERE), (STORE_NAME.encode(), ABSENT)

    def make() -> None:
        for _ in range(count):
            proving.prove(chain, THERE, point.height)

    def verify() -> None:
        for _ in range(count):
            proofs.verify_membership(client, state, proof, path, value)

    def verify_absence() -> None:
        for _ in range(count):
            proofs.verify_non_membership(client, state, absence, missing)

    return [
        Row("coinbase proofs made", count / _timed(make), "proofs/s"),
        Row("coinbase proofs verified, existence", count / _timed(verify), "proofs/s"),
        Row("coinbase proofs verified, absence", count / _timed(verify_absence), "proofs/s"),
    ]
