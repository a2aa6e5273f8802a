"""A fresh process that replays a DAG from genesis and says what state comes out.

It takes the raw blocks of one node, all that the DAG has in the past of the tip, checks and
executes each from genesis on, in memory, and compares nothing: whoever started it holds the
result against what the nodes say.

    echo '{"rpc": "http://127.0.0.1:18332", "home": ".../node0", "tip": "00ab...",
           "channel": "channel-0"}' | python -c "from demos.reorg.dag_replay import main; main()"

Its only line of output is a :class:`Replayed` in JSON.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ghostdag.headers import decode_header
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChannelId, PortId
from demos.reorg.replay import Replayed, Source
from ibc.ics20_transfer.state import escrow_address
from isthmus.discovery import find_ibc_applications, find_light_clients
from parachains.dag.blocks import Block
from parachains.dag.chain import DagChain
from parachains.dag.limits import MAX_UNDO_BLOCKS
from parachains.dag.settings import DagSettings, chain_parameters, read_settings
from parachains.dag.state_machine import StateMachine
from parachains.dag.transactions import decode_body
from parachains.sdk.undo import UndoDatabase

BLOCKS_PER_CALL = 200
PORT = PortId("transfer")


class NotReplayed(OperationFailed):
    """The node's blocks do not lead to the tip that was to be replayed."""


def blocks_of(source: Source) -> Iterator[Block]:
    """Yield all blocks of a node after genesis, parents before children."""
    start = 1
    while True:
        found = source.call("getRawBlocks", start=start, count=BLOCKS_PER_CALL)
        assert isinstance(found, list)
        for each in found:
            header = decode_header(bytes.fromhex(each["header"]))
            yield Block(header, decode_body(bytes.fromhex(each["body"])))
        if not found:
            return
        start += len(found)


def fresh_chain(settings: DagSettings) -> DagChain:
    """Return a chain at genesis with the parts that a node's settings name."""
    database = UndoDatabase(MemoryDatabase(), MAX_UNDO_BLOCKS)
    machine = StateMachine(
        database,
        chain_parameters(settings),
        light_clients=find_light_clients(settings.light_clients),
        applications=find_ibc_applications(settings.applications),
    )
    return DagChain(database, machine, archive=True)


def replay(source: Source, settings: DagSettings, tip: str, channel: ChannelId) -> Replayed:
    """Return what executing every block in the past of ``tip`` from genesis on gives.

    Raises:
        GhostdagRuleBroken, InvalidBody: A block breaks a rule.
        NotReplayed: The chain that comes out ends elsewhere, as where a header names another
            state than its past gives.
    """
    began = time.monotonic()
    chain = fresh_chain(settings)
    now_ms = int(time.time() * 1000)
    given = list(blocks_of(source))
    wanted = _past_of(given, tip)
    for block in given:
        if block.header.hash.hex() in wanted:
            chain.accept_block(block, now_ms)
    if chain.tip.hash.hex() != tip:
        raise NotReplayed(f"the replay ends at {chain.tip.hash.hex()}, not at {tip}")
    bank, ctx = chain.machine.bank, chain.state()
    native, score = chain.parameters.native, chain.tip.order.blue_score
    first = sum(chain.parameters.balances.values())
    return Replayed(
        height=score,
        tip=tip,
        root=chain.machine.stores.app_hash().hex(),
        committed_root=chain.tip.header.utxo_commitment.hex(),
        blocks=len(wanted),
        escrowed=bank.balance(ctx, escrow_address(PORT, channel), native),
        coins=bank.supply(ctx, native),
        # Each blue block that was merged made its reward; genesis counts as blue and made none.
        coins_mined=first + settings.reward * (score - 1),
        seconds=round(time.monotonic() - began, 2),
    )


def _past_of(blocks: list[Block], tip: str) -> set[str]:
    """Return the hashes of a block and of all below it but genesis."""
    parents = {
        block.header.hash.hex(): [parent.hex() for parent in block.header.parents]
        for block in blocks
    }
    found: set[str] = set()
    todo = [tip]
    while todo:
        name = todo.pop()
        if name in parents and name not in found:
            found.add(name)
            todo += parents[name]
    return found


def main() -> None:
    """Replay what the line of input says and print what came out."""
    wanted = json.loads(sys.stdin.readline())
    settings = read_settings(Path(wanted["home"]))
    channel = ChannelId(wanted["channel"])
    found = replay(Source(wanted["rpc"]), settings, wanted["tip"], channel)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
