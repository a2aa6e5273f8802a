"""Validators with known keys, and what they sign: for tests of formats, clients and consensus."""

import hashlib
from dataclasses import replace

from chainkit.formats.tendermint.hashing import header_hash, validator_set_hash
from chainkit.formats.tendermint.sign_bytes import commit_vote_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    Header,
    LightBlock,
    PartSetHeader,
    SignedHeader,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import new_validator, new_validator_set
from chainkit.sigverify import ed25519

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
GENESIS_TIME = 1_136_214_245 * SECOND
"""2006-01-02T15:04:05Z."""


def hash_of(text):
    return hashlib.sha256(text.encode()).digest()


def block_id_of(text, total=1):
    return BlockId(hash_of(text), PartSetHeader(total, hash_of(text + "/parts")))


class Signer:
    """A validator's key."""

    def __init__(self, name):
        self.name = name
        self.seed = hash_of(f"signer {name}")
        self.public_key = ed25519.public_key_from_seed(self.seed)
        self.address = ed25519.ed25519_address(self.public_key)

    def validator(self, power):
        return new_validator(self.public_key, power)

    def sign(self, message):
        return ed25519.sign(self.seed, message)

    def sign_vote(self, vote, chain_id):
        return replace(vote, signature=self.sign(vote_sign_bytes(chain_id, vote)))


def signers(count, prefix="k"):
    return [Signer(f"{prefix}{index}") for index in range(count)]


def set_of(keys, powers):
    """The set of these keys; ``powers`` is one for all, or one a key."""
    each = powers if isinstance(powers, list | tuple) else [powers] * len(keys)
    return new_validator_set([key.validator(power) for key, power in zip(keys, each, strict=True)])


def commit_of(chain_id, validators, keys, block_id, height, *, round_=0, time=GENESIS_TIME, nil=()):
    """The commit of ``keys`` (others are absent), in the order of the set.

    ``nil`` are keys that voted nil.
    """
    by_address = {key.address: key for key in [*keys, *nil]}
    nil_addresses = {key.address for key in nil}
    places = []
    for validator in validators.validators:
        if validator.address not in by_address:
            places.append(ABSENT_SIG)
            continue
        flag = BlockIdFlag.NIL if validator.address in nil_addresses else BlockIdFlag.COMMIT
        places.append(CommitSig(flag, validator.address, time))
    commit = Commit(height, round_, block_id, tuple(places))
    return sign_commit(chain_id, commit, by_address)


def sign_commit(chain_id, commit, by_address):
    signed = tuple(
        place
        if place.block_id_flag is BlockIdFlag.ABSENT
        else replace(
            place,
            signature=by_address[place.validator_address].sign(
                commit_vote_sign_bytes(chain_id, commit, index)
            ),
        )
        for index, place in enumerate(commit.signatures)
    )
    return replace(commit, signatures=signed)


def header_of(chain_id, height, time, validators, next_validators=None, **changes):
    header = Header(
        chain_id=chain_id,
        height=height,
        time=time,
        last_block_id=NIL_BLOCK_ID if height == 1 else block_id_of(f"block {height - 1}"),
        last_commit_hash=hash_of(f"commit {height - 1}"),
        data_hash=hash_of("data"),
        validators_hash=validator_set_hash(validators),
        next_validators_hash=validator_set_hash(next_validators or validators),
        consensus_hash=hash_of("consensus"),
        app_hash=hash_of("app_hash"),
        last_results_hash=hash_of("results_hash"),
        evidence_hash=hash_of("evidence"),
        proposer_address=validators.validators[0].address if validators.validators else bytes(20),
    )
    return replace(header, **changes)


def signed_header_of(header, validators, keys, *, round_=0, nil=()):
    """The header with the commit of ``keys``."""
    block_id = BlockId(header_hash(header), PartSetHeader(1, hash_of("parts")))
    return SignedHeader(
        header,
        commit_of(
            header.chain_id,
            validators,
            keys,
            block_id,
            header.height,
            round_=round_,
            time=header.time,
            nil=nil,
        ),
    )


def light_block_of(
    chain_id, height, time, validators, keys, next_validators=None, *, round_=0, **changes
):
    header = header_of(chain_id, height, time, validators, next_validators, **changes)
    return LightBlock(signed_header_of(header, validators, keys, round_=round_), validators)


def unsorted_set(validators):
    """A set exactly as listed: for sets that no honest chain has."""
    return ValidatorSet(tuple(validators), validators[0])
