"""A light client of a :class:`~ibc.testing.chain.TestChain`."""

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256

from chainkit.primitives.heights import Height, parse_height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.codec import decode_any, encode_any
from ibc.ics02_client.errors import (
    ConsensusStateNotFound,
    FailedMembershipVerification,
    FailedNonMembershipVerification,
    InvalidHeader,
    InvalidUpgradeClient,
)
from ibc.ics02_client.port import AnyValue, Status
from ibc.ics24_host.paths import CLIENT_STATE, consensus_state_key

CLIENT_TYPE = "99-test"
CLIENT_STATE_URL = "/isthmus.testing.v1.ClientState"
CONSENSUS_STATE_URL = "/isthmus.testing.v1.ConsensusState"
HEADER_URL = "/isthmus.testing.v1.Header"
MISBEHAVIOUR_URL = "/isthmus.testing.v1.Misbehaviour"


@dataclass(frozen=True, slots=True)
class TestHeader:
    """A height, its time and its root, signed with the chain's name as the key."""

    __test__ = False

    chain_id: str
    height: Height
    time: TimestampNs
    root: bytes

    def consensus_state(self) -> AnyValue:
        """Return what a client keeps of it."""
        return AnyValue(CONSENSUS_STATE_URL, self.time.to_bytes(8, "big") + self.root)

    def client_state(self) -> AnyValue:
        """Return a client's state that trusts it."""
        return _client_state(self.chain_id, self.height, frozen=False)

    def message(self, type_url: str = HEADER_URL) -> AnyValue:
        """Return it as a client message."""
        body = json.dumps([self.chain_id, str(self.height), self.time, self.root.hex()])
        return AnyValue(type_url, _sign(self.chain_id, body.encode()) + body.encode())


def _sign(chain_id: str, body: bytes) -> bytes:
    return hmac.digest(chain_id.encode(), body, "sha256")


def _client_state(chain_id: str, latest: Height, *, frozen: bool) -> AnyValue:
    return AnyValue(CLIENT_STATE_URL, json.dumps([chain_id, str(latest), frozen]).encode())


def encode_proof(pairs: dict[bytes, bytes]) -> bytes:
    """Return a whole store as a proof."""
    return json.dumps([[key.hex(), pairs[key].hex()] for key in sorted(pairs)]).encode()


def root_of(proof: bytes) -> bytes:
    """Return the root that a proof opens."""
    return sha256(proof).digest()


class TestLightClient:
    """Fits the port ``LightClient``."""

    __test__ = False

    client_type = CLIENT_TYPE
    client_state_type_url = CLIENT_STATE_URL
    consensus_state_type_url = CONSENSUS_STATE_URL
    client_message_type_urls = (HEADER_URL, MISBEHAVIOUR_URL)

    def initialize(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        store: KVStore,
        client_state: AnyValue,
        consensus_state: AnyValue,
    ) -> None:
        """Write both states."""
        store.set(CLIENT_STATE, encode_any(client_state))
        height = self.latest_height(store)
        store.set(consensus_state_key(height), encode_any(consensus_state))

    def status(self, ctx: Context, store: KVStore) -> Status:  # noqa: ARG002
        """Return frozen or active; it does not expire."""
        return Status.FROZEN if self._state(store)[2] else Status.ACTIVE

    def latest_height(self, store: ReadStore) -> Height:
        """Return the highest height seen."""
        return parse_height(str(self._state(store)[1]))

    def timestamp_at_height(self, store: ReadStore, height: Height) -> TimestampNs:
        """Return the time at a height seen."""
        return TimestampNs(int.from_bytes(self._consensus(store, height)[:8], "big"))

    def verify_client_message(self, ctx: Context, store: KVStore, message: AnyValue) -> None:  # noqa: ARG002
        """Check the signature and the chain."""
        chain_id = str(self._state(store)[0])
        if not hmac.compare_digest(_sign(chain_id, message.value[32:]), message.value[:32]):
            raise InvalidHeader("not signed by the chain")

    def check_for_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> bool:  # noqa: ARG002
        """Return whether it was sent as misbehaviour."""
        return message.type_url == MISBEHAVIOUR_URL

    def update_state(
        self,
        ctx: Context,  # noqa: ARG002
        store: KVStore,
        message: AnyValue,
    ) -> tuple[Height, ...]:
        """Keep a header."""
        chain_id, height, time, root = json.loads(message.value[32:])
        header = TestHeader(chain_id, parse_height(height), time, bytes.fromhex(root))
        store.set(consensus_state_key(header.height), encode_any(header.consensus_state()))
        latest = max(header.height, self.latest_height(store))
        store.set(CLIENT_STATE, encode_any(_client_state(chain_id, latest, frozen=False)))
        return (header.height,)

    def update_on_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> None:  # noqa: ARG002
        """Freeze."""
        chain_id, latest, _ = self._state(store)
        frozen = _client_state(str(chain_id), parse_height(str(latest)), frozen=True)
        store.set(CLIENT_STATE, encode_any(frozen))

    def verify_membership(
        self,
        ctx: Context,  # noqa: ARG002
        store: KVStore,
        height: Height,
        delay_time_ns: int,  # noqa: ARG002
        delay_blocks: int,  # noqa: ARG002
        proof: bytes,
        path: tuple[bytes, ...],
        value: bytes,
    ) -> None:
        """Look the value up in the store that the proof writes out."""
        if self._opened(store, height, proof).get(path[1].hex()) != value.hex():
            raise FailedMembershipVerification(path[1].decode(errors="replace"))

    def verify_non_membership(
        self,
        ctx: Context,  # noqa: ARG002
        store: KVStore,
        height: Height,
        delay_time_ns: int,  # noqa: ARG002
        delay_blocks: int,  # noqa: ARG002
        proof: bytes,
        path: tuple[bytes, ...],
    ) -> None:
        """Look for nothing in the store that the proof writes out."""
        if path[1].hex() in self._opened(store, height, proof):
            raise FailedNonMembershipVerification(path[1].decode(errors="replace"))

    def verify_upgrade_and_update_state(
        self,
        ctx: Context,  # noqa: ARG002
        store: KVStore,  # noqa: ARG002
        new_client_state: AnyValue,  # noqa: ARG002
        new_consensus_state: AnyValue,  # noqa: ARG002
        client_proof: bytes,  # noqa: ARG002
        consensus_state_proof: bytes,  # noqa: ARG002
    ) -> None:
        """Refuse: these chains have no upgrades."""
        raise InvalidUpgradeClient("not offered")

    def recover(self, ctx: Context, store: KVStore, substitute: KVStore) -> None:  # noqa: ARG002
        """Take the substitute's states over."""
        height = self.latest_height(substitute)
        for key in (CLIENT_STATE, consensus_state_key(height)):
            value = substitute.get(key)
            assert value is not None
            store.set(key, value)

    def _state(self, store: ReadStore) -> list[object]:
        value = store.get(CLIENT_STATE)
        assert value is not None
        decoded: list[object] = json.loads(decode_any(value).value)
        return decoded

    def _consensus(self, store: ReadStore, height: Height) -> bytes:
        value = store.get(consensus_state_key(height))
        if value is None:
            raise ConsensusStateNotFound(str(height))
        return decode_any(value).value

    def _opened(self, store: ReadStore, height: Height, proof: bytes) -> dict[str, str]:
        if root_of(proof) != self._consensus(store, height)[8:]:
            raise FailedMembershipVerification("the proof opens another root")
        return dict(json.loads(proof))
