"""Any bytes at an application's doors: a value or a named refusal, never a crash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.commitments.database import MemoryDatabase
from chainkit.modules.bank_codec import Send, send_message
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, BlockHeight, Denom
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.transaction import AnyMessage
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as FORWARDING
from light_clients.tendermint.client import TendermintClient
from parachains.sdk.testing import GENESIS_TIME, LocalChain, LocalGenesis
from relay_chain.app import hub_application

ALICE = b"\x01" * 32
CHAIN = LocalChain(accounts={ALICE: "1000stake"})
CHAIN.block()
SEND = send_message(
    "isthmus", Send(CHAIN.address(ALICE), CHAIN.address(ALICE), (Coin(Denom("stake"), 1),))
)
GOOD = CHAIN.sign(ALICE, SEND, sequence=0)


def hub():
    app = hub_application(
        MemoryDatabase(),
        light_clients=(TendermintClient(),),
        applications=(FORWARDING, DATAGRAM),
    )
    validator = {
        "operator_address": CHAIN.address_text(ALICE),
        "pub_key": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        "tokens": "10000000",
    }
    state = {"staking": {"validators": [validator]}}
    app.init_chain(LocalGenesis(CHAIN.chain_id, state))
    app.finalize_block(
        FinalizeBlockRequest(BlockHeight(1), GENESIS_TIME, Address(b"\x00" * 20), ())
    )
    app.commit()
    return app


HUB = hub()
PATHS = HUB._queries.paths()
TYPES = HUB._runner._router.type_urls()


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data):
    """check_tx answers a code for bytes that are no transaction."""
    assert CHAIN.app.check_tx(data, recheck=False).code != 0


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=100)
def test_no_byte_of_a_signed_transaction_can_change(index, flip):
    """Each byte is under the signature or has one encoding only."""
    forged = bytearray(GOOD)
    forged[index] ^= flip

    assert CHAIN.app.simulate(GOOD).code == 0
    result = LocalChain(accounts={ALICE: "1000stake"}).app.check_tx(bytes(forged), recheck=False)
    assert result.code != 0


@given(st.sampled_from(TYPES), st.binary(max_size=60))
@settings(max_examples=100)
def test_any_bytes_in_any_message_are_refused_by_name(type_url, data):
    """A message of garbage is refused with a code, whatever its type."""
    tx = CHAIN.sign(ALICE, AnyMessage(type_url, data), sequence=0)

    assert HUB.check_tx(tx, recheck=False).code != 0


@given(st.sampled_from(PATHS), st.binary(max_size=60), st.integers(-1, 3))
@settings(max_examples=100)
def test_any_bytes_in_any_query_are_answered(path, data, height):
    """A query never raises."""
    result = HUB.query(path, data, height=BlockHeight(height), prove=False)

    assert result.code >= 0


@given(st.text(max_size=30), st.binary(max_size=30), st.booleans())
def test_any_path_is_answered(path, data, prove):
    """A path that nobody knows is a code too."""
    HUB.query(path, data, height=BlockHeight(0), prove=prove)
    result = HUB.query(f"/store/{path}/key", data, height=BlockHeight(0), prove=prove)

    assert result.code != 0
