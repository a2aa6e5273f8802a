"""A DAG node's file of settings, ``node.json`` in its home, and the chain that it describes."""

from pathlib import Path

import msgspec

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address, ChainId, Denom
from parachains.dag.parameters import ChainParameters, dag_parameters
from parachains.dag.transactions import ADDRESS_BYTES

MIN_INTERVAL_MS = 200
"""Five blocks a second."""

MAX_INTERVAL_MS = 60_000
DEFAULT_FINALITY_DEPTH = 12
_AMOUNT_DIGITS = 38


class DagSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one node is told."""

    chain_id: str
    denom: str
    address_prefix: str
    genesis_time_ms: int
    """As all that follows up to ``balances`` the same for every node of a chain."""
    interval_ms: int = 1_000
    """Mean time between all blocks; k and the windows follow from it."""
    finality_depth: int = DEFAULT_FINALITY_DEPTH
    """Blue scores below the tip at which clients of the chain take a block as final."""
    reward: int = 0
    """Of the chain's own coin, for the miner of each blue block."""
    balances: tuple[tuple[str, str], ...] = ()
    """Address in hex and amount: who has the coin at first."""
    listen_host: str = "127.0.0.1"
    p2p_port: int
    rpc_port: int
    peers: tuple[str, ...] = ()
    """host:port of the nodes that it dials."""
    miner_key: str
    """The ed25519 seed of the account that its blocks pay, in hex."""
    mining_share_millionths: int = 0
    """This node's part of the blocks; 0 mines none."""
    minimum_fee: int = 0
    """What the mempool asks of any transaction."""
    archive: bool = False
    """Whether blocks below the pruning point are kept, so that new nodes can sync from this."""
    operator_methods: bool = False
    """Whether whoever reaches the RPC port may steer the node and mine with it."""
    mqtt_url: str = ""
    """Where the node tells of its blocks; empty for nowhere."""
    light_clients: tuple[str, ...]
    applications: tuple[str, ...]


def write_settings(home: Path, settings: DagSettings) -> None:
    """Write ``node.json``, readable by its owner only: it holds a key.

    Raises:
        OSError: The folder cannot be written.
    """
    path = home / "node.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))


def read_settings(home: Path) -> DagSettings:
    """Return what ``node.json`` says.

    Raises:
        MalformedMessage: It is not of its form.
        OSError: It cannot be read.
    """
    path = home / "node.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=DagSettings)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"{path}: {error}") from error


def chain_parameters(settings: DagSettings) -> ChainParameters:
    """Return the chain that settings describe.

    Raises:
        MalformedMessage: A number is out of its range, or a balance is not of its form.
    """
    if not MIN_INTERVAL_MS <= settings.interval_ms <= MAX_INTERVAL_MS:
        raise MalformedMessage(f"interval_ms is {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS}")
    if settings.reward < 0 or settings.genesis_time_ms < 0:
        raise MalformedMessage("reward and genesis_time_ms are not negative")
    return ChainParameters(
        chain_id=ChainId(settings.chain_id),
        dag=dag_parameters(settings.interval_ms),
        native=Denom(settings.denom),
        reward=settings.reward,
        address_prefix=settings.address_prefix,
        genesis_time_ms=settings.genesis_time_ms,
        balances=dict(_balance(address, amount) for address, amount in settings.balances),
    )


def _balance(address: str, amount: str) -> tuple[Address, int]:
    try:
        raw = bytes.fromhex(address)
    except ValueError as error:
        raise MalformedMessage(f"the address {address!r} of a balance is no hex") from error
    is_number = amount.isascii() and amount.isdigit() and len(amount) <= _AMOUNT_DIGITS
    if len(raw) != ADDRESS_BYTES or not is_number:
        raise MalformedMessage(f"the balance of {address!r} is not of its form")
    return Address(raw), int(amount)
