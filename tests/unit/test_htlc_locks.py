"""Hash locks of accounts: terms, claims before the expiry, refunds from it on, and preimages that rise."""

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.ics23 import IAVL_SPEC, TENDERMINT_SPEC, verify_chained_membership
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address, BlockHeight, Denom, TimestampNs
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2 as height_pb2
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2 as pb
from htlc.onchain.errors import (
    HashReused,
    LockClosed,
    LockExpired,
    NotExpired,
    UnknownLock,
    WrongPreimage,
    WrongTerms,
)
from htlc.onchain.locks.application import PORT_ID, VERSION
from htlc.onchain.locks.codec import load_lock
from htlc.onchain.locks.locks import LOCKS, HashLocks
from htlc.onchain.locks.module import APPLICATION as HTLC
from htlc.onchain.locks.terms import MAX_LOCK_SECONDS, Lock, lock_address
from ibc.ics04_channel.acknowledgement import ErrorAcknowledgement, encode_acknowledgement
from ibc.testing.chain import PREFIX, TestChain
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from integrity.contents import READERS
from integrity.errors import ChainIsolated, LowToHigh
from integrity.lots import Lot
from integrity.rules import Content
from isthmus.discovery import find_ibc_applications, ibc_application_names
from parachains.zone import zone_application
from relay_chain.app.hub import hub_application
from tests.unit.ibc_worlds import LATER, SECOND, TRANSFER, address
from tests.unit.integrity_worlds import Hub
from tests.unit.test_runtime_application import ALICE, BOB, Genesis

SECRET = b"\x07" * 32
HASH = sha256(SECRET)
OTHER = b"\x08" * 32
MINUTE = 60
UISTH = Denom("uisth")


class World:
    """One ledger with Alice's coins."""

    def __init__(self) -> None:
        self.chain = TestChain("hub-1", (TRANSFER, HTLC))
        self.chain.fund("alice", "uisth", 1_000)

    def now(self) -> int:
        """Return the block's time in UNIX seconds."""
        return self.chain.time // SECOND

    def lock(self, digest=HASH, amount=100, *, seconds=MINUTE, receiver="bob", expires_at=None):
        """Let Alice lock coins for Bob."""
        until = self.now() + seconds if expires_at is None else expires_at
        self.chain.execute(
            pb.MsgLock(
                sender=address(self.chain, "alice"),
                receiver=address(self.chain, receiver),
                amount=coin_pb2.Coin(denom="uisth", amount=str(amount)),
                hash=digest,
                expires_at=until,
            )
        )
        return until

    def claim(self, preimage=SECRET):
        """Let anybody bring a preimage."""
        return self.chain.execute(
            pb.MsgClaim(signer=address(self.chain, "carol"), preimage=preimage)
        )

    def refund(self, digest=HASH):
        """Let anybody end a lock."""
        return self.chain.execute(pb.MsgRefund(signer=address(self.chain, "carol"), hash=digest))

    def holdings(self):
        """Return what Alice, Bob and the lock hold."""
        ctx, ledger = self.chain.context(), self.chain.ledger
        locked = ledger.balance(ctx, lock_address(HASH), UISTH)
        return self.chain.balance("alice", "uisth"), self.chain.balance("bob", "uisth"), locked


@pytest.fixture
def world():
    return World()


def test_the_preimage_pays_the_receiver_whoever_brings_it(world):
    """A claim pays who the sender named, once, and shows the preimage to all."""
    world.lock()
    assert world.holdings() == (900, 0, 100)
    _, events = world.claim()
    assert world.holdings() == (900, 100, 0)
    [claimed] = [event for event in events if event.type == "hash_lock_claimed"]
    assert dict(claimed.attributes)["preimage"] == SECRET.hex()
    with pytest.raises(LockClosed):
        world.claim()
    world.chain.time += 2 * MINUTE * SECOND
    with pytest.raises(LockClosed):
        world.refund()
    assert world.holdings() == (900, 100, 0)


@pytest.mark.parametrize("offset_ns", [-1, 0, 1])
def test_at_every_moment_exactly_one_of_claim_and_refund_is_valid(world, offset_ns):
    """Claims are of blocks before the expiry, refunds of blocks from it on: never both."""
    expires_at = world.lock()
    world.chain.time = expires_at * SECOND + offset_ns
    if offset_ns < 0:
        with pytest.raises(NotExpired):
            world.refund()
        world.claim()
        assert world.holdings() == (900, 100, 0)
    else:
        with pytest.raises(LockExpired):
            world.claim()
        world.refund()
        assert world.holdings() == (1_000, 0, 0)
        with pytest.raises(LockClosed):
            world.refund()


@pytest.mark.parametrize("size", [0, 31, 33, 64, 520, 521])
def test_a_preimage_of_another_size_opens_nothing(world, size):
    """A lock under the hash of a secret of another size is claimed by nobody."""
    secret = b"\x01" * size
    world.lock(sha256(secret))
    with pytest.raises(WrongPreimage):
        world.claim(secret)
    locks = HashLocks(world.chain.ledger, PREFIX)
    with pytest.raises(WrongPreimage):
        locks.claim(world.chain.context(), secret)


def test_a_hash_is_used_once(world):
    """A second lock under a hash is refused, open, claimed or refunded as the first may be."""
    world.lock()
    with pytest.raises(HashReused):
        world.lock()
    world.claim()
    with pytest.raises(HashReused):
        world.lock()


def test_what_nobody_should_lock_under_is_refused(world):
    """An expiry that is not ahead or too far, no coins, a module as receiver, a short hash."""
    now = world.now()
    for terms in (
        {"expires_at": now},
        {"expires_at": 0},
        {"seconds": MAX_LOCK_SECONDS + 1},
        {"expires_at": 2**64 - 1},
        {"amount": 0},
    ):
        with pytest.raises(WrongTerms):
            world.lock(**terms)
    for digest in (b"", HASH[:31], HASH + b"\x00"):
        with pytest.raises(WrongTerms):
            world.lock(digest)
    gov = world.chain.ledger.module_address("gov")
    lock = Lock(HASH, world.chain.account("alice"), gov, Coin(UISTH, 1), now + 1)
    with pytest.raises(WrongTerms):
        HashLocks(world.chain.ledger, PREFIX).lock(world.chain.context(), lock)
    with pytest.raises(RuleBroken):
        world.lock(amount=1_001)
    assert world.holdings() == (1_000, 0, 0)
    world.lock(seconds=MAX_LOCK_SECONDS)


def test_what_opens_nothing_is_told(world):
    """A preimage or a hash that nobody locked under is refused by name."""
    with pytest.raises(UnknownLock):
        world.claim(OTHER)
    with pytest.raises(UnknownLock):
        world.refund(sha256(OTHER))
    with pytest.raises(UnknownLock):
        world.chain.query("/isthmus.htlc.v1.Query/Lock", pb.QueryLockRequest(hash=HASH), pb.Lock)


def test_locks_can_be_asked_for(world):
    """One by its hash, all by pages."""
    expires_at = world.lock()
    world.lock(sha256(OTHER), 5)
    world.claim()
    answer = world.chain.query(
        "/isthmus.htlc.v1.Query/Lock", pb.QueryLockRequest(hash=HASH), pb.QueryLockResponse
    )
    assert answer.lock.preimage == SECRET
    assert answer.lock.status == pb.STATUS_CLAIMED
    assert answer.lock.expires_at == expires_at
    answer = world.chain.query(
        "/isthmus.htlc.v1.Query/Locks", pb.QueryLocksRequest(), pb.QueryLocksResponse
    )
    assert {lock.hash for lock in answer.locks} == {HASH, sha256(OTHER)}


def test_messages_name_who_must_have_signed():
    """Each decodes to its signer; an address of another chain or a short hash is refused."""
    routes = {route.type_url: route for route in HTLC(Product()).message_routes()}
    alice = format_address("isthmus", ALICE)
    coin = coin_pb2.Coin(denom="uisth", amount="5")
    later = height_pb2.Height(revision_number=1, revision_height=9)
    for message in (
        pb.MsgLock(sender=alice, receiver=alice, amount=coin, hash=HASH, expires_at=9),
        pb.MsgClaim(signer=alice, preimage=SECRET),
        pb.MsgRefund(signer=alice, hash=HASH),
        pb.MsgSendPreimage(
            sender=alice, source_channel="channel-0", preimage=SECRET, timeout_height=later
        ),
    ):
        route = routes[type_url(message)]
        assert route.signers(route.decode(encode(message))) == (ALICE,)
        for broken in ({"hash": HASH[1:]}, {"preimage": SECRET[1:]}, {"signer": "cosmos1x"}):
            [(field, value)] = broken.items()
            if field in type(message).DESCRIPTOR.fields_by_name:
                changed = type(message)()
                changed.CopyFrom(message)
                setattr(changed, field, value)
                with pytest.raises(RuleBroken):
                    route.decode(encode(changed))


class Product:
    """What an application is built with on a real chain."""

    packets = None
    ledger = None
    account_prefix = "isthmus"


def test_genesis_locks_coins_of_the_senders_balance():
    """What genesis says is locked is taken from its sender, and can be claimed."""
    world = World()
    module = HTLC(Environment(world.chain))
    entry = {
        "hash": HASH.hex(),
        "sender": address(world.chain, "alice"),
        "receiver": address(world.chain, "bob"),
        "denom": "uisth",
        "amount": "7",
        "expires_at": world.now() + 1,
    }
    module.init_genesis(world.chain.context(), {"locks": [entry]})
    assert world.holdings() == (993, 0, 7)
    world.claim()
    assert world.holdings() == (993, 7, 0)
    for broken in ({"hash": "zz"}, {"amount": "-1"}, {"expires_at": 0}, {"sender": "alice"}):
        with pytest.raises(RuleBroken):
            module.init_genesis(world.chain.context(), {"locks": [entry | broken]})
    with pytest.raises(MalformedMessage):
        module.init_genesis(world.chain.context(), {"locks": 1})


class Environment:
    """What an application is built with, over a chain of a test."""

    def __init__(self, chain: TestChain) -> None:
        self.packets = chain.core.router
        self.ledger = chain.ledger
        self.account_prefix = PREFIX


def test_a_lock_can_be_shown_to_other_chains_by_proof():
    """A lock is proven under the hash of its commit, as a swap's other side needs it."""
    entry = {
        "hash": HASH.hex(),
        "sender": format_address("isthmus", ALICE),
        "receiver": format_address("isthmus", BOB),
        "denom": "stake",
        "amount": "7",
        "expires_at": 1_000_000_100,
    }
    genesis = Genesis()
    genesis.app_state["htlc"] = {"locks": [entry]}
    app = zone_application(MemoryDatabase(), light_clients=(), applications=(TRANSFER, HTLC))
    app.init_chain(genesis)
    answers = []
    for height in (1, 2):
        time = TimestampNs(10**18 + height * 10**9)
        request = FinalizeBlockRequest(BlockHeight(height), time, Address(b"\x00" * 20), ())
        answers.append(app.finalize_block(request).app_hash)
        app.commit()
    result = app.query("/store/htlc/key", LOCKS + HASH, height=BlockHeight(1), prove=True)
    shown = load_lock(result.value, "isthmus")
    assert (shown.sender, shown.receiver, shown.coin) == (ALICE, BOB, Coin(Denom("stake"), 7))
    proofs = [op.data for op in result.proof_ops]
    key = (b"htlc", LOCKS + HASH)
    verify_chained_membership((IAVL_SPEC, TENDERMINT_SPEC), proofs, answers[0], key, result.value)


class LowZone:
    """A hub of level 4 with hash locks, and a zone of level 0 with a channel to them."""

    def __init__(self, zone_level: int = 0) -> None:
        self.hub = Hub(low=zone_level)
        self.chain = self.hub.chain
        self.chain.fund("alice", "uisth", 1_000)
        transfer = self.hub.paths["low"]
        self.path = Path(
            Endpoint(self.chain, "htlc", VERSION, transfer.a.client_id, transfer.a.connection_id),
            Endpoint(
                self.hub.zones["low"],
                "htlc",
                VERSION,
                transfer.b.client_id,
                transfer.b.connection_id,
            ),
        )
        self.path.open_channel()

    def lock(self, receiver="bob"):
        """Let a user of the hub lock coins."""
        self.chain.execute(
            pb.MsgLock(
                sender=address(self.chain, "alice"),
                receiver=address(self.chain, receiver),
                amount=coin_pb2.Coin(denom="uisth", amount="100"),
                hash=HASH,
                expires_at=self.chain.time // SECOND + 1_000,
            )
        )

    def bring(self, preimage: bytes):
        """Send a preimage from the zone and return what the hub answers."""
        zone = self.path.b.chain
        _, events = zone.execute(
            pb.MsgSendPreimage(
                sender=address(zone, "mallory"),
                source_channel=self.path.b.channel_id,
                preimage=preimage,
                timeout_timestamp=zone.time + LATER,
            )
        )
        [packet] = sent_packets(events)
        _, events = self.path.recv(self.path.a, packet)
        [(_, answer)] = written_acknowledgements(events)
        return packet, answer


def refusal(error) -> bytes:
    return encode_acknowledgement(ErrorAcknowledgement(error.code))


def test_a_preimage_rises_to_the_lock_that_it_opens():
    """IL-preimage: from level 0 to a hub of level 4, 32 bytes pay whom the hub's user named."""
    world = LowZone()
    world.lock()
    packet, answer = world.bring(SECRET)
    assert answer == b'{"result":"AQ=="}'
    assert world.chain.balance("bob", "uisth") == 100
    assert world.chain.balance("mallory", "uisth") == 0
    noted = world.hub.store.packet("htlc", world.path.a.channel_id, packet.sequence)
    assert noted is not None
    assert noted.content is Content.PREIMAGE


def test_32_bytes_that_open_nothing_do_not_rise():
    """IL-preimage: what no user of the hub stored the hash of is data from below."""
    world = LowZone()
    world.lock()
    _, answer = world.bring(OTHER)
    assert answer == refusal(LowToHigh)
    world.bring(SECRET)
    _, answer = world.bring(SECRET)
    assert answer == refusal(LowToHigh)
    assert world.chain.balance("bob", "uisth") == 100


def test_an_isolated_chain_brings_no_preimage():
    """Who is cut off is cut off; anybody may bring it by a transaction all the same."""
    world = LowZone()
    world.lock()
    world.hub.change("low", isolated="a proof")
    _, answer = world.bring(SECRET)
    assert answer == refusal(ChainIsolated)
    world.chain.execute(pb.MsgClaim(signer=address(world.chain, "carol"), preimage=SECRET))
    assert world.chain.balance("bob", "uisth") == 100


def test_locks_do_not_exchange_the_labels_of_their_lots():
    """A claim gives the lots that were locked: another lock's, and a stranger's, stay apart."""
    world = LowZone()
    ctx, keeper, ledger = world.chain.context(), world.hub.keeper, world.chain.ledger
    locks = HashLocks(Watched(ledger, keeper), PREFIX)
    expires_at = world.chain.time // SECOND + 10
    alice, bob, eve = (world.chain.account(name) for name in ("alice", "bob", "eve"))
    low = (Lot(0, "low", 1, 50),)
    world.chain.fund("eve", "uisth", 50)
    world.hub.store.set_lots(eve, UISTH, low)
    locks.lock(ctx, Lock(sha256(OTHER), eve, eve, Coin(UISTH, 40), expires_at))
    locks.lock(ctx, Lock(HASH, alice, bob, Coin(UISTH, 40), expires_at))
    locks.ledger.send(ctx, eve, lock_address(HASH), Coin(UISTH, 10))
    locks.claim(ctx, SECRET)
    assert ledger.balance(ctx, bob, UISTH) == 50
    assert world.hub.store.lots(bob, UISTH) == (Lot(0, "low", 1, 10),)
    locks.claim(ctx, OTHER)
    assert world.hub.store.lots(eve, UISTH) == (Lot(0, "low", 1, 40),)


class Watched:
    """A ledger whose moves the keeper of lots hears of, as the hub's bank has it."""

    def __init__(self, ledger, keeper) -> None:
        self._ledger, self._keeper = ledger, keeper

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def send(self, ctx, sender, receiver, coin):
        """Move, and tell."""
        self._ledger.send(ctx, sender, receiver, coin)
        self._keeper.moved(ctx, sender, receiver, coin)


def test_the_applications_that_chains_are_built_with_have_hash_locks():
    """Hub and zones get the module by its entry point, and the hub's rules know its port."""
    found = find_ibc_applications(ibc_application_names())
    for build in (hub_application, zone_application):
        app = build(MemoryDatabase(), light_clients=(), applications=found)
        assert "/isthmus.htlc.v1.Query/Lock" in {route.path for route in app.query_routes()}
    assert PORT_ID in READERS
