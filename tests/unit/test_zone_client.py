"""A Tendermint chain as relayers see it, over a node that answers from memory."""

import base64
import json
import re

import pytest

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.runtime.tx_codec import decode_tx
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from chainkit.wire.proto.cosmos.auth.v1beta1.query_pb2 import QueryAccountResponse
from chainkit.wire.proto.ibc.core.channel.v1 import query_pb2 as channel_query
from ibc.ics02_client.port import AnyValue
from light_clients.tendermint.codec import decode_client_message, decode_client_state
from parachains.sdk.relaying import AccountSequenceWrong, TxRedundant, TxRefused
from parachains.zone.accounts import Key, tx_hash_of
from parachains.zone.client import ZoneClient, ZoneConfig, expected_sequence, has_overlap
from tests.signers import GENESIS_TIME, SECOND, light_block_of, set_of, signers

CHAIN = "zone-7"


class Node:
    """Ten blocks; the validators are replaced, one a block, after block 4."""

    def __init__(self, keys_at):
        self.keys_at = keys_at
        self.blocks = {}
        self.calls = []
        self.queries = {}
        self.refusal = None
        self.latest = max(keys_at) - 1
        for height in range(1, self.latest + 1):
            validators = set_of(keys_at[height], 10)
            following = set_of(keys_at[height + 1], 10)
            self.blocks[height] = light_block_of(
                CHAIN,
                height,
                GENESIS_TIME + height * SECOND,
                validators,
                keys_at[height],
                following,
            )

    async def call(self, method, params):
        self.calls.append((method, dict(params)))
        return getattr(self, method)(**params)

    def status(self):
        time = format_rfc3339(self.blocks[self.latest].signed_header.header.time)
        return {
            "sync_info": {
                "catching_up": False,
                "latest_block_height": str(self.latest),
                "latest_block_time": time,
            }
        }

    def header(self, height):
        return {"header": header_json(self.blocks[int(height)].signed_header.header)}

    def commit(self, height):
        signed = self.blocks[int(height)].signed_header
        commit = signed.commit
        return {
            "signed_header": {
                "header": header_json(signed.header),
                "commit": {
                    "height": str(commit.height),
                    "round": commit.round,
                    "block_id": block_id_json(commit.block_id),
                    "signatures": [
                        {
                            "block_id_flag": int(s.block_id_flag),
                            "validator_address": s.validator_address.hex().upper(),
                            "timestamp": format_rfc3339(s.timestamp),
                            "signature": base64.b64encode(s.signature).decode() or None,
                        }
                        for s in commit.signatures
                    ],
                },
            }
        }

    def validators(self, height, page, per_page):
        every = set_of(self.keys_at[int(height)], 10).validators
        start = (int(page) - 1) * int(per_page)
        return {
            "total": str(len(every)),
            "validators": [
                {
                    "address": v.address.hex().upper(),
                    "pub_key": {
                        "type": "tendermint/PubKeyEd25519",
                        "value": base64.b64encode(v.public_key).decode(),
                    },
                    "voting_power": str(v.voting_power),
                    "proposer_priority": str(v.proposer_priority),
                }
                for v in every[start : start + int(per_page)]
            ],
        }

    def abci_query(self, path, data, prove, height=None):
        if path not in self.queries:
            return {"response": {"code": 6, "codespace": "sdk", "log": "unknown query path"}}
        answer = self.queries[path]
        value = answer(bytes.fromhex(data)) if callable(answer) else answer
        return {"response": {"code": 0, "value": base64.b64encode(encode(value)).decode()}}

    def broadcast_tx_sync(self, tx):
        self.sent = base64.b64decode(tx)
        return self.refusal or {"code": 0, "codespace": "", "log": ""}

    def tx(self, **params):
        raise OperationFailed("tx not found")


def header_json(header):
    names = (
        "last_commit_hash", "data_hash", "validators_hash", "next_validators_hash",
        "consensus_hash", "app_hash", "last_results_hash", "evidence_hash", "proposer_address",
    )  # fmt: skip
    return {
        "version": {"block": str(header.version_block)},
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": format_rfc3339(header.time),
        "last_block_id": block_id_json(header.last_block_id),
        **{name: getattr(header, name).hex().upper() for name in names},
    }


def block_id_json(block_id):
    parts = block_id.part_set_header
    return {
        "hash": block_id.hash.hex().upper(),
        "parts": {"total": parts.total, "hash": parts.hash.hex().upper()},
    }


def client(node):
    key = Key(bytes(range(1, 33)), "iso")
    return ZoneClient(ZoneConfig(CHAIN, key, "token", gas_price_millionths=2_500), node)


def steady():
    keys = signers(4)
    return Node(dict.fromkeys(range(1, 12), keys))


def rotating():
    """Nobody of block 1 is left at block 10."""
    keys = signers(13)
    return Node({height: keys[height - 1 : height + 2] for height in range(1, 12)})


async def test_one_header_is_enough_while_a_third_of_the_set_stays() -> None:
    """
    Skipping: from 2 to 10 at once, with the validators of 3, which block 2 names.
    """
    node = steady()
    (message,) = await client(node).updates(Height(7, 2), 10)
    header = decode_client_message(message)

    assert header.height == Height(7, 10)
    assert header.trusted_height == Height(7, 2)
    assert header.trusted_validators == set_of(node.keys_at[3], 10) or (
        [v.address for v in header.trusted_validators.validators]
        == [v.address for v in set_of(node.keys_at[3], 10).validators]
    )


async def test_a_set_that_changed_is_crossed_in_steps_that_a_client_accepts() -> None:
    """
    Each header follows the last trusted one and is adjacent, or signed by over a third of it.
    """
    node = rotating()
    messages = await client(node).updates(Height(7, 1), 10)
    trusted = 1
    for message in messages:
        header = decode_client_message(message)
        height = header.height.revision_height
        assert header.trusted_height.revision_height == trusted
        assert height == trusted + 1 or has_overlap(
            set_of(node.keys_at[trusted + 1], 10), header.signed_header
        )
        trusted = height

    assert trusted == 10
    assert 2 < len(messages) < 10


async def test_a_new_client_states_the_newest_header() -> None:
    """
    Chain, height, proof specs and periods as ibc-go checks them.
    """
    new = await client(steady()).new_client(None)
    state = decode_client_state(new.client_state)

    assert state.chain_id == CHAIN
    assert state.latest_height == Height(7, 10)
    assert state.trusting_period < state.unbonding_period
    assert len(state.proof_specs) == 2
    info = client(steady()).read_client(new.client_state)
    assert info is not None
    assert info.latest_height == Height(7, 10)
    assert client(steady()).read_client(AnyValue("/other", b"")) is None


async def test_transactions_are_signed_with_the_account_s_numbers_and_a_fee() -> None:
    """
    The second one uses the next sequence although no block holds the first yet; a node that
    names another sequence is believed.
    """
    node = steady()
    zone = client(node)
    account = BaseAccount(address=zone.signer, account_number=5, sequence=3)
    node.queries["/cosmos.auth.v1beta1.Query/Account"] = QueryAccountResponse(
        account=pack_any(account)
    )
    messages = (AnyValue("/test.Msg", b"\x0a\x00"),)
    first = await zone.sign(messages)
    await zone.broadcast(first)
    second = await zone.sign(messages)
    decoded = decode_tx(second.data)

    assert (first.account_sequence, second.account_sequence) == (3, 4)
    assert node.sent == first.data
    assert first.tx_hash == tx_hash_of(first.data)
    assert decoded.messages[0].type_url == "/test.Msg"
    assert decoded.fee.amount[0].amount == decoded.fee.gas_limit * 2_500 // 10**6
    node.refusal = {
        "code": 32,
        "codespace": "sdk",
        "log": "account sequence mismatch, expected 9, got 4: incorrect account sequence",
    }
    with pytest.raises(AccountSequenceWrong):
        await zone.broadcast(second)
    assert (await zone.sign(messages)).account_sequence == 9


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": 19, "codespace": "channel", "log": "packet messages are redundant"}, TxRedundant),
        ({"code": 13, "codespace": "sdk", "log": "insufficient fee"}, TxRefused),
    ],
)
async def test_refusals_are_told_apart(answer, error) -> None:
    """
    Redundant is done; the others are failures with their code.
    """
    node = steady()
    node.refusal = answer
    zone = client(node)
    account = BaseAccount(address=zone.signer, account_number=5, sequence=3)
    node.queries["/cosmos.auth.v1beta1.Query/Account"] = QueryAccountResponse(
        account=pack_any(account)
    )

    with pytest.raises(error) as caught:
        await zone.broadcast(await zone.sign((AnyValue("/test.Msg", b""),)))
    assert caught.value.code == answer["code"]


async def test_lists_are_read_page_by_page() -> None:
    """
    A channel with more packets than a page holds loses none.
    """
    node = steady()

    def page(data):
        request = channel_query.QueryPacketCommitmentsRequest.FromString(data)
        start = int.from_bytes(request.pagination.key or b"\x00", "big")
        answer = channel_query.QueryPacketCommitmentsResponse()
        for sequence in range(start, min(start + 100, 250)):
            answer.commitments.add(sequence=sequence + 1)
        if start + 100 < 250:
            answer.pagination.next_key = bytes([start + 100])
        return answer

    node.queries["/ibc.core.channel.v1.Query/PacketCommitments"] = page

    assert await client(node).commitments("transfer", "channel-0") == tuple(range(1, 251))


async def test_a_packet_is_found_by_its_event() -> None:
    """
    The query names channel, port and sequence; data comes from the hex attribute.
    """
    node = steady()
    attributes = {
        "packet_data_hex": b"\xff\x00data".hex(),
        "packet_sequence": "4",
        "packet_src_port": "transfer",
        "packet_src_channel": "channel-1",
        "packet_dst_port": "transfer",
        "packet_dst_channel": "channel-2",
        "packet_timeout_height": "0-50",
        "packet_timeout_timestamp": "0",
    }
    event = {
        "type": "send_packet",
        "attributes": [{"key": k, "value": v, "index": True} for k, v in attributes.items()],
    }
    other = json.loads(json.dumps(event).replace('"4"', '"44"'))
    node.tx_search = lambda **params: {
        "txs": [{"tx_result": {"code": 0, "events": [other, event]}}],
        "total_count": "1",
    }
    node.block_search = lambda **params: {"blocks": [], "total_count": "0"}
    packet = await client(node).sent_packet("transfer", "channel-1", 4)
    query = next(params["query"] for method, params in node.calls if method == "tx_search")

    assert packet is not None
    assert (packet.sequence, packet.data) == (4, b"\xff\x00data")
    assert packet.timeout_height == Height(0, 50)
    assert re.fullmatch(r"(send_packet\.\w+ = '[\w-]+'( AND )?){3}", query)


async def test_a_node_that_catches_up_is_not_the_chain() -> None:
    """
    Its newest block is old: nothing is planned on it.
    """
    node = steady()
    status = node.status()
    status["sync_info"]["catching_up"] = True
    node.status = lambda: status

    with pytest.raises(OperationFailed):
        await client(node).status()


def test_the_expected_sequence_is_read_from_the_text() -> None:
    """
    The SDK says it in words only.
    """
    assert expected_sequence("account sequence mismatch, expected 12, got 11: x") == 12
    assert expected_sequence("something else") == 0
