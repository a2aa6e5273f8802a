"""``isthmusd keys``: the keys of a home, in the SDK's JSON."""

import json
import sys
from pathlib import Path

import click

from chainkit.runtime.tx_codec import encode_public_key
from chainkit.sigverify.secp256k1 import public_key_of
from isthmus.cli.daemon.options import (
    address_prefix,
    home_of,
    home_option,
    keyring_option,
    output_option,
    show,
)
from isthmus.cli.output import Command, Group
from isthmus.keyring import BadKey, KeyEntry, add_key, read_keys
from relay_chain.node.api.json_forms import any_to_json
from relay_chain.node.json_forms import JsonObject


def find_key(home: Path, name: str) -> KeyEntry:
    """Return the key with a name or an address.

    Raises:
        BadKey: There is none.
    """
    prefix = address_prefix(home)
    for entry in read_keys(home):
        if name in {entry.name, entry.account().bech32(prefix)}:
            return entry
    raise BadKey(f"{name}: key not found")


def _entry_json(entry: KeyEntry, prefix: str, **more: object) -> JsonObject:
    account = entry.account()
    public_key = any_to_json(encode_public_key(public_key_of(account.private_key)))
    return {
        "name": entry.name,
        "type": "local",
        "address": account.bech32(prefix),
        "pubkey": json.dumps(public_key),
        **more,
    }


def _print(values: JsonObject, output: str) -> None:
    if output == "json":
        show(values)
    else:
        click.echo("\n".join(f"{key}: {value}" for key, value in values.items()))


@click.group(cls=Group, example="isthmusd keys add alice --home /tmp/node")
def keys() -> None:
    """Add, show and list keys."""


@keys.command(
    cls=Command,
    example="isthmusd keys add alice --keyring-backend test --output json\n"
    "isthmusd keys add bob --recover < words.txt",
)
@click.argument("name")
@click.option("--recover", is_flag=True, help="Read the words of a phrase from standard input.")
@home_option
@keyring_option
@output_option
def add(name: str, *, recover: bool, home: Path | None, keyring_backend: str, output: str) -> None:
    """Make a key, or recover one from its words."""
    del keyring_backend
    folder = home_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    entry = add_key(folder, name, mnemonic=sys.stdin.read() if recover else "")
    _print(_entry_json(entry, address_prefix(folder), mnemonic=entry.mnemonic), output)


@keys.command("show", cls=Command, example="isthmusd keys show alice --address")
@click.argument("name")
@click.option("--address", "-a", "only_address", is_flag=True, help="Print the address alone.")
@home_option
@keyring_option
@output_option
def show_key(
    name: str, *, only_address: bool, home: Path | None, keyring_backend: str, output: str
) -> None:
    """Show a key without its words."""
    del keyring_backend
    folder = home_of(home)
    values = _entry_json(find_key(folder, name), address_prefix(folder))
    if only_address:
        click.echo(values["address"])
    else:
        _print(values, output)


@keys.command("list", cls=Command, example="isthmusd keys list --output json")
@home_option
@keyring_option
@output_option
def list_keys(*, home: Path | None, keyring_backend: str, output: str) -> None:
    """List the keys of a home."""
    del keyring_backend
    folder = home_of(home)
    prefix = address_prefix(folder)
    found = [_entry_json(entry, prefix) for entry in read_keys(folder)]
    if output == "json":
        show(found)
    else:
        click.echo("\n".join(f"{each['name']}  {each['address']}" for each in found))
