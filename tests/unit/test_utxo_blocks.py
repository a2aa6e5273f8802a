"""Blocks handed over and mined at a call: what ``submitblock`` and ``generatetoaddress`` answer."""

from dataclasses import replace

import pytest

from chainkit.formats.bitcoin.addresses import encode_address
from chainkit.formats.bitcoin.encoding import display_hash
from parachains.utxo.mempool import Mempool
from parachains.utxo.parameters import REGTEST
from parachains.utxo.service_blocks import BlockService
from parachains.utxo.service_forms import RpcError
from tests.utxo_worlds import UtxoWorld, key

ADDRESS = encode_address(key(7).script, REGTEST.addresses)


@pytest.fixture
def world():
    world = UtxoWorld()
    world.mine()
    return world


def service(world, extra=b"node"):
    def take(block):
        world.chain.accept_block(block, world.now)

    return BlockService(world.chain, Mempool(world.chain), take, lambda: world.now, extra)


def test_a_block_that_is_right_is_taken_once(world) -> None:
    """Null for a new tip; afterwards it is a duplicate."""
    block = world.mined()
    submit = service(world).submitblock

    assert submit(block.encoded.hex()) is None
    assert world.chain.tip.header.hash == block.header.hash
    assert submit(block.encoded.hex()) == "duplicate"


def test_a_block_beside_the_tip_decides_nothing(world) -> None:
    """Of two with equal work the first stays: BIP-22 calls that inconclusive."""
    second, first = world.mined(extra=b"b"), world.mined(extra=b"a")
    submit = service(world).submitblock

    assert submit(first.encoded.hex()) is None
    assert submit(second.encoded.hex()) == "inconclusive"
    assert world.chain.tip.header.hash == first.header.hash


def test_a_block_that_breaks_a_rule_is_named(world) -> None:
    """The answer is Core's reject reason, and the tip stays."""
    block, tip = world.mined(), world.chain.tip
    worse = replace(block, header=replace(block.header, bits=0x1D00FFFF))
    stranger = replace(block, header=replace(block.header, previous_block=b"\x07" * 32))
    submit = service(world).submitblock

    assert submit(worse.encoded.hex()) == "high-hash"
    assert submit(stranger.encoded.hex()) == "prev-blk-not-found"
    assert world.chain.tip is tip


@pytest.mark.parametrize(("data", "code"), [("", -22), ("zz", -22), ("00" * 80, -22), (7, -22)])
def test_what_is_no_block_is_no_reason(world, data, code) -> None:
    """Bytes that do not decode are an error, as in Core."""
    with pytest.raises(RpcError) as caught:
        service(world).submitblock(data)
    assert caught.value.code == code


def test_blocks_are_mined_to_an_address(world) -> None:
    """Each pays the address; another node's differ, so that two nodes can fork."""
    tip = world.chain.tip.height
    hashes = service(world).generatetoaddress(3, ADDRESS)

    assert [display_hash(world.chain.at(tip + 1 + n).header.hash) for n in range(3)] == hashes
    block = world.chain.block(world.chain.tip.header.hash)
    assert block.transactions[0].outputs[0].script_pubkey == key(7).script
    other = UtxoWorld()
    other.mine()
    other.now = world.now
    assert service(other, b"other").generatetoaddress(1, ADDRESS)[0] not in hashes


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((1, "nobody"), -5), ((201, ADDRESS), -8), ((-1, ADDRESS), -8), ((1, ADDRESS, 0), -8)],
)
def test_what_cannot_be_mined_is_refused(world, arguments, code) -> None:
    """An address of nobody, and numbers out of their bounds."""
    with pytest.raises(RpcError) as caught:
        service(world).generatetoaddress(*arguments)
    assert caught.value.code == code
