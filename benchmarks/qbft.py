"""QBFT: heights decided in virtual time, headers and proofs that its light client verifies.

Four validators. Deciding counts the machines, their logs and the simulated network; with real
keys every message is signed, encoded, decoded and its author recovered by each of the others.
Headers have three seals of four and go through the client into a store. The state has 10,000
accounts and as many IBC values. Processor time.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks.report import Row
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs, Hash32
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from light_clients.qbft import LIGHT_CLIENT, codec
from light_clients.qbft.types import ClientState, ConsensusState, MembershipProof
from parachains.account.simulation.plan import calm_plan
from parachains.account.simulation.world import Simulation
from tests.sealed_chain import BEGINNING, FOUR, IBC, State, header, sealed, validators

HEIGHTS = 500
HEADERS = 500
VALUES = 10_000
PROOFS = 500


def measure(
    heights: int = HEIGHTS, headers: int = HEADERS, values: int = VALUES, proven: int = PROOFS
) -> list[Row]:
    """Return a row each for heights, headers and proofs."""
    return [*_heights(heights), _headers(headers), *_proofs(values, proven)]


def _timed(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def _heights(count: int) -> list[Row]:
    plan = calm_plan(0)
    rows = []
    for name, is_real in (("stub keys", False), ("secp256k1", True)):
        simulation = Simulation(replace(plan, real_signatures=is_real))
        seconds = _timed(lambda run=simulation.run: run(heights=count))
        rows.append(Row(f"heights decided, {name}", count / seconds, "heights/s"))
    return rows


def _context() -> Context:
    return Context(
        chain_id="hub-1",
        height=7,
        time=(BEGINNING + HEADERS) * NS_PER_SECOND,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


def _client_store() -> MemoryStore:
    store = MemoryStore()
    period = DurationNs(10**6 * NS_PER_SECOND)
    client = ClientState("account-1", IBC, period, period, Height(0, 1))
    nothing = Hash32(bytes(32))
    first = ConsensusState(BEGINNING + 1, nothing, nothing, validators(*FOUR))
    LIGHT_CLIENT.initialize(
        _context(), store, codec.encode_client_state(client), codec.encode_consensus_state(first)
    )
    return store


def _headers(count: int) -> Row:
    store, ctx = _client_store(), _context()
    messages = [
        codec.encode_header_message(
            codec.sealed_header(sealed(header(number), (0, 1, 2)), Height(0, number - 1))
        )
        for number in range(2, count + 2)
    ]

    def update() -> None:
        for message in messages:
            LIGHT_CLIENT.verify_client_message(ctx, store, message)
            assert not LIGHT_CLIENT.check_for_misbehaviour(ctx, store, message)
            LIGHT_CLIENT.update_state(ctx, store, message)

    seconds = _timed(update)
    return Row("headers verified", count / seconds, "headers/s", "three seals of four each")


def _proofs(values: int, count: int) -> list[Row]:
    paths = [b"path %d" % number for number in range(values)]
    state = State({path: b"value of " + path for path in paths}, accounts=values)
    store, ctx, at = _client_store(), _context(), Height(0, 2)
    message = codec.encode_header_message(
        codec.sealed_header(sealed(header(2, state_root=state.root)), Height(0, 1))
    )
    LIGHT_CLIENT.verify_client_message(ctx, store, message)
    LIGHT_CLIENT.update_state(ctx, store, message)
    there = [paths[number * 7919 % values] for number in range(count)]
    absent = [b"no path %d" % number for number in range(count)]
    proofs = {
        path: codec.encode_membership_proof(MembershipProof(*state.prove(path)))
        for path in (*there, *absent)
    }

    def membership() -> None:
        for path in there:
            LIGHT_CLIENT.verify_membership(
                ctx, store, at, 0, 0, proofs[path], (b"ibc", path), b"value of " + path
            )

    def absence() -> None:
        for path in absent:
            LIGHT_CLIENT.verify_non_membership(ctx, store, at, 0, 0, proofs[path], (b"ibc", path))

    size = sum(map(len, proofs.values())) // len(proofs)
    note = f"account and slot, {size} bytes on average"
    return [
        Row("membership proofs verified", count / _timed(membership), "proofs/s", note),
        Row("absence proofs verified", count / _timed(absence), "proofs/s", note),
    ]
