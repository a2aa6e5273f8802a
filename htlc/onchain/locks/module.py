"""Hash locks as a module of a chain: genesis, messages, queries and the port ``htlc``."""

from collections.abc import Callable, Mapping
from typing import Any

from chainkit.modules.genesis import integer, list_of_mappings, text
from chainkit.primitives.amounts import Coin, parse_amount, parse_denom
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import PortId
from chainkit.runtime.addresses import parse_address
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2 as pb
from htlc.onchain.bitcoin import HASH_BYTES
from htlc.onchain.errors import UnknownLock
from htlc.onchain.locks.application import PORT_ID, HashLockApplication
from htlc.onchain.locks.codec import (
    Claim,
    Refund,
    SendPreimage,
    decode_claim,
    decode_lock,
    decode_refund,
    decode_send_preimage,
    load_lock,
    lock_to_proto,
)
from htlc.onchain.locks.locks import LOCKS, STORE_NAME, HashLocks
from htlc.onchain.locks.terms import Lock, check_digest
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.pagination import page_of_store
from ibc.queries import query_route

_SERVICE = "/isthmus.htlc.v1"


class HashLockModule(BaseModule):
    """Coins under a hash: the receiver's for the preimage, the sender's from the expiry on."""

    name = "htlc"
    store_names = (STORE_NAME,)

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self._packets = environment.packets
        self._prefix = environment.account_prefix
        self.locks = HashLocks(environment.ledger, environment.account_prefix)

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for the port ``htlc``."""
        return {PORT_ID: HashLockApplication(self.locks)}

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages of ``isthmus.htlc.v1.Msg``."""
        return (
            self._route("MsgLock", decode_lock, lambda m: m.sender, self._lock),
            self._route("MsgClaim", decode_claim, lambda m: m.signer, self._claim),
            self._route("MsgRefund", decode_refund, lambda m: m.signer, self._refund),
            self._route(
                "MsgSendPreimage", decode_send_preimage, lambda m: m.sender, self._send_preimage
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the questions of ``isthmus.htlc.v1.Query``."""
        return (
            query_route(f"{_SERVICE}.Query/Lock", pb.QueryLockRequest, self._query_lock),
            query_route(f"{_SERVICE}.Query/Locks", pb.QueryLocksRequest, self._query_locks),
        )

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Lock what ``locks`` says, out of the senders' balances.

        Each is ``hash`` in hex, ``sender``, ``receiver``, ``denom``, ``amount`` and
        ``expires_at`` in UNIX seconds.
        """
        for entry in list_of_mappings(state, "locks"):
            lock = Lock(
                _digest(text(entry, "hash")),
                parse_address(self._prefix, text(entry, "sender")),
                parse_address(self._prefix, text(entry, "receiver")),
                Coin(parse_denom(text(entry, "denom")), parse_amount(text(entry, "amount"))),
                integer(entry, "expires_at"),
            )
            self.locks.lock(ctx, lock)
        return ()

    def _lock(self, ctx: Context, message: Lock) -> bytes:
        self.locks.lock(ctx, message)
        return encode(pb.MsgLockResponse())

    def _claim(self, ctx: Context, message: Claim) -> bytes:
        self.locks.claim(ctx, message.preimage)
        return encode(pb.MsgClaimResponse())

    def _refund(self, ctx: Context, message: Refund) -> bytes:
        self.locks.refund(ctx, message.digest)
        return encode(pb.MsgRefundResponse())

    def _send_preimage(self, ctx: Context, message: SendPreimage) -> bytes:
        sequence = self._packets.send_packet(
            ctx,
            PORT_ID,
            message.source_channel,
            message.timeout_height,
            message.timeout_timestamp,
            message.preimage,
        )
        return encode(pb.MsgSendPreimageResponse(sequence=sequence))

    def _query_lock(self, ctx: Context, request: pb.QueryLockRequest) -> pb.QueryLockResponse:
        lock = self.locks.get(ctx, check_digest(request.hash))
        if lock is None:
            raise UnknownLock(request.hash.hex())
        return pb.QueryLockResponse(lock=lock_to_proto(lock, self._prefix))

    def _query_locks(self, ctx: Context, request: pb.QueryLocksRequest) -> pb.QueryLocksResponse:
        page, pagination = page_of_store(ctx.store(STORE_NAME), LOCKS, request.pagination)
        locks = (lock_to_proto(load_lock(value, self._prefix), self._prefix) for _, value in page)
        return pb.QueryLocksResponse(locks=locks, pagination=pagination)

    def _route(
        self,
        name: str,
        decode: Callable[[bytes, str], Any],
        signer: Callable[[Any], Any],
        handle: Callable[[Context, Any], bytes],
    ) -> MessageRoute[Any]:
        return MessageRoute(
            f"{_SERVICE}.{name}",
            lambda data: decode(data, self._prefix),
            lambda message: (signer(message),),
            handle,
        )


def APPLICATION(environment: ApplicationEnvironment) -> HashLockModule:  # noqa: N802 - a constant of its package
    """Return the module of hash locks."""
    return HashLockModule(environment)


def _digest(text_: str) -> bytes:
    try:
        return check_digest(bytes.fromhex(text_))
    except ValueError as error:
        raise MalformedMessage(f"genesis: hash: {2 * HASH_BYTES} hex digits") from error
