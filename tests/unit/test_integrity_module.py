"""The chains that the hub knows: genesis, binding, caps, rises, isolation, and held packets."""

from dataclasses import replace

import pytest

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.addresses import format_address
from ibc.errors import Unauthorized
from ibc.ics02_client.errors import ClientNotFound
from ibc.testing.chain import PREFIX
from ibc.testing.path import written_acknowledgements
from integrity import messages
from integrity.axes import Level
from integrity.errors import InvalidMeasurement, InvalidTransition, UnknownChain
from integrity.isolation import FROZEN, HALTED
from integrity.levels import LevelState
from integrity.module import IntegrityModule
from integrity.monitor import Monitor
from integrity.records import HUB, ChannelPolicy
from integrity.rules import Mode
from tests.unit.ibc_worlds import address, send
from tests.unit.integrity_worlds import Hub
from tests.unit.test_integrity_guard import forward

SERVICE = "/isthmus.integrity.v1.Msg"
FULL = [
    {"axis": axis, "score": 10**9}
    for axis in ("control", "capture", "economic", "change_control", "watch")
]


class World:
    """A hub with the module, one zone, and the accounts that may do something."""

    def __init__(self, **zones: int) -> None:
        self.hub = Hub(**zones)
        gov = self.hub.chain.ledger.module_address("gov")
        self.module = IntegrityModule(
            Monitor(self.hub.clients), self.hub.chain.core, PREFIX, self.hub.chain.ledger
        )
        self.routes = {route.type_url: route for route in self.module.message_routes()}
        self.gov = format_address(gov, PREFIX)

    def start(self, *chains: dict, **params: object) -> None:
        """Write a genesis."""
        state = {"params": params, "chains": list(chains)}
        self.hub.store.kv.delete(b"chain/hub")
        for name in self.hub.zones:
            self.hub.store.kv.delete(b"chain/" + name.encode())
            client = self.hub.paths[name].a.client_id
            self.hub.store.kv.delete(b"client/" + client.encode())
        self.module.init_genesis(self.hub.chain.context(), state)

    def say(self, name: str, message) -> None:
        """Run a message."""
        route = self.routes[SERVICE + name]
        decoded = route.decode(encode(message))
        assert route.signers(decoded) == (decoded.signer,)
        ctx = self.hub.chain.context()
        with ctx.savepoint():
            route.handle(ctx, decoded)

    def user(self, name: str) -> str:
        """Return an account's text."""
        return address(self.hub.chain, name)

    def bind(self, zone: str, signer: str = "") -> None:
        """Bind a zone to its client."""
        client = self.hub.paths[zone].a.client_id
        self.say(
            "BindChain",
            tx_pb2.MsgBindChain(authority=signer or self.gov, chain=zone, client_id=client),
        )

    def level(self, name: str) -> int:
        """Return a chain's level."""
        chain = self.hub.store.chain(name)
        assert chain is not None
        return chain.level.level

    def blocks(self, count: int) -> None:
        """Let the hub make blocks."""
        for _ in range(count):
            self.hub.chain.commit()
            self.module.begin_block(self.hub.chain.context())


def zone(**more: object) -> dict:
    """Return the description of a zone."""
    return {"name": "z", "chain_id": "z-1", "operator": "someone", "declared": FULL, **more}


def test_genesis_starts_each_chain_at_the_level_it_comes_to():
    """The hub by what is declared of it; a zone that nothing follows yet at 0."""
    world = World(z=0)
    world.start({"name": HUB, "operator": "us", "declared": FULL}, zone(), profile="laptop")

    assert world.level(HUB) == 4
    assert world.level("z") == 0


@pytest.mark.parametrize(
    ("chain", "refusal"),
    [
        (zone(name="Z!"), MalformedMessage),
        (zone(cap=5), InvalidTransition),
        (zone(declared=[{"axis": "beauty", "score": 1}]), InvalidMeasurement),
        (zone(declared=[*FULL, FULL[0]]), InvalidMeasurement),
        (zone(declared=[{"axis": "watch", "score": 2**63}]), InvalidMeasurement),
    ],
)
def test_a_bad_description_is_refused(chain, refusal):
    """Genesis is input too."""
    with pytest.raises(refusal):
        World(z=0).start(chain)


def test_a_chain_is_described_once_and_profiles_are_known():
    """Two of one name would let the better one be picked."""
    with pytest.raises(InvalidTransition, match="twice"):
        World(z=0).start(zone(), zone())
    with pytest.raises(InvalidTransition, match="profile"):
        World(z=0).start(zone(), profile="generous")


def test_only_registrar_and_governance_bind_and_only_once():
    """Anybody can make a client with another's chain id; it stays at level 0."""
    world = World(z=0)
    world.start(zone(), registrar=world.user("op"))
    with pytest.raises(Unauthorized):
        world.bind("z", world.user("mallory"))
    world.bind("z", world.user("op"))

    with pytest.raises(InvalidTransition, match="bound already"):
        world.bind("z")
    with pytest.raises(UnknownChain):
        world.say("Reinstate", tx_pb2.MsgReinstate(authority=world.gov, chain="nobody"))


def test_a_client_stands_for_one_chain_and_must_exist():
    """One client for two chains would lend one the other's level."""
    world = World(z=0)
    world.start(zone(), zone(name="y"))
    world.bind("z")
    client = world.hub.paths["z"].a.client_id
    for client_id, refusal in ((client, InvalidTransition), ("x-client-77", ClientNotFound)):
        message = tx_pb2.MsgBindChain(authority=world.gov, chain="y", client_id=client_id)
        with pytest.raises(refusal):
            world.say("BindChain", message)


def test_a_light_client_that_says_nothing_of_itself_is_worth_nothing():
    """The test client offers no assurance: one attestor, level 0, whatever is declared."""
    world = World(z=0)
    world.start(zone(), profile="laptop")
    world.bind("z")

    assert world.level("z") == 0
    (record,) = world.hub.store.level_records("z")
    assert "verification" in record.reason


def test_a_cap_is_the_operators_alone():
    """Nobody else sets it."""
    world = World(z=0)
    world.start(zone(operator=world.user("op")))
    cap = tx_pb2.MsgSetCap(operator=world.user("mallory"), chain="z", cap=1)
    with pytest.raises(Unauthorized):
        world.say("SetCap", cap)
    cap.operator = world.user("op")
    world.say("SetCap", cap)
    chain = world.hub.store.chain("z")

    assert chain is not None
    assert chain.level.cap == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ConfirmRise", tx_pb2.MsgConfirmRise(chain="z")),
        ("SetChannelPolicy", tx_pb2.MsgSetChannelPolicy(channel="channel-0", mode=2)),
        ("Reinstate", tx_pb2.MsgReinstate(chain="z")),
    ],
)
def test_what_raises_or_loosens_is_governances(name, message):
    """Nobody else's."""
    world = World(z=0)
    world.start(zone())
    message.authority = world.user("mallory")
    with pytest.raises(Unauthorized):
        world.say(name, message)


def test_governance_chooses_a_channels_mode():
    """Strict until then."""
    world = World(z=0)
    world.start(zone())
    assert world.hub.store.policy("channel-0") == ChannelPolicy()
    with pytest.raises(InvalidTransition, match="no rise waits"):
        world.say("ConfirmRise", tx_pb2.MsgConfirmRise(authority=world.gov, chain="z"))
    message = tx_pb2.MsgSetChannelPolicy(
        authority=world.gov, channel="channel-0", mode=1, strict_equal=True
    )
    world.say("SetChannelPolicy", message)

    assert world.hub.store.policy("channel-0") == ChannelPolicy(Mode.LOW_WATER_MARK, True)


def test_a_zone_that_stalls_is_isolated_and_joins_again_when_it_moves():
    """Halting by staleness: the axis falls to 0, and no vote is needed to come back."""
    world = World(z=0)
    world.start(zone(), epoch_blocks=2, stale_epochs=2)
    world.bind("z")
    world.blocks(6)
    chain = world.hub.store.chain("z")
    assert chain is not None
    assert chain.isolated == HALTED

    path = world.hub.paths["z"]
    path.update(path.a)
    world.blocks(2)
    chain = world.hub.store.chain("z")
    assert chain is not None
    assert chain.isolated == ""


@pytest.mark.parametrize(("stale_epochs", "due"), [(0, 0), (9, 3)])
def test_a_quiet_zone_is_not_late_where_nobody_must_report(stale_epochs, due):
    """Without a limit for silence an epoch without news counts for nothing."""
    world = World(z=0)
    world.start(zone(), epoch_blocks=2, stale_epochs=stale_epochs)
    world.bind("z")
    world.blocks(6)
    chain = world.hub.store.chain("z")
    assert chain is not None
    assert (chain.epochs_due, chain.epochs_on_time) == (due, 0)

    path = world.hub.paths["z"]
    path.update(path.a)
    world.blocks(2)
    chain = world.hub.store.chain("z")
    assert chain is not None
    assert (chain.epochs_due, chain.epochs_on_time) == (due + 1, 1)


def test_a_frozen_client_is_a_proved_fraud():
    """Isolated in the next block, level 0, its lots in quarantine, until governance says so."""
    world = World(z=0)
    world.start(zone(), epoch_blocks=2, stale_epochs=0)
    world.bind("z")
    world.hub.change("z", level=LevelState(Level(3)))
    path = world.hub.paths["z"]
    light_client, store = world.hub.clients.route(world.hub.chain.context(), path.a.client_id)
    light_client.update_on_misbehaviour(world.hub.chain.context(), store, None)
    world.blocks(1)
    chain = world.hub.store.chain("z")

    assert chain is not None
    assert (chain.isolated, chain.level.level) == (FROZEN, 0)
    assert "z" in world.hub.store.quarantines()
    world.say("Reinstate", tx_pb2.MsgReinstate(authority=world.gov, chain="z"))
    assert world.hub.store.quarantines() == {}


def test_a_held_packet_that_nobody_released_is_refused():
    """The origin is refunded at the end of the hold."""
    world = World(source=3, high=3)
    hub = world.hub
    world.hub.store.set_params(replace(hub.store.params(), hold_blocks=3, stale_epochs=0))
    path = hub.paths["source"]
    memo = forward(hub, "high")
    packet = send(path.b, "alice", address(hub.chain, "bob"), "usource", 7, memo=memo)
    fallen = LevelState(Level(0), previous=Level(3), fell_at=hub.chain.height)
    hub.change("source", level=fallen)
    assert hub.receive("source", packet) == []

    answers = []
    for _ in range(5):
        hub.chain.commit()
        ctx = hub.chain.context()
        world.module.begin_block(ctx)
        answers += written_acknowledgements(ctx.events.all())
    ((_, answer),) = answers
    path.acknowledge(path.b, packet, answer)
    assert hub.zones["source"].balance("alice", "usource") == 10_000
    assert list(hub.store.held()) == []


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (messages.decode_bind_chain, tx_pb2.MsgBindChain(chain="z", client_id="x-1")),
        (messages.decode_set_cap, tx_pb2.MsgSetCap(chain="z", cap=5)),
        (messages.decode_set_channel_policy, tx_pb2.MsgSetChannelPolicy(channel="c", mode=9)),
        (messages.decode_confirm_rise, tx_pb2.MsgConfirmRise(chain="a/b")),
        (messages.decode_reinstate, tx_pb2.MsgReinstate(chain="z")),
    ],
)
def test_a_malformed_message_is_refused_by_name(decode, message):
    """Blank signers, odd names, unknown modes."""
    with pytest.raises(RuleBroken):
        decode(encode(message), PREFIX)


def test_a_wellformed_message_is_read():
    """Each message, from its bytes to its values."""
    signer = format_address(b"\x07" * 20, "isthmus")
    bind = tx_pb2.MsgBindChain(authority=signer, chain="z-1", client_id="07-tendermint-3")
    cap = tx_pb2.MsgSetCap(operator=signer, chain="z", cap=2)
    policy = tx_pb2.MsgSetChannelPolicy(authority=signer, channel="channel-4", mode=1)
    rise = tx_pb2.MsgConfirmRise(authority=signer, chain="z")
    back = tx_pb2.MsgReinstate(authority=signer, chain="z")

    assert messages.decode_bind_chain(encode(bind), "isthmus").client_id == "07-tendermint-3"
    assert messages.decode_set_cap(encode(cap), "isthmus").cap == 2
    assert messages.decode_set_channel_policy(encode(policy), "isthmus").mode is Mode(1)
    assert messages.decode_confirm_rise(encode(rise), "isthmus").chain == "z"
    assert messages.decode_reinstate(encode(back), "isthmus").signer == b"\x07" * 20
