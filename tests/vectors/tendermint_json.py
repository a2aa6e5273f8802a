"""CometBFT's JSON forms, as the vectors have them, to our values."""

import base64

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
    Validator,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import sort_by_voting_power
from chainkit.primitives.timestamps import parse_rfc3339


def block_id_of(json):
    if json is None:
        return NIL_BLOCK_ID
    parts = json.get("part_set_header") or json["parts"]
    return BlockId(
        bytes.fromhex(json["hash"]), PartSetHeader(parts["total"], bytes.fromhex(parts["hash"]))
    )


def header_of(json):
    hashes = {
        name: bytes.fromhex(json[name])
        for name in (
            "last_commit_hash",
            "data_hash",
            "validators_hash",
            "next_validators_hash",
            "consensus_hash",
            "app_hash",
            "last_results_hash",
            "evidence_hash",
            "proposer_address",
        )
    }
    return Header(
        chain_id=json["chain_id"],
        height=int(json["height"]),
        time=parse_rfc3339(json["time"]),
        last_block_id=block_id_of(json["last_block_id"]),
        version_block=int(json["version"]["block"]),
        version_app=int(json["version"].get("app", 0)),
        **hashes,
    )


def commit_of(json):
    return Commit(
        height=int(json["height"]),
        round=json["round"],
        block_id=block_id_of(json["block_id"]),
        signatures=tuple(commit_sig_of(signature) for signature in json["signatures"]),
    )


def commit_sig_of(json):
    """Of an absent signature only the flag is read, as tendermint-rs does: it writes 1970 there."""
    if json["block_id_flag"] == BlockIdFlag.ABSENT:
        return ABSENT_SIG
    return CommitSig(
        BlockIdFlag(json["block_id_flag"]),
        bytes.fromhex(json["validator_address"]),
        parse_rfc3339(json["timestamp"]),
        base64.b64decode(json["signature"]),
    )


def signed_header_of(json):
    return SignedHeader(header_of(json["header"]), commit_of(json["commit"]))


def validator_set_of(json):
    """The set in its order: some files list it unsorted."""
    validators = [
        Validator(
            bytes.fromhex(validator["address"]),
            base64.b64decode(validator["pub_key"]["value"]),
            int(validator["voting_power"]),
        )
        for validator in (json or {}).get("validators") or ()
    ]
    return ValidatorSet(sort_by_voting_power(validators))


def light_block_of(json):
    return LightBlock(
        signed_header_of(json["signed_header"]), validator_set_of(json["validator_set"])
    )
