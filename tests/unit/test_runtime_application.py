"""The kernel as one chain: accounts, fees, sequences, proofs, and what a refusal leaves."""

import base64
from dataclasses import dataclass, field

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.ics23 import IAVL_SPEC, TENDERMINT_SPEC, verify_chained_membership
from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.modules.bank import balance_key
from chainkit.modules.bank_codec import Send, send_message
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.addresses import format_address, module_address
from chainkit.runtime.application import Settings
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2
from parachains.zone import zone_application

PREFIX = "isthmus"
ALICE_KEY, BOB_KEY = b"\x01" * 32, b"\x02" * 32
ALICE, BOB = (secp256k1_address(public_key_of(key)) for key in (ALICE_KEY, BOB_KEY))
CHAIN = ChainId("zone-a-1")
STAKE = Denom("stake")


@dataclass(frozen=True)
class Genesis:
    chain_id: ChainId = CHAIN
    genesis_time: TimestampNs = TimestampNs(10**18)
    initial_height: BlockHeight = BlockHeight(1)
    consensus_params: ConsensusParams = ConsensusParams()
    validators: tuple = ()
    app_state: dict = field(
        default_factory=lambda: {
            "bank": {
                "balances": [
                    {
                        "address": format_address(PREFIX, a),
                        "coins": [{"denom": "stake", "amount": "1000"}],
                    }
                    for a in (ALICE, BOB)
                ]
            },
            "validators": {
                "validators": [{"pub_key": base64.b64encode(b"\x07" * 32).decode(), "power": 10}]
            },
        }
    )


class Chain:
    def __init__(self, database=None, **settings):
        self.database = database or MemoryDatabase()
        self.app = zone_application(
            self.database, light_clients=(), applications=(), settings=Settings(**settings)
        )
        self.app.init_chain(Genesis())
        self.results = []

    def block(self, *txs):
        height = self.app.info().last_block_height + 1
        request = FinalizeBlockRequest(
            BlockHeight(height), TimestampNs(10**18 + height * 10**9), Address(b"\x00" * 20), txs
        )
        result = self.app.finalize_block(request)
        self.app.commit()
        return result

    def balance(self, address, height=0):
        request = query_pb2.QueryBalanceRequest(
            address=format_address(PREFIX, address), denom="stake"
        )
        path = "/cosmos.bank.v1beta1.Query/Balance"
        result = self.app.query(path, encode(request), height=BlockHeight(height), prove=False)
        assert result.code == 0, result.log
        return int(query_pb2.QueryBalanceResponse.FromString(result.value).balance.amount)


def send_tx(amount=10, *, sequence=0, fee=5, gas=200_000, key=ALICE_KEY, chain=CHAIN, to=BOB):
    sender = secp256k1_address(public_key_of(key))
    message = send_message(PREFIX, Send(sender, to, (Coin(STAKE, amount),)))
    coins = (Coin(STAKE, fee),) if fee else ()
    number = 0 if key == ALICE_KEY else 1
    return build_tx(
        [message],
        key,
        chain_id=chain,
        account_number=number,
        sequence=sequence,
        fee=coins,
        gas_limit=gas,
    )


def test_tokens_move_and_the_fee_is_taken():
    """A signed MsgSend moves tokens, and its fee goes to the collector."""
    chain = Chain()
    result = chain.block(send_tx())

    assert result.tx_results[0].code == 0, result.tx_results[0].log
    assert chain.balance(ALICE) == 985
    assert chain.balance(BOB) == 1010
    assert chain.balance(module_address("fee_collector")) == 5
    assert {"tx", "transfer", "message"} <= {e.type for e in result.tx_results[0].events}


def test_a_value_at_h_is_proven_under_the_hash_of_its_commit():
    """The proof of a balance at H verifies under the app hash that H + 1 carries."""
    chain = Chain()
    app_hash = chain.block(send_tx()).app_hash
    chain.block()
    key = balance_key(BOB, "stake")
    result = chain.app.query("/store/bank/key", key, height=BlockHeight(1), prove=True)
    proofs = [op.data for op in result.proof_ops]

    assert [op.type for op in result.proof_ops] == ["ics23:iavl", "ics23:simple"]
    verify_chained_membership(
        (IAVL_SPEC, TENDERMINT_SPEC), proofs, app_hash, (b"bank", key), b"1010"
    )


@pytest.mark.parametrize(
    ("tx", "code", "text"),
    [
        (b"", 2, "invalid empty tx"),
        (b"\xff\xff", 2, ""),
        (send_tx(sequence=3), 32, "account sequence mismatch, expected 0, got 3: incorrect"),
        (send_tx(chain=ChainId("zone-b-1")), 4, "signature verification failed"),
        (send_tx(fee=2000), 5, "insufficient funds"),
        (send_tx(gas=1000), 11, "out of gas"),
    ],
)
def test_a_transaction_refused_by_ante_leaves_no_trace(tx, code, text):
    """The app hash after a block with it is that of an empty block."""
    chain, other = Chain(), Chain()
    result = chain.block(tx)

    assert (result.tx_results[0].code, result.tx_results[0].codespace) == (code, "sdk")
    assert text in result.tx_results[0].log
    assert result.app_hash == other.block().app_hash


@pytest.mark.parametrize(("amount", "gas", "code"), [(5000, 200_000, 5), (10, 38_000, 11)])
def test_a_transaction_refused_by_its_message_leaves_fee_and_sequence(amount, gas, code):
    """Tokens do not move, the fee is paid, and the next sequence is due."""
    chain = Chain()
    result = chain.block(send_tx(amount, gas=gas))

    assert result.tx_results[0].code == code
    assert {e.type for e in result.tx_results[0].events}.isdisjoint({"burn"})
    assert (chain.balance(ALICE), chain.balance(BOB)) == (995, 1000)
    assert chain.app.check_tx(send_tx(sequence=1), recheck=False).code == 0


def test_check_advances_sequences_until_the_next_commit():
    """One account may have several transactions in the mempool, each once."""
    chain = Chain()
    chain.block()
    codes = [chain.app.check_tx(send_tx(sequence=s), recheck=False).code for s in (0, 1, 1, 2)]
    chain.block(send_tx(sequence=0))

    assert codes == [0, 0, 32, 0]
    assert chain.app.check_tx(send_tx(sequence=0), recheck=True).code == 32
    assert chain.app.check_tx(send_tx(sequence=1), recheck=True).code == 0


def test_a_block_not_committed_is_forgotten():
    """Executing a block twice, or again after a restart, gives the same hash."""
    chain = Chain()
    chain.block(send_tx())
    request = FinalizeBlockRequest(
        BlockHeight(2), TimestampNs(2 * 10**18), Address(b"\x00" * 20), (send_tx(sequence=1),)
    )
    first = chain.app.finalize_block(request).app_hash
    again = zone_application(chain.database, light_clients=(), applications=())

    assert chain.app.finalize_block(request).app_hash == first
    assert again.info().last_block_height == 1
    assert again.finalize_block(request).app_hash == first


def test_simulate_tells_the_gas_and_changes_nothing():
    """Simulating twice gives the same gas, which is enough for the real thing."""
    chain = Chain()
    chain.block()
    request = encode(service_pb2.SimulateRequest(tx_bytes=send_tx(gas=1)))
    path = "/cosmos.tx.v1beta1.Service/Simulate"
    answers = [chain.app.query(path, request, height=BlockHeight(0), prove=False) for _ in range(2)]
    gas = service_pb2.SimulateResponse.FromString(answers[0].value).gas_info.gas_used

    assert answers[0] == answers[1]
    assert chain.block(send_tx(gas=gas + 100)).tx_results[0].code == 0


def test_old_versions_are_pruned_by_setting():
    """With keep_recent 2 only the last two heights answer."""
    chain = Chain(keep_recent=2)
    for _ in range(5):
        chain.block()
    key = balance_key(BOB, "stake")

    codes = [
        chain.app.query("/store/bank/key", key, height=BlockHeight(h), prove=True).code
        for h in (3, 4, 5, 6)
    ]
    assert codes == [26, 0, 0, 26]


def test_node_information_is_served_by_query():
    """Relayers find the versions, the prices and the unbonding time."""
    chain = Chain()
    chain.block()
    for path in (
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
        "/cosmos.base.node.v1beta1.Service/Config",
        "/cosmos.staking.v1beta1.Query/Params",
        "/cosmos.auth.v1beta1.Query/Params",
    ):
        assert chain.app.query(path, b"", height=BlockHeight(0), prove=False).code == 0
    assert chain.app.query("/nothing", b"", height=BlockHeight(0), prove=False).code == 6


def test_another_key_cannot_sign_for_an_account():
    """Bob's valid signature on Alice's message is refused, though her key is unknown yet."""
    chain = Chain()
    message = send_message(PREFIX, Send(ALICE, BOB, (Coin(STAKE, 10),)))
    tx = build_tx(
        [message],
        BOB_KEY,
        chain_id=CHAIN,
        account_number=0,
        sequence=0,
        fee=(),
        gas_limit=200_000,
    )
    result = chain.block(tx).tx_results[0]

    assert (result.codespace, result.code) == ("sdk", 8)
    assert chain.balance(ALICE) == 1000


def test_a_transaction_is_all_or_nothing():
    """The first message's transfer and its events go when the second is refused."""
    chain = Chain()
    sends = [
        send_message(PREFIX, Send(ALICE, BOB, (Coin(STAKE, amount),))) for amount in (10, 5000)
    ]
    tx = build_tx(
        sends,
        ALICE_KEY,
        chain_id=CHAIN,
        account_number=0,
        sequence=0,
        fee=(),
        gas_limit=500_000,
    )
    result = chain.block(tx).tx_results[0]

    assert result.code == 5
    assert {event.type for event in result.events} == {"tx"}
    assert (chain.balance(ALICE), chain.balance(BOB)) == (1000, 1000)
