"""The node's own key, in CometBFT's ``node_key.json``."""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from chainkit.primitives.errors import MalformedMessage
from chainkit.sigverify import ed25519
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import peer_id_of

_TYPE = "tendermint/PrivKeyEd25519"
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class NodeKey:
    """An ed25519 key that names a node to its peers; not a validator's key."""

    seed: bytes = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""
        return ed25519.public_key_from_seed(self.seed)

    @property
    def id(self) -> PeerId:
        """The id under which peers know this node."""
        return peer_id_of(self.public_key)


def encode_node_key(key: NodeKey) -> bytes:
    """Return the JSON of ``node_key.json``."""
    value = base64.b64encode(key.seed + key.public_key).decode()
    return msgspec.json.encode({"priv_key": {"type": _TYPE, "value": value}})


class _TypedValue(msgspec.Struct):
    type: str
    value: str


class _NodeKeyFile(msgspec.Struct):
    priv_key: _TypedValue


def decode_node_key(data: bytes) -> NodeKey:
    """Return the key of a ``node_key.json``.

    Raises:
        MalformedMessage: Not such a file, another key type, or halves that do not match.
    """
    try:
        file = msgspec.json.decode(data, type=_NodeKeyFile)
        raw = base64.b64decode(file.priv_key.value, validate=True)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedMessage("not a node key file") from error
    if file.priv_key.type != _TYPE or len(raw) != 2 * _SEED_BYTES:
        raise MalformedMessage("node key is no ed25519 key")
    key = NodeKey(raw[:_SEED_BYTES])
    if key.public_key != raw[_SEED_BYTES:]:
        raise MalformedMessage("node key's public half belongs to another key")
    return key


def load_or_create_node_key(path: Path) -> NodeKey:
    """Return the key at ``path``; where there is none, make one that only its owner can read.

    Raises:
        MalformedMessage: The file is there and does not decode.
        OSError: It cannot be read or written.
    """
    if path.exists():
        return decode_node_key(path.read_bytes())
    key = NodeKey(secrets.token_bytes(_SEED_BYTES))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(encode_node_key(key))
        file.flush()
        os.fsync(file.fileno())
    return key
