"""The application under CometBFT: killed anywhere it goes on, and states are those of our engine."""

import base64
import random
from pathlib import Path

import pytest

from chainkit.primitives.types import ChainId
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from isthmus.config import ChainSpec
from tests.e2e.network import Wallet, clone, make_chain, running, wait_until
from tests.interop.abci_process import IMPATIENT, GoChain

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
HUB = ChainSpec(name="hub", kind="hub", chain_id="hub-1", validators=1)
BLOCKS = 1_000
CALLS = (
    "InfoRequest",
    "InitChainRequest",
    "CheckTxRequest",
    "PrepareProposalRequest",
    "ProposedBlock",
    "FinalizeBlockRequest",
    "CommitRequest",
)
POINTS = [f"abci.{call}.{when}" for call in CALLS for when in ("asked", "answered")]


def follower_of(chain, home: Path):
    """A node of ours that fetches the chain's blocks and signs none."""
    node = clone(chain.nodes[0], home, chain.nodes)
    node.paths.validator_key.unlink()
    return node


def assert_same(theirs, ours, height: int) -> None:
    """Block, app hash, results, events and validator updates of a height are the same."""
    assert (
        theirs.rpc("block", height=str(height))["block_id"]
        == (ours.rpc("block", height=str(height))["block_id"])
    )
    results = [node.rpc("block_results", height=str(height)) for node in (theirs, ours)]
    for name in ("app_hash", "txs_results", "finalize_block_events", "validator_updates"):
        assert (results[0][name] or None) == (results[1][name] or None), (height, name)


@pytest.mark.parametrize("transport", ["socket", "grpc"])
def test_killed_around_every_call_it_goes_on(
    tmp_path: Path, cometbft: Path, transport: str
) -> None:
    """
    The application dies by SIGKILL before each kind of call and behind it, CometBFT with it or by
    itself; both start anew and decide more blocks, and a node of ours that executes the whole
    chain afterwards has the same blocks and results.
    """
    chain = make_chain(tmp_path / "net", HUB)
    follower = follower_of(chain, tmp_path / "follower")
    go = GoChain(cometbft, chain.nodes[0], transport, IMPATIENT)
    points = tmp_path / "points"
    points.write_text("\n".join(POINTS))
    chosen = POINTS if transport == "socket" else POINTS[-4:]
    for name in chosen:
        number = str(POINTS.index(name))
        go.application.start(ISTHMUS_CRASH_POINTS=str(points), ISTHMUS_CRASH_AT=number)
        go.node.start()
        if "CheckTx" in name:
            wait_until(lambda: go.node.height() >= 1, seconds=60, what="a block")
            with pytest.raises(OSError, match=r".*"):
                go.node.rpc("broadcast_tx_sync", tx=base64.b64encode(b"x").decode())
        assert go.application.wait_end() == -9, name
        go.node.kill()
    with go.running() as node:
        start = node.height()
        wait_until(lambda: node.height() >= start + 5, seconds=60, what="five more blocks")
        last = node.height()
        with running([follower]):
            wait_until(lambda: follower.height() >= last, seconds=120, what="our node's state")
            for height in range(1, last):
                assert_same(node, follower, height)


class Crowd:
    """Transactions of every sort from two accounts. Mutable: it counts their sequences."""

    def __init__(self, wallets: list[Wallet], validator: str) -> None:
        self._random = random.Random(7)
        self._wallets = wallets
        self._validator = validator
        self._accounts = {wallet.address: self._account(wallet) for wallet in wallets}
        self._sequences = {name: found.sequence for name, found in self._accounts.items()}

    @staticmethod
    def _account(wallet: Wallet) -> auth_pb2.BaseAccount:
        answer = wallet.node.ask(
            "/cosmos.auth.v1beta1.Query/Account",
            auth_query.QueryAccountRequest(address=wallet.address),
            auth_query.QueryAccountResponse,
        )
        return auth_pb2.BaseAccount.FromString(answer.account.value)

    def transaction(self) -> bytes:
        """The next one: most are good, some fail in the block, some at the door."""
        dice = self._random
        wallet, other = dice.sample(self._wallets, 2)
        coin = wallet.coin(dice.randint(1, 5_000_000))
        stake = {
            "delegator_address": wallet.address,
            "validator_address": self._validator,
            "amount": coin,
        }
        message = dice.choice(
            [
                bank_tx.MsgSend(
                    from_address=wallet.address, to_address=other.address, amount=[coin]
                ),
                staking_tx.MsgDelegate(**stake),
                staking_tx.MsgUndelegate(**stake),
            ]
        )
        if dice.random() < 0.05:
            return dice.randbytes(dice.randint(1, 300))
        sequence = self._sequences[wallet.address]
        gas = 20_000 if dice.random() < 0.05 else 400_000
        self._sequences[wallet.address] += 1
        return build_tx(
            [AnyMessage(type_url(message), encode(message))],
            wallet.key,
            chain_id=ChainId("hub-1"),
            account_number=self._accounts[wallet.address].account_number,
            sequence=sequence,
            fee=(),
            gas_limit=gas,
        )

    def send(self) -> None:
        """Send one; after a refusal the sequence is asked anew."""
        wallet = self._wallets[0]
        tx = self.transaction()
        given = wallet.node.rpc("broadcast_tx_sync", tx=base64.b64encode(tx).decode())
        if given["code"]:
            for each in self._wallets:
                self._sequences[each.address] = self._account(each).sequence


def test_a_thousand_random_blocks_have_equal_app_hashes_on_both_engines(
    tmp_path: Path, cometbft: Path
) -> None:
    """
    CometBFT decides a thousand blocks of random transactions over our application; a node of ours
    fetches and executes them: every app hash, result, event and validator update is the same, and
    some blocks changed the validators' power and some transactions failed.
    """
    chain = make_chain(tmp_path / "net", HUB)
    follower = follower_of(chain, tmp_path / "follower")
    go = GoChain(cometbft, chain.nodes[0], timeouts=IMPATIENT)
    with go.running() as node:
        chain.nodes[0] = node
        wait_until(lambda: node.height() >= 1, seconds=60, what="a block")
        crowd = Crowd([chain.wallet(0), chain.wallet(1)], chain.operator(0).operator)
        while node.height() < BLOCKS:
            crowd.send()
        with running([follower]):
            wait_until(lambda: follower.height() >= BLOCKS, seconds=300, what="our node's state")
            codes, updates = set(), 0
            for height in range(1, BLOCKS + 1):
                assert_same(node, follower, height)
                result = node.rpc("block_results", height=str(height))
                codes |= {tx["code"] for tx in result["txs_results"] or ()}
                updates += bool(result["validator_updates"])
    assert 0 in codes
    assert len(codes) > 1
    assert updates > 0
