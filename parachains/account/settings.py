"""An account node's file of settings, ``node.json`` in its home."""

from pathlib import Path

import msgspec

from chainkit.formats.ethereum.addresses import parse_address
from chainkit.primitives.errors import MalformedMessage
from parachains.account.consensus.votes import DEFAULT_EPOCH_LENGTH
from parachains.account.genesis import DEFAULT_GAS_LIMIT, Genesis


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one node is told."""

    chain_id: str
    """IBC's name of the chain."""
    evm_chain_id: int
    denom: str
    address_prefix: str
    listen_host: str = "127.0.0.1"
    p2p_port: int
    rpc_port: int
    peers: tuple[str, ...] = ()
    """host:port of the nodes that it dials."""
    validator_key: str
    """The private key that signs, in hex; one of no validator only follows."""
    period_s: int = 1
    """Least seconds between blocks."""
    request_timeout_ms: int = 1_000
    """Wait of a round 0; doubles with each round."""
    keep_states: int = 0
    """Recent states that stay readable; 0 keeps all."""
    validators: tuple[str, ...]
    """Addresses of genesis, as all that follows."""
    balances: tuple[tuple[str, str], ...] = ()
    """Address and wei in decimals."""
    genesis_time: int
    """UNIX seconds."""
    gas_limit: int = DEFAULT_GAS_LIMIT
    base_fee: int
    """Wei for a unit of gas in the first block."""
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    """Blocks after which votes about validators that decided nothing are forgotten."""
    votes_over_rpc: bool = False
    """Whether RPC clients may say how this validator votes: anybody who reaches the port."""
    light_clients: tuple[str, ...]
    applications: tuple[str, ...]
    mqtt_url: str = ""
    """Where the node tells of its blocks; empty for nowhere."""

    def genesis(self) -> Genesis:
        """Return what the chain begins with.

        Raises:
            RuleBroken: An address or an amount is none.
        """
        if self.epoch_length < 1:
            raise MalformedMessage("epoch_length is below 1")
        balances = []
        for address, amount in self.balances:
            if not (amount.isascii() and amount.isdecimal()):
                raise MalformedMessage(f"balance of {address} is no number")
            balances.append((parse_address(address), int(amount)))
        return Genesis(
            timestamp=self.genesis_time,
            validators=tuple(sorted(parse_address(each) for each in self.validators)),
            balances=tuple(balances),
            gas_limit=self.gas_limit,
            base_fee=self.base_fee,
            epoch_length=self.epoch_length,
        )


def write_settings(home: Path, settings: AccountSettings) -> None:
    """Write ``node.json``, readable by its owner only: it holds a key.

    Raises:
        OSError: The folder cannot be written.
    """
    path = home / "node.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))


def read_settings(home: Path) -> AccountSettings:
    """Return what ``node.json`` says.

    Raises:
        MalformedMessage: It is not of its form.
        OSError: It cannot be read.
    """
    try:
        return msgspec.json.decode((home / "node.json").read_bytes(), type=AccountSettings)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"{home / 'node.json'}: {error}") from error
