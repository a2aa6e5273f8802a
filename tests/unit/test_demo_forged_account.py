"""The forgeries of ``isthmus demo forged`` against a QBFT client, in one process."""

import asyncio
from collections import defaultdict
from itertools import chain

import pytest

from demos.forged import account_attempts as forged
from demos.forged.account_gathering import AccountEnd, AccountGathering
from demos.forged.account_values import KINDS
from demos.forged.exchange import HostEnd
from demos.forged.judge import Judge
from demos.forged.values import Kind, Verdict
from tests.account_relayed import Joined
from tests.account_worlds import NATIVE, SAM
from tests.relaying import SECOND

STRIDE = 7
MASKS = (0x01, 0x80)
JUDGED = (
    *KINDS,
    Kind.PROOF_BYTE,
    Kind.HEADER_BYTE,
    Kind.MESSAGE_BYTE,
    Kind.HEADER_ENCODING,
    Kind.TRUST_ALTERED,
    Kind.MISBEHAVIOUR_FALSE,
    Kind.PACKET_ALTERED,
    Kind.PROOF_AT_ANOTHER_HEIGHT,
    Kind.PROOF_OF_ANOTHER_KEY,
    Kind.PROOF_OF_ANOTHER_KIND,
    Kind.PROOF_ENCODING,
)


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
    source = AccountEnd(joined.account.client(SAM), NATIVE, "channel-0")
    evidence = await AccountGathering(World(joined), host, source).gather()
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
    judge.admit(forged.account_originals(evidence))
    found = defaultdict(list)
    for attempt in chain(
        forged.account_shaped_attempts(evidence),
        forged.account_byte_attempts(evidence, MASKS, stride=STRIDE),
    ):
        found[attempt.kind].append((attempt, judge.judge(attempt)))
    return found


@pytest.mark.parametrize("kind", JUDGED, ids=lambda kind: kind.name.lower())
def test_no_forgery_is_accepted(judged, kind) -> None:
    """Of every class: nothing but fee and sequence changes, and one gets to its handler."""
    outcomes = judged[kind]
    accepted = [a.label for a, outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]

    assert accepted == []
    assert any(outcome.is_paid for _, outcome in outcomes)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Kind.SEAL_FORGED,
            {
                "isthmus-qbft/7 UnknownSeal",
                "isthmus-qbft/6 DuplicateSeal",
                "isthmus-qbft/5 TooManySeals",
                "ethereum/11 MalformedSeal",
            },
        ),
        (Kind.SEALS_TOO_FEW, {"isthmus-qbft/8 NotEnoughSeals", "isthmus-qbft/6 DuplicateSeal"}),
        (
            Kind.VALIDATORS_NAMED,
            {
                "isthmus-qbft/9 NotEnoughTrust",
                "isthmus-qbft/8 NotEnoughSeals",
                "isthmus-qbft/7 UnknownSeal",
                "isthmus-qbft/5 TooManySeals",
                "isthmus-qbft/4 InvalidValidators",
            },
        ),
        (
            Kind.EXTRA_DATA_WRONG,
            {
                "isthmus-qbft/7 UnknownSeal",
                "isthmus-qbft/3 InvalidHeader",
                "isthmus-qbft/11 HeaderFromTheFuture",
                "isthmus-qbft/12 NotMonotonic",
                "ethereum/10 MalformedExtraData",
                "rlp/2 RlpTruncated",
                "rlp/3 RlpHasTrailingBytes",
            },
        ),
        (
            Kind.TRIE_NODES_FORGED,
            {
                "patricia-trie/3 ProofNodeMissing",
                "patricia-trie/4 ProofNodeUnused",
                "patricia-trie/5 ProofNodeHasWrongHash",
            },
        ),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Kind) else "",
)
def test_the_refusals_that_matter_have_their_names(judged, kind, expected) -> None:
    """A forgery is refused by the rule that it breaks, not by chance."""
    refusals = {o.refusal for _, o in judged[kind] if o.verdict is Verdict.REFUSED}

    assert refusals == expected


def test_what_is_inert_is_the_true_header_in_other_seals(judged) -> None:
    """Seals count in any order, and a seal's other s is the same validator's, as in Besu."""
    inert = {
        attempt.label.partition(": ")[2]
        for found in judged.values()
        for attempt, outcome in found
        if outcome.verdict is Verdict.INERT
    }

    assert inert == {"seals in reverse", "the first seal bent to its other s"}


def test_own_validators_are_named_with_true_seals_of_their_own(judged) -> None:
    """What is refused for want of trust has every seal that its own set asks for."""
    untrusted = [
        attempt.label.partition(": ")[2]
        for attempt, outcome in judged[Kind.VALIDATORS_NAMED]
        if outcome.refusal == "isthmus-qbft/9 NotEnoughTrust"
    ]

    assert set(untrusted) == {
        "one of the forger's own",
        "four of the forger's own",
        "his and one that is trusted",
        "his and all that are trusted but one",
    }
