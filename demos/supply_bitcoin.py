"""The books of a chain in Bitcoin's format: kept by the reader itself, from the raw blocks.

The chain's own coin is counted from its blocks' transactions alone: every output that is
made and spent, those to the escrow script apart. Of the node's ledger state only what blocks
do not show is taken: which channel escrow belongs to, and the foreign tokens on outputs. The
two must agree at every block, so escrow outputs hold what the channels' accounts say, coins
are made by the subsidy only, and no foreign token lies on a spent output.

A reorganisation: a block is read when ``FINAL_DEPTH`` blocks, itself counted in, stand on it,
which is when other chains' clients take it for final. What changes above that is never seen.
A change below it is told and ends the reading: the next block does not stand on the one read.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

from demos.supply_equation import End
from demos.supply_forms import (
    Event,
    ReadFailed,
    escrow_digest,
    tracked_chain,
    transfer_channels,
)
from demos.supply_node import Node

FINAL_DEPTH = 3
SATOSHIS = 10**8
SUBSIDY = 50 * SATOSHIS
HALVING_BLOCKS = 210_000
FIRST_MINED = 103
"""The blocks before it are made at once, so that the first coins can be spent."""

ESCROW_SCRIPT = "0020" + hashlib.sha256(b"\x51").hexdigest()
"""The witness script hash of OP_1, which anyone can spend in Bitcoin's eyes."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Page:
    """What a block did and what was there after it."""

    height: int
    block_hash: str
    time_s: int
    events: list[Event]
    supply: dict[str, int]
    held: dict[str, int]
    issued: int
    accounts: dict[tuple[str, str], int]
    """Of the state, by address and denomination."""


class BitcoinBooks:
    """A chain whose blocks are final at a depth. Mutable: it keeps the outputs unspent so far."""

    first_timed = FIRST_MINED

    def __init__(self, node: Node) -> None:
        """Take a node.

        Raises:
            ReadFailed: It answers in another form.
        """
        self._node = node
        self.chain_id = str(node.call("ibcstatus")["chain_id"])
        self._denom = node.source.denom
        self._unspent: dict[tuple[str, int], tuple[int, bool]] = {}
        self._page: _Page | None = None

    def newest(self) -> int:
        """Return the newest height that is final, 0 while there is none."""
        return max(0, _integer(self._node.ask("getblockcount")) - FINAL_DEPTH + 1)

    def events(self, height: int) -> list[Event]:
        """Return what a block did."""
        return self._at(height).events

    def time_ns(self, height: int) -> int:
        """Return the time in a block's header."""
        return self._at(height).time_s * 10**9

    def supply(self, height: int) -> dict[str, int]:
        """Return the coins that blocks made and did not spend, and the foreign tokens."""
        return self._at(height).supply

    def issued(self, height: int) -> dict[str, int]:
        """Return what came into being, at most the subsidy."""
        return {self._denom: self._at(height).issued}

    def escrow(self, end: End, height: int) -> dict[str, int]:
        """Return what the state keeps for a channel end."""
        wanted = escrow_digest(end).hex()
        accounts = self._at(height).accounts
        return {denom: held for (address, denom), held in accounts.items() if address == wanted}

    def held(self, height: int, *, is_busy: bool) -> dict[str, int]:  # noqa: ARG002 - the protocol
        """Return coins outside escrow, what the state's accounts say, and lots on outputs."""
        return self._at(height).held

    def transfer_ends(self, height: int) -> dict[End, str]:  # noqa: ARG002 - asked of the tip
        """Return the token channels here, each with the id of the chain that it leads to."""
        answer = self._query("/ibc.core.channel.v1.Query/Channels", b"")
        path = "/ibc.core.channel.v1.Query/ChannelClientState"
        return {
            end: tracked_chain(self._query(path, request))
            for end, request in transfer_channels(self._node.source.name, answer)
        }

    def _query(self, path: str, request: bytes) -> bytes:
        answer = self._node.call("ibcquery", path=path, data=request.hex())
        if "value" not in answer:
            raise ReadFailed(f"{path}: {answer.get('log')}")
        return bytes.fromhex(str(answer["value"]))

    # --- blocks -------------------------------------------------------------------------

    def _at(self, height: int) -> _Page:
        if self._page is None or self._page.height != height:
            self._page = self._turn_to(height)
        return self._page

    def _turn_to(self, height: int) -> _Page:
        last = 0 if self._page is None else self._page.height
        if height != last + 1:
            raise ReadFailed(f"block {height} of {self._node.source.name} read after {last}")
        block_hash = str(self._node.ask("getblockhash", height=height))
        block = self._node.call("getblock", blockhash=block_hash, verbosity=2)
        if self._page is not None and block["previousblockhash"] != self._page.block_hash:
            raise ReadFailed(
                f"block {height} of {self._node.source.name} does not stand on the block read at "
                f"{last}: reorganised {FINAL_DEPTH} blocks deep or more"
            )
        made = self._follow(block)
        told = self._node.call("ibcblockevents", height=height)
        ledger = self._node.call("ibcledger", height=height)
        if {told["hash"], ledger["hash"]} != {block_hash}:
            raise ReadFailed(f"block {height} of {self._node.source.name} changed under the reader")
        return self._closed(height, block_hash, block, told, ledger, made)

    def _follow(self, block: Json) -> int:
        """Apply a block's transactions; return by how much the coins became more."""
        change = 0
        for tx in _objects(block["tx"]):
            for item in _objects(tx["vin"]):
                if "coinbase" not in item:
                    spent = self._unspent.pop((str(item["txid"]), _integer(item["vout"])), None)
                    if spent is None:
                        raise ReadFailed(f"transaction {tx['txid']} spends what is not there")
                    change -= spent[0]
            for item in _objects(tx["vout"]):
                script = item["scriptPubKey"]
                assert isinstance(script, dict)
                value = _satoshis(item["value"])
                point = (str(tx["txid"]), _integer(item["n"]))
                self._unspent[point] = (value, script["hex"] == ESCROW_SCRIPT)
                change += value
        return change

    def _closed(
        self, height: int, block_hash: str, block: Json, told: Json, ledger: Json, made: int
    ) -> _Page:
        accounts = {
            (str(item["address"]), str(item["denom"])): _amount(item)
            for item in _objects(ledger["accounts"])
        }
        supply: Counter[str] = Counter()
        held: Counter[str] = Counter()
        for value, is_escrow in self._unspent.values():
            supply[self._denom] += value
            held[self._denom] += 0 if is_escrow else value
        for item in _objects(ledger["supply"]):
            supply[str(item["denom"])] += _amount(item)
        for (_, denom), amount in accounts.items():
            held[denom] += amount
        for item in _objects(ledger["lots"]):
            if (str(item["txid"]), _integer(item["vout"])) in self._unspent:
                held[str(item["denom"])] += _amount(item)
        return _Page(
            height=height,
            block_hash=block_hash,
            time_s=_integer(block["time"]),
            events=[
                (str(item["type"]), _texts(item["attributes"])) for item in _objects(told["events"])
            ],
            supply=dict(+supply),
            held=dict(+held),
            issued=min(made, SUBSIDY >> (height // HALVING_BLOCKS)),
            accounts=accounts,
        )


def _objects(value: object) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ReadFailed("a list of objects is wanted")
    return value


def _texts(value: object) -> dict[str, str]:
    assert isinstance(value, dict)
    return {str(name): str(text) for name, text in value.items()}


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ReadFailed(f"a whole number is wanted, not {value!r:.40}")
    return value


def _amount(item: Json) -> int:
    return int(str(item["amount"]))


def _satoshis(value: object) -> int:
    """Return an amount that is told in coins, as a decimal text."""
    match = re.fullmatch(r"(\d{1,8})\.(\d{8})", str(value))
    if match is None:
        raise ReadFailed(f"an amount in coins is wanted, not {value!r:.40}")
    return int(match[1]) * SATOSHIS + int(match[2])
