"""Planned upgrades of the hub: who plans, what is committed for clients, where the chain stops."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.ics23.specs import IAVL_SPEC, TENDERMINT_SPEC
from chainkit.formats.tendermint.verify_commit import ONE_THIRD
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, BlockHeight, TimestampNs
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.addresses import format_address
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import InvalidRequest, NotFound, Unauthorized, UpgradeNeeded
from chainkit.runtime.store import MemoryStore, Overlay
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.upgrade.v1beta1 import tx_pb2, upgrade_pb2
from chainkit.wire.proto.ibc.core.client.v1 import query_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from light_clients.tendermint import codec as tendermint
from light_clients.tendermint.types import ClientState, ConsensusState
from light_clients.tendermint.upgrade import zero_custom_fields
from relay_chain.app import hub_application
from relay_chain.app.upgrade import (
    UpgradeModule,
    upgraded_client_key,
    upgraded_consensus_key,
)
from relay_chain.app.upgrade_codec import (
    Plan,
    decode_cancel_upgrade,
    decode_ibc_software_upgrade,
    decode_plan,
    decode_software_upgrade,
    encode_plan,
)
from tests.unit.test_hub_staking import genesis

AUTHORITY = Address(b"\x07" * 20)
NOBODY = Address(b"\x08" * 20)
TIME = TimestampNs(10**18)
HOUR = 3_600 * 10**9
NEW = ClientState(
    chain_id="hub-1",
    trust_level=ONE_THIRD,
    trusting_period=HOUR,
    unbonding_period=3 * HOUR,
    max_clock_drift=10**9,
    latest_height=Height(1, 41),
    proof_specs=(IAVL_SPEC, TENDERMINT_SPEC),
    upgrade_path=("upgrade", "upgradedIBCState"),
)
NEXT = b"\x0a" * 32


class World:
    """The module alone, over a store that lasts."""

    def __init__(self, *known: str) -> None:
        self.store = MemoryStore()
        self.module = UpgradeModule(AUTHORITY, "isthmus", known)
        self.routes = {route.type_url: route for route in self.module.message_routes()}

    def at(self, height: int) -> Context:
        return Context(
            chain_id="hub-1",
            height=BlockHeight(height),
            time=TIME,
            mode=ExecutionMode.DELIVER,
            overlay=Overlay(lambda _: self.store),
            next_validators_hash=NEXT,
        )

    def send(self, height: int, url: str, message) -> None:
        ctx, route = self.at(height), self.routes[url]
        assert len(route.signers(route.decode(encode(message)))) == 1
        route.handle(ctx, route.decode(encode(message)))
        self.keep(ctx)

    def begin(self, height: int) -> Context:
        ctx = self.at(height)
        self.module.begin_block(ctx)
        self.keep(ctx)
        return ctx

    def keep(self, ctx: Context) -> None:
        for key, value in ctx.overlay.changes().get("upgrade", {}).items():
            if value is None:
                self.store.delete(key)
            else:
                self.store.set(key, value)


def schedule(height: int, *, name: str = "v2", signer: Address = AUTHORITY, state=NEW):
    """``MsgIBCSoftwareUpgrade``."""
    value = tendermint.encode_client_state(state)
    message = client_tx_pb2.MsgIBCSoftwareUpgrade(
        plan=upgrade_pb2.Plan(name=name, height=height),
        signer=format_address("isthmus", signer),
    )
    message.upgraded_client_state.type_url = value.type_url
    message.upgraded_client_state.value = value.value
    return message


PLAN_URL = "/ibc.core.client.v1.MsgIBCSoftwareUpgrade"


def test_clients_are_told_how_to_follow() -> None:
    """
    The client state is committed without what each client chooses; the block before the plan's
    commits to who signs next; both are gone once the upgrade is done.
    """
    world = World("v2")
    world.send(5, PLAN_URL, schedule(40))
    expected = tendermint.encode_any(tendermint.encode_client_state(zero_custom_fields(NEW)))
    assert world.store.get(upgraded_client_key(40)) == expected
    assert expected != tendermint.encode_any(tendermint.encode_client_state(NEW))

    world.begin(38)
    assert world.store.get(upgraded_consensus_key(40)) is None
    world.begin(39)
    stored = world.store.get(upgraded_consensus_key(40))
    state = tendermint.decode_consensus_state(tendermint.decode_any(stored))
    assert state == ConsensusState(TIME, b"", NEXT)

    events = world.begin(40).events.all()
    assert [event.type for event in events] == ["upgrade"]
    assert world.store.get(upgraded_client_key(40)) is None
    assert world.store.get(upgraded_consensus_key(40)) is None
    world.begin(41)


@pytest.mark.parametrize("height", [40, 43])
def test_a_program_without_the_upgrade_stops(height) -> None:
    """At the plan's height, and at any after it; the refusal names plan and height."""
    world = World("v1")
    world.send(5, PLAN_URL, schedule(40))
    with pytest.raises(UpgradeNeeded, match=r"^upgrade v2 is due at height 40: start a program"):
        world.module.begin_block(world.at(height))


def test_only_the_authority_plans_and_cancels() -> None:
    """Another signer is refused; a cancelled plan stops nothing and its states are gone."""
    world = World()
    with pytest.raises(Unauthorized):
        world.send(5, PLAN_URL, schedule(40, signer=NOBODY))
    world.send(5, PLAN_URL, schedule(40))
    cancel = "/cosmos.upgrade.v1beta1.MsgCancelUpgrade"
    with pytest.raises(Unauthorized):
        world.send(6, cancel, tx_pb2.MsgCancelUpgrade(authority=format_address("isthmus", NOBODY)))
    world.send(6, cancel, tx_pb2.MsgCancelUpgrade(authority=format_address("isthmus", AUTHORITY)))
    assert world.store.get(upgraded_client_key(40)) is None
    world.begin(40)


def test_a_plan_without_clients_and_a_plan_that_replaces_it() -> None:
    """``MsgSoftwareUpgrade`` commits to no client state; a new plan takes the old one's place."""
    world = World()
    world.send(
        5,
        "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade",
        tx_pb2.MsgSoftwareUpgrade(
            authority=format_address("isthmus", AUTHORITY),
            plan=upgrade_pb2.Plan(name="v2", height=40, info="notes"),
        ),
    )
    assert world.module.plan(world.at(6)) == Plan("v2", BlockHeight(40), "notes")
    assert world.store.get(upgraded_client_key(40)) is None
    world.send(6, PLAN_URL, schedule(50, name="v3"))
    assert world.module.plan(world.at(7)) == Plan("v3", BlockHeight(50))
    world.send(7, PLAN_URL, schedule(60, name="v3"))
    assert world.store.get(upgraded_client_key(50)) is None
    world.begin(50)


@pytest.mark.parametrize("height", [1, 5, 6])
def test_no_plan_for_a_block_that_cannot_be_prepared(height) -> None:
    """The block before the plan's must still begin after the plan is made."""
    with pytest.raises(InvalidRequest, match="cannot be scheduled in the past"):
        World().send(5, PLAN_URL, schedule(height))


def test_an_upgrade_is_done_once() -> None:
    """The name of one that was done is refused for another plan."""
    world = World("v2")
    world.send(5, PLAN_URL, schedule(40))
    world.begin(40)
    with pytest.raises(InvalidRequest, match="v2 has already been completed"):
        world.send(41, PLAN_URL, schedule(60))


@pytest.mark.parametrize(
    "plan",
    [
        upgrade_pb2.Plan(name="", height=4),
        upgrade_pb2.Plan(name="n" * 141, height=4),
        upgrade_pb2.Plan(name="v", height=0),
        upgrade_pb2.Plan(name="v", height=-4),
        upgrade_pb2.Plan(name="v", height=4, info="i" * 4_097),
        upgrade_pb2.Plan(name="v", height=4, upgraded_client_state=pack_any(upgrade_pb2.Plan())),
    ],
)
def test_malformed_plans(plan) -> None:
    """No name, a name or info too long, no height, or a field that is no more used."""
    with pytest.raises(InvalidRequest):
        decode_plan(encode(plan))
    authority = format_address("isthmus", AUTHORITY)
    with pytest.raises(InvalidRequest):
        decode_software_upgrade(
            encode(tx_pb2.MsgSoftwareUpgrade(authority=authority, plan=plan)), "isthmus"
        )


def test_forms_survive_their_codec() -> None:
    """A stored plan, and messages of another chain's addresses."""
    plan = Plan("v2", BlockHeight(40), "notes")
    assert decode_plan(encode_plan(plan)) == plan
    with pytest.raises(RuleBroken):
        decode_ibc_software_upgrade(encode(schedule(40)), "cosmos")
    with pytest.raises(RuleBroken):
        decode_cancel_upgrade(encode(tx_pb2.MsgCancelUpgrade(authority="x")), "isthmus")


def test_the_state_of_another_kind_of_client_is_refused() -> None:
    """Only a Tendermint client follows this chain."""
    message = schedule(40)
    message.upgraded_client_state.type_url = "/ibc.lightclients.solomachine.v3.ClientState"
    world = World()
    with pytest.raises(RuleBroken):
        world.send(5, PLAN_URL, message)
    assert world.module.plan(world.at(6)) is None


def test_what_is_planned_is_answered() -> None:
    """``UpgradedClientState`` and ``UpgradedConsensusState``; NotFound before they are there."""
    world = World()
    queries = {route.path.rpartition("/")[2]: route for route in world.module.query_routes()}
    ask = queries["UpgradedClientState"]
    with pytest.raises(NotFound):
        ask.handle(world.at(6), b"")
    world.send(5, PLAN_URL, schedule(40))
    answer = query_pb2.QueryUpgradedClientStateResponse.FromString(ask.handle(world.at(6), b""))
    assert answer.upgraded_client_state.value == (
        tendermint.encode_client_state(zero_custom_fields(NEW)).value
    )
    consensus = queries["UpgradedConsensusState"]
    with pytest.raises(NotFound):
        consensus.handle(world.at(6), b"")
    world.begin(39)
    found = query_pb2.QueryUpgradedConsensusStateResponse.FromString(
        consensus.handle(world.at(39), b"")
    )
    assert found.upgraded_consensus_state.type_url == tendermint.CONSENSUS_STATE_TYPE_URL


def test_a_stopped_hub_answers_and_goes_on_with_another_program(monkeypatch) -> None:
    """
    The refused block changes nothing: the last state is still answered with its proof, and a
    program that has the upgrade executes the same block over the same database.
    """
    database = MemoryDatabase()
    hub = hub_application(database, light_clients=(), applications=())
    hub.init_chain(genesis())

    def block(app, height: int) -> None:
        request = FinalizeBlockRequest(
            BlockHeight(height), TimestampNs(TIME + height), Address(bytes(20)), (),
            next_validators_hash=NEXT,
        )  # fmt: skip
        app.finalize_block(request)
        app.commit()

    for height in (1, 2):
        block(hub, height)
    monkeypatch.setattr(UpgradeModule, "plan", lambda *_: Plan("v2", BlockHeight(4)))
    block(hub, 3)
    before = hub.info()
    with pytest.raises(UpgradeNeeded):
        block(hub, 4)
    assert hub.info() == before
    answer = hub.query(
        "store/upgrade/key", upgraded_consensus_key(4), height=BlockHeight(3), prove=True
    )
    assert answer.value
    assert [op.type for op in answer.proof_ops] == ["ics23:iavl", "ics23:simple"]

    again = hub_application(database, light_clients=(), applications=(), upgrades=("v2",))
    block(again, 4)
    assert replace(again.info(), last_block_app_hash=b"") == replace(
        before, last_block_height=4, last_block_app_hash=b""
    )
