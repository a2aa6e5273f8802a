"""Forgeries of a Tendermint client's headers: a final header in, undecided ones out."""

from collections.abc import Iterator
from dataclasses import replace

from chainkit.formats.tendermint.hashing import header_hash, validator_set_hash
from chainkit.formats.tendermint.sign_bytes import commit_vote_sign_bytes
from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    SignedHeader,
    Validator,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import new_validator, new_validator_set
from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import INT64_MAX, UINT64_MAX
from chainkit.primitives.types import (
    Address,
    BlockHeight,
    ChainId,
    Round,
    TimestampNs,
    VotingPower,
)
from chainkit.sigverify import ed25519
from demos.forged.values import Kind
from ibc.ics02_client.port import AnyValue
from light_clients.tendermint.codec import encode_client_message
from light_clients.tendermint.types import ClientHeader, Misbehaviour

Forged = tuple[Kind, str, AnyValue]

_UNKNOWN_FIELD = b"\xf8\x3f\x01"
_STRANGERS = tuple(sha256(b"a stranger's key %d" % index) for index in range(4))
"""Seeds of keys that no chain knows."""


def forged_headers(true: ClientHeader, other: ClientHeader) -> Iterator[Forged]:
    """Yield forgeries of ``true``; ``other`` is another final header of the same chain."""
    for kind, label, forged in _values(true, other):
        yield kind, label, encode_client_message(forged)
    yield from _encodings(true)


def _values(true: ClientHeader, other: ClientHeader) -> Iterator[tuple[Kind, str, ClientHeader]]:
    yield from _fields(true)
    for label, commit in _commits(true.signed_header.commit, other.signed_header.commit):
        yield Kind.SIGNATURE_FORGED, label, _with_commit(true, commit)
    for label, commit in _too_few(true.signed_header.commit):
        yield Kind.TWO_OF_THREE, label, _with_commit(true, commit)
    yield from _sets(true)
    yield from _by_strangers(true)
    yield from _trust(true, other)


def _with_commit(true: ClientHeader, commit: Commit) -> ClientHeader:
    return replace(true, signed_header=SignedHeader(true.signed_header.header, commit))


def _fields(true: ClientHeader) -> Iterator[tuple[Kind, str, ClientHeader]]:
    """Yield headers with one field changed, and the commit's block id made to fit or not."""
    header, commit = true.signed_header.header, true.signed_header.commit
    changes = (
        ("app_hash", replace(header, app_hash=bytes(32))),
        ("no app_hash", replace(header, app_hash=b"")),
        ("time", replace(header, time=TimestampNs(header.time + 1))),
        ("next validators", replace(header, next_validators_hash=bytes(32))),
        ("no validators hash", replace(header, validators_hash=b"")),
        ("height", replace(header, height=BlockHeight(header.height + 1))),
        ("height 0", replace(header, height=BlockHeight(0))),
        ("negative height", replace(header, height=BlockHeight(-1))),
        ("chain id", replace(header, chain_id=ChainId(header.chain_id + "0"))),
        ("no chain id", replace(header, chain_id=ChainId(""))),
        ("revision", replace(header, chain_id=_next_revision(header.chain_id))),
        ("version", replace(header, version_block=header.version_block + 1)),
        ("no proposer", replace(header, proposer_address=Address(b""))),
    )
    for label, changed in changes:
        yield (
            Kind.HEADER_BYTE,
            f"{label} changed",
            replace(true, signed_header=SignedHeader(changed, commit)),
        )
        refit = replace(commit, block_id=replace(commit.block_id, hash=header_hash(changed)))
        yield (
            Kind.HEADER_BYTE,
            f"{label} changed, commit made to fit",
            replace(true, signed_header=SignedHeader(changed, refit)),
        )


def _next_revision(chain_id: ChainId) -> ChainId:
    name, _, _ = chain_id.rpartition("-")
    return ChainId(f"{name}-2" if name else f"{chain_id}-2")


def _commits(commit: Commit, other: Commit) -> Iterator[tuple[str, Commit]]:
    """Yield commits whose signatures are not those given for this block at these places."""
    places = commit.signatures
    first = places[0]
    yield "no signatures", replace(commit, signatures=())
    yield "signatures reversed", replace(commit, signatures=places[::-1])
    yield "the first signature at every place", replace(commit, signatures=(first,) * len(places))
    yield "a signature too many", replace(commit, signatures=(*places, first))
    yield "a signature too few", replace(commit, signatures=places[:-1])
    yield "signatures of another height", replace(commit, signatures=other.signatures)
    yield "another height's commit", other
    yield "another round", replace(commit, round=Round(commit.round + 1))
    yield "a negative round", replace(commit, round=Round(-1))
    yield "another height in the commit", replace(commit, height=BlockHeight(commit.height + 1))
    yield (
        "another part set",
        replace(
            commit,
            block_id=replace(
                commit.block_id,
                part_set_header=replace(commit.block_id.part_set_header, hash=bytes(32)),
            ),
        ),
    )
    yield "for no block", replace(commit, block_id=BlockId())
    for label, place in (
        ("of 63 bytes", replace(first, signature=first.signature[:-1])),
        ("of 65 bytes", replace(first, signature=first.signature + b"\0")),
        ("empty", replace(first, signature=b"")),
        ("of zeros", replace(first, signature=bytes(64))),
        ("with s above the order", replace(first, signature=_with_large_s(first.signature))),
        ("at another time", replace(first, timestamp=TimestampNs(first.timestamp + 1))),
        ("by another address", replace(first, validator_address=places[1].validator_address)),
        ("for nil", replace(first, block_id_flag=BlockIdFlag.NIL)),
        ("absent, but there", replace(first, block_id_flag=BlockIdFlag.ABSENT)),
    ):
        yield f"the first signature {label}", _replaced(commit, 0, place)
    for index, place in enumerate(places):
        if place.block_id_flag is BlockIdFlag.COMMIT:
            swapped = replace(place, signature=places[index - 1].signature)
            yield f"signature {index} copied from {index - 1}", _replaced(commit, index, swapped)


def _with_large_s(signature: bytes) -> bytes:
    """Return R and s + L: the same equation, which RFC 8032 and ZIP-215 both refuse."""
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    return signature[:32] + s.to_bytes(32, "little")


def _replaced(commit: Commit, index: int, place: CommitSig) -> Commit:
    places = commit.signatures
    return replace(commit, signatures=(*places[:index], place, *places[index + 1 :]))


def _too_few(commit: Commit) -> Iterator[tuple[str, Commit]]:
    """Yield true commits with so many signatures taken out that two thirds are not exceeded."""
    signed = [
        index
        for index, place in enumerate(commit.signatures)
        if place.block_id_flag is BlockIdFlag.COMMIT
    ]
    most = len(commit.signatures) * 2 // 3
    for start in range(len(signed)):
        kept = {signed[(start + step) % len(signed)] for step in range(most)}
        places = tuple(
            place if index in kept else ABSENT_SIG for index, place in enumerate(commit.signatures)
        )
        names = ", ".join(map(str, sorted(kept)))
        yield f"signed by {names} of {len(places)}", replace(commit, signatures=places)


def _sets(true: ClientHeader) -> Iterator[tuple[Kind, str, ClientHeader]]:
    """Yield headers with another set than theirs, or another trusted set than the stored one."""
    kind = Kind.VALIDATORS_ALTERED
    commit = true.signed_header.commit
    for label, altered in _altered_sets(true.validator_set):
        yield kind, f"its own set {label}", replace(true, validator_set=altered)
    for label, altered in _altered_sets(true.trusted_validators):
        yield kind, f"the trusted set {label}", replace(true, trusted_validators=altered)
    both = ValidatorSet(true.validator_set.validators[:-1], true.validator_set.validators[0])
    shorter = replace(commit, signatures=commit.signatures[:-1])
    yield (
        kind,
        "set and commit one shorter",
        replace(_with_commit(true, shorter), validator_set=both),
    )
    header = replace(true.signed_header.header, validators_hash=validator_set_hash(both))
    refit = replace(shorter, block_id=replace(shorter.block_id, hash=header_hash(header)))
    yield (
        kind,
        "set, commit and header one shorter",
        replace(true, signed_header=SignedHeader(header, refit), validator_set=both),
    )


def _altered_sets(true: ValidatorSet) -> Iterator[tuple[str, ValidatorSet]]:
    first, *rest = true.validators
    heavier = replace(first, voting_power=VotingPower(first.voting_power * 1_000))
    for label, validators in (
        ("empty", ()),
        ("one shorter", true.validators[:-1]),
        ("with one twice", (first, first, *rest)),
        ("with one in the place of all", (first,) * len(true.validators)),
        ("reversed", true.validators[::-1]),
        ("with more power for one", (heavier, *rest)),
        ("with a negative power", (replace(first, voting_power=VotingPower(-1)), *rest)),
        ("with the greatest power", (replace(first, voting_power=VotingPower(INT64_MAX)), *rest)),
        ("with another's address", (replace(first, address=rest[-1].address), *rest)),
        ("with a short address", (replace(first, address=Address(first.address[:-1])), *rest)),
        ("with another key", (replace(first, public_key=bytes(32)), *rest)),
        ("with a key of 31 bytes", (replace(first, public_key=first.public_key[:-1]), *rest)),
    ):
        if validators != true.validators:
            yield label, replace(true, validators=tuple(validators))
    stranger = new_validator(ed25519.public_key_from_seed(_STRANGERS[0]), VotingPower(1))
    yield "with a stranger to propose", replace(true, proposer=stranger)


def _by_strangers(true: ClientHeader) -> Iterator[tuple[Kind, str, ClientHeader]]:
    """Yield headers that a forger made and signed, with the trusted set told truly or not."""
    kind = Kind.SIGNED_BY_STRANGERS
    strangers = _strangers()
    alone = _signed_by(true, strangers, None)
    yield kind, "nobody else", alone
    yield kind, "who are said to be trusted", replace(alone, trusted_validators=strangers)
    yield (
        kind,
        "with the true signatures beside",
        _signed_by(true, strangers, true.signed_header.commit),
    )
    mixed = _mixed(true.validator_set, strangers)
    yield kind, "in a set with the true ones", _signed_by(true, mixed, None)
    yield (
        kind,
        "in a set with the true ones' signatures",
        _signed_by(true, mixed, true.signed_header.commit),
    )


def _strangers() -> ValidatorSet:
    return new_validator_set(
        new_validator(ed25519.public_key_from_seed(seed), VotingPower(1_000)) for seed in _STRANGERS
    )


def _mixed(true: ValidatorSet, strangers: ValidatorSet) -> ValidatorSet:
    members: tuple[Validator, ...] = (*true.validators, *strangers.validators)
    return new_validator_set(members)


def _signed_by(true: ClientHeader, validators: ValidatorSet, honest: Commit | None) -> ClientHeader:
    """Return a header with another app hash, signed by whoever of the set is a stranger.

    The places of the others hold ``honest``'s signatures, which are for another block, or
    are absent.
    """
    header = replace(
        true.signed_header.header,
        app_hash=sha256(b"a state that never was"),
        validators_hash=validator_set_hash(validators),
        next_validators_hash=validator_set_hash(validators),
    )
    block_id = replace(true.signed_header.commit.block_id, hash=header_hash(header))
    given = {} if honest is None else {s.validator_address: s for s in honest.signatures}
    seeds = {ed25519.ed25519_address(ed25519.public_key_from_seed(s)): s for s in _STRANGERS}
    places = tuple(
        CommitSig(BlockIdFlag.COMMIT, validator.address, header.time)
        if validator.address in seeds
        else given.get(validator.address, ABSENT_SIG)
        for validator in validators.validators
    )
    commit = Commit(header.height, Round(0), block_id, places)
    signed = tuple(
        replace(
            place,
            signature=ed25519.sign(
                seeds[place.validator_address],
                commit_vote_sign_bytes(header.chain_id, commit, index),
            ),
        )
        if place.validator_address in seeds
        else place
        for index, place in enumerate(places)
    )
    return replace(
        true,
        signed_header=SignedHeader(header, replace(commit, signatures=signed)),
        validator_set=validators,
    )


def _trust(true: ClientHeader, other: ClientHeader) -> Iterator[tuple[Kind, str, ClientHeader]]:
    kind = Kind.TRUST_ALTERED
    revision, height = true.trusted_height.revision_number, true.trusted_height.revision_height
    for label, trusted in (
        ("height 0", Height(revision, 0)),
        ("another revision", Height(revision + 1, height)),
        ("its own height", true.height),
        ("a later height", Height(revision, true.height.revision_height + 1)),
        ("the greatest height", Height(revision, UINT64_MAX)),
        ("the greatest revision", Height(UINT64_MAX, UINT64_MAX)),
        ("a height that is not stored", Height(revision, height + 1)),
    ):
        if trusted != true.trusted_height:
            yield kind, f"trust in {label}", replace(true, trusted_height=trusted)
    yield (
        kind,
        "header of one height, set of strangers trusted",
        replace(true, trusted_validators=_strangers()),
    )
    yield (
        kind,
        "header and commit of two heights",
        replace(
            true,
            signed_header=SignedHeader(true.signed_header.header, other.signed_header.commit),
        ),
    )


def _encodings(true: ClientHeader) -> Iterator[Forged]:
    """Yield other bytes than the encoder's: garbage, or the true header with more in it."""
    kind = Kind.HEADER_ENCODING
    encoded = encode_client_message(true)
    url, value = encoded.type_url, encoded.value
    for label, data in (
        ("empty", b""),
        ("cut short", value[:-1]),
        ("cut in half", value[: len(value) // 2]),
        ("a byte after the end", value + b"\0"),
        ("an unknown field after the end", value + _UNKNOWN_FIELD),
        ("an unknown field before the start", _UNKNOWN_FIELD + value),
        ("a varint of eleven bytes", b"\x18" + b"\x80" * 10 + b"\x01" + value),
        ("a length over the end", value + b"\x0a\xff\xff\xff\xff\x0f"),
        ("another trusted height after the first", value + b"\x1a\x04\x08\x01\x10\x01"),
        ("an empty signed header after the first", value + b"\x0a\x02\x0a\x00"),
        ("written twice", value + value),
    ):
        yield kind, label, AnyValue(url, data)
    for label, other_url in (
        ("of another client's type", "/ibc.lightclients.solomachine.v3.Header"),
        ("as a client state", "/ibc.lightclients.tendermint.v1.ClientState"),
        ("as a misbehaviour", "/ibc.lightclients.tendermint.v1.Misbehaviour"),
        ("of no type", ""),
    ):
        yield kind, label, AnyValue(other_url, value)


def false_accusations(
    client_id: str, lower: ClientHeader, higher: ClientHeader
) -> Iterator[tuple[str, AnyValue]]:
    """Yield accusations that two honest headers, or a forged one, prove a fork."""
    stranger = _signed_by(higher, _strangers(), None)
    retimed = replace(
        higher,
        signed_header=SignedHeader(
            replace(higher.signed_header.header, time=lower.timestamp),
            higher.signed_header.commit,
        ),
    )
    few = next(iter(_too_few(higher.signed_header.commit)))[1]
    for label, first, second in (
        ("one header twice", higher, higher),
        ("two headers in order", higher, lower),
        ("two headers out of order", lower, higher),
        ("a header of strangers", higher, stranger),
        ("a header with its time changed", retimed, lower),
        ("a header with too few signatures", _with_commit(higher, few), higher),
    ):
        yield label, encode_client_message(Misbehaviour(client_id, first, second))
