"""07-tendermint: what it trusts, what it refuses and why, and what it proves."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.errors import CommitmentRefused, InvalidProof
from chainkit.commitments.ics23 import IAVL_SPEC, TENDERMINT_SPEC, join_merkle_proof
from chainkit.commitments.multistore import MultiStore
from chainkit.formats.tendermint.hashing import validator_set_hash
from chainkit.formats.tendermint.types import ValidatorSet
from chainkit.formats.tendermint.verify_commit import ONE_THIRD, TWO_THIRDS, TrustLevel
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client import delays
from ibc.ics02_client.port import AnyValue, LightClient, Status
from light_clients.tendermint import LIGHT_CLIENT, codec, errors
from light_clients.tendermint import store as states
from light_clients.tendermint.types import (
    FROZEN_HEIGHT,
    SENTINEL_ROOT,
    ClientHeader,
    ClientState,
    ConsensusState,
    Misbehaviour,
)
from light_clients.tendermint.upgrade import zero_custom_fields
from tests import signers
from tests.signers import GENESIS_TIME, HOUR, SECOND

CHAIN = "zone-1"
KEYS = signers.signers(4, "ibc")
VALIDATORS = signers.set_of(KEYS, 10)
OTHER_KEYS = signers.signers(4, "ibc-other")
OTHERS = signers.set_of(OTHER_KEYS, 10)
NOW = GENESIS_TIME + HOUR
PERIOD = 4 * HOUR
TRUSTED = (Height(1, 10), VALIDATORS)
PROVEN_AT = Height(1, 11)

CLIENT = ClientState(
    chain_id=CHAIN,
    trust_level=ONE_THIRD,
    trusting_period=PERIOD,
    unbonding_period=6 * HOUR,
    max_clock_drift=10 * SECOND,
    latest_height=Height(1, 10),
    proof_specs=(IAVL_SPEC, TENDERMINT_SPEC),
    upgrade_path=("upgrade", "upgradedIBCState"),
)
FIRST = ConsensusState(GENESIS_TIME, signers.hash_of("root"), validator_set_hash(VALIDATORS))


def ctx_at(time=NOW, height=100, mode=ExecutionMode.DELIVER):
    return Context(
        chain_id="hub-7",
        height=height,
        time=time,
        mode=mode,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


CTX = ctx_at()


@pytest.fixture
def store():
    kept = MemoryStore()
    LIGHT_CLIENT.initialize(
        CTX, kept, codec.encode_client_state(CLIENT), codec.encode_consensus_state(FIRST)
    )
    return kept


def header_at(
    height,
    seconds,
    keys=KEYS,
    validators=VALIDATORS,
    *,
    chain=CHAIN,
    trusted=TRUSTED,
    next_validators=None,
    **changes,
):
    """A signed header some seconds after the first trusted one."""
    block = signers.light_block_of(
        chain, height, GENESIS_TIME + seconds * SECOND, validators, keys, next_validators, **changes
    )
    return ClientHeader(block.signed_header, validators, *trusted)


def verify(store, message, ctx=CTX):
    LIGHT_CLIENT.verify_client_message(ctx, store, codec.encode_client_message(message))


def update(store, header, ctx=CTX):
    verify(store, header, ctx)
    message = codec.encode_client_message(header)
    assert not LIGHT_CLIENT.check_for_misbehaviour(ctx, store, message)
    return LIGHT_CLIENT.update_state(ctx, store, message)


def snapshot(store):
    return dict(store.iterate(b"", None))


def test_it_is_a_light_client():
    """What discovery finds is the port's shape, under ibc-go's names."""
    client: LightClient = LIGHT_CLIENT

    assert client.client_type == "07-tendermint"
    assert client.client_state_type_url == "/ibc.lightclients.tendermint.v1.ClientState"
    assert client.consensus_state_type_url == "/ibc.lightclients.tendermint.v1.ConsensusState"
    assert client.client_message_type_urls == (
        "/ibc.lightclients.tendermint.v1.Header",
        "/ibc.lightclients.tendermint.v1.Misbehaviour",
    )


class TestForms:
    def test_empty_heights_are_written(self):
        """A frozen height of zero is ``32 00``, as gogoproto writes it: other chains prove the bytes."""
        data = codec.encode_client_state(CLIENT).value

        assert b"\x32\x00" in data
        assert codec.decode_client_state(codec.encode_client_state(CLIENT)) == CLIENT

    def test_messages_come_back(self):
        """Headers and misbehaviour decode to what was encoded."""
        header = header_at(11, 1)
        for message in (header, Misbehaviour("07-tendermint-0", header, header)):
            assert codec.decode_client_message(codec.encode_client_message(message)) == message

    @pytest.mark.parametrize(
        "value",
        [
            AnyValue("/ibc.lightclients.solomachine.v3.Header", b""),
            AnyValue(codec.CLIENT_STATE_TYPE_URL, b""),
            AnyValue(codec.HEADER_TYPE_URL, b"\xff"),
            AnyValue(codec.HEADER_TYPE_URL, b""),
            AnyValue(codec.MISBEHAVIOUR_TYPE_URL, b""),
            AnyValue(codec.HEADER_TYPE_URL, b"\xf8\x3f\1"),
        ],
    )
    def test_what_is_no_message(self, value, store):
        """Another type, garbage, missing parts and unknown fields are refused by name."""
        with pytest.raises((MalformedMessage, errors.InvalidClientType)):
            LIGHT_CLIENT.verify_client_message(CTX, store, value)


class TestInitialize:
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"chain_id": " "}, errors.InvalidChainId),
            ({"chain_id": "c" * 51}, errors.InvalidChainId),
            ({"trust_level": TrustLevel(1, 4)}, errors.InvalidTrustLevel),
            ({"trust_level": TrustLevel(1, 0)}, errors.InvalidTrustLevel),
            ({"trusting_period": 0}, errors.InvalidTrustingPeriod),
            ({"trusting_period": 6 * HOUR}, errors.InvalidTrustingPeriod),
            ({"unbonding_period": 0}, errors.InvalidUnbondingPeriod),
            ({"max_clock_drift": 0}, errors.InvalidMaxClockDrift),
            ({"latest_height": Height(0, 10)}, errors.InvalidHeaderHeight),
            ({"latest_height": Height(1, 0)}, errors.InvalidHeaderHeight),
            ({"latest_height": Height(1, 2**63)}, errors.InvalidHeaderHeight),
            ({"proof_specs": ()}, errors.InvalidProofSpecs),
            ({"upgrade_path": ("upgrade", " ")}, errors.InvalidClient),
        ],
    )
    def test_client_states_that_are_refused(self, change, error):
        """Each bound of a client state has its error, and nothing is written."""
        kept = MemoryStore()
        state = codec.encode_client_state(replace(CLIENT, **change))
        with pytest.raises(error):
            LIGHT_CLIENT.initialize(CTX, kept, state, codec.encode_consensus_state(FIRST))
        assert snapshot(kept) == {}

    @pytest.mark.parametrize(
        "change",
        [
            {"root": b""},
            {"root": bytes(65)},
            {"next_validators_hash": bytes(31)},
            {"timestamp": 0},
        ],
    )
    def test_consensus_states_that_are_refused(self, change):
        """Each bound of a consensus state is checked, and nothing is written."""
        kept = MemoryStore()
        state = codec.encode_consensus_state(replace(FIRST, **change))
        with pytest.raises(errors.InvalidConsensus):
            LIGHT_CLIENT.initialize(CTX, kept, codec.encode_client_state(CLIENT), state)
        assert snapshot(kept) == {}

    def test_what_is_kept(self, store):
        """The keys are ibc-go's."""
        keys = sorted(snapshot(store))

        assert keys == [
            b"clientState",
            b"consensusStates/1-10",
            b"consensusStates/1-10/processedHeight",
            b"consensusStates/1-10/processedTime",
            b"iterateConsensusStates" + (1).to_bytes(8) + (10).to_bytes(8),
        ]
        assert store.get(b"consensusStates/1-10/processedHeight") == b"7-100"
        assert LIGHT_CLIENT.latest_height(store) == Height(1, 10)
        assert LIGHT_CLIENT.timestamp_at_height(store, Height(1, 10)) == GENESIS_TIME

    def test_an_empty_store(self):
        """Without a client state the answers are unknown and zero, never a guess."""
        empty = MemoryStore()

        assert LIGHT_CLIENT.status(CTX, empty) is Status.UNKNOWN
        assert LIGHT_CLIENT.latest_height(empty) == ZERO_HEIGHT
        with pytest.raises(errors.ClientNotFound):
            verify(empty, header_at(11, 1))


class TestUpdate:
    def test_adjacent_and_skipping(self, store):
        """The next header, then a far one, become consensus states."""
        assert update(store, header_at(11, 1)) == (Height(1, 11),)
        assert update(store, header_at(50, 60)) == (Height(1, 50),)
        assert LIGHT_CLIENT.latest_height(store) == Height(1, 50)
        assert LIGHT_CLIENT.status(CTX, store) is Status.ACTIVE

    def test_a_past_header_fills_a_gap(self, store):
        """A header below the newest is stored, and the newest stays."""
        update(store, header_at(50, 60))
        update(store, header_at(30, 40))

        assert LIGHT_CLIENT.latest_height(store) == Height(1, 50)
        assert list(states.stored_heights(store)) == [Height(1, h) for h in (10, 30, 50)]

    def test_a_known_header_changes_nothing(self, store):
        """The same header twice leaves the store as it is."""
        update(store, header_at(11, 1))
        before = snapshot(store)

        assert update(store, header_at(11, 1), ctx_at(NOW + SECOND)) == (Height(1, 11),)
        assert snapshot(store) == before

    def test_a_set_that_changes_wholly_needs_the_header_between(self, store):
        """A set without anyone trusted is refused, unless the header before named it."""
        far = header_at(12, 2, OTHER_KEYS, OTHERS)
        with pytest.raises(errors.InvalidHeader, match="trust"):
            verify(store, far)
        update(store, header_at(11, 1, next_validators=OTHERS))
        trusted = (Height(1, 11), OTHERS)
        update(store, header_at(12, 2, OTHER_KEYS, OTHERS, trusted=trusted))

        assert LIGHT_CLIENT.latest_height(store) == Height(1, 12)

    def test_a_third_of_trust_is_not_more_than_a_third(self, store):
        """One of three trusted validators is exactly a third: refused."""
        keys = signers.signers(3, "third")
        trusted_set = signers.set_of(keys, 10)
        kept = MemoryStore()
        LIGHT_CLIENT.initialize(
            CTX,
            kept,
            codec.encode_client_state(CLIENT),
            codec.encode_consensus_state(
                replace(FIRST, next_validators_hash=validator_set_hash(trusted_set))
            ),
        )
        new_keys = [keys[0], *signers.signers(1, "fresh")]
        header = header_at(
            20, 5, new_keys, signers.set_of(new_keys, 10), trusted=(Height(1, 10), trusted_set)
        )
        with pytest.raises(errors.InvalidHeader, match="trust"):
            verify(kept, header)

    def test_two_of_three_signatures_are_refused(self, store):
        """A commit with two thirds is not more than two thirds, adjacent or not."""
        keys = signers.signers(3, "quorum")
        validators = signers.set_of(keys, 10)
        kept = MemoryStore()
        LIGHT_CLIENT.initialize(
            CTX,
            kept,
            codec.encode_client_state(CLIENT),
            codec.encode_consensus_state(
                replace(FIRST, next_validators_hash=validator_set_hash(validators))
            ),
        )
        for height in (11, 20):
            header = header_at(height, 5, keys[:2], validators, trusted=(Height(1, 10), validators))
            with pytest.raises(errors.InvalidHeader, match="insufficient voting power"):
                verify(kept, header)

    def test_the_trusting_period(self, store):
        """A nanosecond before its end a header is verified; at its end it is not."""
        header = header_at(11, 1)
        verify(store, header, ctx_at(GENESIS_TIME + PERIOD - 1))
        with pytest.raises(errors.TrustingPeriodExpired):
            verify(store, header, ctx_at(GENESIS_TIME + PERIOD))

    def test_the_clock_drift(self, store):
        """A header may be ahead of us by less than the drift."""
        ahead = header_at(11, 3600 + 10)
        with pytest.raises(errors.InvalidHeader, match="future"):
            verify(store, ahead)
        verify(store, ahead, ctx_at(NOW + 1))

    def test_time_must_advance(self, store):
        """A header of the trusted header's time is refused."""
        with pytest.raises(errors.InvalidHeader, match="after old header time"):
            verify(store, header_at(11, 0))

    def test_an_unknown_trusted_height(self, store):
        """Trust begins at a stored height only."""
        header = header_at(12, 2, trusted=(Height(1, 9), VALIDATORS))
        with pytest.raises(errors.ConsensusStateNotFound):
            verify(store, header)

    def test_another_trusted_set(self, store):
        """The trusted set is the one that the stored state names."""
        header = header_at(12, 2, trusted=(Height(1, 10), OTHERS))
        with pytest.raises(errors.InvalidValidatorSet):
            verify(store, header)

    @pytest.mark.parametrize("trusted", [Height(1, 12), Height(1, 13), Height(0, 10)])
    def test_heights_and_revisions(self, store, trusted):
        """The trusted height is below the header's, in its revision."""
        header = header_at(12, 2, trusted=(trusted, VALIDATORS))
        with pytest.raises(errors.InvalidHeaderHeight):
            verify(store, header)

    def test_another_chain(self, store):
        """A well-signed header of another chain of that revision is refused."""
        with pytest.raises(errors.InvalidHeader, match="another chain"):
            verify(store, header_at(11, 1, chain="other-1"))

    def test_a_set_with_a_validator_twice(self, store):
        """A validator listed twice is refused in both sets (ISA-2025-003)."""
        doubled = ValidatorSet((*VALIDATORS.validators, VALIDATORS.validators[0]))
        block = signers.light_block_of(CHAIN, 12, GENESIS_TIME + SECOND, doubled, KEYS)
        header = header_at(12, 2)
        for forged in (
            ClientHeader(block.signed_header, doubled, Height(1, 10), VALIDATORS),
            replace(header, trusted_validators=doubled),
        ):
            with pytest.raises(errors.InvalidValidatorSet, match="twice"):
                verify(store, forged)

    def test_a_set_with_an_altered_address(self, store):
        """An address that is not its key's is refused, though addresses are not hashed."""
        first, *rest = VALIDATORS.validators
        altered = ValidatorSet((replace(first, address=bytes(20)), *rest))
        header = header_at(12, 2)
        for forged in (
            replace(header, validator_set=altered),
            replace(header, trusted_validators=altered),
        ):
            with pytest.raises(errors.InvalidValidatorSet, match="address"):
                verify(store, forged)

    def test_every_signed_field_of_a_header(self, store):
        """A header altered in any field no longer has its commit."""
        header = header_at(12, 2)
        inner = header.signed_header.header
        for field in ("app_hash", "data_hash", "next_validators_hash", "last_results_hash"):
            changed = replace(inner, **{field: bytes(32)})
            signed = replace(header.signed_header, header=changed)
            with pytest.raises(errors.InvalidHeader):
                verify(store, replace(header, signed_header=signed))
        for field, value in (("app_hash", b""), ("app_hash", bytes(65))):
            with pytest.raises(errors.InvalidHeader):
                verify(store, header_at(12, 2, **{field: value}))

    def test_expired_states_are_pruned_one_a_time(self, store):
        """An update removes the oldest state when it is expired, with all its metadata."""
        update(store, header_at(11, 3600))
        late = ctx_at(GENESIS_TIME + PERIOD + SECOND)
        trusted = (Height(1, 11), VALIDATORS)
        update(store, header_at(12, PERIOD // SECOND, trusted=trusted), late)

        assert list(states.stored_heights(store)) == [Height(1, 11), Height(1, 12)]
        assert not [key for key in snapshot(store) if b"1-10" in key]

    def test_a_check_does_not_prune(self, store):
        """Pruning is for blocks: a mempool check leaves the states."""
        update(store, header_at(11, 3600))
        late = ctx_at(GENESIS_TIME + PERIOD + SECOND, mode=ExecutionMode.CHECK)
        trusted = (Height(1, 11), VALIDATORS)
        update(store, header_at(12, PERIOD // SECOND, trusted=trusted), late)

        assert len(list(states.stored_heights(store))) == 3

    def test_the_status_expires(self, store):
        """A client whose newest state is expired is not active."""
        assert LIGHT_CLIENT.status(ctx_at(GENESIS_TIME + PERIOD - 1), store) is Status.ACTIVE
        assert LIGHT_CLIENT.status(ctx_at(GENESIS_TIME + PERIOD), store) is Status.EXPIRED


class TestMisbehaviour:
    def _is_misbehaviour(self, store, message):
        verify(store, message)
        return LIGHT_CLIENT.check_for_misbehaviour(CTX, store, codec.encode_client_message(message))

    def test_a_conflicting_header_freezes(self, store):
        """A verified header that is not the stored one of its height freezes the client."""
        update(store, header_at(11, 1))
        other = header_at(11, 1, app_hash=bytes(32))
        assert self._is_misbehaviour(store, other)
        LIGHT_CLIENT.update_on_misbehaviour(CTX, store, codec.encode_client_message(other))

        assert LIGHT_CLIENT.status(CTX, store) is Status.FROZEN
        assert states.read_client_state(store).frozen_height == FROZEN_HEIGHT

    def test_time_that_goes_back_is_misbehaviour(self, store):
        """A header between two stored ones must lie between their times."""
        update(store, header_at(20, 100))
        update(store, header_at(40, 200))

        assert self._is_misbehaviour(store, header_at(30, 100))
        assert self._is_misbehaviour(store, header_at(30, 200))
        assert not self._is_misbehaviour(store, header_at(30, 150))

    def test_two_headers_of_one_height(self, store):
        """Two headers of a height with different hashes convict; one header twice does not."""
        one, other = header_at(12, 5), header_at(12, 5, app_hash=bytes(32))

        assert self._is_misbehaviour(store, Misbehaviour("07-tendermint-0", one, other))
        assert not self._is_misbehaviour(store, Misbehaviour("07-tendermint-0", one, one))

    def test_two_headers_of_times_that_go_back(self, store):
        """A higher header that is not later convicts; a later one does not."""
        low = header_at(12, 50)

        assert self._is_misbehaviour(store, Misbehaviour("c", header_at(13, 50), low))
        assert not self._is_misbehaviour(store, Misbehaviour("c", header_at(13, 51), low))

    def test_an_accusation_cannot_keep_us_busy(self, store):
        """
        The accuser's own set, however large, is not looked at before enough of the trusted
        one has signed: a wrong signature costs most, and each of these would be one.
        """
        honest = header_at(12, 5)
        forged = header_at(12, 5, OTHER_KEYS, OTHERS, app_hash=bytes(32))
        places = forged.signed_header.commit.signatures
        wrong = tuple(replace(place, signature=bytes(64)) for place in places)
        commit = replace(forged.signed_header.commit, signatures=wrong)
        forged = replace(forged, signed_header=replace(forged.signed_header, commit=commit))

        with pytest.raises(errors.InvalidMisbehaviour, match="voting power: got 0,"):
            verify(store, Misbehaviour("c", forged, honest))

    def test_misbehaviour_does_not_update(self, store):
        """Misbehaviour brings no consensus state."""
        message = Misbehaviour("c", header_at(13, 50), header_at(12, 50))
        assert LIGHT_CLIENT.update_state(CTX, store, codec.encode_client_message(message)) == ()

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            (
                Misbehaviour("c", header_at(12, 5), header_at(12, 5, chain="other-1")),
                errors.InvalidMisbehaviour,
            ),
            (
                Misbehaviour("c", header_at(12, 5), header_at(13, 5)),
                errors.InvalidMisbehaviour,
            ),
            (
                Misbehaviour("c", header_at(12, 5), header_at(12, 5, KEYS[:2], app_hash=bytes(32))),
                errors.InvalidMisbehaviour,
            ),
            (
                Misbehaviour("c", header_at(12, 5), header_at(12, 5, OTHER_KEYS, OTHERS)),
                errors.InvalidMisbehaviour,
            ),
            (
                Misbehaviour(
                    "c", header_at(12, 5), header_at(12, 5, trusted=(Height(1, 0), VALIDATORS))
                ),
                errors.InvalidHeaderHeight,
            ),
            (
                Misbehaviour(
                    "c", header_at(12, 5), header_at(12, 5, trusted=(Height(1, 9), VALIDATORS))
                ),
                errors.ConsensusStateNotFound,
            ),
            (
                Misbehaviour(
                    "c", header_at(12, 5), header_at(12, 5, trusted=(Height(1, 10), OTHERS))
                ),
                errors.InvalidValidatorSet,
            ),
            (
                Misbehaviour(
                    "c",
                    header_at(12, 5, chain="other-1"),
                    header_at(12, 5, chain="other-1", app_hash=bytes(32)),
                ),
                errors.InvalidMisbehaviour,
            ),
        ],
        ids=[
            "two chains",
            "lower first",
            "too few signed",
            "strangers",
            "height zero",
            "untrusted height",
            "another set",
            "another chain",
        ],
    )
    def test_false_accusations(self, store, message, error):
        """Headers that this client would never have trusted convict nobody."""
        with pytest.raises(error):
            verify(store, message)

    def test_an_expired_accusation(self, store):
        """Validators that may have unbonded cannot be held to their word."""
        message = Misbehaviour("c", header_at(12, 5), header_at(12, 5, app_hash=bytes(32)))
        with pytest.raises(errors.TrustingPeriodExpired):
            verify(store, message, ctx_at(GENESIS_TIME + PERIOD))


class TestProofs:
    """A real multistore of the other chain, proven under its app hash."""

    PATH = (b"ibc", b"commitments/ports/transfer/channels/channel-0/sequences/1")
    ABSENT = (b"ibc", b"receipts/ports/transfer/channels/channel-0/sequences/9")

    @pytest.fixture
    def proven(self, store):
        chain = MultiStore(MemoryDatabase(), ["bank", "ibc"])
        chain.store("ibc").set(self.PATH[1], b"commitment")
        chain.store("ibc").set(b"zzz", b"other")
        chain.store("bank").set(b"balance", b"1")
        root = chain.commit().hash
        update(store, header_at(11, 1, app_hash=root))

        def prove(key, name="ibc"):
            return join_merkle_proof(list(chain.prove(name, key, chain.version)))

        return store, prove

    def _check(self, store, proof, path, value=None, *, height=PROVEN_AT, ctx=CTX, delay=(0, 0)):
        if value is None:
            LIGHT_CLIENT.verify_non_membership(ctx, store, height, *delay, proof, path)
        else:
            LIGHT_CLIENT.verify_membership(ctx, store, height, *delay, proof, path, value)

    def test_what_is_there_and_what_is_not(self, proven):
        """A value is proven, and the absence of a key."""
        store, prove = proven
        self._check(store, prove(self.PATH[1]), self.PATH, b"commitment")
        self._check(store, prove(self.ABSENT[1]), self.ABSENT)

    def test_forged_claims(self, proven):
        """Another value, key, store, root, height or kind of proof is refused."""
        store, prove = proven
        there, absent = prove(self.PATH[1]), prove(self.ABSENT[1])
        claims = [
            (there, self.PATH, b"forged"),
            (there, self.PATH, b""),
            (there, (b"ibc", b"other key"), b"commitment"),
            (there, (b"bank", self.PATH[1]), b"commitment"),
            (there, self.PATH[1:], b"commitment"),
            (there, (b"x", *self.PATH), b"commitment"),
            (there, self.PATH, None),
            (absent, self.ABSENT, b"commitment"),
            (absent, self.PATH, None),
            (b"", self.PATH, b"commitment"),
            (b"\xff", self.PATH, b"commitment"),
            (there[:-1], self.PATH, b"commitment"),
        ]
        for proof, path, value in claims:
            with pytest.raises(CommitmentRefused):
                self._check(store, proof, path, value)
        with pytest.raises(InvalidProof):
            self._check(store, there, self.PATH, b"commitment", height=Height(1, 10))

    def test_heights_without_a_root(self, proven):
        """A proof needs a stored height, not above the newest."""
        store, prove = proven
        proof = prove(self.PATH[1])
        with pytest.raises(errors.InvalidHeight, match="client state height < proof height"):
            self._check(store, proof, self.PATH, b"commitment", height=Height(1, 12))
        with pytest.raises(errors.ConsensusStateNotFound):
            self._check(store, proof, self.PATH, b"commitment", height=Height(1, 9))

    @pytest.mark.parametrize("delay", [(60 * SECOND, 0), (0, 5), (60 * SECOND, 5)])
    def test_the_delay(self, proven, delay):
        """A proof waits for the connection's delay, in time and in blocks."""
        store, prove = proven
        proof = prove(self.PATH[1])
        for early in (ctx_at(NOW + 60 * SECOND - 1, 104), ctx_at(NOW, 104)):
            with pytest.raises(errors.DelayPeriodNotPassed):
                self._check(store, proof, self.PATH, b"commitment", ctx=early, delay=delay)
        due = ctx_at(NOW + 60 * SECOND, 105)
        self._check(store, proof, self.PATH, b"commitment", ctx=due, delay=delay)

    def test_metadata_that_is_missing(self, proven):
        """A delay cannot be judged without knowing when the state was stored."""
        store, prove = proven
        proof = prove(self.PATH[1])
        store.delete(delays.processed_time_key(Height(1, 11)))
        store.delete(delays.processed_height_key(Height(1, 11)))
        with pytest.raises(errors.ProcessedTimeNotFound):
            self._check(store, proof, self.PATH, b"commitment", delay=(1, 0))
        with pytest.raises(errors.ProcessedHeightNotFound):
            self._check(store, proof, self.PATH, b"commitment", delay=(0, 1))


class TestUpgrade:
    NEW = replace(
        CLIENT,
        chain_id="zone-2",
        latest_height=Height(2, 1),
        unbonding_period=3 * HOUR,
        trust_level=TWO_THIRDS,
    )
    STATE = ConsensusState(GENESIS_TIME + 2 * SECOND, b"", validator_set_hash(OTHERS))

    def _committed(self, store):
        """The old chain commits to its successor; the client learns of its last block."""
        chain = MultiStore(MemoryDatabase(), ["ibc", "upgrade"])
        client_value = codec.encode_any(codec.encode_client_state(zero_custom_fields(self.NEW)))
        state_value = codec.encode_any(codec.encode_consensus_state(self.STATE))
        keys = (
            b"upgradedIBCState/11/upgradedClient",
            b"upgradedIBCState/11/upgradedConsState",
        )
        for key, value in zip(keys, (client_value, state_value), strict=True):
            chain.store("upgrade").set(key, value)
        root = chain.commit().hash
        update(store, header_at(11, 1, app_hash=root))
        return [join_merkle_proof(list(chain.prove("upgrade", key, 1))) for key in keys]

    def _upgrade(self, store, proofs, new=NEW, state=STATE):
        LIGHT_CLIENT.verify_upgrade_and_update_state(
            CTX, store, codec.encode_client_state(new), codec.encode_consensus_state(state), *proofs
        )

    def test_a_client_follows_its_chain(self, store):
        """Chain id, height and period are the new chain's; what the client chose stays."""
        self._upgrade(store, self._committed(store))
        upgraded = states.read_client_state(store)

        assert upgraded.chain_id == "zone-2"
        assert upgraded.latest_height == Height(2, 1)
        assert upgraded.trusting_period == 2 * HOUR
        assert upgraded.trust_level == ONE_THIRD
        assert states.read_consensus_state(store, Height(2, 1)).root == SENTINEL_ROOT

    @pytest.mark.parametrize(
        "change",
        [{"chain_id": "evil-2"}, {"upgrade_path": ()}, {"unbonding_period": 9 * HOUR}],
    )
    def test_what_the_chain_did_not_commit_to(self, store, change):
        """A successor altered in anything but the client's own choices is refused."""
        proofs = self._committed(store)
        before = snapshot(store)
        with pytest.raises(CommitmentRefused):
            self._upgrade(store, proofs, replace(self.NEW, **change))
        with pytest.raises(CommitmentRefused):
            self._upgrade(store, proofs, state=replace(self.STATE, timestamp=GENESIS_TIME))
        assert snapshot(store) == before

    def test_bounds(self, store):
        """The new height is above the old; the client has an upgrade path."""
        proofs = self._committed(store)
        with pytest.raises(errors.InvalidHeight):
            self._upgrade(store, proofs, replace(self.NEW, latest_height=Height(1, 11)))
        states.write_client_state(store, replace(states.read_client_state(store), upgrade_path=()))
        with pytest.raises(errors.InvalidUpgradeClient):
            self._upgrade(store, proofs)


class TestRecover:
    def _substitute(self, **changes):
        kept = MemoryStore()
        state = replace(CLIENT, **{"latest_height": Height(1, 90), **changes})
        LIGHT_CLIENT.initialize(
            CTX, kept, codec.encode_client_state(state), codec.encode_consensus_state(FIRST)
        )
        return kept

    def test_a_frozen_client_lives_again(self, store):
        """Governance revives a client with another's newest state."""
        LIGHT_CLIENT.update_on_misbehaviour(
            CTX, store, codec.encode_client_message(header_at(11, 1))
        )
        LIGHT_CLIENT.recover(CTX, store, self._substitute(trusting_period=5 * HOUR))

        assert LIGHT_CLIENT.status(CTX, store) is Status.ACTIVE
        assert LIGHT_CLIENT.latest_height(store) == Height(1, 90)
        assert states.read_client_state(store).trusting_period == 5 * HOUR
        assert delays.find_processed_time(store, Height(1, 90)) == NOW

    @pytest.mark.parametrize(
        "change",
        [{"trust_level": TWO_THIRDS}, {"unbonding_period": 7 * HOUR}, {"upgrade_path": ()}],
    )
    def test_a_substitute_that_differs(self, store, change):
        """A substitute of other rules is refused."""
        with pytest.raises(errors.InvalidSubstitute):
            LIGHT_CLIENT.recover(CTX, store, self._substitute(**change))

    def test_a_substitute_without_its_times(self, store):
        """A substitute must say when it was updated, or a delay could be skipped."""
        substitute = self._substitute()
        substitute.delete(delays.processed_time_key(Height(1, 90)))
        with pytest.raises(errors.UpdateClientFailed):
            LIGHT_CLIENT.recover(CTX, store, substitute)


def test_no_byte_of_a_header_can_be_flipped_to_another_state(store):
    """Flip each byte of a header: it is refused, or brings the very same state."""
    message = codec.encode_client_message(header_at(12, 2, KEYS[:3]))
    LIGHT_CLIENT.verify_client_message(CTX, store, message)
    expected = codec.decode_client_message(message)
    accepted = 0
    for position in range(len(message.value)):
        data = bytearray(message.value)
        data[position] ^= 1
        forged = AnyValue(message.type_url, bytes(data))
        try:
            LIGHT_CLIENT.verify_client_message(CTX, store, forged)
        except RuleBroken:
            continue
        accepted += 1
        decoded = codec.decode_client_message(forged)
        assert decoded.consensus_state() == expected.consensus_state()
        assert decoded.height == expected.height

    assert accepted < len(message.value) // 10
