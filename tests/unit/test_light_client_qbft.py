"""isthmus-qbft: which headers it takes, what freezes it, what it proves."""

from dataclasses import replace

import pytest

from chainkit.commitments.errors import CommitmentRefused
from chainkit.formats.ethereum.errors import MalformedSeal
from chainkit.formats.ethereum.headers import encode_header
from chainkit.formats.ethereum.qbft import decode_extra_data, with_extra_data
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client.port import AnyValue, LightClient, Status
from light_clients.qbft import LIGHT_CLIENT, codec, errors, proofs, rules
from light_clients.qbft import store as states
from light_clients.qbft.types import ClientState, ConsensusState, MembershipProof, Misbehaviour
from tests.sealed_chain import BEGINNING, FOUR, IBC, State, header, sealed, validators
from tests.signers import SECOND

LC: LightClient = LIGHT_CLIENT
PERIOD, DRIFT = 1_000 * SECOND, 10 * SECOND
VALUES = {b"path %d" % n: b"value %d" % n for n in range(50)}
STATE = State(VALUES)
CLIENT = ClientState("account-1", IBC, PERIOD, DRIFT, Height(0, 10))
FIRST = ConsensusState(BEGINNING + 10, Hash32(bytes(32)), Hash32(bytes(32)), validators(*FOUR))


def ctx_at(seconds: int = BEGINNING + 100, height: int = 7) -> Context:
    return Context(
        chain_id="hub-1",
        height=height,
        time=seconds * SECOND,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


def new_store(client: ClientState = CLIENT, first: ConsensusState = FIRST) -> MemoryStore:
    store = MemoryStore()
    consensus = codec.encode_consensus_state(first)
    LC.initialize(ctx_at(), store, codec.encode_client_state(client), consensus)
    return store


@pytest.fixture
def store() -> MemoryStore:
    return new_store()


def message(of: Header, trusted: int = 10) -> AnyValue:
    return codec.encode_header_message(codec.sealed_header(of, Height(0, trusted)))


def double(first: Header, second: Header, trusted: int = 10) -> AnyValue:
    return codec.encode_misbehaviour(
        Misbehaviour(
            codec.sealed_header(first, Height(0, trusted)),
            codec.sealed_header(second, Height(0, trusted)),
        )
    )


def send(store: MemoryStore, value: AnyValue, ctx: Context | None = None) -> list[int] | None:
    """What the core does with a client message; returns the heights, or None when it freezes."""
    ctx = ctx or ctx_at()
    LC.verify_client_message(ctx, store, value)
    if LC.check_for_misbehaviour(ctx, store, value):
        LC.update_on_misbehaviour(ctx, store, value)
        return None
    return [height.revision_height for height in LC.update_state(ctx, store, value)]


def refused(store: MemoryStore, value: AnyValue, by: type[RuleBroken], **at: int) -> None:
    before = dict(store.iterate(b"", None))
    with pytest.raises(RuleBroken) as caught:
        send(store, value, ctx_at(**at))
    assert type(caught.value) is by, repr(caught.value)
    assert dict(store.iterate(b"", None)) == before


# --- headers ---------------------------------------------------------------------------


def test_a_header_sealed_by_two_thirds_is_taken(store: MemoryStore) -> None:
    """
    Three of four, in any order and in any round; all four too. Its root, time and set are kept.
    """
    assert send(store, message(sealed(header(11, round_=3), (2, 0, 1)))) == [11]
    assert send(store, message(sealed(header(20, state_root=STATE.root)))) == [20]
    assert LC.latest_height(store) == Height(0, 20)
    assert LC.timestamp_at_height(store, Height(0, 20)) == (BEGINNING + 20) * SECOND
    state = states.read_consensus_state(store, Height(0, 20))
    assert (state.state_root, state.validators) == (STATE.root, validators(*FOUR))


def test_a_header_below_the_newest_fills_a_gap(store: MemoryStore) -> None:
    """
    Trusted from below; the latest height stays.
    """
    send(store, message(sealed(header(20))))
    assert send(store, message(sealed(header(15)))) == [15]
    assert LC.latest_height(store) == Height(0, 20)


def test_a_header_twice_changes_nothing(store: MemoryStore) -> None:
    """
    Two relayers bring the same block, the second with other seals.
    """
    send(store, message(sealed(header(11))))
    before = dict(store.iterate(b"", None))
    assert send(store, message(sealed(header(11, round_=2), (1, 2, 3)))) == [11]
    assert dict(store.iterate(b"", None)) == before


UNSEALED = header(11)
SEALED = sealed(UNSEALED)
EXTRA = decode_extra_data(SEALED.extra_data)


def with_seals(seals: tuple[bytes, ...]) -> Header:
    return with_extra_data(SEALED, replace(EXTRA, seals=seals))


FIVE = sealed(header(11), (0, 1, 2, 3, 0))
ORPHAN = bytes(31) + b"\x05" + bytes(31) + b"\x01\x00"
"""In range, but there is no point with this x on the curve."""

REFUSED: list[tuple[str, AnyValue, type[RuleBroken]]] = [
    ("two seals of four", message(sealed(UNSEALED, (0, 1))), errors.NotEnoughSeals),
    ("no seal", message(UNSEALED), errors.NotEnoughSeals),
    ("more seals than validators", message(FIVE), errors.TooManySeals),
    ("a duplicate", message(sealed(UNSEALED, (0, 1, 2, 0))), errors.DuplicateSeal),
    ("a duplicate for a quorum", message(sealed(UNSEALED, (0, 1, 1))), errors.DuplicateSeal),
    ("a stranger beside a quorum", message(sealed(UNSEALED, (0, 1, 2, 9))), errors.UnknownSeal),
    ("a seal of no key", message(with_seals((*EXTRA.seals[:3], ORPHAN))), errors.UnknownSeal),
    (
        "seals of another header",
        message(replace(SEALED, gas_used=1)),
        errors.UnknownSeal,
    ),
    (
        "seals of another round",
        message(with_extra_data(SEALED, replace(EXTRA, round=1))),
        errors.UnknownSeal,
    ),
    (
        "its own validators",
        message(sealed(header(11, (5, 6, 7, 8)), (5, 6, 7, 8))),
        errors.NotEnoughTrust,
    ),
    (
        "half of the trusted set gone",
        message(sealed(header(11, (0, 1, 6, 7)), (0, 1, 6, 7))),
        errors.NotEnoughTrust,
    ),
    (
        "trusted seals short of the header's own set",
        message(sealed(header(11, (0, 1, 2, 3, 4, 5, 6)), (0, 1, 2, 3))),
        errors.NotEnoughSeals,
    ),
    ("not above the trusted height", message(sealed(header(10))), errors.InvalidHeader),
    ("nothing trusted there", message(sealed(header(12)), 11), errors.ConsensusStateNotFound),
    (
        "not later than the trusted time",
        message(sealed(header(11, seconds=BEGINNING + 10))),
        errors.NotMonotonic,
    ),
    (
        "from the future",
        message(sealed(header(11, seconds=BEGINNING + 110))),
        errors.HeaderFromTheFuture,
    ),
    (
        "another mix hash",
        message(sealed(replace(UNSEALED, mix_hash=Hash32(bytes(32))))),
        errors.InvalidHeader,
    ),
    ("a difficulty", message(sealed(replace(UNSEALED, difficulty=2))), errors.InvalidHeader),
    (
        "made by a stranger",
        message(sealed(replace(UNSEALED, beneficiary=Address(bytes(20))))),
        errors.InvalidHeader,
    ),
    ("a number out of range", message(sealed(replace(UNSEALED, number=2**63))), errors.InvalidHeader),
    ("a time out of range", message(sealed(header(11, seconds=2**62))), errors.InvalidHeader),
    ("no validators", message(with_extra_data(SEALED, replace(EXTRA, validators=()))), errors.InvalidValidators),
    (
        "a validator twice",
        message(
            with_extra_data(
                SEALED, replace(EXTRA, validators=(EXTRA.validators[0], *EXTRA.validators))
            )
        ),
        errors.InvalidValidators,
    ),
    (
        "validators not ascending",
        message(with_extra_data(SEALED, replace(EXTRA, validators=EXTRA.validators[::-1]))),
        errors.InvalidValidators,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "by"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_headers_that_are_refused(
    store: MemoryStore, value: AnyValue, by: type[RuleBroken]
) -> None:
    """
    Each by the rule that it breaks, and nothing is written.
    """
    refused(store, value, by)


def test_a_malformed_seal_spoils_the_header(store: MemoryStore) -> None:
    """
    However many good ones are beside it.
    """
    seals = EXTRA.seals
    for bad in (bytes(65), b"\xff" * 64 + b"\x00", seals[0][:64] + b"\x02"):
        raw = SEALED.extra_data.replace(seals[3], bad)
        with pytest.raises(MalformedSeal):
            codec.sealed_header(replace(SEALED, extra_data=raw), Height(0, 10))
        value = codec.encode_header_message(
            replace(
                codec.sealed_header(SEALED, Height(0, 10)), header=replace(SEALED, extra_data=raw)
            )
        )
        refused(store, value, MalformedSeal)


def test_every_byte_of_a_header_counts(store: MemoryStore) -> None:
    """
    Flip one bit of any byte of the header with its seals: refused, each seal and each field.
    """
    good = sealed(header(11), (0, 1, 2))
    raw = encode_header(good)
    start = message(good).value.index(raw)
    for at in range(len(raw)):
        for bit in (1, 0x80) if at % 8 == 0 else (1,):
            value = bytearray(message(good).value)
            value[start + at] ^= bit
            with pytest.raises(RuleBroken):
                send(store, AnyValue(codec.HEADER_TYPE_URL, bytes(value)))
    assert send(store, message(good)) == [11]


def test_the_trusting_period_is_a_limit(store: MemoryStore) -> None:
    """
    At its end to the second the trusted validators vouch for nothing, and the client is expired.
    """
    value = message(sealed(header(11)))
    end = BEGINNING + 10 + PERIOD // SECOND
    assert LC.status(ctx_at(end - 1), store) is Status.ACTIVE
    assert LC.status(ctx_at(end), store) is Status.EXPIRED
    refused(store, value, errors.TrustingPeriodExpired, seconds=end)
    assert send(store, value, ctx_at(end - 1)) == [11]


def test_the_clock_drift_is_a_limit(store: MemoryStore) -> None:
    """
    A header that much ahead is refused, a second less is not.
    """
    ahead = BEGINNING + 100 + DRIFT // SECOND
    refused(store, message(sealed(header(11, seconds=ahead))), errors.HeaderFromTheFuture)
    assert send(store, message(sealed(header(11, seconds=ahead - 1)))) == [11]


def test_validators_change_step_by_step(store: MemoryStore) -> None:
    """
    One of four a step: the next header is trusted from the one before, and not from the first.
    """
    sets = [FOUR, (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 6)]
    for step, members in enumerate(sets[1:], 1):
        value = message(sealed(header(10 + step, members), members), 9 + step)
        assert send(store, value) == [10 + step]
    assert states.read_consensus_state(store, Height(0, 13)).validators == validators(3, 4, 5, 6)
    refused(store, message(sealed(header(14, sets[3]), sets[3]), 11), errors.NotEnoughTrust)


def test_exactly_two_thirds_of_the_trusted_set_vouch() -> None:
    """
    Two of a trusted three are enough for Besu and here; one is not.
    """
    three = replace(FIRST, validators=validators(0, 1, 2))
    members = (0, 1, 7)
    assert send(new_store(first=three), message(sealed(header(11, members), members))) == [11]
    members = (0, 6, 7)
    refused(
        new_store(first=three), message(sealed(header(11, members), members)), errors.NotEnoughTrust
    )


def test_expired_states_are_pruned_one_at_a_time(store: MemoryStore) -> None:
    """
    An update costs the same whatever piled up.
    """
    for number in (11, 12, 13):
        send(store, message(sealed(header(number))))
    late = BEGINNING + 12 + PERIOD // SECOND
    newer = sealed(header(900, seconds=BEGINNING + 900))
    send(store, message(newer, 13), ctx_at(late))

    assert states.oldest_height(store) == Height(0, 11)
    assert states.find_consensus_state(store, Height(0, 10)) is None


# --- misbehaviour ----------------------------------------------------------------------


def test_two_blocks_of_a_height_freeze(store: MemoryStore) -> None:
    """
    Both sealed by two thirds, of other content.
    """
    value = double(sealed(header(11), (0, 1, 2)), sealed(header(11, gas_used=1), (1, 2, 3)))
    assert send(store, value) is None
    assert LC.status(ctx_at(), store) is Status.FROZEN


def test_one_block_sealed_in_two_rounds_is_no_misbehaviour(store: MemoryStore) -> None:
    """
    Correct validators do that: the hashes without round and seals are equal.
    """
    value = double(sealed(header(11), (0, 1, 2)), sealed(header(11, round_=4), (1, 2, 3)))
    LC.verify_client_message(ctx_at(), store, value)
    assert not LC.check_for_misbehaviour(ctx_at(), store, value)


def test_misbehaviour_needs_what_a_header_needs(store: MemoryStore) -> None:
    """
    Otherwise anybody could freeze a client.
    """
    good = sealed(header(11))
    rival = header(11, gas_used=1)
    refused(store, double(good, sealed(rival, (0, 1))), errors.NotEnoughSeals)
    refused(store, double(good, sealed(rival, (0, 1, 2, 2))), errors.DuplicateSeal)
    refused(store, double(good, sealed(header(11, (5, 6, 7)), (5, 6, 7))), errors.NotEnoughTrust)
    refused(store, double(good, sealed(header(12))), errors.InvalidMisbehaviour)
    end = BEGINNING + 10 + PERIOD // SECOND
    value = double(good, sealed(rival))
    refused(store, value, errors.TrustingPeriodExpired, seconds=end)
    assert send(store, value) is None


def test_a_header_against_a_stored_one_freezes(store: MemoryStore) -> None:
    """
    A relayer that brings the other block of a height proves the fork.
    """
    send(store, message(sealed(header(11))))
    assert send(store, message(sealed(header(11, gas_used=1)))) is None
    assert LC.status(ctx_at(), store) is Status.FROZEN


def test_time_that_goes_back_freezes(store: MemoryStore) -> None:
    """
    A block is later than each before it: between two stored ones it is later than the lower and
    earlier than the higher.
    """
    send(store, message(sealed(header(20))))
    assert send(store, message(sealed(header(15, seconds=BEGINNING + 20)))) is None
    later = new_store()
    send(later, message(sealed(header(20))))
    assert send(later, message(sealed(header(25, seconds=BEGINNING + 20)))) is None


# --- proofs ----------------------------------------------------------------------------


@pytest.fixture
def proven(store: MemoryStore) -> MemoryStore:
    send(store, message(sealed(header(20, state_root=STATE.root))))
    return store


def proof(path: bytes, state: State = STATE) -> bytes:
    return codec.encode_membership_proof(MembershipProof(*state.prove(path)))


def is_member(
    store: MemoryStore, nodes: bytes, path: tuple[bytes, ...], value: bytes, height: int = 20
) -> None:
    LC.verify_membership(ctx_at(), store, Height(0, height), 0, 0, nodes, path, value)


def is_absent(store: MemoryStore, nodes: bytes, path: tuple[bytes, ...], height: int = 20) -> None:
    LC.verify_non_membership(ctx_at(), store, Height(0, height), 0, 0, nodes, path)


PATH = (b"ibc", b"path 7")
ABSENT = (b"ibc", b"no such path")


def test_membership_and_absence_are_proven(proven: MemoryStore) -> None:
    """
    Account, then slot: the word is the value's hash, or the slot is proven not to be there.
    """
    is_member(proven, proof(PATH[1]), PATH, b"value 7")
    is_absent(proven, proof(ABSENT[1]), ABSENT)


def test_what_is_not_so_is_not_proven(proven: MemoryStore) -> None:
    """
    Another value, presence as absence, absence as presence: the word is wrong.
    """
    for attempt in (
        lambda: is_member(proven, proof(PATH[1]), PATH, b"value 8"),
        lambda: is_member(proven, proof(PATH[1]), PATH, b""),
        lambda: is_member(proven, proof(ABSENT[1]), ABSENT, b"value 7"),
        lambda: is_absent(proven, proof(PATH[1]), PATH),
    ):
        with pytest.raises(errors.WrongWord):
            attempt()


def test_a_proof_is_of_its_own_path_state_and_height(proven: MemoryStore) -> None:
    """
    Nodes of another key, of another state, of another account prove nothing here.
    """
    other = State({**VALUES, b"path 7": b"forged"})
    send(proven, message(sealed(header(21, state_root=other.root))))
    for attempt in (
        lambda: is_member(proven, proof(b"path 8"), PATH, b"value 7"),
        lambda: is_member(proven, proof(PATH[1], other), PATH, b"forged"),
        lambda: is_member(proven, proof(PATH[1]), PATH, b"value 7", 21),
        lambda: is_absent(proven, proof(PATH[1]), ABSENT),
    ):
        with pytest.raises(CommitmentRefused):
            attempt()
    is_member(proven, proof(PATH[1], other), PATH, b"forged", 21)


def test_an_account_that_is_not_there_proves_no_absence(store: MemoryStore) -> None:
    """
    A state without the IBC account is not one in which every path is empty.
    """
    bare = State(VALUES, with_account=False)
    send(store, message(sealed(header(20, state_root=bare.root))))
    with pytest.raises(errors.AbsentAccount):
        is_absent(store, proof(ABSENT[1], bare), ABSENT)


def test_storage_of_another_account_is_refused(proven: MemoryStore) -> None:
    """
    The account nodes must be of the client's own IBC address.
    """
    accounts = tuple(STATE.accounts.prove(validators(0)[0]))
    nodes = MembershipProof(accounts, STATE.prove(PATH[1])[1])
    with pytest.raises(CommitmentRefused):
        is_member(proven, codec.encode_membership_proof(nodes), PATH, b"value 7")


@pytest.mark.parametrize(
    "path", [(b"path 7",), (b"bank", b"path 7"), (b"", b"path 7"), (b"ibc", b"", b"path 7")]
)
def test_a_path_is_the_store_and_a_key(proven: MemoryStore, path: tuple[bytes, ...]) -> None:
    """
    Another store is no part of the account.
    """
    with pytest.raises(errors.InvalidPath):
        is_member(proven, proof(PATH[1]), path, b"value 7")


def test_every_byte_of_a_proof_counts(proven: MemoryStore) -> None:
    """
    No byte of the account's or the storage's nodes can change, nor a node go or come.
    """
    good = STATE.prove(PATH[1])
    changed = []
    for part in (0, 1):
        for place, node in enumerate(good[part]):
            for at in range(0, len(node), 7):
                bad = node[:at] + bytes([node[at] ^ 1]) + node[at + 1 :]
                nodes = list(good)
                nodes[part] = (*good[part][:place], bad, *good[part][place + 1 :])
                changed.append(nodes)
        less, more = list(good), list(good)
        less[part], more[part] = good[part][:-1], (*good[part], good[part][-1])
        changed += [less, more]
    for nodes in changed:
        data = codec.encode_membership_proof(MembershipProof(*nodes))
        with pytest.raises(RuleBroken):
            is_member(proven, data, PATH, b"value 7")
        with pytest.raises(RuleBroken):
            is_absent(proven, data, PATH)


def test_proofs_wait_for_the_delay_and_the_height(proven: MemoryStore) -> None:
    """
    A connection's delay counts from when the header came, and no height is above the newest.
    """
    data, at = proof(PATH[1]), Height(0, 20)
    for delay, ctx in (((SECOND, 0), ctx_at()), ((0, 1), ctx_at())):
        with pytest.raises(errors.DelayPeriodNotPassed):
            LC.verify_membership(ctx, proven, at, *delay, data, PATH, b"value 7")
    LC.verify_membership(ctx_at(BEGINNING + 101, 8), proven, at, SECOND, 1, data, PATH, b"value 7")
    with pytest.raises(errors.InvalidHeight):
        is_member(proven, data, PATH, b"value 7", 21)
    with pytest.raises(errors.ConsensusStateNotFound):
        is_member(proven, data, PATH, b"value 7", 19)


def test_a_proof_is_bounded(proven: MemoryStore) -> None:
    """
    More nodes than any path has are not looked at.
    """
    nodes = MembershipProof((b"x",) * (codec.MAX_PROOF_NODES + 1), ())
    with pytest.raises(MalformedMessage):
        is_member(proven, codec.encode_membership_proof(nodes), PATH, b"value 7")


# --- creation, upgrade, recovery ---------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"chain_id": ""},
        {"chain_id": "x" * 51},
        {"trusting_period": 0},
        {"trusting_period": 2**63},
        {"max_clock_drift": 0},
        {"latest_height": Height(0, 0)},
        {"latest_height": Height(0, 2**63)},
        {"frozen": True},
    ],
)
def test_a_client_is_created_in_bounds(bad: dict[str, object]) -> None:
    """
    A number out of its range makes no client.
    """
    with pytest.raises(errors.InvalidClient):
        new_store(replace(CLIENT, **bad))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        {"seconds": 0},
        {"seconds": 2**62},
        {"validators": ()},
        {"validators": FIRST.validators[::-1]},
        {"validators": (FIRST.validators[0],) * 2},
    ],
)
def test_a_client_starts_from_a_set_and_a_time(bad: dict[str, object]) -> None:
    """
    Without them nothing could be trusted from it.
    """
    with pytest.raises(errors.InvalidConsensus):
        new_store(first=replace(FIRST, **bad))  # type: ignore[arg-type]


def test_an_empty_store_holds_no_client() -> None:
    """
    Unknown, at height 0-0, and without states.
    """
    empty = MemoryStore()
    assert LC.status(ctx_at(), empty) is Status.UNKNOWN
    assert LC.latest_height(empty) == Height(0, 0)
    with pytest.raises(errors.ClientNotFound):
        LC.verify_client_message(ctx_at(), empty, message(sealed(header(11))))


def test_there_is_no_upgrade(store: MemoryStore) -> None:
    """
    Validators change by headers; anything else is a new client.
    """
    client, consensus = codec.encode_client_state(CLIENT), codec.encode_consensus_state(FIRST)
    with pytest.raises(errors.InvalidUpgradeClient):
        LC.verify_upgrade_and_update_state(ctx_at(), store, client, consensus, b"", b"")


def test_a_frozen_client_is_recovered_from_one_of_the_same_chain(store: MemoryStore) -> None:
    """
    It takes the substitute's newest state over, with when that was stored.
    """
    send(store, double(sealed(header(11)), sealed(header(11, gas_used=1))))
    substitute = new_store(replace(CLIENT, trusting_period=2 * PERIOD))
    send(substitute, message(sealed(header(30, state_root=STATE.root))))
    LC.recover(ctx_at(), store, substitute)

    assert LC.status(ctx_at(), store) is Status.ACTIVE
    assert LC.latest_height(store) == Height(0, 30)
    is_member(store, proof(PATH[1]), PATH, b"value 7", 30)
    assert send(store, message(sealed(header(31)), 30)) == [31]


@pytest.mark.parametrize(
    "other",
    [{"chain_id": "account-2"}, {"ibc_address": Address(bytes(20))}, {"max_clock_drift": 1}],
)
def test_a_substitute_of_another_chain_is_refused(
    store: MemoryStore, other: dict[str, object]
) -> None:
    """
    Governance may err: the client does not follow it to other rules.
    """
    with pytest.raises(errors.InvalidSubstitute):
        LC.recover(ctx_at(), store, new_store(replace(CLIENT, **other)))  # type: ignore[arg-type]


# --- codec -----------------------------------------------------------------------------


def test_values_come_back_from_their_bytes() -> None:
    """
    States, messages and proofs.
    """
    assert codec.decode_client_state(codec.encode_client_state(CLIENT)) == CLIENT
    assert codec.decode_consensus_state(codec.encode_consensus_state(FIRST)) == FIRST
    one = codec.sealed_header(SEALED, Height(0, 10))
    assert codec.decode_client_message(codec.encode_header_message(one)) == one
    both = Misbehaviour(one, codec.sealed_header(sealed(header(11, gas_used=1)), Height(0, 10)))
    assert codec.decode_client_message(codec.encode_misbehaviour(both)) == both
    nodes = MembershipProof(*STATE.prove(b"path 1"))
    assert codec.decode_membership_proof(codec.encode_membership_proof(nodes)) == nodes
    stored = codec.encode_any(codec.encode_client_state(CLIENT))
    assert codec.decode_client_state(codec.decode_any(stored)) == CLIENT


def test_other_types_and_sizes_are_refused() -> None:
    """
    A client state is no header, an address has 20 bytes, a hash 32.
    """
    client, consensus = codec.encode_client_state(CLIENT), codec.encode_consensus_state(FIRST)
    for decode, value in (
        (codec.decode_client_state, consensus),
        (codec.decode_consensus_state, client),
        (codec.decode_client_message, client),
    ):
        with pytest.raises(errors.InvalidClientType):
            decode(value)
    short = replace(CLIENT, ibc_address=Address(bytes(19)))
    with pytest.raises(MalformedMessage):
        codec.decode_client_state(codec.encode_client_state(short))
    for state in (
        replace(FIRST, state_root=Hash32(bytes(31))),
        replace(FIRST, block_hash=Hash32(bytes(33))),
        replace(FIRST, validators=(Address(bytes(21)),)),
        replace(FIRST, validators=(Address(bytes(20)),) * 1001),
    ):
        with pytest.raises(MalformedMessage):
            codec.decode_consensus_state(codec.encode_consensus_state(state))


def test_the_quorum_is_the_chains() -> None:
    """
    Two thirds rounded up, as the validators themselves count.
    """
    assert [rules.quorum_of(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 2, 3, 4, 4, 5]
    assert proofs.STORE_NAME == "ibc"


@pytest.mark.parametrize(
    ("before", "after", "sealers"),
    [
        ((0, 1, 2, 3, 4), (0, 1, 2, 3), (0, 1, 2)),
        (FOUR, (0, 1, 2), (0, 1)),
        ((0, 1), (0,), (0,)),
        ((0,), (1,), (1,)),
        (FOUR, (*FOUR, 7, 8), (1, 7, 8, 2)),
    ],
    ids=str,
)
def test_a_quorum_of_the_new_set_alone_is_not_enough(before, after, sealers) -> None:
    """
    The chain goes on with two thirds of a smaller set; the client wants two thirds of its own.
    """
    first = replace(FIRST, validators=validators(*before))
    assert len(sealers) >= rules.quorum_of(len(after))
    few = sealed(header(11, after), sealers)
    refused(new_store(first=first), message(few), errors.NotEnoughTrust)


@pytest.mark.parametrize(
    ("before", "after"),
    [((0, 1, 2, 3, 4), (0, 1, 2, 3)), (FOUR, (0, 1, 2)), ((0,), (0, 1)), (FOUR, (*FOUR, 7))],
    ids=str,
)
def test_a_change_is_followed_where_the_others_all_sealed(before, after) -> None:
    """
    Nobody of those that stayed was down: the next height, or any later one, is taken.
    """
    first = replace(FIRST, validators=validators(*before))
    for number in (11, 15):
        following = sealed(header(number, after), after)
        assert send(new_store(first=first), message(following)) == [number]
