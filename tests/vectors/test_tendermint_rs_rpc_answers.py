"""What a CometBFT 0.38 node answered to tendermint-rs, read by our RPC client."""

import pytest

from chainkit.formats.tendermint.hashing import header_hash, validator_set_hash
from chainkit.primitives.errors import MalformedMessage
from parachains.zone.rpc import Rpc
from parachains.zone.rpc_forms import header_from_json
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("tendermint-rs/rpc_answers")
FOLDER = "tendermint-rs/rpc/kvstore_v0_38/incoming"


class Recorded:
    """Answers each method with the recorded answer."""

    def __init__(self, **answers):
        self.answers = answers

    async def call(self, method, params):
        return self.answers[method]


def answer(name):
    return load_json(f"{FOLDER}/{name}.json", {"result": None})["result"]


async def test_a_commit_hashes_to_its_block_id() -> None:
    """
    Every field of the header was read: the hash over them is what the validators signed.
    """
    rpc = Rpc(Recorded(commit=answer("commit_at_height_10")))
    signed_header = await rpc.signed_header(10)

    assert header_hash(signed_header.header) == signed_header.commit.block_id.hash
    assert signed_header.header.height == signed_header.commit.height == 10


async def test_a_block_and_its_search_are_read() -> None:
    """
    Headers in blocks have the same form.
    """
    block = answer("block_at_height_10")
    header = header_from_json(block["block"]["header"])

    assert header_hash(header).hex().upper() == block["block_id"]["hash"]


async def test_status_is_read() -> None:
    """
    Height and time of the newest block.
    """
    recorded = answer("status")
    status = await Rpc(Recorded(status=recorded)).status()

    assert status.height == int(recorded["sync_info"]["latest_block_height"])


async def test_the_genesis_validators_are_the_header_s() -> None:
    """
    A validator's key, power and address are read in the forms of RPC answers.
    """
    genesis = answer("genesis")["genesis"]["validators"]
    validators = [
        {
            "address": validator["address"],
            "pub_key": validator["pub_key"],
            "voting_power": validator["power"],
            "proposer_priority": "0",
        }
        for validator in genesis
    ]
    rpc = Rpc(Recorded(validators={"validators": validators, "total": str(len(validators))}))
    header = answer("commit_at_height_10")["signed_header"]["header"]

    found = validator_set_hash(await rpc.validators(10))
    assert found.hex().upper() == header["validators_hash"]


async def test_transactions_found_have_their_events() -> None:
    """
    Only events of the type and attributes that were asked for, from successful transactions.
    """
    recorded = answer("tx_search_no_prove")
    rpc = Rpc(Recorded(tx_search=recorded, block_search={"blocks": []}))
    wanted = recorded["txs"][0]["tx_result"]["events"][0]
    attributes = {wanted["attributes"][0]["key"]: wanted["attributes"][0]["value"]}
    found = [event async for event in rpc.search(wanted["type"], attributes)]

    assert found
    assert all(kind == wanted["type"] for kind, _ in found)
    assert all(attributes.items() <= event.items() for _, event in found)


@pytest.mark.parametrize("name", ["height", "time", "app_hash", "last_block_id", "chain_id"])
async def test_a_header_that_lacks_a_field_is_refused(name: str) -> None:
    """
    Nothing is guessed.
    """
    recorded = answer("commit_at_height_10")
    del recorded["signed_header"]["header"][name]

    with pytest.raises(MalformedMessage):
        await Rpc(Recorded(commit=recorded)).signed_header(10)
