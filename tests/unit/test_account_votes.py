"""Votes of blocks about the validators: what is counted, what a node votes for, who follows."""

import asyncio
from dataclasses import replace

import pytest

from chainkit.formats.ethereum.bft_extra_data import ValidatorVote
from chainkit.formats.ethereum.qbft import (
    block_hash,
    decode_extra_data,
    make_seal,
    recover_seals,
    seal_hash,
    with_extra_data,
)
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from light_clients.qbft import LIGHT_CLIENT
from parachains.account.consensus.errors import VoteRefused
from parachains.account.consensus.limits import MAX_OUTSTANDING_VOTES, MAX_QBFT_VALIDATORS
from parachains.account.consensus.votes import (
    CastVote,
    VoteTally,
    choose_vote,
    count_vote,
    decode_tally,
    encode_tally,
)
from parachains.account.errors import BlockRefused, InvalidRpcParams, RpcLimitExceeded
from parachains.account.rpc import Eth, answer
from parachains.account.rpc_votes import ValidatorVotes
from parachains.account.sealing import SealingRules, check_extra, check_seals, with_late_seal
from tests.account_network import VALIDATORS, Network
from tests.account_relayed import InProcessAccount
from tests.account_worlds import SAM
from tests.relaying import SECOND, FakeClock

ADDRESSES = tuple(user.address for user in VALIDATORS)
A, B, C, D = ADDRESSES
E = bytes([0xEE]) * 20
EPOCH = 1_000


def tally_after(tally, *votes, height=1):
    """The tally after blocks with (maker, recipient, add) as their votes."""
    for maker, recipient, add in votes:
        vote = ValidatorVote(recipient, add)
        tally = count_vote(tally, height, maker, vote, epoch_length=EPOCH)
        height += 1
    return tally


FOUR = VoteTally(ADDRESSES)


@pytest.mark.parametrize(
    ("members", "add", "needed"),
    [
        ((A,), True, 1),
        ((A, B), True, 2),
        ((A, B, C), True, 2),
        ((A, B, C, D), True, 3),
        ((A, B), False, 2),
        ((A, B, C), False, 2),
        ((A, B, C, D), False, 3),
    ],
    ids=lambda value: str(len(value)) if isinstance(value, tuple) else str(value),
)
def test_more_than_half_of_the_validators_decide(members, add, needed) -> None:
    """One vote fewer changes nothing; the last one does, and nothing is left of the votes."""
    subject = E if add else members[-1]
    votes = [(maker, subject, add) for maker in members]
    before = tally_after(VoteTally(members), *votes[: needed - 1])
    after = tally_after(VoteTally(members), *votes[:needed])

    assert before.validators == members
    assert (subject in after.validators) == add
    assert after.votes == ()
    assert list(after.validators) == sorted(after.validators)


def test_a_vote_counts_once_and_may_be_taken_back() -> None:
    """The same vote again is one vote; the contrary takes its place."""
    again = tally_after(FOUR, (A, E, True), (A, E, True), (A, E, True))
    contrary = tally_after(FOUR, (A, E, True), (B, E, True), (A, E, False), (C, E, True))

    assert again.votes == (CastVote(E, A, add=True),)
    assert E not in contrary.validators
    assert tally_after(contrary, (A, E, True)).validators == tuple(sorted((*ADDRESSES, E)))


def test_who_was_dropped_has_no_votes_left() -> None:
    """Besu: with a validator go its votes about others."""
    tally = tally_after(FOUR, (D, E, True), (A, E, True), *((m, D, False) for m in (A, B, C)))

    assert tally.validators == (A, B, C)
    assert tally.votes == (CastVote(E, A, add=True),)


def test_votes_are_forgotten_at_the_end_of_an_epoch() -> None:
    """Two of three votes needed: the third comes too late; the epoch block's own is not counted."""
    waiting = tally_after(FOUR, (A, E, True), (B, E, True), height=EPOCH - 2)
    vote = ValidatorVote(E, add=True)
    forgotten = count_vote(waiting, EPOCH, C, vote, epoch_length=EPOCH)

    assert len(waiting.votes) == 2
    assert forgotten == FOUR


def test_the_last_validator_stays_and_the_set_has_a_limit() -> None:
    """A vote that would leave nobody, or more than the format carries, is refused."""
    with pytest.raises(VoteRefused):
        tally_after(VoteTally((A,)), (A, A, False))
    many = tuple(number.to_bytes(20, "big") for number in range(MAX_QBFT_VALIDATORS))
    votes = [(maker, E, True) for maker in many[: MAX_QBFT_VALIDATORS // 2 + 1]]
    almost = VoteTally(many, tuple(CastVote(E, maker, add=True) for maker, *_ in votes[:-1]))
    with pytest.raises(VoteRefused):
        tally_after(almost, votes[-1])


def test_a_validator_has_so_many_votes_open() -> None:
    """A hostile proposer cannot make the tally grow; its votes may still be changed."""
    votes = [(A, bytes([number]) * 20, True) for number in range(MAX_OUTSTANDING_VOTES + 1)]
    full = tally_after(FOUR, *votes[:-1])

    with pytest.raises(VoteRefused):
        tally_after(full, votes[-1])
    assert len(tally_after(full, (A, bytes(20), False)).votes) == MAX_OUTSTANDING_VOTES
    assert choose_vote(full, {E: True}, A, 5) is None
    assert choose_vote(full, {E: True}, B, 5) == ValidatorVote(E, add=True)


def test_a_node_votes_for_what_is_left_to_say() -> None:
    """In turn; not what it said already, and not what is so already."""
    said = tally_after(FOUR, (A, E, True))
    wishes = {E: True, D: False, B: True}
    cast = {choose_vote(FOUR, wishes, A, height).recipient for height in range(1, 9)}

    assert cast == {E, D}
    assert {choose_vote(said, wishes, A, height).recipient for height in range(1, 9)} == {D}
    assert choose_vote(said, {E: False}, A, 1) == ValidatorVote(E, add=False)
    assert choose_vote(FOUR, {E: False, A: True}, A, 1) is None


def test_a_tally_is_kept_as_it_is() -> None:
    """What a node writes it reads again; anything else is refused by name."""
    tally = tally_after(FOUR, (A, E, True), (B, D, False))

    assert decode_tally(encode_tally(tally)) == tally
    for data in (b"", b"\xc0", encode_tally(tally)[:-1], b"\xc2\x80\x80", b"\xc2\xc0\xc1\xc0"):
        with pytest.raises(MalformedMessage):
            decode_tally(data)


# --- a network --------------------------------------------------------------------------


def wish(network, numbers, address, *, add):
    for number in numbers:
        network.nodes[number].engine.wishes[address] = add


def sets_of(node):
    """The validators of each block above genesis."""
    return [
        decode_extra_data(node.chain.at(number).header.extra_data).validators
        for number in range(1, node.height + 1)
    ]


def test_a_majority_adds_a_validator_that_then_decides_with_the_others() -> None:
    """Three vote a fourth node in, and it makes blocks; they vote one out, and it makes none."""
    network = Network(members=3)
    network.run(2)
    assert network.nodes[3].engine.validators == ADDRESSES[:3]
    wish(network, (0, 1), D, add=True)
    network.run(12)
    assert network.nodes[3].engine.validators == ADDRESSES
    makers = [network.nodes[0].chain.at(n).header.beneficiary for n in range(8, 13)]
    assert D in makers
    wish(network, (1, 2, 3), A, add=False)
    network.run(12)

    first = network.nodes[0]
    assert first.engine.validators == (B, C, D)
    assert len(set(network.heights())) == 1
    assert A not in [first.chain.at(first.height - back).header.beneficiary for back in range(4)]
    for number in range(1, first.height + 1):
        header = first.chain.at(number).header
        check_seals(header, decode_extra_data(header.extra_data).validators)
    network.run(5)
    assert first.height > 25, "three of three go on without it"


def test_a_restarted_node_still_knows_the_votes() -> None:
    """The tally is stored with the block: votes of before a restart count."""
    network = Network(members=3)
    wish(network, (0,), D, add=True)
    network.run(6)
    for number in range(4):
        assert network.nodes[number].chain.tally.votes == (CastVote(D, A, add=True),)
        network.kill(number)
    for number in range(4):
        network.start(number)
    wish(network, (1,), D, add=True)
    network.run(8)

    assert network.nodes[0].engine.validators == ADDRESSES


def test_a_node_casts_no_vote_where_an_epoch_ends() -> None:
    """With an epoch of every block nothing is ever counted, and nothing is cast."""
    network = Network(members=3, epoch_length=1)
    wish(network, (0, 1, 2), D, add=True)
    network.run(6)

    extras = [network.nodes[0].chain.at(n).header.extra_data for n in range(1, 5)]
    assert [decode_extra_data(extra).vote for extra in extras] == [None] * 4
    assert network.nodes[0].engine.validators == ADDRESSES[:3]


def test_a_block_with_a_vote_that_must_not_be_is_refused() -> None:
    """The only validator votes itself out."""
    network = Network(members=1)
    network.run(2)
    header = network.nodes[0].chain.at(1).header
    extra = decode_extra_data(header.extra_data)
    forged = with_extra_data(header, replace(extra, vote=ValidatorVote(A, add=False)))
    rules = SealingRules(VoteTally((A,)), EPOCH)

    assert check_extra(header, rules).vote is None
    with pytest.raises(BlockRefused, match="0 validators would be left"):
        check_extra(forged, rules)


# --- RPC --------------------------------------------------------------------------------


def methods(node, *, may_vote=True):
    eth = Eth(node.chain, node.pool, None)
    return ValidatorVotes(eth, node.engine.wishes).methods(may_vote=may_vote)


def text(address):
    return "0x" + address.hex()


def test_votes_are_proposed_and_discarded_over_rpc() -> None:
    """As Besu's methods: a vote is pending until it is discarded, and the sets are told."""
    network = Network(members=3)
    network.run(2)
    rpc = methods(network.nodes[0])
    for node in network.nodes[:2]:
        assert methods(node)["qbft_proposeValidatorVote"](text(D), True)
    assert rpc["qbft_getPendingVotes"]() == {text(D): True}
    network.run(8)

    assert rpc["qbft_getValidatorsByBlockNumber"]("0x0") == [text(each) for each in (A, B, C)]
    assert rpc["qbft_getValidatorsByBlockNumber"]("latest") == [text(each) for each in ADDRESSES]
    assert rpc["qbft_getValidatorsByBlockNumber"]("pending") == [text(each) for each in ADDRESSES]
    assert rpc["qbft_getValidatorsByBlockNumber"]("0xffff") is None
    genesis = network.nodes[0].chain.genesis.hash
    assert rpc["qbft_getValidatorsByBlockHash"](text(genesis)) == [text(a) for a in (A, B, C)]
    assert rpc["qbft_getValidatorsByBlockHash"](text(bytes(32))) is None
    assert rpc["qbft_discardValidatorVote"](text(D))
    assert rpc["qbft_discardValidatorVote"](text(D)), "again, as in Besu"
    assert rpc["qbft_getPendingVotes"]() == {}


def test_votes_over_rpc_are_bounded_and_may_be_forbidden() -> None:
    """So many addresses, no other types; and where the port is public, nobody votes."""
    node = Network(count=0).nodes[0]
    rpc = methods(node)
    for number in range(MAX_OUTSTANDING_VOTES):
        rpc["qbft_proposeValidatorVote"](text(bytes([number]) * 20), False)
    with pytest.raises(RpcLimitExceeded):
        rpc["qbft_proposeValidatorVote"](text(E), True)
    for address, add in ((text(A), 1), (text(A), "true"), (text(A), None)):
        with pytest.raises(InvalidRpcParams):
            rpc["qbft_proposeValidatorVote"](address, add)
    wrong = answer(rpc, {"id": 1, "method": "qbft_proposeValidatorVote", "params": ["0x12", True]})
    assert wrong["error"]["code"] == -32602
    reading = methods(node, may_vote=False)
    for name in ("qbft_proposeValidatorVote", "qbft_discardValidatorVote"):
        refused = answer(reading, {"id": 1, "method": name, "params": [text(A), True]})
        assert refused["error"]["code"] == -32601


# --- the light client -------------------------------------------------------------------


def test_the_light_client_follows_every_change() -> None:
    """
    Four drop one and take it in again: the relayer's updates bring the headers in between, and
    a client that knows block 2 accepts them up to the newest, in as few as it needs.
    """
    clock = FakeClock((1_700_000_000 + 5) * SECOND)
    account = InProcessAccount(clock)
    network = account.network
    for _ in range(3):
        account.block()
    client, store = account.client(), MemoryStore()
    new = asyncio.run(client.new_client(None))
    LIGHT_CLIENT.initialize(context(clock), store, new.client_state, new.consensus_state)
    start = LIGHT_CLIENT.latest_height(store)
    wish(network, (0, 1, 2), D, add=False)
    for _ in range(8):
        account.block()
    assert network.nodes[0].engine.validators == (A, B, C)
    dropped = network.nodes[0].height
    wish(network, (0, 1, 2), D, add=True)
    for _ in range(8):
        account.block()
    assert network.nodes[0].engine.validators == ADDRESSES

    head = network.nodes[0].height
    for target in (dropped, head):
        trusted = LIGHT_CLIENT.latest_height(store)
        for update in asyncio.run(client.updates(trusted, target)):
            LIGHT_CLIENT.verify_client_message(context(clock), store, update)
            assert not LIGHT_CLIENT.check_for_misbehaviour(context(clock), store, update)
            LIGHT_CLIENT.update_state(context(clock), store, update)
        assert LIGHT_CLIENT.latest_height(store) == Height(0, target)
    assert len(asyncio.run(client.updates(start, head))) <= head - start.revision_height


def follow(client, store, clock, target):
    """Bring the light client to ``target`` by the relayer's updates; return how many it took."""
    updates = asyncio.run(client.updates(LIGHT_CLIENT.latest_height(store), target))
    for update in updates:
        LIGHT_CLIENT.verify_client_message(context(clock), store, update)
        LIGHT_CLIENT.update_state(context(clock), store, update)
    return len(updates)


def test_a_client_waits_for_a_header_that_enough_of_its_validators_sealed() -> None:
    """
    Four drop one while another is down: two seals of three keep the chain going, but three of the
    four that the client trusts are needed. Once the other was back, its seal leads past the change,
    and two of three are enough from there.
    """
    clock = FakeClock((1_700_000_000 + 5) * SECOND)
    account = InProcessAccount(clock)
    network = account.network
    for _ in range(3):
        account.block()
    wish(network, (0, 1, 2), D, add=False)
    while network.nodes[0].engine.validators != (A, B, C):
        network.run(0.1)
    changed = network.nodes[0].height
    client, store = account.client(), MemoryStore()
    new = asyncio.run(client.new_client(None))
    assert decode_extra_data(network.nodes[0].chain.head.header.extra_data).validators == ADDRESSES
    clock.advance((network.now - clock.now()) // SECOND + 1)
    LIGHT_CLIENT.initialize(context(clock), store, new.client_state, new.consensus_state)
    network.kill(2)
    for _ in range(20):
        account.block()
    alone = network.nodes[0].height
    assert alone > changed + 2
    with pytest.raises(OperationFailed, match="none is sealed by two thirds of the validators of"):
        asyncio.run(client.updates(Height(0, changed), alone))
    network.start(2)
    for _ in range(10):
        account.block()
    network.kill(1)
    for _ in range(10):
        account.block()
    head = network.nodes[0].height
    assert len(recover_seals(network.nodes[0].chain.head.header)) == 2

    assert follow(client, store, clock, head) == 2
    assert LIGHT_CLIENT.latest_height(store) == Height(0, head)


# --- late seals -------------------------------------------------------------------------


def test_a_block_gets_the_seals_that_come_late() -> None:
    """Three of four decide; the fourth's seal is added, in the set's order, and the hash stays."""
    network = Network()
    network.run(6)

    for node in network.nodes:
        stored = [node.chain.at(number) for number in range(1, node.height + 1)]
        assert [block_hash(each.header) for each in stored] == [each.hash for each in stored]
        assert {recover_seals(each.header) for each in stored} == {ADDRESSES}
        node.open()
        assert recover_seals(node.chain.head.header) == ADDRESSES


def test_only_a_missing_validators_own_seal_is_added() -> None:
    """Not one that is there, a stranger's, another's, another block's, or no seal at all."""
    network = Network()
    network.run(4)
    chain = network.nodes[0].chain
    block, older = chain.at(2).block, chain.at(1).header
    extra = decode_extra_data(block.header.extra_data)
    short = replace(
        block, header=with_extra_data(block.header, replace(extra, seals=extra.seals[:3]))
    )
    digest = seal_hash(block.header)

    assert with_late_seal(short, D, extra.seals[3]) == block
    assert with_late_seal(block, D, extra.seals[3]) is None
    for author, seal in (
        (A, extra.seals[0]),
        (D, extra.seals[0]),
        (SAM.address, make_seal(SAM.key, digest)),
        (D, make_seal(VALIDATORS[3].key, seal_hash(older))),
        (D, bytes(65)),
        (D, b""),
    ):
        assert with_late_seal(short, author, seal) is None


def context(clock):
    return Context(
        chain_id="hub-1", height=7, time=clock.now(), mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )  # fmt: skip
