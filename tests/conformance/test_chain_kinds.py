"""Every installed kind of chain keeps its contract: found by discovery, named nowhere here."""

import asyncio
import importlib.util
import itertools

import pytest

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.types import Address, ChainId, Denom, TimestampNs
from isthmus.discovery import (
    chain_kind_names,
    find_chain_kind,
    ibc_application_names,
    light_client_names,
)
from isthmus.ports import ChainKind, ChainUser
from parachains.sdk.kinds import MAX_PORTS_PER_NODE, ChainPlan
from parachains.sdk.users import ChainAccess, NotOffered, PacketKey, PacketStep, RawMessage
from relayer.ports import ChainClient

NODES = 3
ACCESS = ChainAccess(ChainId("x-1"), b"\x01" * 32, "isthmus", Denom("ucoin"))


@pytest.fixture(params=chain_kind_names())
def kind(request) -> ChainKind:
    return find_chain_kind(request.param)


class Away:
    """A transport to a node that does not answer."""

    async def call(self, method, params):
        raise OperationFailed(f"no answer to {method}")


def members(protocol: type) -> set[str]:
    return {
        name
        for base in protocol.__mro__
        if base.__module__.startswith(("isthmus", "relayer"))
        for name in vars(base)
        if not name.startswith("_")
    }


def plan() -> ChainPlan:
    return ChainPlan(
        name="solo",
        chain_id=ChainId("solo-1"),
        denom=Denom("ucoin"),
        address_prefix="isthmus",
        timeout_propose_ms=500,
        timeout_commit_ms=100,
        keep_states=0,
        genesis_time=TimestampNs(1_700_000_000 * 10**9),
        seeds=tuple(bytes([n]) * 32 for n in range(1, NODES + 1)),
        operators=tuple(Address(bytes([n]) * 20) for n in range(1, NODES + 1)),
        funded=((Address(b"\x09" * 20), 1_000),),
        light_clients=light_client_names(),
        applications=ibc_application_names(),
        genesis={},
    )


def test_a_kind_has_all_of_its_port(kind) -> None:
    """
    What the relayer and the command line will call is there.
    """
    assert members(ChainKind) <= set(dir(kind))
    assert kind.name in chain_kind_names()
    assert kind.summary
    assert members(ChainClient) <= set(dir(kind.client(ACCESS, Away())))
    assert members(ChainUser) <= set(dir(kind.user(ACCESS, Away())))


def test_a_kind_s_questions_are_commands(kind) -> None:
    """
    Names are unique, and the example is one of the question.
    """
    names = [form.name for form in kind.queries]

    assert len(set(names)) == len(names)
    for form in kind.queries:
        assert form.example.split()[0] == form.name
        assert form.summary
        needed = [each for each in form.arguments if not each.endswith("?")]
        assert needed == list(form.arguments[: len(needed)]), "what may be left out comes last"


def test_kinds_mean_the_same_by_one_question() -> None:
    """
    One command serves all chains of a network, so a name has the same arguments everywhere.
    """
    arguments: dict[str, tuple[str, ...]] = {}
    for name in chain_kind_names():
        for form in find_chain_kind(name).queries:
            assert arguments.setdefault(form.name, form.arguments) == form.arguments, form.name


def test_a_kind_writes_a_home_for_each_node(kind, tmp_path) -> None:
    """
    Homes and ports are each node's own, inside the chain's folder; a module starts each.
    """
    ports = itertools.count(20_000)
    nodes = kind.write_chain(tmp_path / "solo", plan(), ports)

    assert [node.name for node in nodes] == [f"solo-{n}" for n in range(NODES)]
    assert all(node.home.is_dir() and tmp_path / "solo" in node.home.parents for node in nodes)
    assert len({node.home for node in nodes}) == NODES
    assert len({port for node in nodes for port in (node.p2p_port, node.rpc_port)}) == 2 * NODES
    assert next(ports) - 20_000 <= MAX_PORTS_PER_NODE * NODES
    for node in nodes:
        module, *arguments = kind.node_command(node.home)
        assert importlib.util.find_spec(module) is not None
        assert str(node.home) in arguments


def test_a_node_that_does_not_answer_is_an_operation_that_failed(kind) -> None:
    """
    Whatever is asked: the caller waits or says so, and never sees another kind of error.
    """
    user = kind.user(ACCESS, Away())
    key = PacketKey("transfer", "channel-0", 1)
    asked = [
        kind.node_health(Away()),
        user.client.status(),
        user.client.clients(),
        user.client.connections(),
        user.packets_sent_by("AB" * 32),
        user.packet_events(PacketStep.SENT, key, ("", "")),
    ]
    for question in asked:
        with pytest.raises(OperationFailed):
            asyncio.run(question)


def test_what_a_kind_does_not_have_is_refused_by_name(kind) -> None:
    """
    An unknown question and a message of no type are the person's mistakes, not crashes.
    """
    user = kind.user(ACCESS, Away())
    with pytest.raises(NotOffered, match="nothing-such"):
        asyncio.run(user.ask("nothing-such", {}))
    with pytest.raises((MalformedMessage, NotOffered)):
        asyncio.run(user.message(RawMessage({})))
    with pytest.raises((MalformedMessage, OperationFailed)):
        asyncio.run(user.packets_sent_by("not a hash"))
