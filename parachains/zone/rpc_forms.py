"""CometBFT's JSON answers as our values: headers, commits, validator sets, proofs, events.

Whatever a node answers is hostile input: every form gives its value or ``MalformedMessage``.
Light blocks are not trusted for having been read; the client that gets them verifies them.
"""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    SignedHeader,
    Validator,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_VOTES_COUNT
from chainkit.primitives.timestamps import parse_rfc3339
from chainkit.primitives.types import Address, BlockHeight, ChainId, Round, TimestampNs, VotingPower
from relay_chain.node.json_forms import (
    from_base64,
    from_hex,
    integer,
    mapping,
    member,
    public_key_from_json,
    sequence,
    text,
)

Json = Mapping[str, object]
E = TypeVar("E", bound=Enum)


def field(value: object, *names: str) -> object:
    """Return the member reached by ``names``, one after the other."""
    what = "answer"
    for name in names:
        value = member(mapping(value, what=what), name, what=what)
        what = f"{what}.{name}"
    return value


def time_from_json(value: object) -> TimestampNs:
    """Return an RFC 3339 time."""
    return parse_rfc3339(text(value, what="time"))


def block_id_from_json(value: object) -> BlockId:
    """Return a block id; null or an empty hash is nil."""
    if value is None:
        return NIL_BLOCK_ID
    parts = field(value, "parts")
    return BlockId(
        from_hex(field(value, "hash"), what="block_id.hash"),
        PartSetHeader(
            integer(field(parts, "total"), what="parts.total"),
            from_hex(field(parts, "hash"), what="parts.hash"),
        ),
    )


def header_from_json(value: object) -> Header:
    """Return a header."""

    def hash_of(name: str) -> bytes:
        return from_hex(field(value, name), what=name)

    version = mapping(field(value, "version"), what="version")
    return Header(
        chain_id=ChainId(text(field(value, "chain_id"), what="chain_id")),
        height=BlockHeight(integer(field(value, "height"), what="height")),
        time=time_from_json(field(value, "time")),
        last_block_id=block_id_from_json(field(value, "last_block_id")),
        last_commit_hash=hash_of("last_commit_hash"),
        data_hash=hash_of("data_hash"),
        validators_hash=hash_of("validators_hash"),
        next_validators_hash=hash_of("next_validators_hash"),
        consensus_hash=hash_of("consensus_hash"),
        app_hash=hash_of("app_hash"),
        last_results_hash=hash_of("last_results_hash"),
        evidence_hash=hash_of("evidence_hash"),
        proposer_address=Address(hash_of("proposer_address")),
        version_block=integer(version.get("block", 0), what="version.block"),
        version_app=integer(version.get("app", 0), what="version.app"),
    )


def commit_sig_from_json(value: object) -> CommitSig:
    """Return one place of a commit; of an absent one only the flag is read."""
    number = integer(field(value, "block_id_flag"), what="block_id_flag")
    if number == BlockIdFlag.ABSENT:
        return ABSENT_SIG
    if number not in {BlockIdFlag.COMMIT, BlockIdFlag.NIL}:
        raise MalformedMessage(f"block_id_flag {number}")
    return CommitSig(
        BlockIdFlag(number),
        Address(from_hex(field(value, "validator_address"), what="validator_address")),
        time_from_json(field(value, "timestamp")),
        from_base64(field(value, "signature"), what="signature"),
    )


def signed_header_from_json(value: object) -> SignedHeader:
    """Return the header and commit of a ``commit`` answer's ``signed_header``."""
    commit = field(value, "commit")
    signatures = sequence(field(commit, "signatures"), what="signatures")
    if len(signatures) > MAX_VOTES_COUNT:
        raise MalformedMessage(f"commit of {len(signatures)} signatures")
    return SignedHeader(
        header_from_json(field(value, "header")),
        Commit(
            height=BlockHeight(integer(field(commit, "height"), what="commit.height")),
            round=Round(integer(field(commit, "round"), what="commit.round")),
            block_id=block_id_from_json(field(commit, "block_id")),
            signatures=tuple(commit_sig_from_json(signature) for signature in signatures),
        ),
    )


def validator_from_json(value: object) -> Validator:
    """Return a validator of a set."""
    return Validator(
        address=Address(from_hex(field(value, "address"), what="address")),
        public_key=public_key_from_json(field(value, "pub_key"), what="pub_key"),
        voting_power=VotingPower(integer(field(value, "voting_power"), what="voting_power")),
        proposer_priority=integer(field(value, "proposer_priority"), what="proposer_priority"),
    )


def events_from_json(value: object) -> tuple[tuple[str, dict[str, str]], ...]:
    """Return (type, attributes) of each event; the last of repeated attributes counts."""
    events = []
    for event in sequence(value, what="events"):
        attributes = mapping(event, what="event").get("attributes")
        pairs: dict[str, str] = {}
        for attribute in sequence(attributes, what="attributes"):
            content = mapping(attribute, what="attribute").get("value")
            key = text(field(attribute, "key"), what="attribute.key")
            pairs[key] = "" if content is None else text(content, what="attribute.value")
        events.append((text(field(event, "type"), what="event.type"), pairs))
    return tuple(events)
