"""``isthmusd genesis``: accounts and validators before a chain starts."""

from dataclasses import replace
from pathlib import Path

import click

from chainkit.primitives.amounts import parse_coin, parse_coins
from isthmus.cli.daemon.keys import find_key
from isthmus.cli.daemon.options import (
    address_prefix,
    chain_id_of,
    chain_id_option,
    home_of,
    home_option,
    keyring_option,
    output_option,
    show,
)
from isthmus.cli.output import Command, Group
from isthmus.genesis_txs import (
    BadGenesisTx,
    add_account,
    collect,
    peer_texts,
    read_genesis_txs,
    sign_genesis_tx,
)
from relay_chain.node.config import peers_of, read_config, write_config
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, read_genesis, write_genesis
from relay_chain.node.json_forms import dump_json
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import FilePrivateValidator


@click.group(
    cls=Group,
    example="isthmusd genesis add-genesis-account alice 1000000000stake\n"
    "isthmusd genesis gentx alice 1000000stake\n"
    "isthmusd genesis collect-gentxs",
)
def genesis() -> None:
    """Fund accounts and name validators before the chain starts."""


def _genesis_of(paths: NodePaths, chain_id: str) -> Genesis:
    found = read_genesis(paths.genesis)
    if chain_id and found.chain_id != chain_id:
        raise BadGenesisTx(f"genesis is of {found.chain_id}, not of {chain_id}")
    return found


@genesis.command(
    "add-genesis-account",
    cls=Command,
    example="isthmusd genesis add-genesis-account alice 1000000000stake,5token --home /tmp/node",
)
@click.argument("address_or_name")
@click.argument("coins")
@home_option
@keyring_option
def add_genesis_account(
    address_or_name: str, coins: str, *, home: Path | None, keyring_backend: str
) -> None:
    """Fund an account, a key's name or an address, with COINS."""
    del keyring_backend
    folder = home_of(home)
    paths, prefix = NodePaths(folder), address_prefix(folder)
    address = address_or_name
    if not address_or_name.startswith(f"{prefix}1"):
        address = find_key(folder, address_or_name).account().bech32(prefix)
    found = add_account(read_genesis(paths.genesis), prefix, address, parse_coins(coins))
    write_genesis(paths.genesis, found)


@genesis.command(
    cls=Command,
    example="isthmusd genesis gentx alice 1000000stake --chain-id hub-1 --keyring-backend test",
)
@click.argument("name")
@click.argument("amount")
@click.option("--fees", default="", help="Taken and left unpaid: a genesis costs nothing.")
@click.option("--moniker", default="", help="The validator's name; else the node's.")
@click.option("--ip", default="127.0.0.1", show_default=True, help="Where others dial this node.")
@home_option
@chain_id_option
@keyring_option
@output_option
def gentx(
    name: str,
    amount: str,
    *,
    fees: str,
    moniker: str,
    ip: str,
    home: Path | None,
    chain_id: str,
    keyring_backend: str,
    output: str,
) -> None:
    """Sign that the account NAME stakes AMOUNT behind this node's validator key."""
    del fees, keyring_backend, output
    folder = home_of(home)
    paths = NodePaths(folder)
    node_id = load_or_create_node_key(paths.node_key).id
    config = read_config(paths.config)
    values = sign_genesis_tx(
        _genesis_of(paths, chain_id_of(chain_id)),
        find_key(folder, name).account().private_key,
        address_prefix(folder),
        consensus_key=FilePrivateValidator(paths.validator_key, paths.validator_state).public_key,
        moniker=moniker or config.moniker,
        stake=parse_coin(amount),
        memo=f"{node_id}@{ip}:{config.p2p.laddr.port}",
    )
    target = paths.config.parent / "gentx" / f"gentx-{node_id}.json"
    target.parent.mkdir(exist_ok=True)
    write_durably(target, dump_json(values))
    click.echo(f'Genesis transaction written to "{target}"', err=True)


@genesis.command(
    "collect-gentxs", cls=Command, example="isthmusd genesis collect-gentxs --home /tmp/node"
)
@home_option
def collect_gentxs(*, home: Path | None) -> None:
    """Make validators of the transactions in config/gentx, and dial their nodes."""
    folder = home_of(home)
    paths, prefix = NodePaths(folder), address_prefix(folder)
    found = read_genesis(paths.genesis)
    txs = read_genesis_txs(paths.config.parent / "gentx", found, prefix)
    write_genesis(paths.genesis, collect(found, prefix, txs))
    config = read_config(paths.config)
    node_id = load_or_create_node_key(paths.node_key).id
    try:
        peers = peers_of(",".join(peer_texts(txs, but=node_id)))
    except ValueError as error:
        raise BadGenesisTx(f"a memo is not of the form id@host:port: {error}") from error
    write_config(paths.config, replace(config, p2p=replace(config.p2p, persistent_peers=peers)))
    show({"chain_id": found.chain_id, "node_id": node_id, "gentxs": len(txs)})
