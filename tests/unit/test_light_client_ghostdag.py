"""isthmus-ghostdag: the eight tests of a DAG's light client, and what else it must refuse."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.errors import CommitmentRefused
from chainkit.commitments.ics23 import join_merkle_proof
from chainkit.commitments.multistore import MultiStore
from chainkit.formats.ghostdag import errors as rules
from chainkit.formats.ghostdag.dag import kept_above, selected_chain
from chainkit.formats.ghostdag.proof_of_work import bits_of
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client.port import AnyValue, LightClient, Status
from light_clients.ghostdag import codec, errors
from light_clients.ghostdag import store as states
from light_clients.ghostdag.client import LIGHT_CLIENT
from light_clients.ghostdag.types import PRUNE_STEP, Anchor, ClientState, Headers
from tests import dags
from tests.dags import PARAMETERS, grow, mine, new_dag, rounds, unmined, work_on

LC: LightClient = LIGHT_CLIENT
DEPTH = 8
GENESIS = dags.genesis()
CLIENT = ClientState(
    chain_id="dag-1",
    parameters=PARAMETERS,
    finality_depth=DEPTH,
    retained_depth=PARAMETERS.reach + DEPTH,
    genesis=GENESIS.hash,
    root=GENESIS.hash,
    tip=GENESIS.hash,
    latest_height=Height(0, 0),
    frozen=False,
)


def ctx_at(now_ms=dags.NOW_MS, height=7):
    return Context(
        chain_id="hub-1",
        height=height,
        time=now_ms * 1_000_000,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


def start(client=CLIENT, blocks=None):
    """A client from genesis, or from the blocks of an anchor."""
    store = MemoryStore()
    anchor = Anchor(tuple(blocks or [new_dag().selected_tip]))
    state = codec.encode_client_state(client)
    LC.initialize(ctx_at(), store, state, codec.encode_anchor(anchor))
    return store


@pytest.fixture
def store():
    return start()


def message(blocks):
    return codec.encode_headers(Headers(tuple(block.header for block in blocks)))


def send(store, blocks, ctx=None):
    """What the core does with a client message; returns the final scores, or None when frozen."""
    return push(store, message(blocks), ctx or ctx_at())


def push(store, update, ctx):
    LC.verify_client_message(ctx, store, update)
    if LC.check_for_misbehaviour(ctx, store, update):
        LC.update_on_misbehaviour(ctx, store, update)
        return None
    return [height.revision_height for height in LC.update_state(ctx, store, update)]


def refused(store, header, rule):
    """The client refuses a header for one rule and stays as it was."""
    before = dict(store.iterate(b"", None))
    update = codec.encode_headers(Headers((header,)))
    with pytest.raises(rule):
        LC.verify_client_message(ctx_at(), store, update)
    assert dict(store.iterate(b"", None)) == before


def tip_of(store):
    return states.read_client_state(store).tip


# --- order and finality -----------------------------------------------------


def test_blocks_become_final_at_a_blue_score(store) -> None:
    """Final is the highest chain block at most tip - d; scores skip where blocks are merged."""
    dag = new_dag()
    rounds(dag, 12)
    mine(dag, dag.tips)
    heights = send(store, list(dag)[1:])
    chain = {block.order.blue_score: block for block in selected_chain(dag, dag.selected_tip.hash)}
    most = dag.selected_tip.order.blue_score - DEPTH

    assert heights == sorted(score for score in chain if 0 < score <= most)
    assert len(heights) < most
    for score in heights:
        state = states.read_consensus_state(store, Height(0, score))
        assert state.block_hash == chain[score].hash
        assert state.chain_time_ms == chain[score].chain_time_ms
    assert LC.latest_height(store) == Height(0, heights[-1])


def test_finality_does_not_depend_on_how_headers_come(store) -> None:
    """One message, one header each, twice, or another topological order: the same final blocks."""
    dag = new_dag()
    rounds(dag, 14)
    blocks = list(dag)[1:]
    send(store, blocks)
    other = start()
    for at in range(0, len(blocks), 2):
        pair = blocks[at : at + 2]
        send(other, reversed(pair))
        assert send(other, pair) == []

    assert dict(store.iterate(b"headers/", None)) == dict(other.iterate(b"headers/", None))


def test_time_is_the_chain_s_and_not_a_header_s(store) -> None:
    """The time at a height is the running maximum of past median times: headers may go back."""
    dag = new_dag()
    grow(dag, dag.genesis, 6)
    late = mine(dag, dag.tips, after_ms=9_000)
    grow(dag, late.hash, 14, after_ms=-2_000)
    send(store, list(dag)[1:])
    times = [LC.timestamp_at_height(store, Height(0, score)) for score in range(1, 13)]

    assert times == sorted(times)
    assert LC.timestamp_at_height(store, Height(0, late.order.blue_score)) == (
        late.chain_time_ms * 1_000_000
    )
    assert late.chain_time_ms < late.header.timestamp


def test_split_for_less_than_the_depth_heals(store) -> None:
    """LC-D-split: halves that do not hear each other, then merge; nothing final changes."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 12)[-1].hash
    send(store, list(dag)[1:])
    before = LC.latest_height(store)
    left = grow(dag, fork, DEPTH - 2, salt=1)
    right = grow(dag, fork, DEPTH - 2, salt=2)
    for pair in zip(left, right, strict=True):
        assert send(store, pair) is not None
    healed = grow(dag, mine(dag, [left[-1].hash, right[-1].hash]).hash, 12)
    merged = dag.find(healed[0].header.parents[0])
    assert send(store, [merged, *healed]) is not None

    assert LC.status(ctx_at(), store) is Status.ACTIVE
    assert LC.latest_height(store) > before
    final = LC.latest_height(store)
    state = states.read_consensus_state(store, final)
    assert dag.is_chain_ancestor(state.block_hash, dag.selected_tip.hash)


def test_split_beyond_the_depth_freezes_who_saw_the_lighter_half(store) -> None:
    """LC-D-split: a client that made one half final stops when the other half turns out heavier."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 5)[-1].hash
    left = grow(dag, fork, 2 * DEPTH, salt=1)
    right = grow(dag, fork, 2 * DEPTH + 3, salt=2)
    send(store, [block for block in dag if block not in right][1:])
    assert LC.latest_height(store).revision_height > dag.find(fork).order.blue_score
    assert send(store, right[: len(left) - 3]) == []
    assert send(store, right[len(left) - 3 :]) is None

    assert LC.status(ctx_at(), store) is Status.FROZEN


def test_a_withheld_branch_counts_for_nothing_when_it_is_light(store) -> None:
    """LC-D-withhold: blocks kept back and published late are merged red; the chain stays."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 10)[-1].hash
    hidden = grow(dag, fork, 3, salt=7)
    main = grow(dag, fork, PARAMETERS.k + 4, salt=1)
    send(store, [block for block in dag if block not in hidden][1:])
    tip = tip_of(store)
    assert send(store, hidden) == []
    assert tip_of(store) == tip
    merging = mine(dag, [main[-1].hash, hidden[-1].hash])
    send(store, [merging])

    assert set(merging.order.reds) == {block.hash for block in hidden}
    assert tip_of(store) == merging.hash
    assert merging.order.blue_score == main[-1].order.blue_score + 1


def test_a_withheld_branch_above_the_final_block_may_win(store) -> None:
    """LC-D-withhold: a heavier branch from above finality moves the tip and nothing final."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 12)[-1].hash
    main = grow(dag, fork, DEPTH - 2, salt=1)
    hidden = grow(dag, fork, DEPTH - 1, salt=7)
    send(store, [block for block in dag if block not in hidden][1:])
    final = LC.latest_height(store)
    state = states.read_consensus_state(store, final)
    assert tip_of(store) == main[-1].hash

    assert send(store, hidden) is not None
    assert tip_of(store) == hidden[-1].hash
    assert states.read_consensus_state(store, final) == state


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_private_heavier_branch_below_the_checkpoint_freezes(store, in_parts) -> None:
    """LC-D-reorg-below-checkpoint: more work without the final block stops the client."""
    dag = new_dag()
    main = grow(dag, dag.genesis, 30)
    final = main[-1 - DEPTH]
    private = grow(dag, dag.find(final.hash).header.parents[0], DEPTH + 3, salt=9)
    send(store, main)
    assert LC.latest_height(store) == Height(0, final.order.blue_score)
    if in_parts:
        for block in private[:-2]:
            assert send(store, [block]) == []
        private = private[-2:-1]

    assert send(store, private) is None
    assert LC.status(ctx_at(), store) is Status.FROZEN
    assert tip_of(store) == main[-1].hash


def test_a_private_lighter_branch_below_the_checkpoint_changes_nothing(store) -> None:
    """As long as ours has as much work, the client goes on, and no final block changes."""
    dag = new_dag()
    main = grow(dag, dag.genesis, 30)
    private = grow(dag, main[-DEPTH - 2].hash, DEPTH, salt=9)
    send(store, main)

    assert send(store, private) == []
    assert LC.status(ctx_at(), store) is Status.ACTIVE
    assert tip_of(store) == main[-1].hash


def test_a_tie_below_the_checkpoint_goes_to_the_defender(store) -> None:
    """As much work and a greater hash: nodes would choose it, the client keeps its tip."""
    dag = new_dag()
    main = grow(dag, dag.genesis, 30)
    send(store, main)
    for salt in range(50, 90):
        private = grow(dag, main[-DEPTH - 3].hash, DEPTH + 2, salt=salt)
        if private[-1].hash > main[-1].hash:
            break

    assert private[-1].sort_key > main[-1].sort_key
    assert private[-1].order.blue_work == main[-1].order.blue_work
    assert send(store, private) == []
    assert tip_of(store) == main[-1].hash
    assert LC.status(ctx_at(), store) is Status.ACTIVE


def test_old_forks_are_refused(store) -> None:
    """A branch from below what is kept has an unknown parent and leaves no trace."""
    dag = new_dag()
    main = grow(dag, dag.genesis, 2 * PRUNE_STEP + PARAMETERS.reach + 2 * DEPTH)
    send(store, main)
    old = mine(dag, [main[10].hash], salt=9)
    refused(store, old.header, rules.UnknownParent)


def test_headers_are_pruned_and_the_order_stays(store) -> None:
    """The store is bounded, and a client that pruned judges as one that never did."""
    dag = new_dag()
    kept = []
    for _ in range(12):
        rounds(dag, 8, width=2, salt=1_000 * len(dag))
        send(store, list(dag)[-16:])
        kept.append(len(list(store.iterate(b"headers/", b"headers0"))))

    bound = PARAMETERS.reach + PRUNE_STEP + 3 * DEPTH + 16
    assert max(kept) <= bound < len(dag)
    assert tip_of(store) == dag.selected_tip.hash
    client = states.read_client_state(store)
    assert client.root != GENESIS.hash
    stored = {block.hash: block for block in states.stored_blocks(store)}
    assert all(dag.find(block) == stored[block] for block in stored)


def test_a_client_from_the_middle(store) -> None:
    """Started from trusted blocks it makes the same blocks final as one that began at genesis."""
    dag = new_dag()
    rounds(dag, 50)
    send(store, list(dag)[1:])
    client = states.read_client_state(store)
    lowest = client.latest_height.revision_height - PARAMETERS.reach
    root = next(
        b for b in selected_chain(dag, dag.selected_tip.hash) if b.order.blue_score <= lowest
    )
    blocks = kept_above(dag, root.hash).values()
    later = start(replace(client, root=root.hash), blocks)
    fresh = rounds(dag, 6, salt=5_000)

    assert send(later, fresh) == send(store, fresh) != []
    assert tip_of(later) == tip_of(store)


# --- headers ----------------------------------------------------------------


@pytest.fixture
def grown(store):
    dag = new_dag()
    rounds(dag, 8)
    send(store, list(dag)[1:])
    return dag


@pytest.mark.parametrize("factor", [1, 2])
def test_wrong_bits(store, grown, factor) -> None:
    """LC-D-bits: difficulty is recomputed; easier and harder bits are refused, with their work."""
    header = unmined(grown, grown.tips)
    bits = bits_of(dags.EASY_TARGET >> 4 * factor - 4)
    if bits == header.bits:
        bits = bits_of(dags.EASY_TARGET >> 1)
    refused(store, work_on(replace(header, bits=bits)), rules.WrongBits)


def test_a_target_above_the_limit(store, grown) -> None:
    """LC-D-bits: a target that is easier than the chain's easiest is refused."""
    header = replace(unmined(grown, grown.tips), bits=bits_of((1 << 255) - 1))
    refused(store, work_on(header), rules.WrongBits)


def test_redundant_parent(store, grown) -> None:
    """LC-D-parents-redundant: a parent that is an ancestor of another is refused."""
    tip = grown.tips[0]
    older = grown.find(tip).header.parents[0]
    header = replace(unmined(grown, [tip]), parents_by_level=((tip, older),))
    refused(store, work_on(header), rules.RedundantParent)


def test_unknown_parent(store, grown) -> None:
    """A header above a block that was never sent is refused, also beside a known parent."""
    hidden = mine(grown, grown.tips)
    header = unmined(grown, [hidden.hash])
    refused(store, work_on(header), rules.UnknownParent)


@pytest.mark.parametrize("by", [-1, 1, 1 << 40])
def test_wrong_blue_work(store, grown, by) -> None:
    """A header cannot claim more or less blue work than its past has."""
    header = unmined(grown, grown.tips)
    forged = replace(header, blue_work=header.blue_work + by)
    refused(store, work_on(forged), rules.WrongBlueWork)


@pytest.mark.parametrize("by", [-1, 1, 100])
def test_wrong_blue_score(store, grown, by) -> None:
    """Nor another blue score: it would move finality."""
    header = unmined(grown, grown.tips)
    forged = replace(header, blue_score=header.blue_score + by)
    refused(store, work_on(forged), rules.WrongBlueScore)


def test_times(store, grown) -> None:
    """Not after the past median time, or ahead of the hub's clock: refused."""
    header = unmined(grown, grown.tips)
    median = mine(grown, grown.tips).median_time_ms
    refused(store, work_on(replace(header, timestamp=median)), rules.TimeTooOld)
    ahead = dags.NOW_MS + PARAMETERS.timestamp_tolerance_ms + 1
    refused(store, work_on(replace(header, timestamp=ahead)), rules.TimeTooNew)


def test_a_header_without_work(store, grown) -> None:
    """Its hash is above the target."""
    header = unmined(grown, grown.tips)
    while int.from_bytes(header.hash, "little") <= dags.EASY_TARGET:
        header = replace(header, nonce=header.nonce + 1)
    refused(store, header, rules.TooLittleWork)


def test_a_right_header_after_a_wrong_one_is_not_taken(store, grown) -> None:
    """A message is taken as a whole or not at all."""
    right = mine(grown, grown.tips)
    wrong = work_on(replace(unmined(grown, grown.tips), daa_score=1))
    update = codec.encode_headers(Headers((right.header, wrong)))
    with pytest.raises(rules.WrongDaaScore):
        LC.verify_client_message(ctx_at(), store, update)
    assert states.find_block(store, right.hash) is None


@pytest.mark.parametrize(
    "value", [b"", b"\x0a\x00", b"\x10\x01", b"\x0a\x01\x00", b"\x0a\x00" * 1_025]
)
def test_malformed_updates(store, value) -> None:
    """No headers, too many, broken ones, and unknown fields are malformed."""
    with pytest.raises(MalformedMessage):
        LC.verify_client_message(ctx_at(), store, AnyValue(codec.HEADERS_TYPE_URL, value))


# --- a new client -----------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"finality_depth": 0},
        {"finality_depth": 10_001},
        {"retained_depth": PARAMETERS.reach + DEPTH - 1},
        {"retained_depth": 100_001},
        {"chain_id": ""},
        {"frozen": True},
        {"parameters": replace(PARAMETERS, merge_depth=1)},
    ],
)
def test_client_states_out_of_range(changes) -> None:
    """A client with a number out of its range is not made."""
    with pytest.raises(errors.InvalidClient):
        start(replace(CLIENT, **changes))


def anchored():
    dag = new_dag()
    rounds(dag, 50)
    tip = dag.selected_tip
    chain = list(selected_chain(dag, tip.hash))
    final = next(b for b in chain if b.order.blue_score <= tip.order.blue_score - DEPTH)
    lowest = final.order.blue_score - PARAMETERS.reach
    root = next(b for b in chain if b.order.blue_score <= lowest)
    client = replace(
        CLIENT,
        root=root.hash,
        tip=tip.hash,
        latest_height=Height(0, final.order.blue_score),
    )
    return dag, client, list(kept_above(dag, root.hash).values())


def test_anchors_that_do_not_fit() -> None:
    """Another tip, root or height, a hole, a block too many, no work: refused."""
    dag, client, blocks = anchored()
    start(client, blocks)
    middle = len(blocks) // 2
    stranger = mine(new_dag(), [GENESIS.hash], salt=77)
    cases = [
        (replace(client, tip=blocks[0].hash), blocks),
        (replace(client, root=blocks[1].hash), blocks),
        (replace(client, latest_height=Height(0, 1)), blocks),
        (client, blocks[1:]),
        (client, [*blocks, blocks[middle]]),
        (client, [*blocks, stranger]),
        (replace(client, root=blocks[40].hash), list(kept_above(dag, blocks[40].hash).values())),
    ]
    for state, given in cases:
        with pytest.raises(errors.InvalidConsensus):
            start(state, given)


def test_an_anchor_without_work() -> None:
    """The work behind trusted blocks is checked all the same: here of the tip."""
    dag, client, blocks = anchored()
    lazy = blocks.pop()
    header = lazy.header
    while int.from_bytes(header.hash, "little") <= dags.EASY_TARGET or header.hash < lazy.hash:
        header = replace(header, nonce=header.nonce + 1)
    tip = replace(lazy, hash=header.hash, header=header)
    with pytest.raises(errors.InvalidConsensus, match="above the target"):
        start(replace(client, tip=tip.hash), [*blocks, tip])
    assert dag.selected_tip == lazy


def test_an_anchor_from_genesis_is_judged() -> None:
    """With the blocks after genesis nothing is trusted: a header or record that lies is refused."""
    dag = new_dag()
    rounds(dag, 20)
    mine(dag, dag.tips)
    tip = dag.selected_tip
    chain = selected_chain(dag, tip.hash)
    final = next(b for b in chain if b.order.blue_score <= tip.order.blue_score - DEPTH)
    client = replace(CLIENT, tip=tip.hash, latest_height=Height(0, final.order.blue_score))
    blocks = list(dag)
    store = start(client, blocks)
    assert LC.latest_height(store) == Height(0, final.order.blue_score)
    assert send(store, grow(dag, tip.hash, 2)) != []

    lying = replace(blocks[-2], order=replace(blocks[-2].order, blue_anticone_sizes={}))
    later = replace(blocks[5], chain_time_ms=blocks[5].chain_time_ms + 1)
    for at, block in ((-2, lying), (5, later)):
        changed = [*blocks]
        changed[at] = block
        with pytest.raises(errors.InvalidConsensus, match="another place"):
            start(client, changed)
    forged = work_on(replace(unmined(dag, [tip.hash]), daa_score=1))
    record = replace(dag.find(tip.hash), hash=forged.hash, header=forged)
    with pytest.raises(errors.InvalidConsensus, match="refused"):
        start(replace(client, tip=forged.hash), [*blocks, record])


def test_genesis_must_be_the_state_s() -> None:
    """A client of another genesis, or with a height before there is one, is not made."""
    for state in (
        replace(CLIENT, genesis=b"x" * 32),
        replace(CLIENT, latest_height=Height(0, 1)),
    ):
        with pytest.raises(errors.InvalidConsensus):
            start(state)


# --- proofs -----------------------------------------------------------------


class State:
    """A state with one entry, and the proofs under its root."""

    def __init__(self, value):
        stores = MultiStore(MemoryDatabase(), ("ibc", "bank"))
        stores.store("ibc").set(b"key", value)
        self.value = value
        self.root = stores.commit().hash
        self.present = join_merkle_proof(stores.prove("ibc", b"key", 1))
        self.absent = join_merkle_proof(stores.prove("ibc", b"other", 1))


def mine_with(dag, parents, state):
    header = replace(unmined(dag, parents), utxo_commitment=state.root)
    return dag.insert(work_on(header), dags.NOW_MS)


def verify(store, state, height, delay=(0, 0), ctx=None, value=None):
    LC.verify_membership(
        ctx or ctx_at(), store, Height(0, height), *delay,
        state.present, (b"ibc", b"key"), value or state.value,
    )  # fmt: skip


@pytest.fixture
def proven(store):
    """Two parallel blocks with different states; one is selected, the other merged."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 4)[-1].hash
    one, other = State(b"one"), State(b"other")
    pair = {mine_with(dag, [fork], state).hash: state for state in (one, other)}
    merging = mine(dag, list(pair))
    selected = merging.order.selected_parent
    merged = next(block for block in pair if block != selected)
    grow(dag, merging.hash, DEPTH + 2)
    send(store, list(dag)[1:])
    return dag, dag.find(selected), pair[selected], dag.find(merged), pair[merged]


def test_membership_and_absence(store, proven) -> None:
    """What is in the state of a final chain block is proven, what is not as absent."""
    _, selected, state, _, _ = proven
    height = selected.order.blue_score
    verify(store, state, height)
    absent = (b"ibc", b"other")
    LC.verify_non_membership(ctx_at(), store, Height(0, height), 0, 0, state.absent, absent)
    with pytest.raises(CommitmentRefused):
        verify(store, state, height, value=b"another")
    with pytest.raises(CommitmentRefused):
        LC.verify_non_membership(
            ctx_at(), store, Height(0, height), 0, 0, state.present, (b"ibc", b"key")
        )


def test_a_merged_block_proves_nothing(store, proven) -> None:
    """LC-D-merged-proof: proof of work, blue, in the past of the final block, and no proof."""
    dag, selected, _, merged, state = proven
    final = states.read_consensus_state(store, LC.latest_height(store)).block_hash
    assert dag.is_ancestor(merged.hash, final)
    assert merged.order.blue_score == selected.order.blue_score
    for height in range(LC.latest_height(store).revision_height + 1):
        with pytest.raises(RuleBroken):
            verify(store, state, height)


def test_of_two_conflicting_blocks_one_is_proven(store, proven) -> None:
    """LC-D-conflict: parallel blocks that each say "sent" for the same coin: one credit."""
    _, selected, state, merged, other = proven
    provable = []
    for claim in (state, other):
        for height in range(1, LC.latest_height(store).revision_height + 1):
            try:
                verify(store, claim, height)
            except RuleBroken:
                continue
            provable.append((claim.value, height))

    assert provable == [(state.value, selected.order.blue_score)]
    assert merged.hash != selected.hash


def test_a_merged_block_s_own_score_has_no_state(store) -> None:
    """Where scores skip, there is no consensus state: not the merged block's either."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 4)[-1].hash
    side = grow(dag, fork, 2, salt=3)
    main = grow(dag, fork, 3, salt=4)
    merging = mine(dag, [main[-1].hash, side[-1].hash])
    grow(dag, merging.hash, DEPTH + 2)
    send(store, list(dag)[1:])

    assert merging.order.blue_score == main[-1].order.blue_score + 3
    for score in range(main[-1].order.blue_score + 1, merging.order.blue_score):
        with pytest.raises(errors.ConsensusStateNotFound):
            verify(store, State(b"any"), score)


def test_a_block_above_finality_proves_nothing(store) -> None:
    """A state of the selected chain counts from the finality depth on, not a score earlier."""
    dag = new_dag()
    fork = grow(dag, dag.genesis, 4)[-1].hash
    state = State(b"value")
    block = mine_with(dag, [fork], state)
    send(store, [*list(dag)[1:], *grow(dag, block.hash, DEPTH - 1)])
    height = block.order.blue_score
    with pytest.raises(errors.InvalidHeight):
        verify(store, state, height)
    send(store, grow(dag, dag.selected_tip.hash, 1))
    verify(store, state, height)


def test_delays(store, proven) -> None:
    """A connection's delay counts from when the block became final here, in time and blocks."""
    _, selected, state, _, _ = proven
    height = selected.order.blue_score
    for delay in ((1, 0), (0, 1)):
        with pytest.raises(errors.DelayPeriodNotPassed):
            verify(store, state, height, delay)
        verify(store, state, height, delay, ctx_at(dags.NOW_MS + 1, height=8))


def test_every_byte_of_a_proof_counts(store, proven) -> None:
    """No proof with one bit changed proves the value."""
    _, selected, state, _, _ = proven
    height = Height(0, selected.order.blue_score)
    for at in range(len(state.present)):
        changed = bytearray(state.present)
        changed[at] ^= 1
        with pytest.raises(RuleBroken):
            LC.verify_membership(
                ctx_at(), store, height, 0, 0, bytes(changed), (b"ibc", b"key"), state.value
            )


def test_recover_takes_a_substitute_of_the_same_rules(store) -> None:
    """A frozen client goes on from a substitute; one with other rules is refused."""
    dag = new_dag()
    main = grow(dag, dag.genesis, 30)
    send(store, main)
    private = grow(dag, main[10].hash, 30, salt=9)
    assert send(store, private) is None
    substitute = start()
    send(substitute, [*main[:11], *private])
    good = states.read_client_state(substitute)
    states.write_client_state(substitute, replace(good, finality_depth=DEPTH + 1))
    with pytest.raises(errors.InvalidSubstitute):
        LC.recover(ctx_at(), store, substitute)
    states.write_client_state(substitute, good)
    LC.recover(ctx_at(), store, substitute)

    assert LC.status(ctx_at(), store) is Status.ACTIVE
    assert send(store, grow(dag, private[-1].hash, 3)) != []


def test_no_upgrade() -> None:
    """There is nothing that could prove one."""
    any_value = AnyValue("", b"")
    with pytest.raises(errors.InvalidUpgradeClient):
        LC.verify_upgrade_and_update_state(ctx_at(), MemoryStore(), any_value, any_value, b"", b"")


def test_without_a_client() -> None:
    """An empty store has no height and no status."""
    assert LC.status(ctx_at(), MemoryStore()) is Status.UNKNOWN
    assert LC.latest_height(MemoryStore()) == Height(0, 0)


def test_a_block_beside_the_root_carries_no_chain() -> None:
    """What the root's future merged from beside it is kept, and no new chain may stand on it."""
    dag = new_dag()
    grow(dag, dag.genesis, 2)
    fork = dag.selected_tip.hash
    side = grow(dag, fork, 1, salt=3)[0]
    main = grow(dag, fork, 3, salt=4)
    merging = mine(dag, [main[-1].hash, side.hash])
    grow(dag, merging.hash, PARAMETERS.reach + DEPTH - 1)
    final = dag.find(
        next(
            b.hash
            for b in selected_chain(dag, dag.selected_tip.hash)
            if b.order.blue_score <= dag.selected_tip.order.blue_score - DEPTH
        )
    )
    root = main[-1]
    client = replace(
        CLIENT,
        root=root.hash,
        tip=dag.selected_tip.hash,
        latest_height=Height(0, final.order.blue_score),
    )
    kept = kept_above(dag, root.hash)
    store = start(client, kept.values())

    assert side.hash in kept
    assert states.is_beside_root(store, side.hash)
    refused(store, mine(dag, [side.hash], salt=8).header, rules.BelowWindow)
