"""Bitcoin formats: headers of the light client, blocks validated, commitments proven.

Headers are mined at one bit of work first; blocks hold payments that spend earlier ones, each
with a signature. Proofs are a coinbase, its branch, and ICS-23 under it, of one state.
Processor time.
"""

import time
from collections.abc import Callable

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

    return Row("headers checked", count / _timed(check), "headers/s", f"{count} headers")


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
    world.warm_up(MATURITY)
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

    seconds = _timed(lambda: connect(full[1:]))
    note = f"{payments} signed payments a block"
    return [
        Row("blocks validated, full", count / seconds, "blocks/s", note),
        Row("payments validated", count * payments / seconds, "transactions/s", note),
        Row("blocks validated, empty", count / _timed(lambda: connect(empty)), "blocks/s"),
    ]


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
