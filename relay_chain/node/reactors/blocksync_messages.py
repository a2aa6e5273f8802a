"""Messages of the block sync reactor: values, protobuf form, and rules.

Spec:
    CometBFT blocksync/msgs.go.
"""

from dataclasses import dataclass

from chainkit.formats.tendermint.block_codec import block_from_proto, encode_block
from chainkit.formats.tendermint.types import Block
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import BlockHeight
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.blocksync import types_pb2
from relay_chain.node.p2p.fields import message_field
from relay_chain.node.reactors.limits import MAX_BLOCKSYNC_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Send me the block of this height."""

    height: BlockHeight


@dataclass(frozen=True, slots=True)
class NoBlockResponse:
    """I do not have it."""

    height: BlockHeight


@dataclass(frozen=True, slots=True)
class BlockResponse:
    """Here it is."""

    block: Block


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Which blocks do you have?"""


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """I have the blocks from ``base`` to ``height``."""

    height: BlockHeight
    base: BlockHeight


BlockSyncMessage = BlockRequest | NoBlockResponse | BlockResponse | StatusRequest | StatusResponse


def encode_block_response(block_bytes: bytes) -> bytes:
    """Return a ``BlockResponse`` around an encoded block."""
    return message_field(3, message_field(1, block_bytes))


def encode_blocksync_message(message: BlockSyncMessage) -> bytes:
    """Return ``tendermint.blocksync.Message``."""
    match message:
        case BlockRequest(height):
            request = types_pb2.BlockRequest(height=height)
            return encode(types_pb2.Message(block_request=request))
        case NoBlockResponse(height):
            no_block = types_pb2.NoBlockResponse(height=height)
            return encode(types_pb2.Message(no_block_response=no_block))
        case BlockResponse(block):
            return encode_block_response(encode_block(block))
        case StatusRequest():
            return encode(types_pb2.Message(status_request=types_pb2.StatusRequest()))
        case StatusResponse(height, base):
            status = types_pb2.StatusResponse(height=height, base=base)
            return encode(types_pb2.Message(status_response=status))


def decode_blocksync_message(data: bytes) -> BlockSyncMessage:
    """Return the message in the bytes.

    Raises:
        MalformedMessage: The bytes do not decode to one of the messages, a height is
            negative, a base above its height, or a block carries vote extensions, which
            this chain does not have.
    """
    outer = decode_known(types_pb2.Message, data, max_bytes=MAX_BLOCKSYNC_MESSAGE_BYTES)
    match outer.WhichOneof("sum"):
        case "block_request":
            return BlockRequest(_height(outer.block_request.height))
        case "no_block_response":
            return NoBlockResponse(_height(outer.no_block_response.height))
        case "block_response":
            if outer.block_response.HasField("ext_commit"):
                raise MalformedMessage("block with vote extensions")
            return BlockResponse(block_from_proto(outer.block_response.block))
        case "status_request":
            return StatusRequest()
        case "status_response":
            status = outer.status_response
            return StatusResponse(_height(status.height), _height(status.base))
        case _:
            raise MalformedMessage("block sync message of no known kind")


def _height(height: int) -> BlockHeight:
    if height < 0:
        raise MalformedMessage(f"height {height}")
    return BlockHeight(height)
