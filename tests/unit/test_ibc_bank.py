"""ICS-20 and forwarding over the chain's own bank, gas paid, as a block runs them."""

import json

import pytest

from chainkit.modules.auth import AuthModule
from chainkit.modules.bank import BankModule
from chainkit.runtime.gas import GasMeter
from ibc.ics20_transfer.denoms import extract_denom
from ibc.testing.chain import PREFIX, TestChain
from ibc.testing.path import Path, sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import DATAGRAM, TRANSFER, address, send, transfer_path


def bank_chain(name: str) -> TestChain:
    bank = BankModule(AuthModule(PREFIX), module_accounts=("gov", "transfer", "mint"))
    return TestChain(name, (TRANSFER, DATAGRAM), ledger=bank)


def bank_world() -> tuple[Path, Path]:
    a, hub, b = (bank_chain(name) for name in ("zone-a", "hub-1", "zone-b"))
    a.fund("alice", "uatom", 1_000)
    return transfer_path(a, hub), transfer_path(hub, b)


@pytest.mark.parametrize("receiver", ["bob", "nobody"])
def test_a_forwarded_token_arrives_or_comes_back(receiver):
    """Over the real ledger too, a token is at one of its ends after both answers."""
    first, second = bank_world()
    b = second.b.chain
    forward = {
        "receiver": address(b, "bob") if receiver == "bob" else receiver,
        "port": "transfer",
        "channel": second.a.channel_id,
    }
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=json.dumps({"forward": forward}))
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    answer = written_acknowledgements(second.recv(second.b, onward)[1])[0][1]
    origin, answer = written_acknowledgements(second.acknowledge(second.a, onward, answer)[1])[0]
    first.acknowledge(first.a, origin, answer)
    near = extract_denom(f"transfer/{first.b.channel_id}/uatom").local_denom()
    far = extract_denom(
        f"transfer/{second.b.channel_id}/transfer/{first.b.channel_id}/uatom"
    ).local_denom()
    arrived = 300 if receiver == "bob" else 0

    assert b.balance("bob", far) == arrived == b.supply(far)
    assert first.b.chain.supply(near) == arrived
    assert first.a.chain.balance("alice", "uatom") == 1_000 - arrived
    assert first.a.chain.supply("uatom") == 1_000


def test_a_receive_costs_the_same_gas_everywhere():
    """Gas enters the results hash: two chains in one state charge one amount."""
    used = []
    for _ in range(2):
        first, _ = bank_world()
        hub = first.b.chain
        packet = send(first.a, "alice", address(hub, "hubert"), "uatom", 300)
        message = hub.decode(first.recv_message(first.b, packet))
        meter = GasMeter()
        hub.core.router.recv_packet(hub.context().with_gas(meter), message)
        used.append(meter.consumed)

    assert used[0] == used[1] > 0
