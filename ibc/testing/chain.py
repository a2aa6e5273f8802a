"""A chain in memory: modules over one overlay, blocks by hand, proofs of old heights."""

from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRouter, QueryRouter
from chainkit.runtime.store import MemoryStore, Overlay
from chainkit.wire.codec import decode_known, encode, type_url
from ibc.addresses import format_address
from ibc.ics20_transfer.port import NO_LABELS, AssetLabels, TokenLedger
from ibc.ics24_host.paths import STORE_NAME
from ibc.ics26_routing.module import IbcModule, ibc_modules
from ibc.ics26_routing.port import ApplicationFactory, RouterMiddleware
from ibc.testing.ledger import TestLedger
from ibc.testing.light_client import TestHeader, TestLightClient, encode_proof, root_of

R = TypeVar("R", bound=Message)

PREFIX = "test"
BLOCK_TIME_NS = 1_000_000_000
_MAX_BYTES = 1_048_576


class TestChain:
    """One chain; mutable because it is the world of a test."""

    __test__ = False

    def __init__(
        self,
        chain_id: str,
        applications: Sequence[ApplicationFactory],
        middleware: tuple[RouterMiddleware, ...] = (),
        ledger: TokenLedger | None = None,
        labels: AssetLabels = NO_LABELS,
    ) -> None:
        self.chain_id = ChainId(chain_id)
        self.ledger = ledger or TestLedger()
        modules = ibc_modules(
            self.ledger,
            (TestLightClient(),),
            applications,
            account_prefix=PREFIX,
            middleware=middleware,
            labels=labels,
            messages=lambda: self._messages,
        )
        core = modules[0]
        assert isinstance(core, IbcModule)
        self.core = core
        self._messages = MessageRouter(
            [route for module in modules for route in module.message_routes()]
        )
        self._queries = QueryRouter(
            [route for module in modules for route in module.query_routes()]
        )
        bases: dict[str, MemoryStore] = {}
        self.overlay = Overlay(lambda name: bases.setdefault(name, MemoryStore()))
        self.height = 1
        self.time = TimestampNs(1_700_000_000 * 10**9)
        self.headers: dict[int, TestHeader] = {}
        self.proofs: dict[int, bytes] = {}
        self.events: list[Event] = []
        self._proven: tuple[dict[bytes, bytes] | None, bytes] = (None, b"")
        for module in modules:
            module.init_genesis(self.context(), {})
        self.commit()

    def context(self, mode: ExecutionMode = ExecutionMode.DELIVER) -> Context:
        """Return a context in the block that is being made."""
        height = BlockHeight(self.height)
        return Context(self.chain_id, height, self.time, mode, self.overlay)

    def execute(self, message: Message) -> tuple[bytes, tuple[Event, ...]]:
        """Run one message as a transaction; a refusal leaves nothing behind."""
        ctx = self.context()
        with ctx.savepoint():
            route = self._messages.route(type_url(message))
            response = route.handle(ctx, route.decode(encode(message)))
        self.events.extend(ctx.events.all())
        return response, ctx.events.all()

    def decode(self, message: Message) -> Any:
        """Return a message as its handler gets it."""
        return self._messages.route(type_url(message)).decode(encode(message))

    def query(self, path: str, request: Message, response: type[R]) -> R:
        """Ask the state of the block that is being made."""
        ctx = self.context(ExecutionMode.QUERY)
        answer = self._queries.route(path).handle(ctx, encode(request))
        return decode_known(response, answer, max_bytes=_MAX_BYTES)

    def commit(self, blocks: int = 1) -> Height:
        """End the block, begin the next, and return the height that can now be proven."""
        for _ in range(blocks):
            proof = self._proof()
            self.proofs[self.height] = proof
            self.headers[self.height] = TestHeader(
                self.chain_id, self.own_height(), self.time, root_of(proof)
            )
            proven = self.own_height()
            self.height += 1
            self.time = TimestampNs(self.time + BLOCK_TIME_NS)
        return proven

    def _proof(self) -> bytes:
        """Return the packet layer's store as a proof; blocks that leave it as it was share one."""
        pairs = dict(self.overlay.store(STORE_NAME).iterate(b"", None))
        if pairs != self._proven[0]:
            self._proven = (pairs, encode_proof(pairs))
        return self._proven[1]

    def own_height(self) -> Height:
        """Return the height of the block that is being made."""
        return Height(chain_revision(self.chain_id), self.height)

    def snapshot(self) -> dict[str, dict[bytes, bytes | None]]:
        """Return everything that was ever written."""
        return self.overlay.changes()

    def account(self, name: str) -> Address:
        """Return the address of a user by name."""
        return sha256_truncated(f"user/{name}".encode())

    def text(self, address: Address) -> str:
        """Return an address as text."""
        return format_address(address, PREFIX)

    def fund(self, name: str, denom: str, amount: int) -> None:
        """Give a user new tokens."""
        ctx, coin = self.context(), Coin(Denom(denom), amount)
        self.ledger.mint(ctx, "mint", coin)
        self.ledger.send(ctx, self.ledger.module_address("mint"), self.account(name), coin)

    def balance(self, name: str, denom: str) -> int:
        """Return what a user holds."""
        return self.ledger.balance(self.context(), self.account(name), Denom(denom))

    def supply(self, denom: str) -> int:
        """Return how much of a token exists here."""
        return self.ledger.supply(self.context(), Denom(denom))
