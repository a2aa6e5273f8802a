"""Blocks handed to a node and mined at a call, by Bitcoin Core's names and shapes.

Spec:
    Bitcoin Core ``src/rpc/mining.cpp``; BIP-22 for what ``submitblock`` answers.
"""

from collections.abc import Callable, Mapping

from chainkit.formats.bitcoin.addresses import decode_address
from chainkit.formats.bitcoin.blocks import Block, decode_block
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, WrongAddress
from chainkit.primitives.errors import RuleBroken
from parachains.utxo.chain import Chain
from parachains.utxo.mempool import Mempool
from parachains.utxo.mining import build_template, search
from parachains.utxo.service_forms import (
    DESERIALIZATION_ERROR,
    NOT_FOUND,
    Json,
    RpcError,
    bytes_of,
    integer_of,
)

MAX_BLOCKS_PER_CALL = 200
DEFAULT_TRIES = 1_000_000
"""Nonces that a call may try, as in Core."""


class BlockService:
    """Blocks of one node.

    Args:
        take: Takes a block as one of the node's own and tells peers; raises
            ``BitcoinRuleBroken`` for one that breaks a rule.
        now: The clock in UNIX seconds.
        extra: Bytes that make this node's coinbases differ from others'.
    """

    def __init__(
        self,
        chain: Chain,
        mempool: Mempool,
        take: Callable[[Block], None],
        now: Callable[[], int],
        extra: bytes,
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._take = take
        self._now = now
        self._extra = extra

    def methods(self) -> Mapping[str, tuple[Callable[..., Json], tuple[str, ...]]]:
        """Return what everybody may call."""
        return {"submitblock": (self.submitblock, ("hexdata",))}

    def operator_methods(self) -> Mapping[str, tuple[Callable[..., Json], tuple[str, ...]]]:
        """Return what steers the node."""
        return {
            "generatetoaddress": (self.generatetoaddress, ("nblocks", "address", "maxtries")),
        }

    def submitblock(self, hexdata: object) -> Json:
        """Take a block; return null, or why it is refused (BIP-22)."""
        try:
            block = decode_block(bytes_of(hexdata))
        except RpcError:
            raise
        except RuleBroken as error:
            raise RpcError(DESERIALIZATION_ERROR, f"Block decode failed: {error}") from error
        if self._chain.has_block(block.header.hash):
            return "duplicate"
        try:
            self._take(block)
        except BitcoinRuleBroken as error:
            return error.reason
        tip = self._chain.tip.header.hash
        return None if tip == block.header.hash else "inconclusive"

    def generatetoaddress(
        self, nblocks: object, address: object, maxtries: object = DEFAULT_TRIES
    ) -> Json:
        """Mine blocks at once that pay an address; return their hashes.

        Fewer come back where ``maxtries`` nonces find no more.
        """
        count = integer_of(nblocks, 0, MAX_BLOCKS_PER_CALL, "nblocks")
        tries = integer_of(maxtries, 1, 1 << 32, "maxtries")
        try:
            script = decode_address(str(address), self._chain.parameters.addresses)
        except WrongAddress as error:
            raise RpcError(NOT_FOUND, "Error: Invalid address") from error
        hashes: list[Json] = []
        while len(hashes) < count:
            template = build_template(
                self._chain,
                self._mempool.in_block_order(),
                payout_script=script,
                time=self._now(),
                extra=self._extra,
            )
            self._mempool.drop(template.refused)
            found = search(template.block, 0, tries)
            if found is None:
                return hashes
            tries -= min(found.header.nonce, tries - 1)
            self._take(found)
            hashes.append(display_hash(found.header.hash))
        return hashes
