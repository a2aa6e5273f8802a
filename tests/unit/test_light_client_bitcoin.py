"""isthmus-bitcoin: what it takes, what makes a block final, what freezes it, what it proves."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.errors import CommitmentRefused
from chainkit.commitments.ics23 import join_merkle_proof
from chainkit.commitments.multistore import MultiStore
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, WrongMerkleProof
from chainkit.formats.bitcoin.header_chain import extend
from chainkit.formats.bitcoin.merkle import merkle_branch, merkle_root
from chainkit.formats.bitcoin.proof_of_work import bits_of
from chainkit.formats.bitcoin.script import null_data
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxInput, TxOutput
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client.port import AnyValue, LightClient, Status
from light_clients.bitcoin import codec, errors, proofs
from light_clients.bitcoin import store as states
from light_clients.bitcoin.client import LIGHT_CLIENT
from light_clients.bitcoin.types import Anchor, ClientState, Headers, MembershipProof
from tests import miners
from tests.signers import SECOND

TAG = b"isth"
K = 3
LC: LightClient = LIGHT_CLIENT
CHAIN = [miners.first_point()]
CHAIN += miners.grow(CHAIN[0], 45)
ANCHOR = CHAIN[12]
CLIENT = ClientState(
    chain_id="utxo-1",
    rules=miners.RULES,
    confirmations=K,
    minimum_work=1,
    commitment_tag=TAG,
    retained_depth=2 * K,
    minimum_version=4,
    frozen=False,
    tip=ANCHOR.header.hash,
    latest_height=Height(0, ANCHOR.height),
)


def ctx_at(seconds=miners.START + 10_000, height=7):
    return Context(
        chain_id="hub-1",
        height=height,
        time=seconds * SECOND,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


@pytest.fixture
def store():
    fresh = MemoryStore()
    LC.initialize(
        ctx_at(), fresh, codec.encode_client_state(CLIENT), codec.encode_anchor(Anchor(ANCHOR))
    )
    return fresh


def message(points):
    return codec.encode_headers(Headers(tuple(point.header for point in points)))


def send(store, points, ctx=None):
    """What the core does with a client message; returns the final heights, or None when frozen."""
    ctx = ctx or ctx_at()
    update = message(points)
    LC.verify_client_message(ctx, store, update)
    if LC.check_for_misbehaviour(ctx, store, update):
        LC.update_on_misbehaviour(ctx, store, update)
        return None
    return [height.revision_height for height in LC.update_state(ctx, store, update)]


def test_headers_make_blocks_final_at_their_depth(store) -> None:
    """A block counts under k blocks, itself counted in, and not a block earlier."""
    assert send(store, CHAIN[13:15]) == []
    assert LC.latest_height(store) == Height(0, 12)
    assert send(store, CHAIN[15:16]) == [13]
    assert send(store, CHAIN[16:30]) == list(range(14, 28))
    assert LC.latest_height(store) == Height(0, 27)
    state = states.read_consensus_state(store, Height(0, 27))
    assert state.block_hash == CHAIN[27].header.hash


def test_time_is_median_time_past_not_the_header_s(store) -> None:
    """The timestamp at a height is the median of eleven times: header times run backwards."""
    points = [CHAIN[13]]
    for seconds in (6000, 20, 30, 40):
        parent = points[-1]
        header = miners.mine(parent, time=CHAIN[13].header.time + seconds)
        points.append(extend(parent, header, miners.RULES, now=header.time))
    first = points[1]
    assert send(store, points)[-1] == first.height + 1
    proven = LC.timestamp_at_height(store, Height(0, 14))
    assert proven == first.median_time_past * SECOND
    assert proven < first.header.time * SECOND


def test_short_reorganisation_changes_nothing(store) -> None:
    """A heavier branch from above the newest final block replaces the tip, and no final state."""
    send(store, CHAIN[13:20])
    before = states.read_consensus_state(store, Height(0, 17))
    branch = miners.grow(CHAIN[17], K, salt=1)
    assert send(store, branch) == [18]
    assert states.read_consensus_state(store, Height(0, 17)) == before
    assert states.read_consensus_state(store, Height(0, 18)).block_hash == branch[0].header.hash
    assert LC.status(ctx_at(), store) is Status.ACTIVE


def test_a_lighter_branch_is_kept_and_changes_nothing(store) -> None:
    """A branch of less work leaves tip and final height alone, also when it is as long."""
    send(store, CHAIN[13:20])
    assert send(store, miners.grow(CHAIN[17], K - 1, salt=2)) == []
    assert states.read_client_state(store).tip == CHAIN[19].header.hash


@pytest.mark.parametrize("depth", [K, K + 1, 2 * K])
def test_deep_reorganisation_freezes(store, depth) -> None:
    """A heavier branch that lacks the newest final block freezes the client."""
    send(store, CHAIN[13:30])
    branch = miners.grow(CHAIN[29 - depth], depth + 1, salt=3)
    assert send(store, branch) is None
    assert LC.status(ctx_at(), store) is Status.FROZEN


def test_deep_reorganisation_in_parts_freezes(store) -> None:
    """The same branch sent header by header freezes at the one that makes it heavier."""
    send(store, CHAIN[13:30])
    branch = miners.grow(CHAIN[29 - K], K + 1, salt=4)
    for point in branch[:-1]:
        assert send(store, [point]) == []
    assert send(store, branch[-1:]) is None


def test_too_old_a_fork_has_an_unknown_parent(store) -> None:
    """A branch from below the retained depth is refused by name and leaves no trace."""
    send(store, CHAIN[13:46])
    branch = miners.grow(CHAIN[20], 2, salt=5)
    before = dict(store.iterate(b"", None))
    with pytest.raises(errors.UnknownParent, match="too far below"):
        send(store, branch)
    assert dict(store.iterate(b"", None)) == before


def test_headers_are_pruned(store) -> None:
    """No header below the retained depth stays: the store of a client is bounded."""
    send(store, CHAIN[13:46])
    final = LC.latest_height(store).revision_height
    kept = [key for key, _ in store.iterate(b"headersByHeight/", b"headersByHeight0")]
    heights = [int.from_bytes(key[16:24]) for key in kept]
    assert min(heights) == final - CLIENT.retained_depth
    assert len(heights) == 46 - min(heights)


def bad_header(**changes):
    header = replace(CHAIN[13].header, **changes)
    return codec.encode_headers(Headers((miners.work_on(header),)))


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (lambda: bad_header(bits=bits_of(miners.EASY_LIMIT // 2)), "bad-diffbits"),
        (lambda: bad_header(bits=bits_of(miners.EASY_LIMIT * 8)), "high-hash"),
        (lambda: bad_header(time=CHAIN[7].header.time), "time-too-old"),
        (lambda: bad_header(time=miners.START + 10_000 + 7_201), "time-too-new"),
        (lambda: bad_header(version=3), "bad-version"),
        (lambda: bad_header(previous_block=CHAIN[11].header.hash), "unknown"),
    ],
)
def test_bad_headers_are_refused_by_name(store, update, reason) -> None:
    """A header with real work that breaks one rule is refused for that rule."""
    before = dict(store.iterate(b"", None))
    with pytest.raises(RuleBroken, match=reason):
        LC.verify_client_message(ctx_at(), store, update())
    assert dict(store.iterate(b"", None)) == before


def test_a_header_without_work_is_refused(store) -> None:
    """A changed nonce leaves a hash above the target."""
    header = CHAIN[13].header
    nonce = next(
        n for n in range(1000) if int.from_bytes(replace(header, nonce=n).hash, "little") >> 250
    )
    with pytest.raises(BitcoinRuleBroken, match="proof of work failed"):
        LC.verify_client_message(
            ctx_at(), store, codec.encode_headers(Headers((replace(header, nonce=nonce),)))
        )


def test_headers_must_follow_one_another(store) -> None:
    """A gap inside a message is refused."""
    with pytest.raises(BitcoinRuleBroken, match="prev-blk-not-found"):
        send(store, [CHAIN[13], CHAIN[15]])


def test_minimum_work(store) -> None:
    """A header that the retarget allows but that is easier than the minimum is refused."""
    states.write_client_state(store, replace(CLIENT, minimum_work=1 << 10))
    with pytest.raises(errors.TooLittleWork):
        send(store, CHAIN[13:14])


def test_retarget_is_checked(store) -> None:
    """A period's first header must carry the recomputed difficulty, not its parent's."""
    fast = miners.grow(ANCHOR, 7, spacing=1)
    assert fast[-1].height == 19
    header = miners.mine(fast[-1], bits=fast[-1].header.bits)
    send(store, fast)
    with pytest.raises(BitcoinRuleBroken, match="bad-diffbits"):
        LC.verify_client_message(ctx_at(), store, codec.encode_headers(Headers((header,))))
    right = miners.mine(fast[-1])
    assert right.bits != header.bits
    LC.verify_client_message(ctx_at(), store, codec.encode_headers(Headers((right,))))


@pytest.mark.parametrize(
    "value", [b"", b"\x0a\x00", b"\x0a\x50" + bytes(80) + b"\x10\x01", b"\x0a\x4f" + bytes(79)]
)
def test_malformed_updates(store, value) -> None:
    """No headers, a short one, and an unknown field are malformed."""
    with pytest.raises(MalformedMessage):
        LC.verify_client_message(ctx_at(), store, AnyValue(codec.HEADERS_TYPE_URL, value))


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmations": 0},
        {"retained_depth": K - 1},
        {"retained_depth": 10_001},
        {"commitment_tag": b"abc"},
        {"chain_id": ""},
        {"frozen": True},
        {"rules": replace(miners.RULES, retarget_interval=0)},
    ],
)
def test_client_states_out_of_range(changes) -> None:
    """A client with a number out of its range is not made."""
    state = codec.encode_client_state(replace(CLIENT, **changes))
    with pytest.raises(errors.InvalidClient):
        LC.initialize(ctx_at(), MemoryStore(), state, codec.encode_anchor(Anchor(ANCHOR)))


@pytest.mark.parametrize(
    "anchor",
    [
        CHAIN[13],
        replace(ANCHOR, earlier_times=ANCHOR.earlier_times[:5]),
        replace(ANCHOR, chain_work=0),
    ],
)
def test_anchors_that_do_not_fit(anchor) -> None:
    """An anchor that is not the state's tip, or lacks what its child is judged by, is refused."""
    with pytest.raises(errors.InvalidConsensus):
        LC.initialize(
            ctx_at(),
            MemoryStore(),
            codec.encode_client_state(CLIENT),
            codec.encode_anchor(Anchor(anchor)),
        )


# --- proofs -----------------------------------------------------------------


def spend(number):
    return Transaction(
        2,
        (TxInput(OutPoint(number.to_bytes(32, "big"), 0), b"", 0),),
        (TxOutput(number, b"\x51"),),
        0,
    )


class Proven:
    """A final block whose coinbase commits to a state with one entry."""

    def __init__(self, store, outputs=None):
        stores = MultiStore(MemoryDatabase(), ("ibc", "bank"))
        stores.store("ibc").set(b"key", b"value")
        self.root = stores.commit().hash
        self.present = join_merkle_proof(stores.prove("ibc", b"key", 1))
        self.absent = join_merkle_proof(stores.prove("ibc", b"other", 1))
        commitment = proofs.commitment_script(TAG, self.root)
        self.coinbase = miners.coinbase(13, *(outputs or (lambda c: (c,)))(commitment))
        self.transactions = [self.coinbase, *(spend(n) for n in range(1, 5))]
        self.txids = [tx.txid for tx in self.transactions]
        header = miners.mine(ANCHOR, root=merkle_root(self.txids))
        point = extend(ANCHOR, header, miners.RULES, now=header.time)
        send(store, [point, *miners.grow(point, K)])
        self.store = store

    def proof(self, **changes):
        values = {
            "coinbase": self.coinbase.stripped,
            "transactions": len(self.txids),
            "branch": merkle_branch(self.txids, 0),
            "merkle_proof": self.present,
        }
        return codec.encode_membership_proof(MembershipProof(**{**values, **changes}))

    def verify(self, proof, value=b"value", height=13, delay=(0, 0), ctx=None):
        LC.verify_membership(
            ctx or ctx_at(), self.store, Height(0, height), *delay, proof, (b"ibc", b"key"), value
        )


def test_membership_and_absence(store) -> None:
    """What is in the state is proven by coinbase, branch and ICS-23; what is not, as absent."""
    proven = Proven(store)
    proven.verify(proven.proof())
    path = (b"ibc", b"other")
    absent = proven.proof(merkle_proof=proven.absent)
    LC.verify_non_membership(ctx_at(), store, Height(0, 13), 0, 0, absent, path)
    with pytest.raises(CommitmentRefused):
        proven.verify(proven.proof(), value=b"other")
    with pytest.raises(CommitmentRefused):
        LC.verify_non_membership(
            ctx_at(), store, Height(0, 13), 0, 0, proven.proof(), (b"ibc", b"key")
        )


def test_every_byte_of_a_proof_counts(store) -> None:
    """No proof with one bit changed proves the value."""
    proven = Proven(store)
    raw = proven.proof()
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(RuleBroken):
            proven.verify(bytes(changed))


def test_the_last_commitment_counts(store) -> None:
    """With two commitments in a coinbase the last one is the state's."""
    other = proofs.commitment_script(TAG, bytes(32))
    proven = Proven(store, outputs=lambda c: (other, c, null_data(b"note")))
    proven.verify(proven.proof())


def test_a_commitment_followed_by_another_proves_nothing(store) -> None:
    """A commitment in an output that is not the last of its kind is in the wrong output."""
    other = proofs.commitment_script(TAG, bytes(32))
    proven = Proven(store, outputs=lambda c: (c, other))
    with pytest.raises(CommitmentRefused):
        proven.verify(proven.proof())


def test_no_commitment(store) -> None:
    """A coinbase without one proves nothing, and is refused by name."""
    proven = Proven(store, outputs=lambda c: (c[:-1],))
    with pytest.raises(errors.InvalidCommitment, match="commits to no state"):
        proven.verify(proven.proof())


def test_only_the_coinbase_at_index_0(store) -> None:
    """Another transaction of the block, with a commitment of its maker's, proves nothing."""
    proven = Proven(store)
    with pytest.raises(errors.InvalidCommitment, match="no coinbase"):
        proven.verify(proven.proof(coinbase=proven.transactions[1].stripped))
    with pytest.raises(WrongMerkleProof):
        proven.verify(proven.proof(branch=merkle_branch(proven.txids, 1)))
    with pytest.raises(WrongMerkleProof):
        proven.verify(proven.proof(transactions=9))


def test_a_coinbase_at_index_1_proves_nothing(store) -> None:
    """A second coinbase-shaped transaction in the block is not the coinbase."""
    proven = Proven(store)
    forged = miners.coinbase(13, proofs.commitment_script(TAG, proven.root), b"")
    with pytest.raises(WrongMerkleProof):
        proven.verify(proven.proof(coinbase=forged.stripped, branch=merkle_branch(proven.txids, 1)))


def test_a_shallow_block_proves_nothing(store) -> None:
    """A block that is not final has no consensus state, and its height is refused."""
    proven = Proven(store)
    with pytest.raises(errors.InvalidHeight):
        proven.verify(proven.proof(), height=15)


def test_delays(store) -> None:
    """A connection's delay counts from when the block became final here, in time and blocks."""
    proven = Proven(store)
    for delay in ((1, 0), (0, 1)):
        with pytest.raises(errors.DelayPeriodNotPassed):
            proven.verify(proven.proof(), delay=delay)
        proven.verify(
            proven.proof(), delay=delay, ctx=ctx_at(seconds=miners.START + 10_001, height=8)
        )


def test_recover_takes_a_substitute_of_the_same_rules(store) -> None:
    """A frozen client goes on from a substitute; one with other rules is refused."""
    send(store, CHAIN[13:30])
    send(store, miners.grow(CHAIN[29 - K], K + 1, salt=6))
    assert LC.status(ctx_at(), store) is Status.FROZEN
    substitute = MemoryStore()
    LC.initialize(
        ctx_at(), substitute, codec.encode_client_state(CLIENT), codec.encode_anchor(Anchor(ANCHOR))
    )
    send(substitute, CHAIN[13:25])
    states.write_client_state(
        substitute, replace(states.read_client_state(substitute), confirmations=K + 1)
    )
    with pytest.raises(errors.InvalidSubstitute):
        LC.recover(ctx_at(), store, substitute)
    states.write_client_state(
        substitute, replace(states.read_client_state(substitute), confirmations=K)
    )
    LC.recover(ctx_at(), store, substitute)
    assert LC.status(ctx_at(), store) is Status.ACTIVE
    assert send(store, CHAIN[25:27]) == [23, 24]


def test_upgrade_is_refused(store) -> None:
    """Proof of work has no upgrade plan to prove."""
    state = codec.encode_client_state(CLIENT)
    with pytest.raises(errors.InvalidUpgradeClient):
        LC.verify_upgrade_and_update_state(ctx_at(), store, state, state, b"", b"")
