"""A UTXO node's file of settings, ``node.json`` in its home."""

from pathlib import Path

import msgspec

from chainkit.primitives.errors import MalformedMessage


class UtxoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one node is told."""

    parameters: str
    """A parameter set: ``isthmus`` or ``regtest``."""
    chain_id: str
    denom: str
    address_prefix: str
    listen_host: str = "127.0.0.1"
    p2p_port: int
    rpc_port: int
    peers: tuple[str, ...] = ()
    """host:port of the nodes that it dials."""
    miner_key: str
    """The private key that blocks pay to, in hex."""
    mining_share_millionths: int = 0
    """This node's part of the blocks; 0 mines none."""
    bootstrap: bool = False
    """Whether it makes the chain's first blocks where there are none."""
    funded: tuple[tuple[str, int], ...] = ()
    """Key hash in hex and satoshis: accounts that the first blocks pay."""
    operator_methods: bool = False
    """Whether whoever reaches the RPC port may steer the node and mine with it."""
    mqtt_url: str = ""
    """Where the node tells of its blocks; empty for nowhere."""
    light_clients: tuple[str, ...]
    applications: tuple[str, ...]


def write_settings(home: Path, settings: UtxoSettings) -> None:
    """Write ``node.json``, readable by its owner only: it holds a key.

    Raises:
        OSError: The folder cannot be written.
    """
    path = home / "node.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))


def read_settings(home: Path) -> UtxoSettings:
    """Return what ``node.json`` says.

    Raises:
        MalformedMessage: It is not of its form.
        OSError: It cannot be read.
    """
    try:
        return msgspec.json.decode((home / "node.json").read_bytes(), type=UtxoSettings)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"{home / 'node.json'}: {error}") from error
