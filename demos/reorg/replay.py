"""A fresh process that replays a chain from genesis and says what state comes out.

It takes the raw blocks of the winning chain from one node, checks and executes each from
genesis on, in memory, and compares nothing: whoever started it holds the result against what
the nodes say.

    echo '{"rpc": "http://127.0.0.1:18332", "home": ".../node0", "tip": "00ab..."}' |
        python -c "from demos.reorg.replay import main; main()"

Its only line of output is a :class:`Replayed` in JSON.
"""

import http.client
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chainkit.commitments.database import KeyValueDatabase, MemoryDatabase
from chainkit.formats.bitcoin.blocks import Block, decode_block
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.primitives.types import ChainId, Denom
from isthmus.discovery import find_ibc_applications, find_light_clients
from light_clients.bitcoin.proofs import committed_root
from parachains.utxo.chain import Chain, open_chain
from parachains.utxo.coins import PREFIX, decode_coin
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.parameters import PARAMETER_SETS
from parachains.utxo.settings import UtxoSettings, read_settings
from parachains.utxo.state_machine import StateMachine

CALL_TIMEOUT_S = 30
PREFIX_END = b"c0"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came out."""

    height: int
    tip: str
    root: str
    """Of the IBC state that was computed."""
    committed_root: str
    """Of the last block's coinbase."""
    blocks: int
    escrowed: int
    """Satoshis on outputs to the escrow script."""
    coins: int
    """Satoshis on all unspent outputs."""
    coins_mined: int
    """What the blocks were allowed to make."""
    seconds: float


class Source:
    """One node's JSON-RPC. Mutable: it keeps a connection."""

    def __init__(self, rpc: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(rpc).netloc, timeout=CALL_TIMEOUT_S)

    def call(self, method: str, **params: object) -> object:
        """Return the result of one call; an error of the node's ends the process."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if "result" not in answer:
            raise SystemExit(f"{method}: {answer.get('error')}")
        found: object = answer["result"]
        return found

    def blocks_to(self, tip: str, genesis: bytes) -> Iterator[Block]:
        """Yield the blocks after genesis up to ``tip``, which are linked by their hashes."""
        found: list[Block] = []
        name = bytes.fromhex(tip)[::-1]
        while name != genesis:
            raw = self.call("getblock", blockhash=display_hash(name), verbosity=0)
            assert isinstance(raw, str)
            found.append(decode_block(bytes.fromhex(raw)))
            name = found[-1].header.previous_block
        yield from reversed(found)


def fresh_chain(settings: UtxoSettings) -> tuple[Chain, MemoryDatabase]:
    """Return a chain at genesis with the parts that a node's settings name, and its database."""
    clients = find_light_clients(settings.light_clients)
    applications = find_ibc_applications(settings.applications)

    def machine(database: KeyValueDatabase) -> StateMachine:
        return StateMachine(
            database,
            chain_id=ChainId(settings.chain_id),
            native=Denom(settings.denom),
            address_prefix=settings.address_prefix,
            light_clients=clients,
            applications=applications,
        )

    database = MemoryDatabase()
    return open_chain(database, machine, PARAMETER_SETS[settings.parameters]), database


def replay(source: Source, settings: UtxoSettings, tip: str) -> Replayed:
    """Return what executing every block up to ``tip`` from genesis on gives.

    Raises:
        BitcoinRuleBroken: A block breaks a rule; among them is that its coinbase commits to
            the root of the state that was computed.
    """
    began = time.monotonic()
    chain, database = fresh_chain(settings)
    last: Block | None = None
    for block in source.blocks_to(tip, chain.parameters.genesis.header.hash):
        chain.accept_block(block, int(time.time()))
        last = block
    assert last is not None
    committed = committed_root(last.transactions[0], chain.parameters.commitment_tag)
    coins = [decode_coin(raw) for _, raw in database.iterate(PREFIX, PREFIX_END)]
    height = chain.tip.height
    return Replayed(
        height=height,
        tip=display_hash(chain.tip.header.hash),
        root=chain.machine.stores.app_hash().hex(),
        committed_root=(committed or b"").hex(),
        blocks=height,
        escrowed=sum(coin.output.value for _, coin in chain.coins_of(ESCROW_SCRIPT)),
        coins=sum(coin.output.value for coin in coins),
        coins_mined=sum(chain.parameters.subsidy(each) for each in range(1, height + 1)),
        seconds=round(time.monotonic() - began, 2),
    )


def main() -> None:
    """Replay what the line of input says and print what came out."""
    wanted = json.loads(sys.stdin.readline())
    found = replay(Source(wanted["rpc"]), read_settings(Path(wanted["home"])), wanted["tip"])
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
