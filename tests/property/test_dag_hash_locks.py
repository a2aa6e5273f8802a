"""Hash locks on the DAG chain: whatever comes in which parallel block, one of claim and refund."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2
from htlc.onchain.locks.module import APPLICATION
from ibc.ics02_client.port import AnyValue
from parachains.dag.index import results_at
from parachains.dag.state_machine import MergedBlock
from parachains.dag.transactions import BlockBody, signed
from tests.dag_worlds import ALICE, BOB, CAROL, CHAIN_ID, FUNDS, NATIVE, Node, parallel, parameters
from tests.dags import PARAMETERS, START_MS

SECRETS = [bytes([number]) * 32 for number in range(1, 4)]
AMOUNT = 100
GAS = 300_000
SECONDS = START_MS // 1_000


def signed_by(key, sequence, message):
    return signed(
        key.seed,
        key.public_key,
        CHAIN_ID,
        sequence=sequence,
        fee=0,
        gas_limit=GAS,
        messages=(AnyValue(type_url(message), encode(message)),),
    )


def lock(key, secret, expires_at):
    return htlc_pb2.MsgLock(
        sender=key.text,
        receiver=CAROL.text,
        amount=coin_pb2.Coin(denom=NATIVE, amount=str(AMOUNT)),
        hash=sha256(secret).digest(),
        expires_at=expires_at,
    )


def claim(key, preimage):
    return htlc_pb2.MsgClaim(signer=key.text, preimage=preimage)


def refund(key, secret):
    return htlc_pb2.MsgRefund(signer=key.text, hash=sha256(secret).digest())


def node(number=0):
    chain = parameters(reward=0, dag=replace(PARAMETERS, timestamp_tolerance_ms=600_000))
    return Node(number, chain=chain, applications=(APPLICATION,))


STEPS = st.tuples(
    st.sampled_from(["lock", "claim", "wrong", "refund", "nothing"]),
    st.integers(0, len(SECRETS) - 1),
    st.integers(1, 25),
)


def expected(model, step, now_ms):
    """Whether a step succeeds, and the locks after it: the rule in a few lines."""
    kind, number, expires_at, key = step
    state = model.get(number)
    is_open = state is not None and state[2] == "open"
    if kind == "lock" and state is None and expires_at * 1_000 > now_ms:
        return True, model | {number: (key, expires_at, "open")}
    if kind == "claim" and is_open and now_ms < state[1] * 1_000:
        return True, model | {number: (*state[:2], "claimed")}
    if kind == "refund" and is_open and now_ms >= state[1] * 1_000:
        return True, model | {number: (*state[:2], "refunded")}
    return False, model


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(STEPS, STEPS), min_size=4, max_size=14))
@example([(("lock", 0, 9), ("claim", 0, 1)), *[(("claim", 0, 1), ("refund", 0, 1))] * 12])
@example([(("lock", 0, 9), ("lock", 0, 5)), *[(("nothing", 0, 1), ("refund", 0, 1))] * 12])
def test_every_lock_ends_at_most_once_and_by_the_time_of_its_block(history) -> None:
    """Two miners' blocks in parallel; each transaction did what the rule says at its place."""
    nodes = [node(0), node(1)]
    steps = {}
    sequences = [0, 0]
    for turn, pair in enumerate(history):
        blocks = []
        for lane, (kind, number, ahead) in enumerate(pair):
            key, secret = (ALICE, BOB)[lane], SECRETS[number]
            expires_at = SECONDS + 2 * turn + ahead
            message = {
                "lock": lock(key, secret, expires_at),
                "claim": claim(key, secret),
                "wrong": claim(key, secret[1:]),
                "refund": refund(key, secret),
            }.get(kind)
            if message is None:
                blocks.append([])
                continue
            tx = signed_by(key, sequences[lane], message)
            sequences[lane] += 1
            steps[tx.id.hex()] = (kind, number, expires_at, key)
            blocks.append([tx])
        parallel(nodes, *blocks)
    nodes[1].hear(nodes[0].mine())

    chain = nodes[0].chain
    assert nodes[0].root == nodes[1].root
    model = {}
    seen = 0
    for place in range(1, chain.tip_place + 1):
        block = chain.find(chain.chain_hash(place))
        for told in results_at(chain.database, block.order.blue_score):
            fits, model = expected(model, steps[told["transactionId"]], block.chain_time_ms)
            assert told["accepted"]
            assert (told["code"] == 0) == fits, (steps[told["transactionId"]], told["log"])
            seen += 1
    assert seen == len(steps)
    held = sum(AMOUNT for _, _, state in model.values() if state == "open")
    claimed = sum(AMOUNT for _, _, state in model.values() if state == "claimed")
    assert nodes[0].balance(CAROL) == claimed
    assert nodes[0].balance(ALICE) + nodes[0].balance(BOB) == 2 * FUNDS - held - claimed
    assert nodes[0].supply() == 2 * FUNDS


@pytest.mark.parametrize(
    ("message", "at_ms", "refusal"),
    [
        (claim(BOB, SECRETS[0]), -1, ""),
        (claim(BOB, SECRETS[0]), 0, "since"),
        (refund(BOB, SECRETS[0]), -1, "until"),
        (refund(BOB, SECRETS[0]), 0, ""),
        (claim(BOB, SECRETS[0] + b"\x00"), -1, "32"),
        (claim(BOB, SECRETS[0][:31]), -1, "32"),
        (claim(BOB, SECRETS[1]), -1, ""),
    ],
)
def test_claim_strictly_before_the_expiry_and_refund_from_it(message, at_ms, refusal) -> None:
    """At the expiry's own millisecond the refund counts and the claim does not; 32 bytes only."""
    world, expires_at = node(), SECONDS + 60
    world.mine(signed_by(ALICE, 0, lock(ALICE, SECRETS[0], expires_at)))
    world.mine()
    block = MergedBlock(
        world.chain.tip.hash, BlockBody(ALICE.address, (signed_by(BOB, 0, message),)), is_blue=True
    )
    run = world.chain.machine.run([block], blue_score=9, chain_time_ms=expires_at * 1_000 + at_ms)
    (outcome,) = run.outcomes

    assert outcome.accepted
    is_unknown = getattr(message, "preimage", b"") == SECRETS[1]
    assert (outcome.code == 0) == (not refusal and not is_unknown)
    assert refusal in outcome.log
