"""The genesis document, in CometBFT's JSON form (``types/genesis.go``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from chainkit.formats.tendermint.types import ConsensusParams, Validator
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.limits import MAX_CHAIN_ID_BYTES
from chainkit.primitives.timestamps import format_rfc3339, parse_rfc3339
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs, VotingPower
from relay_chain.node.files import write_durably
from relay_chain.node.json_forms import (
    JsonObject,
    dump_json,
    from_hex,
    integer,
    mapping,
    member,
    params_from_json,
    params_to_json,
    parse_json,
    public_key_from_json,
    public_key_to_json,
    sequence,
    text,
)
from relay_chain.node.limits import MAX_GENESIS_BYTES


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A validator of the first block; ``public_key`` is a raw ed25519 key."""

    public_key: bytes
    power: VotingPower
    name: str = ""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What all nodes of a chain begin from."""

    chain_id: ChainId
    genesis_time: TimestampNs
    initial_height: BlockHeight = BlockHeight(1)
    consensus_params: ConsensusParams = field(default_factory=ConsensusParams)
    validators: tuple[GenesisValidator, ...] = ()
    app_hash: bytes = b""
    app_state: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Each module's part by its name, as JSON gives it."""

    def validator_set(self) -> tuple[Validator, ...]:
        """Return the validators as consensus has them, in the document's order."""
        return tuple(
            Validator(sha256_truncated(v.public_key), v.public_key, v.power)
            for v in self.validators
        )


def genesis_to_json(genesis: Genesis) -> JsonObject:
    """Return the document as JSON values."""
    return {
        "genesis_time": format_rfc3339(genesis.genesis_time),
        "chain_id": genesis.chain_id,
        "initial_height": str(genesis.initial_height),
        "consensus_params": params_to_json(genesis.consensus_params),
        "validators": [
            {
                "address": sha256_truncated(validator.public_key).hex().upper(),
                "pub_key": public_key_to_json(validator.public_key),
                "power": str(validator.power),
                "name": validator.name,
            }
            for validator in genesis.validators
        ],
        "app_hash": genesis.app_hash.hex().upper(),
        "app_state": dict(genesis.app_state),
    }


def genesis_from_json(fields: Mapping[str, object]) -> Genesis:
    """Return the document of JSON values.

    Raises:
        MalformedMessage: A member is missing or out of bounds; the message names its path.
    """
    what = "genesis"
    chain_id = text(member(fields, "chain_id", what=what), what="genesis.chain_id")
    if not 1 <= len(chain_id.encode()) <= MAX_CHAIN_ID_BYTES:
        raise MalformedMessage(f"genesis.chain_id must be 1 to {MAX_CHAIN_ID_BYTES} bytes")
    height = integer(fields.get("initial_height", "1"), what="genesis.initial_height") or 1
    if height < 1:
        raise MalformedMessage("genesis.initial_height must be at least 1")
    params = fields.get("consensus_params")
    validators = sequence(fields.get("validators"), what="genesis.validators")
    return Genesis(
        chain_id=ChainId(chain_id),
        genesis_time=parse_rfc3339(
            text(member(fields, "genesis_time", what=what), what="genesis.genesis_time")
        ),
        initial_height=BlockHeight(height),
        consensus_params=ConsensusParams() if params is None else params_from_json(params),
        validators=tuple(
            _validator(value, f"genesis.validators[{index}]")
            for index, value in enumerate(validators)
        ),
        app_hash=from_hex(fields.get("app_hash", ""), what="genesis.app_hash"),
        app_state=mapping(fields.get("app_state") or {}, what="genesis.app_state"),
    )


def _validator(value: object, what: str) -> GenesisValidator:
    fields = mapping(value, what=what)
    public_key = public_key_from_json(member(fields, "pub_key", what=what), what=f"{what}.pub_key")
    power = integer(member(fields, "power", what=what), what=f"{what}.power")
    if power < 1:
        raise MalformedMessage(f"{what}.power must be at least 1")
    stated = from_hex(fields.get("address", ""), what=f"{what}.address")
    if stated and stated != sha256_truncated(public_key):
        raise MalformedMessage(f"{what}.address is not the key's")
    return GenesisValidator(
        public_key, VotingPower(power), text(fields.get("name", ""), what=f"{what}.name")
    )


def read_genesis(path: Path) -> Genesis:
    """Return the document in a file.

    Raises:
        MalformedMessage: Too large, or not a genesis document.
    """
    if path.stat().st_size > MAX_GENESIS_BYTES:
        raise MalformedMessage(f"{path} is over {MAX_GENESIS_BYTES} bytes")
    return genesis_from_json(parse_json(path.read_bytes(), what=str(path)))


def write_genesis(path: Path, genesis: Genesis) -> None:
    """Write the document."""
    write_durably(path, dump_json(genesis_to_json(genesis)))
