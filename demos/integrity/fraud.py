"""A proof of fraud: the validator of a zone signs a second header of a height."""

import base64
import json
from dataclasses import replace
from pathlib import Path

from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.sign_bytes import commit_vote_sign_bytes
from chainkit.formats.tendermint.types import BlockIdFlag, Commit, CommitSig, SignedHeader
from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ClientId, Round
from chainkit.sigverify import ed25519
from demos.network import Network
from ibc.ics02_client.port import AnyValue
from light_clients.tendermint.codec import decode_client_message, encode_client_message
from light_clients.tendermint.types import ClientHeader
from parachains.zone.client import ZoneClient
from relayer import codec


async def second_header(net: Network, chain: str, hub: str, client_id: ClientId) -> AnyValue:
    """Return the message that brings the hub a second header of a height that it knows.

    The chain's only validator signs it with its own key, as one does who cheats.
    """
    host = await net.client(hub, "alice")
    heights = sorted(await host.consensus_heights(client_id), key=lambda each: each.revision_height)
    trusted, known = heights[-2], heights[-1]
    zone = await net.client_as(ZoneClient, chain)
    (update,) = await zone.updates(trusted, BlockHeight(known.revision_height))
    true = decode_client_message(update)
    assert isinstance(true, ClientHeader)
    home = net.home / net.chain(chain).nodes[0].home
    forged = signed_again(true, read_seed(home / "config" / "priv_validator_key.json"), trusted)
    return codec.update_client(client_id, encode_client_message(forged), host.signer)


def read_seed(path: Path) -> bytes:
    """Return the seed in a validator's key file."""
    value = json.loads(path.read_bytes())["priv_key"]["value"]
    return base64.b64decode(value)[:32]


def signed_again(true: ClientHeader, seed: bytes, trusted: Height) -> ClientHeader:
    """Return a header of the same height with another state, signed by one key alone."""
    header = replace(true.signed_header.header, app_hash=sha256(b"funds that were never granted"))
    address = ed25519.ed25519_address(ed25519.public_key_from_seed(seed))
    block_id = replace(true.signed_header.commit.block_id, hash=header_hash(header))
    place = CommitSig(BlockIdFlag.COMMIT, address, header.time)
    commit = Commit(header.height, Round(0), block_id, (place,))
    signature = ed25519.sign(seed, commit_vote_sign_bytes(header.chain_id, commit, 0))
    signed = replace(commit, signatures=(replace(place, signature=signature),))
    return replace(true, signed_header=SignedHeader(header, signed), trusted_height=trusted)
