"""IBC on the account chain: coins and vouchers over a path, events as logs, what is provable."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ethereum.accounts import verify_account_proof, verify_storage_proof
from chainkit.primitives.heights import Height
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, ChainId, Denom
from chainkit.runtime.gas import GasMeter
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.forward.module import APPLICATION
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.packets import self_height
from ibc.ics20_transfer.denoms import TracedDenom
from ibc.ics20_transfer.state import escrow_address
from ibc.ics24_host import paths
from ibc.testing.chain import TestChain
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from parachains.account.addresses import IBC_ADDRESS, voucher_address
from parachains.account.contracts.abi import decode_abi, topic_of
from parachains.account.contracts.erc20 import TRANSFER
from parachains.account.contracts.ibc import OTHER_EVENT, packet_topics
from parachains.account.contracts.machine import LOG_EVENT
from parachains.account.execution import BlockEnvironment, context_of
from parachains.account.ledger import Ledger
from tests.account_ibc import AccountTestChain, Reverted, events_of, user_named
from tests.account_worlds import ETHER, IDENTITY, NATIVE, total_of

TRANSFER_PORT, VERSION = "transfer", "ics20-1"
SECOND = 10**9


class Joined:
    """An account chain and a chain of ``ibc.testing`` with an open transfer channel."""

    def __init__(self):
        self.account = AccountTestChain()
        self.other = TestChain("other-1", (APPLICATION,))
        self.other.fund("bob", "stone", 1_000)
        self.a = Endpoint(self.account, TRANSFER_PORT, VERSION)
        self.b = Endpoint(self.other, TRANSFER_PORT, VERSION)
        self.path = Path(self.a, self.b).open()

    def transfer(self, end, sender, receiver, denom, amount, *, timeout=10**19):
        """Send tokens from an end; return the packet and the events."""
        message = MsgTransfer(
            source_port=end.port_id,
            source_channel=end.channel_id,
            sender=end.chain.text(end.chain.account(sender)),
            receiver=receiver,
            timeout_timestamp=timeout,
        )
        message.token.denom, message.token.amount = denom, str(amount)
        _, events = end.chain.execute(message)
        return sent_packets(events)[0]

    def deliver(self, end, packet):
        """Receive a packet at an end and answer it at the other; return the answer."""
        outcome, events = self.path.recv(end, packet)
        assert outcome is Outcome.SUCCESS
        ((_, acknowledgement),) = written_acknowledgements(events)
        self.path.acknowledge(self.path.other(end), packet, acknowledgement)
        return acknowledgement

    def text(self, end, name):
        return end.chain.text(end.chain.account(name))


@pytest.fixture
def joined():
    return Joined()


def voucher_at(end, base):
    """The denomination of ``base`` that came over the end's channel."""
    return TracedDenom(base).arrived_by(end.port_id, end.channel_id).local_denom()


def test_coins_go_over_and_come_home(joined) -> None:
    """Wei lie in the channel's own escrow while vouchers exist, and come back exactly."""
    escrow = escrow_address(TRANSFER_PORT, joined.a.channel_id)
    packet = joined.transfer(joined.a, "sam", joined.text(joined.b, "bob"), NATIVE, 5 * ETHER)
    joined.deliver(joined.b, packet)
    voucher = voucher_at(joined.b, NATIVE)
    assert joined.account.world.balance(escrow) == 5 * ETHER
    assert joined.other.balance("bob", voucher) == 5 * ETHER

    before = joined.account.balance("ann", NATIVE)
    back = joined.transfer(joined.b, "bob", joined.text(joined.a, "ann"), voucher, 2 * ETHER)
    joined.deliver(joined.a, back)
    assert joined.account.world.balance(escrow) == 3 * ETHER
    assert joined.account.balance("ann", NATIVE) == before + 2 * ETHER
    assert joined.other.supply(voucher) == 3 * ETHER


def test_foreign_tokens_are_erc20_vouchers(joined) -> None:
    """A voucher is a token at its own address, that moves by ERC-20 and burns on its way home."""
    packet = joined.transfer(joined.b, "bob", joined.text(joined.a, "sam"), "stone", 700)
    joined.deliver(joined.a, packet)
    voucher = voucher_at(joined.a, "stone")
    token = voucher_address(voucher)
    call = joined.account.call
    assert decode_abi(("string",), call(token, "symbol()")) == ("stone",)
    assert decode_abi(("string",), call(token, "name()")) == (
        f"transfer/{joined.a.channel_id}/stone",
    )
    sam, ann = user_named("sam"), user_named("ann")
    moved = joined.account.run(sam, token, "transfer(address,uint256)", ann.address, 200)
    assert moved.receipt.logs[0].topics[0] == TRANSFER
    assert joined.account.balance("ann", voucher) == 200

    back = joined.transfer(joined.a, "ann", joined.text(joined.b, "bob"), voucher, 150)
    joined.deliver(joined.b, back)
    assert joined.account.supply(voucher) == 550
    assert joined.other.balance("bob", "stone") == 1_000 - 700 + 150


def test_a_voucher_has_no_owner(joined) -> None:
    """Nobody mints vouchers by a method of the token."""
    packet = joined.transfer(joined.b, "bob", joined.text(joined.a, "sam"), "stone", 700)
    joined.deliver(joined.a, packet)
    token = voucher_address(voucher_at(joined.a, "stone"))
    executed = joined.account.run(
        user_named("sam"), token, "mint(address,uint256)", user_named("sam").address, 1
    )

    assert executed.receipt.status == 0


def test_a_timeout_refunds(joined) -> None:
    """A packet that was not received in time gives the sender back all of it."""
    account = joined.account
    before = account.balance("sam", NATIVE)
    deadline = joined.other.time + 3 * SECOND
    packet = joined.transfer(
        joined.a, "sam", joined.text(joined.b, "bob"), NATIVE, ETHER, timeout=deadline
    )
    fee = before - ETHER - account.balance("sam", NATIVE)
    joined.other.commit(5)
    outcome, _ = joined.path.time_out(joined.a, packet)

    assert outcome is Outcome.SUCCESS
    assert account.balance("sam", NATIVE) == before - fee
    assert account.world.balance(escrow_address(TRANSFER_PORT, joined.a.channel_id)) == 0


def test_host_time_is_the_block_s(joined) -> None:
    """A packet is refused from its timeout on, by the timestamp of the block that has it."""
    head = joined.account.head.timestamp
    deadline = (head + 4) * SECOND
    packet = joined.transfer(
        joined.b, "bob", joined.text(joined.a, "sam"), "stone", 5, timeout=deadline
    )
    message = joined.path.recv_message(joined.a, packet)
    assert joined.account.head.timestamp < head + 4
    while joined.account.head.timestamp < head + 3:
        joined.account.commit()
    with pytest.raises(Reverted, match="timeout"):
        joined.account.execute(message)


def test_a_refused_receive_leaves_an_answer_only(joined) -> None:
    """A blocked receiver: error acknowledgement, refund there, no token and no Transfer here."""
    blocked = joined.account.text(IBC_ADDRESS)
    packet = joined.transfer(joined.b, "bob", blocked, "stone", 100)
    executed = joined.account.send(joined.path.recv_message(joined.a, packet))
    assert executed.receipt.status == 1
    assert {log.address for log in executed.receipt.logs} == {IBC_ADDRESS}
    ((_, acknowledgement),) = written_acknowledgements(events_of(executed.receipt.logs))
    assert acknowledgement.startswith(b'{"error"')
    joined.path.acknowledge(joined.b, packet, acknowledgement)
    assert joined.other.balance("bob", "stone") == 1_000
    token = voucher_address(voucher_at(joined.a, "stone"))
    assert joined.account.world.account(token).is_empty


def test_a_refusal_after_the_mint_takes_it_back(joined) -> None:
    """The application mints and then refuses: balances, token and logs are as before.

    The memo asks to forward over a channel that does not exist, which is seen after the mint.
    """
    memo = '{"forward":{"receiver":"x","port":"transfer","channel":"channel-77"}}'
    message = MsgTransfer(
        source_port=TRANSFER_PORT,
        source_channel=joined.b.channel_id,
        sender=joined.text(joined.b, "bob"),
        receiver=joined.text(joined.a, "sam"),
        timeout_timestamp=10**19,
        memo=memo,
    )
    message.token.denom, message.token.amount = "stone", "100"
    packet = sent_packets(joined.other.execute(message)[1])[0]
    executed = joined.account.send(joined.path.recv_message(joined.a, packet))

    assert executed.receipt.status == 1
    assert {log.address for log in executed.receipt.logs} == {IBC_ADDRESS}
    renamed = topic_of(f"ibccallbackerror-{LOG_EVENT}{OTHER_EVENT}")
    assert renamed not in {log.topics[0] for log in executed.receipt.logs}
    token = voucher_address(voucher_at(joined.a, "stone"))
    assert joined.account.world.account(token).is_empty


def test_messages_are_the_caller_s(joined) -> None:
    """A message that names another signer is refused, with all of its transaction."""
    message = MsgTransfer(
        source_port=TRANSFER_PORT,
        source_channel=joined.a.channel_id,
        sender=joined.text(joined.a, "sam"),
        receiver="x",
        timeout_timestamp=10**19,
    )
    message.token.denom, message.token.amount = NATIVE, "5"
    executed = joined.account.send(message, user_named("ann"))

    assert executed.receipt.status == 0
    assert executed.outcome.error.reason == "message 0 is not the caller's"
    assert joined.account.balance("sam", NATIVE) == 1_000 * ETHER


def test_packets_are_found_by_topics(joined) -> None:
    """A log of send_packet has the channel's hash and the sequence as topics."""
    message = MsgTransfer(
        source_port=TRANSFER_PORT,
        source_channel=joined.a.channel_id,
        sender=joined.text(joined.a, "sam"),
        receiver="x",
        timeout_timestamp=10**19,
    )
    message.token.denom, message.token.amount = NATIVE, "5"
    executed = joined.account.send(message)
    wanted = packet_topics("send_packet", TRANSFER_PORT, joined.a.channel_id, 1)

    assert [log for log in executed.receipt.logs if log.topics == wanted]


def test_paths_are_proven_as_words_of_the_contract(joined) -> None:
    """Slot keccak(path) holds keccak(value) under the block's state root; absence is a zero."""
    packet = joined.transfer(joined.a, "sam", joined.text(joined.b, "bob"), NATIVE, 1)
    path = paths.packet_commitment(TRANSFER_PORT, joined.a.channel_id, packet.sequence)
    absent = paths.packet_receipt(TRANSFER_PORT, joined.a.channel_id, packet.sequence)
    state, head = joined.account.ledger.state, joined.account.head
    (value,) = decode_abi(("bytes",), joined.account.call(IBC_ADDRESS, "valueAt(bytes)", path))
    slots = (keccak256(path), keccak256(absent))
    proof = state.prove(head.number, Address(IBC_ADDRESS), slots)
    account = verify_account_proof(head.state_root, IBC_ADDRESS, proof.nodes)
    words = [
        verify_storage_proof(account.storage_root, item.slot, item.nodes) for item in proof.storage
    ]

    assert words == [keccak256(value), bytes(32)]
    assert words == [item.word for item in proof.storage]


def test_coins_are_conserved_over_a_path(joined) -> None:
    """No message of IBC makes or loses wei: only base fees burn."""
    account = joined.account
    total = total_of(account)
    burnt = sum(
        b.block.header.gas_used * b.block.header.base_fee_per_gas for b in account.blocks[1:]
    )
    packet = joined.transfer(joined.a, "sam", joined.text(joined.b, "bob"), NATIVE, ETHER)
    joined.deliver(joined.b, packet)
    now_burnt = sum(
        b.block.header.gas_used * b.block.header.base_fee_per_gas for b in account.blocks[1:]
    )

    assert total + burnt == 3_000 * ETHER
    assert total_of(account) + now_burnt == 3_000 * ETHER


def test_heights_have_revision_0() -> None:
    """Whatever the chain's name ends with: clients elsewhere know its blocks by number alone."""
    for name in ("account", "account-1", "account-77"):
        identity = replace(IDENTITY, chain_id=ChainId(name))
        ledger = Ledger(MemoryDatabase(), identity, light_clients=(), applications=())
        block = BlockEnvironment(5, 1_700_000_000, IBC_ADDRESS, 30_000_000, 7)
        ctx = context_of(ledger.rules, block, ledger.state.overlay(), GasMeter())

        assert self_height(ctx) == Height(0, 5)


def test_only_known_denominations_move(joined) -> None:
    """A denomination that is no token here is refused; so is a voucher that never came."""
    for denom in ("gold", Denom("ibc/" + "A" * 64)):
        with pytest.raises(Reverted):
            joined.transfer(joined.a, "sam", "x", denom, 5)
