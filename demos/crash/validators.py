"""Whether validators that died have the same chain as the others, and vote again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from demos.network import Network
from isthmus.homes import NodePlace

T = TypeVar("T")

METAS_PER_CALL = 20
COMMIT_FLAG = 2
"""CometBFT ``BlockIDFlagCommit``: a vote for the block, not for nil and not absent."""
NO_EVIDENCE = sha256(b"").hex().upper()
"""The evidence hash of a header whose block has none."""


@dataclass(frozen=True, slots=True)
class BlockOf:
    """One block as one node has it."""

    hash: str
    app_hash: str
    evidence_hash: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a comparison of all nodes' blocks found."""

    compared: int
    different: int
    with_evidence: int
    """Blocks that hold evidence of a validator that signed twice."""


class _Header(msgspec.Struct):
    height: str
    app_hash: str
    evidence_hash: str


class _BlockId(msgspec.Struct):
    hash: str


class _Meta(msgspec.Struct):
    block_id: _BlockId
    header: _Header


class _Blockchain(msgspec.Struct):
    block_metas: list[_Meta]


class _Signature(msgspec.Struct):
    block_id_flag: int
    validator_address: str


class _Commit(msgspec.Struct):
    signatures: list[_Signature]


class _SignedHeader(msgspec.Struct):
    commit: _Commit


class _CommitAnswer(msgspec.Struct):
    signed_header: _SignedHeader


class _ValidatorInfo(msgspec.Struct):
    address: str


class _Status(msgspec.Struct):
    validator_info: _ValidatorInfo


async def blocks_of(net: Network, node: NodePlace, last: int) -> dict[int, BlockOf]:
    """Return a node's blocks from the first to ``last``.

    Raises:
        OperationFailed: The node does not answer, or not in CometBFT's shape.
    """
    found: dict[int, BlockOf] = {}
    for low in range(1, last + 1, METAS_PER_CALL):
        high = min(last, low + METAS_PER_CALL - 1)
        heights = {"minHeight": str(low), "maxHeight": str(high)}
        answer = _converted(await net.reader.call(node, "blockchain", heights), _Blockchain)
        for meta in answer.block_metas:
            header = meta.header
            found[int(header.height)] = BlockOf(
                meta.block_id.hash, header.app_hash, header.evidence_hash
            )
    return found


def compare(chains: Sequence[Mapping[int, BlockOf]], last: int) -> ChainCheck:
    """Compare the blocks from the first to ``last``: one that a node lacks differs, too."""
    different = with_evidence = 0
    for height in range(1, last + 1):
        found = {chain.get(height) for chain in chains}
        different += len(found) != 1
        hashes = {block.evidence_hash for block in found if block is not None}
        with_evidence += bool(hashes - {NO_EVIDENCE})
    return ChainCheck(last, different, with_evidence)


async def has_voted(net: Network, node: NodePlace, witness: NodePlace, *, since: int) -> bool:
    """Return whether another node has a vote of ``node`` for a block after height ``since``."""
    address = _converted(await net.reader.call(node, "status", {}), _Status).validator_info.address
    height = (await net.reader.node_status(witness)).height
    if height <= since:
        return False
    answer = await net.reader.call(witness, "commit", {"height": str(height)})
    signatures = _converted(answer, _CommitAnswer).signed_header.commit.signatures
    return any(
        each.validator_address == address and each.block_id_flag == COMMIT_FLAG
        for each in signatures
    )


def _converted(answer: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(answer, shape, strict=False)
    except msgspec.ValidationError as error:
        raise OperationFailed(f"a node answers in another shape: {error}") from error
