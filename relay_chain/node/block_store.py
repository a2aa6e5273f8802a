"""Blocks on disk: parts, headers, commits; answers RPC, peers that are behind, and evidence.

One write stores a whole block, so a crash leaves it there or not there. Heights are
contiguous from ``base`` to ``height``.

Keys: ``bM<height>`` header and sizes, ``bP<height><index>`` part, ``bC<height>`` seen
commit, ``bH<hash>`` height, ``bB`` base and height. Heights are 8 bytes big-endian.
"""

from dataclasses import dataclass

from chainkit.formats.tendermint.block_codec import decode_block
from chainkit.formats.tendermint.codec import (
    decode_commit,
    decode_header,
    decode_part,
    encode_commit,
    encode_header,
    encode_part,
)
from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    Header,
    Part,
    PartSetHeader,
    SignedHeader,
)
from chainkit.primitives.types import BlockHeight
from relay_chain.node.crash_points import reach
from relay_chain.node.lru import LruCache
from relay_chain.node.ports import ChainDatabase

_META = b"bM"
_PART = b"bP"
_SEEN = b"bC"
_HASH = b"bH"
_RANGE = b"bB"
_CACHED_BLOCKS = 32
_PRUNE_BATCH = 256


def height_key(prefix: bytes, height: int) -> bytes:
    """Return the key of a height below a prefix; in height order."""
    return prefix + height.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class BlockMeta:
    """What is known of a block without its parts (CometBFT ``BlockMeta``)."""

    block_id: BlockId
    block_size: int
    header: Header
    num_txs: int


def _encode_meta(meta: BlockMeta) -> bytes:
    parts = meta.block_id.part_set_header
    return b"".join(
        (
            meta.block_id.hash,
            parts.total.to_bytes(4, "big"),
            parts.hash,
            meta.block_size.to_bytes(8, "big"),
            meta.num_txs.to_bytes(8, "big"),
            encode_header(meta.header),
        )
    )


def _decode_meta(data: bytes) -> BlockMeta:
    parts = PartSetHeader(int.from_bytes(data[32:36], "big"), data[36:68])
    return BlockMeta(
        BlockId(data[:32], parts),
        int.from_bytes(data[68:76], "big"),
        decode_header(data[84:]),
        int.from_bytes(data[76:84], "big"),
    )


class BlockStore:
    """The blocks of one node. Mutable: it remembers base and height, and recent blocks."""

    def __init__(self, database: ChainDatabase) -> None:
        self._database = database
        stored = database.get(_RANGE) or bytes(16)
        self._base = BlockHeight(int.from_bytes(stored[:8], "big"))
        self._height = BlockHeight(int.from_bytes(stored[8:], "big"))
        self._blocks: LruCache[BlockHeight, Block] = LruCache(_CACHED_BLOCKS)
        self._metas: LruCache[BlockHeight, BlockMeta] = LruCache(_CACHED_BLOCKS * 8)

    def base(self) -> BlockHeight:
        """Return the lowest height kept; 0 for an empty store."""
        return self._base

    def height(self) -> BlockHeight:
        """Return the highest height stored; 0 for an empty store."""
        return self._height

    def save(
        self,
        block: Block,
        block_id: BlockId,
        parts: tuple[Part, ...],
        seen_commit: Commit,
        *,
        durable: bool = True,
    ) -> None:
        """Store the next block with the commit that this node saw for it.

        Args:
            block: The next block.
            block_id: Its id.
            parts: The block's bytes, in order.
            seen_commit: Precommits for it.
            durable: On disk on return; otherwise together with the next write, which is
                enough for a block that peers can send again.
        """
        height = block.header.height
        assert self._height in {0, height - 1}, f"block {height} after {self._height}"
        size = sum(len(part.data) for part in parts)
        meta = BlockMeta(block_id, size, block.header, len(block.txs))
        base = self._base or height
        changes: dict[bytes, bytes | None] = {
            height_key(_META, height): _encode_meta(meta),
            height_key(_SEEN, height): encode_commit(seen_commit),
            _HASH + block_id.hash: height.to_bytes(8, "big"),
            _RANGE: base.to_bytes(8, "big") + height.to_bytes(8, "big"),
        }
        for part in parts:
            key = height_key(_PART, height) + part.index.to_bytes(4, "big")
            changes[key] = encode_part(part)
        reach("block_store.before_save")
        if durable:
            self._database.write(changes)
        else:
            self._database.write_later(changes)
        reach("block_store.saved")
        self._base, self._height = base, height
        self._blocks.put(height, block)
        self._metas.put(height, meta)

    def begin_after(self, commit: Commit) -> None:
        """Have an empty store go on after a height whose state was restored; on disk on return."""
        assert self._height == 0, "only an empty store begins after a height"
        self._database.write({height_key(_SEEN, commit.height): encode_commit(commit)})

    def meta(self, height: BlockHeight) -> BlockMeta | None:
        """Return a block's header, id and sizes."""
        found = self._metas.get(height)
        if found is None and height > 0:
            data = self._database.get(height_key(_META, height))
            if data is not None:
                found = _decode_meta(data)
                self._metas.put(height, found)
        return found

    def height_of(self, block_hash: bytes) -> BlockHeight | None:
        """Return the height of the block with this hash."""
        data = self._database.get(_HASH + block_hash)
        return None if data is None else BlockHeight(int.from_bytes(data, "big"))

    def block_id(self, height: BlockHeight) -> BlockId | None:
        """Return the id of a stored block."""
        meta = self.meta(height)
        return None if meta is None else meta.block_id

    def part(self, height: BlockHeight, index: int) -> Part | None:
        """Return one part of a stored block."""
        if height <= 0 or not 0 <= index < 2**32:
            return None
        data = self._database.get(height_key(_PART, height) + index.to_bytes(4, "big"))
        return None if data is None else decode_part(data)

    def parts(self, height: BlockHeight) -> tuple[Part, ...]:
        """Return all parts of a stored block, in order; empty if it is not stored."""
        if height <= 0:
            return ()
        rows = self._database.iterate(height_key(_PART, height), height_key(_PART, height + 1))
        return tuple(decode_part(data) for _, data in rows)

    def block_bytes(self, height: BlockHeight) -> bytes | None:
        """Return a stored block as its protobuf bytes."""
        parts = self.parts(height)
        return b"".join(part.data for part in parts) if parts else None

    def block(self, height: BlockHeight) -> Block | None:
        """Return a stored block."""
        found = self._blocks.get(height)
        if found is None:
            data = self.block_bytes(height)
            if data is None:
                return None
            found = decode_block(data)
            self._blocks.put(height, found)
        return found

    def seen_commit(self, height: BlockHeight) -> Commit | None:
        """Return the precommits that this node saw when it decided ``height``."""
        if height <= 0:
            return None
        data = self._database.get(height_key(_SEEN, height))
        return None if data is None else decode_commit(data)

    def canonical_commit(self, height: BlockHeight) -> Commit | None:
        """Return the commit of ``height`` that the next block carries."""
        following = self.block(BlockHeight(height + 1)) if height > 0 else None
        return None if following is None else following.last_commit

    def commit(self, height: BlockHeight) -> Commit | None:
        """Return precommits that decided ``height``: the next block's, else the seen ones."""
        return self.canonical_commit(height) or self.seen_commit(height)

    def signed_header(self, height: BlockHeight) -> SignedHeader | None:
        """Return the header and the commit of a height."""
        meta, commit = self.meta(height), self.commit(height)
        return None if meta is None or commit is None else SignedHeader(meta.header, commit)

    def prune(self, retain_height: BlockHeight) -> int:
        """Delete blocks below ``retain_height`` (never the last); return how many.

        On disk together with the next write.
        """
        end = min(retain_height, self._height)
        pruned = 0
        while 0 < self._base < end:
            upto = BlockHeight(min(end, self._base + _PRUNE_BATCH))
            changes: dict[bytes, bytes | None] = {
                _RANGE: upto.to_bytes(8, "big") + self._height.to_bytes(8, "big")
            }
            for height in range(self._base, upto):
                meta = self.meta(BlockHeight(height))
                if meta is not None:
                    changes[_HASH + meta.block_id.hash] = None
            for prefix in (_META, _PART, _SEEN):
                start, stop = height_key(prefix, self._base), height_key(prefix, upto)
                changes |= {key: None for key, _ in self._database.iterate(start, stop)}
            reach("block_store.before_prune")
            self._database.write_later(changes)
            pruned += upto - self._base
            self._base = upto
        if pruned:
            self._blocks.clear()
            self._metas.clear()
        return pruned
