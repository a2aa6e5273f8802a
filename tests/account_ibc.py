"""An account chain that fits ``ibc.testing``'s paths: every message is a signed transaction."""

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ethereum.signatures import address_of
from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Denom
from chainkit.runtime.gas import GasMeter
from chainkit.wire.codec import encode, type_url
from ibc.addresses import format_address
from ibc.forward.module import APPLICATION
from ibc.ics24_host.paths import STORE_NAME
from ibc.testing.light_client import TestHeader, TestLightClient, encode_proof, root_of
from parachains.account.addresses import IBC_ADDRESS
from parachains.account.contracts.abi import decode_abi
from parachains.account.contracts.ibc import event_of_log
from parachains.account.errors import Reverted
from parachains.account.execution import context_of
from tests.account_worlds import ETHER, PREFIX, AccountWorld, User

EXECUTE = "execute(bytes[])"
NAMES = ("relayer", "sam", "ann")
KINDS = (
    "create_client", "update_client", "connection_open_init", "connection_open_try",
    "channel_open_init", "channel_open_try", "send_packet", "recv_packet",
    "write_acknowledgement", "acknowledge_packet", "timeout_packet", "ibc_transfer",
    "fungible_token_packet", "ibccallbackerror-fungible_token_packet", "timeout",
)  # fmt: skip


def user_named(name):
    return User(int.from_bytes(sha256(name.encode()), "big") >> 8)


def packed(message):
    """A message as the contract takes it."""
    return encode(AnyProto(type_url=type_url(message), value=encode(message)))


class AccountTestChain(AccountWorld):
    """Fits what ``ibc.testing.path`` uses of a ``TestChain``."""

    def __init__(self, applications=(APPLICATION,), light_clients=None, **options):
        self.users = {user_named(name).address: user_named(name) for name in NAMES}
        self.chain_id = "account"
        self.headers, self.proofs = {}, {}
        super().__init__(
            light_clients=(TestLightClient(),) if light_clients is None else light_clients,
            applications=applications,
            balances=dict.fromkeys(self.users, 1000 * ETHER),
            database=MemoryDatabase(),
            **options,
        )

    def commit(self, block=1):
        """Commit a block, or so many empty ones; return the height that can now be proven."""
        if isinstance(block, int):
            for _ in range(block):
                self.block()
            return self.own_height()
        super().commit(block)
        pairs = dict(self.ledger.state.overlay().store(STORE_NAME).iterate(b"", None))
        number, proof = self.head.number, encode_proof(pairs)
        self.proofs[number] = proof
        time = self.head.timestamp * NS_PER_SECOND
        self.headers[number] = TestHeader(self.chain_id, Height(0, number), time, root_of(proof))
        return block

    def own_height(self):
        return Height(0, self.head.number)

    @property
    def core(self):
        return next(module for module in self.ledger._modules if module.name == "ibc")

    @property
    def time(self):
        return (self.head.timestamp + 1) * NS_PER_SECOND

    def account(self, name):
        return user_named(name).address

    def text(self, address):
        return format_address(address, PREFIX)

    def context(self):
        environment = self.ledger.next_environment(
            self.head, timestamp=self.head.timestamp + 1, coinbase=self.account("relayer")
        )
        return context_of(self.ledger.rules, environment, self.ledger.state.overlay(), GasMeter())

    def balance(self, name, denom):
        ctx = self.context()
        return self.ledger.token_ledger.balance(ctx, self.account(name), Denom(denom))

    def supply(self, denom):
        return self.ledger.token_ledger.supply(self.context(), Denom(denom))

    def send(self, message, user=None):
        """Run a message as a transaction of its signer; return what it did."""
        signer = getattr(message, "signer", "") or getattr(message, "sender", "")
        if user is None:
            user = next(u for a, u in self.users.items() if self.text(a) == signer)
        return self.run(user, IBC_ADDRESS, EXECUTE, (packed(message),))

    def execute(self, message):
        """Run a message; return its response and events, or raise its refusal."""
        executed = self.send(message)
        if executed.outcome.error is not None:
            raise executed.outcome.error
        ((response,),) = decode_abi(("bytes[]",), executed.outcome.output)
        return response, events_of(executed.receipt.logs)


def events_of(logs):
    """The events of IBC among logs."""
    found = [
        event_of_log(log.topics, log.data, KINDS) for log in logs if log.address == IBC_ADDRESS
    ]
    return tuple(event for event in found if event is not None)


def address_text(key):
    return format_address(address_of(key), PREFIX)


__all__ = ["EXECUTE", "AccountTestChain", "Reverted", "events_of", "packed", "user_named"]
