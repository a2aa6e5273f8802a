"""The forgeries of ``isthmus demo forged`` against a client of a DAG, in one process.

The chain has four bits of work, two miners in parallel, and is final three blue scores deep.
"""

import asyncio
from collections import defaultdict
from itertools import chain

import pytest

from demos.forged import ghostdag_attempts as forged
from demos.forged.exchange import HostEnd
from demos.forged.ghostdag_gathering import DagEnd, GhostdagGathering
from demos.forged.ghostdag_values import KINDS
from demos.forged.judge import Judge
from demos.forged.values import Kind, Verdict
from tests.dag_relayed import NATIVE, SAM, Joined
from tests.relaying import SECOND

STRIDE = 7
MASKS = (0x01, 0x80)
JUDGED = (*KINDS, Kind.PROOF_BYTE, Kind.HEADER_BYTE, Kind.MESSAGE_BYTE, Kind.PROOF_ENCODING)


class World:
    """A transaction is a block, and waiting makes blocks on both chains."""

    def __init__(self, joined):
        self.chains = joined.chains

    def tick(self):
        for each in self.chains:
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
    joined = Joined()
    await joined.settle()
    zone = joined.zone
    ann = zone.client(zone.users["ann"])
    host = HostEnd(ann, zone.denom, "channel-0", ann.signer)
    source = DagEnd(joined.dag.client(SAM), NATIVE, "channel-0")
    evidence = await GhostdagGathering(World(joined), host, source).gather()
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
    judge.admit(forged.ghostdag_originals(evidence))
    found = defaultdict(list)
    for attempt in chain(
        forged.ghostdag_shaped_attempts(evidence),
        forged.ghostdag_byte_attempts(evidence, MASKS, stride=STRIDE),
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
        (Kind.WORK_MISSING, {"ghostdag/9 TooLittleWork", "ghostdag/8 WrongBits"}),
        (Kind.RETARGET_WRONG, {"ghostdag/8 WrongBits"}),
        (
            Kind.ORDER_WRONG,
            {
                "ghostdag/5 WrongParents",
                "ghostdag/6 UnknownParent",
                "ghostdag/7 RedundantParent",
                "ghostdag/12 WrongBlueScore",
                "ghostdag/13 WrongBlueWork",
                "ghostdag/14 WrongDaaScore",
                "ghostdag/17 WrongPruningPoint",
            },
        ),
        (
            Kind.BLOCK_HEADER_WRONG,
            {
                "ghostdag/2 MalformedHeader",
                "ghostdag/4 WrongVersion",
                "ghostdag/6 UnknownParent",
                "ghostdag/10 TimeTooOld",
                "ghostdag/11 TimeTooNew",
                "isthmus/2 MalformedMessage",
            },
        ),
        (
            Kind.BLOCK_SHALLOW,
            {"isthmus-ghostdag/3 InvalidHeight", "client/7 ConsensusStateNotFound"},
        ),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Kind) else "",
)
def test_the_refusals_that_matter_have_their_names(judged, kind, expected) -> None:
    """A forgery is refused by the rule that it breaks, not by chance."""
    refusals = {o.refusal for _, o in judged[kind] if o.verdict is Verdict.REFUSED}

    assert refusals == expected


def test_a_block_beside_the_chain_proves_nothing(judged) -> None:
    """Mined by the forger or merged by the chain: no state at its score, or the chain block's."""
    outcomes = judged[Kind.STATE_OF_A_MERGED_BLOCK]

    assert any(attempt.before for attempt, _ in outcomes)
    assert any(not attempt.before for attempt, _ in outcomes)
    assert {outcome.refusal for _, outcome in outcomes} <= {
        "client/7 ConsensusStateNotFound",
        "commitment/2 InvalidProof",
    }
