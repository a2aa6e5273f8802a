"""ICS-27: an account on another chain does what its owner sends, and nothing else."""

from dataclasses import dataclass

import pytest
from google.protobuf.any_pb2 import Any

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import ConnectionId, Denom, PortId
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.interchain_accounts.controller.v1 import (
    query_pb2,
    tx_pb2,
)
from chainkit.wire.proto.ibc.applications.interchain_accounts.host.v1 import host_pb2
from chainkit.wire.proto.ibc.applications.interchain_accounts.host.v1 import tx_pb2 as host_tx
from chainkit.wire.proto.ibc.applications.interchain_accounts.v1 import packet_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.errors import InvalidRequest, InvalidType, Unauthorized
from ibc.ics04_channel.acknowledgement import (
    RemoteError,
    ResultAcknowledgement,
    decode_acknowledgement,
)
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.types import ChannelCounterparty
from ibc.ics27_accounts.codec import (
    AccountPacket,
    decode_account_packet,
    decode_metadata,
    default_metadata,
    encode_account_packet,
    encode_metadata,
)
from ibc.ics27_accounts.errors import (
    ActiveChannelNotFound,
    ActiveChannelSet,
    InvalidAccountsVersion,
    InvalidChannelFlow,
    InvalidCodec,
    UnknownDataType,
)
from ibc.ics27_accounts.host import hosted_address
from ibc.ics27_accounts.module import APPLICATION as ACCOUNTS
from ibc.testing.chain import TestChain
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import LATER, TRANSFER, address, transfer_path


@dataclass
class World:
    """A controller ``a`` and a host ``b`` with a transfer channel and alice's account."""

    path: Path
    transfers: Path
    port: PortId
    account: str

    def send(self, *messages, owner="alice"):
        """Send a transaction; return its packet."""
        packed = [Any(type_url="/" + m.DESCRIPTOR.full_name, value=encode(m)) for m in messages]
        _, events = self.path.a.chain.execute(
            tx_pb2.MsgSendTx(
                owner=address(self.path.a.chain, owner),
                connection_id=self.path.a.connection_id,
                packet_data=packet_pb2.InterchainAccountPacketData(
                    type=packet_pb2.TYPE_EXECUTE_TX,
                    data=encode(packet_pb2.CosmosTx(messages=packed)),
                ),
                relative_timeout=LATER,
            )
        )
        return sent_packets(events)[0]

    def deliver(self, packet):
        """Return what the host answers."""
        outcome, events = self.path.recv(self.path.b, packet)
        assert outcome is Outcome.SUCCESS
        ((_, answer),) = written_acknowledgements(events)
        self.path.acknowledge(self.path.a, packet, answer)
        return decode_acknowledgement(answer)

    def transfer(self, sender: str, amount: int = 5) -> MsgTransfer:
        """Return a message that the account may send on the host: tokens home over transfer."""
        return MsgTransfer(
            source_port="transfer",
            source_channel=self.transfers.b.channel_id,
            token=coin_pb2.Coin(denom="uhost", amount=str(amount)),
            sender=sender,
            receiver=address(self.path.a.chain, "carol"),
            timeout_timestamp=self.path.b.chain.time + LATER,
        )


def open_account(path: Path, owner: str = "alice", **more) -> str:
    """Register an account for an owner and finish the handshake; return its address."""
    a = path.a
    _, events = a.chain.execute(
        tx_pb2.MsgRegisterInterchainAccount(
            owner=address(a.chain, owner), connection_id=a.connection_id, **more
        )
    )
    (begun,) = (event for event in events if event.type == "channel_open_init")
    a.channel_id, a.port_id = begun.get("channel_id"), PortId(begun.get("port_id"))
    path.finish_channel()
    return a.chain.query(
        "/ibc.applications.interchain_accounts.controller.v1.Query/InterchainAccount",
        query_pb2.QueryInterchainAccountRequest(
            owner=address(a.chain, owner), connection_id=a.connection_id
        ),
        query_pb2.QueryInterchainAccountResponse,
    ).address


@pytest.fixture
def world() -> World:
    a = TestChain("owner-1", (TRANSFER, ACCOUNTS))
    b = TestChain("host-1", (TRANSFER, ACCOUNTS))
    transfers = transfer_path(a, b)
    path = Path(
        Endpoint(a, PortId(""), "", transfers.a.client_id, transfers.a.connection_id),
        Endpoint(b, PortId("icahost"), "", transfers.b.client_id, transfers.b.connection_id),
    )
    account = open_account(path)
    host = hosted_address(ConnectionId(path.b.connection_id), path.a.port_id)
    assert account == b.text(host)
    coin = b.ledger
    b.fund("alice", "uhost", 100)
    coin.send(b.context(), b.account("alice"), host, Coin(Denom("uhost"), 50))
    return World(path, transfers, path.a.port_id, account)


def test_an_account_sends_a_transaction_on_the_other_chain(world) -> None:
    """Two messages of its owner are executed as the account's, and the answers come back."""
    packet = world.send(world.transfer(world.account), world.transfer(world.account, 7))
    answer = world.deliver(packet)

    assert isinstance(answer, ResultAcknowledgement)
    data = decode_known(TxMsgData, answer.result, max_bytes=1_000)
    assert [each.type_url for each in data.msg_responses] == [
        "/ibc.applications.transfer.v1.MsgTransferResponse"
    ] * 2
    host = world.path.b.chain
    owner = hosted_address(ConnectionId(world.path.b.connection_id), world.port)
    assert host.ledger.balance(host.context(), owner, "uhost") == 38


def refused(answer, code: int) -> bool:
    return isinstance(answer, RemoteError) and f"code: {code}:" in answer.text


def test_the_account_signs_for_nobody_else(world) -> None:
    """A message of another signer is refused, and the ones before it are undone."""
    host = world.path.b.chain
    before = host.ledger.balance(host.context(), host.account("alice"), "uhost")
    packet = world.send(world.transfer(world.account), world.transfer(address(host, "alice")))

    assert refused(world.deliver(packet), Unauthorized.code)
    assert host.ledger.balance(host.context(), host.account("alice"), "uhost") == before


def test_a_message_that_fails_undoes_those_before_it(world) -> None:
    """All or none."""
    host = world.path.b.chain
    packet = world.send(world.transfer(world.account), world.transfer(world.account, 1_000))

    assert isinstance(world.deliver(packet), RemoteError)
    owner = hosted_address(ConnectionId(world.path.b.connection_id), world.port)
    assert host.ledger.balance(host.context(), owner, "uhost") == 50


def test_the_host_says_which_messages(world) -> None:
    """Governance lists type URLs; what is not listed is refused."""
    host = world.path.b.chain
    host.execute(
        host_tx.MsgUpdateParams(
            signer=host.text(host.ledger.module_address("gov")),
            params=host_pb2.Params(
                host_enabled=True, allow_messages=["/cosmos.bank.v1beta1.MsgSend"]
            ),
        )
    )
    assert refused(world.deliver(world.send(world.transfer(world.account))), Unauthorized.code)
    with pytest.raises(Unauthorized):
        host.execute(
            host_tx.MsgUpdateParams(
                signer=address(host, "mallory"), params=host_pb2.Params(host_enabled=True)
            )
        )


def test_only_the_owner_sends(world) -> None:
    """Another owner has no account here, and cannot use this one."""
    with pytest.raises(ActiveChannelNotFound):
        world.send(world.transfer(world.account), owner="mallory")


def test_each_owner_and_connection_has_its_own_account(world) -> None:
    """No two pairs share an address, however their texts are cut."""
    seen = {
        hosted_address(ConnectionId(connection), PortId(port))
        for connection, port in (
            ("connection-1", "icacontroller-a"),
            ("connection-11", "icacontroller-a"),
            ("connection-1", "1icacontroller-a"),
            ("connection-1", "icacontroller-b"),
        )
    }
    assert len(seen) == 4


def test_one_channel_at_a_time(world) -> None:
    """A second registration is refused on either chain while the channel is open."""
    a = world.path.a
    register = tx_pb2.MsgRegisterInterchainAccount(
        owner=address(a.chain, "alice"), connection_id=a.connection_id
    )
    with pytest.raises(ActiveChannelSet):
        a.chain.execute(register)
    ctx, host = world.path.b.chain.context(), accounts_of(world.path.b.chain).host
    counterparty = ChannelCounterparty(a.port_id, a.channel_id)
    hops = (ConnectionId(world.path.b.connection_id),)
    with pytest.raises(ActiveChannelSet):
        host.on_chan_open_try(ctx, None, hops, PortId("icahost"), "channel-9", counterparty, "")


def test_the_wrong_end_is_refused(world) -> None:
    """The host begins no channel and the controller answers none; users close none."""
    controller, host = accounts_of(world.path.a.chain), accounts_of(world.path.b.chain)
    ctx = world.path.b.chain.context()
    with pytest.raises(InvalidChannelFlow):
        host.host.on_chan_open_init(ctx, None, (), "icahost", "channel-9", None, "")
    with pytest.raises(InvalidChannelFlow):
        controller.controller.on_chan_open_try(ctx, None, (), world.port, "channel-9", None, "")
    with pytest.raises(InvalidRequest):
        controller.controller.on_chan_close_init(ctx, world.port, "channel-1")
    with pytest.raises(InvalidChannelFlow):
        controller.controller.on_recv_packet(ctx, "", None, None)


def accounts_of(chain):
    application = chain.core.router.application(PortId("icahost"))
    return ACCOUNTS(application.environment)


def test_versions_are_checked() -> None:
    """Encoding, kind of transaction, version and connections: each refusal by its name."""
    metadata = default_metadata(ConnectionId("connection-0"), ConnectionId("connection-1"))
    text = encode_metadata(metadata)
    assert text == (
        '{"version":"ics27-1","controller_connection_id":"connection-0",'
        '"host_connection_id":"connection-1","address":"","encoding":"proto3",'
        '"tx_type":"sdk_multi_msg"}'
    )
    assert decode_metadata(text) == metadata
    a = TestChain("owner-1", (TRANSFER, ACCOUNTS))
    b = TestChain("host-1", (TRANSFER, ACCOUNTS))
    transfers = transfer_path(a, b)
    path = Path(
        Endpoint(a, PortId(""), "", transfers.a.client_id, transfers.a.connection_id),
        Endpoint(b, PortId("icahost"), "", transfers.b.client_id, transfers.b.connection_id),
    )
    good = encode_metadata(
        default_metadata(
            ConnectionId(transfers.a.connection_id), ConnectionId(transfers.b.connection_id)
        )
    )
    for old, new, refusal in (
        ("proto3", "proto3json", InvalidCodec),
        ("sdk_multi_msg", "evm", UnknownDataType),
        ("ics27-1", "ics27-2", InvalidAccountsVersion),
        ('"connection-0"', '"connection-7"', InvalidAccountsVersion),
        ('"address"', '"addr"', InvalidType),
    ):
        with pytest.raises(refusal):
            open_account(path, version=good.replace(old, new, 1))


def test_packets_are_protobuf_s_json() -> None:
    """As ibc-go writes them; other fields and types are refused."""
    packet = AccountPacket(b"\x01\x02", "hello")
    data = encode_account_packet(packet)

    assert data == b'{"type":"TYPE_EXECUTE_TX","data":"AQI=","memo":"hello"}'
    assert decode_account_packet(data) == packet
    for wrong, refusal in (
        (b"[]", InvalidType),
        (b'{"type":"TYPE_EXECUTE_TX","data":"!","memo":""}', InvalidType),
        (b'{"type":"TYPE_EXECUTE_TX","data":1}', InvalidType),
        (b'{"type":"TYPE_EXECUTE_TX","data":"AQI=","more":""}', InvalidType),
        (b'{"type":"TYPE_UNSPECIFIED","data":"AQI="}', UnknownDataType),
    ):
        with pytest.raises(refusal):
            decode_account_packet(wrong)


def test_what_is_no_transaction_is_refused(world) -> None:
    """Garbage in the owner's own packet is answered with an error, and nothing else happens."""
    a = world.path.a.chain
    _, events = a.execute(
        tx_pb2.MsgSendTx(
            owner=address(a, "alice"),
            connection_id=world.path.a.connection_id,
            packet_data=packet_pb2.InterchainAccountPacketData(
                type=packet_pb2.TYPE_EXECUTE_TX, data=b"\xff\xff"
            ),
            relative_timeout=LATER,
        )
    )
    assert refused(world.deliver(sent_packets(events)[0]), InvalidType.code)
