"""What a snapshot is judged by: the chain's state after its height, from verified headers.

The light client of ICS-07 verifies three headers from a block that the operator trusts: the
snapshot's, the next one, whose app hash is the snapshot's, and the one after, whose validators
are ``next_validators``. Proposer priorities are in no header, so every server must tell the same
(ASA-2024-009).

Spec:
    CometBFT statesync ``stateprovider.go``; spec/p2p/legacy-docs/messages/state-sync.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.tendermint.hashing import consensus_params_hash, header_hash
from chainkit.formats.tendermint.light import Options, TrustedState
from chainkit.formats.tendermint.light_client import TrustOptions, initialize, verify_skipping
from chainkit.formats.tendermint.types import Commit, ConsensusParams, LightBlock, ValidatorSet
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from relay_chain.consensus.state import ChainState
from relay_chain.node.p2p.peer import seconds
from relay_chain.node.restore.limits import CLOCK_DRIFT_NS, HEADERS_POLL_NS, HEADERS_TIMEOUT_NS


class LightSource(Protocol):
    """A server of light blocks; nothing that it says is believed unverified."""

    async def light_block(self, height: BlockHeight) -> LightBlock:
        """Return the header, commit and validators of a height.

        Raises:
            OperationFailed: The server does not answer, or does not have it.
        """
        ...

    async def consensus_params(self, height: BlockHeight) -> ConsensusParams:
        """Return the parameters in force at a height, as :meth:`light_block`."""
        ...


class ServersDisagree(RuleBroken):
    """Two servers tell different chains: one of them lies, and this node cannot say which."""

    codespace = "statesync"
    code = 2

    def __init__(self, *, height: int, what: str) -> None:
        super().__init__(f"servers disagree on {what} of height {height}")
        self.height = height
        self.what = what


class OtherParameters(RuleBroken):
    """The parameters are not those that the header names."""

    codespace = "statesync"
    code = 3

    def __init__(self, *, height: int) -> None:
        super().__init__(f"consensus parameters of height {height} are not the header's")
        self.height = height


class _Missing(Exception):
    def __init__(self, height: BlockHeight) -> None:
        super().__init__(height)
        self.height = height


@dataclass(frozen=True, slots=True)
class Restored:
    """The state of a node that has applied a height, and the commit for it."""

    state: ChainState
    commit: Commit


class TrustedStates:
    """Verified states by height. Mutable: it keeps the light blocks that it fetched.

    Args:
        chain_id: The chain.
        initial_height: Its first height.
        trust: The block that the operator trusts.
        sources: The first is asked; the others must agree.
    """

    def __init__(
        self,
        chain_id: ChainId,
        initial_height: BlockHeight,
        trust: TrustOptions,
        sources: Sequence[LightSource],
    ) -> None:
        assert sources
        self._chain_id = chain_id
        self._initial_height = initial_height
        self._trust = trust
        self._sources = tuple(sources)
        self._blocks: dict[BlockHeight, LightBlock] = {}

    async def at(self, height: BlockHeight, now: TimestampNs) -> Restored:
        """Return the state after ``height``, waiting a while for the two headers after it.

        Raises:
            RuleBroken: A header does not verify, or the servers disagree.
            OperationFailed: The servers do not have the headers.
        """
        last = await self._verified(height, now)
        current = await self._verified(BlockHeight(height + 1), now)
        following = await self._verified(BlockHeight(height + 2), now)
        header = current.signed_header.header
        params = await self._sources[0].consensus_params(header.height)
        if consensus_params_hash(params) != header.consensus_hash:
            raise OtherParameters(height=header.height)
        commit = last.signed_header.commit
        state = ChainState(
            chain_id=self._chain_id,
            initial_height=self._initial_height,
            last_block_height=height,
            last_block_id=commit.block_id,
            last_block_time=last.signed_header.header.time,
            next_validators=following.validator_set,
            validators=current.validator_set,
            last_validators=last.validator_set,
            last_height_validators_changed=BlockHeight(height + 2),
            consensus_params=params,
            last_height_params_changed=BlockHeight(height + 1),
            last_results_hash=header.last_results_hash,
            app_hash=header.app_hash,
            version_app=header.version_app,
        )
        return Restored(state, commit)

    async def _verified(self, height: BlockHeight, now: TimestampNs) -> LightBlock:
        while True:
            try:
                self._verify(height, now)
                break
            except _Missing as missing:
                self._blocks[missing.height] = await self._fetch(missing.height)
        block = self._blocks[height]
        for source in self._sources[1:]:
            other = await self._patiently(source, height)
            if header_hash(other.signed_header.header) != header_hash(block.signed_header.header):
                raise ServersDisagree(height=height, what="the header")
            if other.validator_set != block.validator_set:
                raise ServersDisagree(height=height, what="proposer priorities")
        return block

    def _verify(self, height: BlockHeight, now: TimestampNs) -> TrustedState:
        trusted = initialize(self._chain_id, self._trust, self._known)
        options = Options(self._trust.period, CLOCK_DRIFT_NS)
        return verify_skipping(trusted, height, self._known, options, now)

    def _known(self, height: BlockHeight) -> tuple[LightBlock, ValidatorSet]:
        for needed in (height, BlockHeight(height + 1)):
            if needed not in self._blocks:
                raise _Missing(needed)
        return self._blocks[height], self._blocks[BlockHeight(height + 1)].validator_set

    async def _fetch(self, height: BlockHeight) -> LightBlock:
        return await self._patiently(self._sources[0], height)

    async def _patiently(self, source: LightSource, height: BlockHeight) -> LightBlock:
        """Return a block that may not have been decided yet."""
        last: OperationFailed = OperationFailed(f"no header of height {height}")
        try:
            async with asyncio.timeout(seconds(HEADERS_TIMEOUT_NS)):
                while True:
                    try:
                        return await source.light_block(height)
                    except OperationFailed as error:
                        last = error
                    await asyncio.sleep(seconds(HEADERS_POLL_NS))
        except TimeoutError as error:
            raise last from error
