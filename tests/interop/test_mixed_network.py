"""One chain of CometBFT's nodes and ours: the hub, two validators of each kind."""

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from chainkit.primitives.types import ChainId
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from isthmus.config import ChainSpec
from tests.e2e.network import Process, Wallet, clone, make_chain, running, wait_until
from tests.e2e.test_duplicate_key import first_evidence
from tests.interop.go_node import become_go, follower, peer_address, with_peers

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1_200)]
SPEC = ChainSpec(name="hub", kind="hub", validators=4, denom="uisth", timeout_commit_ms=100)
HEIGHTS = 200
ALONE = 15
"""Blocks that the other three decide while one is dead."""

PAUSE_S = 0.3


class Load:
    """Payments of one account over one node, one after another. Mutable: it counts."""

    def __init__(self, sender: Wallet, to: str) -> None:
        self.sender = sender
        self.to = to
        self.sent = 0
        self.refused: list[str] = []

    def run(self, stopped: threading.Event) -> None:
        """Send until told to stop."""
        sender = self.sender
        number, first = sender.place()
        while not stopped.wait(PAUSE_S):
            coins = [sender.coin(1)]
            payment = bank_tx.MsgSend(from_address=sender.address, to_address=self.to, amount=coins)
            tx = sender.sign(
                payment, number=number, sequence=first + self.sent, chain_id=ChainId(SPEC.id)
            )
            answer = sender.node.rpc("broadcast_tx_sync", tx=base64.b64encode(tx).decode())
            if answer["code"]:
                self.refused.append(answer["log"])
            else:
                self.sent += 1


@contextmanager
def under(loads: Sequence[Load]) -> Iterator[None]:
    """Run loads beside the body."""
    stopped = threading.Event()
    threads = [threading.Thread(target=load.run, args=(stopped,), daemon=True) for load in loads]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(timeout=30)


def reach(nodes: Sequence[Process], height: int) -> None:
    """Wait until all nodes have a height."""
    wait_until(
        lambda: min(node.height() for node in nodes) >= height,
        seconds=240,
        what=f"height {height} on {len(nodes)} nodes",
    )


def mesh(nodes: Sequence[Process]) -> bool:
    """Whether each node is connected to all others."""
    return all(int(node.rpc("net_info")["n_peers"]) == len(nodes) - 1 for node in nodes)


def rounds_and_authors(nodes: Sequence[Process], last: int) -> tuple[Counter[int], Counter[str]]:
    """How many rounds blocks took and who proposed them; all nodes must have the same blocks."""
    rounds: Counter[int] = Counter()
    authors: Counter[str] = Counter()
    for height in range(1, last):
        answers = [node.rpc("block", height=str(height)) for node in nodes]
        assert len({answer["block_id"]["hash"] for answer in answers}) == 1
        header = answers[0]["block"]["header"]
        assert len({answer["block"]["header"]["app_hash"] for answer in answers}) == 1
        authors[header["proposer_address"]] += 1
        rounds[answers[0]["block"]["last_commit"]["round"]] += 1
    return rounds, authors


def test_two_of_each_kind_agree_while_one_of_each_dies(tmp_path: Path, cometbft: Path) -> None:
    """
    Two CometBFT validators and two of ours decide 200 blocks of the hub under payments; each
    dials the first one only, and finds the others by peer exchange; one of each kind is killed
    by -9 and comes back. All have the same blocks, all four proposed and signed, every payment
    arrived once. Then a new CometBFT node fetches the chain from one of ours alone, and a new one
    of ours from a CometBFT node alone.
    """
    chain = make_chain(tmp_path / "net", SPEC)
    addresses = [peer_address(node) for node in chain.nodes]
    for index, node in enumerate(chain.nodes):
        with_peers(node, addresses[:1] if index else ())
    new_ours = follower(chain.nodes[0], tmp_path / "new-ours", addresses[1:2])
    new_go = become_go(cometbft, follower(chain.nodes[0], tmp_path / "new-go", addresses[3:]))
    nodes = [*(become_go(cometbft, node) for node in chain.nodes[:2]), *chain.nodes[2:]]
    # A node that is killed loses its mempool: payments go over the two that live.
    alice, bob = chain.wallet(0, 1), chain.wallet(1, 3)
    loads = [Load(alice, bob.address), Load(bob, alice.address)]
    with running(nodes):
        reach(nodes, 3)
        before = alice.balance()
        with under(loads):
            wait_until(lambda: mesh(nodes), seconds=120, what="all to know each other")
            for victim in (nodes[0], nodes[2]):
                victim.kill()
                rest = [node for node in nodes if node is not victim]
                reach(rest, max(node.height() for node in rest) + ALONE)
                victim.start()
                reach(nodes, max(node.height() for node in rest))
            reach(nodes, HEIGHTS)
        last = max(node.height() for node in nodes) + 3
        reach(nodes, last)
        rounds, authors = rounds_and_authors(nodes, last)
        signers = set().union(*(nodes[3].signers(height) for height in range(last - 9, last)))
        balances = {chain.wallet(0, index).balance(last) for index in range(len(nodes))}
        stopped = max(node.height() for node in nodes)
        for alone, new in ((nodes[3], new_go), (nodes[1], new_ours)):
            for node in nodes:
                if node is not alone:
                    node.stop()
            if alone.height() < 0:
                alone.start()
            with running([new]):
                reach([new], stopped)
                assert new.block(HEIGHTS) == alone.block(HEIGHTS)
    sent = [load.sent for load in loads]
    print(f"blocks {last}; rounds {dict(rounds)}; proposed {sorted(authors.values())}; paid {sent}")

    assert [load.refused for load in loads] == [[], []]
    assert min(sent) > 0
    assert balances == {before - sent[0] + sent[1]}
    assert len(authors) == 4
    assert len(signers) == 4
    for node in nodes[2:]:
        assert "vote.equivocation_found" not in node.log_text()
        assert "signature_refused" not in node.log_text()


def test_an_equivocation_is_punished_by_both_kinds(tmp_path: Path, cometbft: Path) -> None:
    """
    A validator's key on two machines, one of them known to CometBFT's nodes only: the evidence
    comes into a block that both kinds accept, the offender is no validator any more, and the
    other three go on.
    """
    chain = make_chain(tmp_path / "net", SPEC)
    addresses = [peer_address(node) for node in chain.nodes]
    for index, node in enumerate(chain.nodes):
        with_peers(node, addresses[:index])
    twin = clone(chain.nodes[3], tmp_path / "twin", chain.nodes[:2])
    nodes = [*(become_go(cometbft, node) for node in chain.nodes[:2]), *chain.nodes[2:]]
    with running(nodes):
        reach(nodes, 5)
        with running([twin]):
            taken_at, piece = first_evidence(nodes[2], 5)
        reach(nodes[:3], taken_at + 5)
        rounds_and_authors(nodes[:3], taken_at + 5)
        offender = piece["value"]["vote_a"]["validator_address"]
        left = [set(node.validators(taken_at + 4)) for node in nodes[:3]]
        proposer = nodes[0].block(taken_at)["header"]["proposer_address"]
        moniker = next(each.home.name for each in nodes if each.address() == proposer)
        address = nodes[3].address()
    print(
        f"evidence of height {piece['value']['vote_a']['height']} in block {taken_at} of {moniker}"
    )

    assert offender == address
    assert all(len(each) == 3 and offender not in each for each in left)
