"""From one trusted block to any later one: header by header, or by bisection.

Pure: blocks come from a ``fetch`` that the caller gives; nothing is kept but the result.

Spec:
    CometBFT light, ``client.go``; spec/light-client/verification.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chainkit.formats.tendermint.errors import InvalidHeader, NotEnoughTrust
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.light import Options, TrustedState, trusted_state_of, verify
from chainkit.formats.tendermint.types import LightBlock, ValidatorSet
from chainkit.formats.tendermint.validate_basic import HASH_BYTES, validate_light_block
from chainkit.formats.tendermint.verify_commit import verify_commit_light
from chainkit.primitives.types import BlockHeight, ChainId, DurationNs, TimestampNs

Fetch = Callable[[BlockHeight], tuple[LightBlock, ValidatorSet]]
"""Answers a height with its light block and the validator set of the next height."""


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """The block that a user chose to trust, and for how long that holds."""

    period: DurationNs
    height: BlockHeight
    hash: bytes


def validate_trust_options(options: TrustOptions) -> None:
    """Check the options.

    Raises:
        InvalidHeader: A period or height below 1, or a hash that is not of 32 bytes.
    """
    if options.period <= 0:
        raise InvalidHeader("negative or zero period")
    if options.height <= 0:
        raise InvalidHeader("zero or negative height")
    if len(options.hash) != HASH_BYTES:
        raise InvalidHeader(f"expected hash size to be 32 bytes, got {len(options.hash)} bytes")


def initialize(chain_id: ChainId, options: TrustOptions, fetch: Fetch) -> TrustedState:
    """Return the state of the block that the user trusts, after checking that it is that.

    Raises:
        TendermintRuleBroken: The block is not the one of the hash, or is not valid.
    """
    validate_trust_options(options)
    block, next_validators = fetch(options.height)
    validate_light_block(block, chain_id)
    header, commit = block.signed_header.header, block.signed_header.commit
    if header_hash(header) != options.hash:
        raise InvalidHeader(f"expected header's hash {options.hash.hex()}")
    verify_commit_light(chain_id, block.validator_set, commit.block_id, header.height, commit)
    return trusted_state_of(block, next_validators)


def verify_sequentially(
    trusted: TrustedState, target: BlockHeight, fetch: Fetch, options: Options, now: TimestampNs
) -> TrustedState:
    """Return the state of ``target``, having verified every block up to it.

    Raises:
        TendermintRuleBroken: One of them is not valid.
    """
    for height in range(trusted.height + 1, target + 1):
        block, next_validators = fetch(BlockHeight(height))
        verify(trusted, block, options, now)
        trusted = trusted_state_of(block, next_validators)
    return trusted


def verify_skipping(
    trusted: TrustedState, target: BlockHeight, fetch: Fetch, options: Options, now: TimestampNs
) -> TrustedState:
    """Return the state of ``target``, verifying only as many blocks between as trust needs.

    Raises:
        TendermintRuleBroken: A block is not valid.
    """
    pending = [target]
    while pending:
        height = pending[-1]
        block, next_validators = fetch(height)
        try:
            verify(trusted, block, options, now)
        except NotEnoughTrust:
            # Adjacent blocks never end here, so the distance at least halves.
            pending.append(BlockHeight((trusted.height + height) // 2))
            continue
        trusted = trusted_state_of(block, next_validators)
        pending.pop()
    return trusted
