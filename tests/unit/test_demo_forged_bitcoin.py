"""The forgeries of ``isthmus demo forged`` against a Bitcoin client, in one process.

The chain has Core's ``regtest`` rules: no difficulty period, and work that one of two hashes has.
"""

import asyncio
from collections import defaultdict
from itertools import chain

import pytest

from demos.forged import bitcoin_attempts as forged
from demos.forged.bitcoin_gathering import BitcoinGathering, UtxoEnd
from demos.forged.bitcoin_values import KINDS
from demos.forged.exchange import HostEnd
from demos.forged.judge import Judge
from demos.forged.values import Kind, Verdict
from tests.relaying import SECOND
from tests.utxo_network import NATIVE, Network, named_key

STRIDE = 7
MASKS = (0x01, 0x80)
JUDGED = (*KINDS, Kind.PROOF_BYTE, Kind.HEADER_BYTE, Kind.MESSAGE_BYTE)


class World:
    """A transaction is a block, and waiting makes blocks on both chains."""

    def __init__(self, network):
        self.network = network

    def tick(self):
        for each in self.network.chains:
            each.block()

    async def deliver(self, client, *messages):
        tx = await client.sign(messages)
        await client.broadcast(tx)
        return await self.wait_for_outcome(client, tx.tx_hash)

    async def wait_for_outcome(self, client, tx_hash):
        while (found := await client.outcome(tx_hash)) is None:
            self.tick()
        return found

    async def wait_for_time(self, client, time):
        while (await client.status()).time <= time:
            self.tick()

    async def wait_for_height(self, client, height):
        while (await client.status()).height < height:
            self.tick()


async def _gather():
    network = Network()
    await network.settle()
    zone, sam = network.zone, named_key("sam")
    ann = zone.client(zone.users["ann"])
    host = HostEnd(ann, zone.denom, "channel-0", ann.signer)
    client = network.utxo.client(sam)
    source = UtxoEnd(client, network.utxo, sam, NATIVE, "channel-0")
    evidence = await BitcoinGathering(World(network), host, source).gather()
    judge = Judge(
        zone.app,
        chain_id=zone.chain_id,
        key=zone.users["ann"],
        denom=zone.denom,
        time=zone.headers[zone.height].header.time + SECOND,
    )
    return evidence, judge


@pytest.fixture(scope="module")
def judged():
    """Every forgery with its outcome, by class."""
    evidence, judge = asyncio.run(_gather())
    judge.admit(forged.bitcoin_originals(evidence))
    blocks = forged.mined_blocks(evidence)
    judge.admit_together(forged.MINED, *forged.mined_original(evidence, blocks))
    found = defaultdict(list)
    for attempt in chain(
        forged.bitcoin_shaped_attempts(evidence, blocks),
        forged.bitcoin_byte_attempts(evidence, MASKS, stride=STRIDE),
    ):
        found[attempt.kind].append((attempt, judge.judge(attempt)))
    return found


@pytest.mark.parametrize("kind", JUDGED, ids=lambda kind: kind.name.lower())
def test_no_forgery_is_accepted(judged, kind) -> None:
    """Of every class: nothing but fee and sequence changes, and one gets to its handler."""
    outcomes = judged[kind]
    accepted = [a.label for a, outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]
    inert = [a.label for a, outcome in outcomes if outcome.verdict is Verdict.INERT]

    assert accepted == []
    assert inert == []
    assert any(outcome.is_paid for _, outcome in outcomes)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.WORK_MISSING, {"bitcoin/2 BitcoinRuleBroken"}),
        (Kind.RETARGET_WRONG, {"bitcoin/2 BitcoinRuleBroken"}),
        (
            Kind.BLOCK_SHALLOW,
            {"isthmus-bitcoin/6 InvalidHeight", "client/7 ConsensusStateNotFound"},
        ),
        (
            Kind.COMMITMENT_ELSEWHERE,
            {
                "commitment/2 InvalidProof",
                "isthmus-bitcoin/5 InvalidCommitment",
                "bitcoin/5 WrongMerkleProof",
            },
        ),
        (
            Kind.COINBASE_ELSEWHERE,
            {"bitcoin/5 WrongMerkleProof", "bitcoin/3 MalformedBitcoin"},
        ),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Kind) else "",
)
def test_the_refusals_that_matter_have_their_names(judged, kind, expected) -> None:
    """A forgery is refused by the rule that it breaks, not by chance."""
    assert {outcome.refusal for _, outcome in judged[kind]} == expected


def test_blocks_of_every_depth_below_the_final_one_are_tried(judged) -> None:
    """With k = 3 a block is not final one deep and two deep, be it true or mined."""
    labels = [attempt.label for attempt, _ in judged[Kind.BLOCK_SHALLOW]]

    for depth in (1, 2):
        assert f"a true proof under a block {depth} deep" in labels
        assert f"a mined block {depth} deep" in labels
