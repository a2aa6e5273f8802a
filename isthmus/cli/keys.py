"""``keys``: the funded accounts of a network, and keys of one's own."""

import sys
from pathlib import Path

import click

from isthmus.accounts import DEVELOPMENT_PHRASE, Account
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.session import Session
from isthmus.homes import NetPlace, account_text
from isthmus.keyring import KeyEntry, add_key, read_keys

NAME_PATTERN = "letters, digits, '.', '_' or '-'"


def accounts_text(place: NetPlace) -> str:
    """Return the funded accounts as ``up`` and ``keys`` print them."""
    lines = ["Accounts (funded; the phrase is public, never use these keys elsewhere)"]
    for account in place.accounts:
        address = next(iter(account.addresses.values()), "")
        lines.append(f"  {account.name:<10} {address}  0x{account.private_key}")
    lines += ["", f"Phrase: {DEVELOPMENT_PHRASE}", "Path:   m/44'/118'/0'/0/index"]
    return "\n".join(lines)


def accounts_json(place: NetPlace) -> list[dict[str, object]]:
    """Return the funded accounts as the result line has them."""
    return [
        {"name": a.name, "private_key": a.private_key, "addresses": a.addresses}
        for a in place.accounts
    ]


def _addresses(account: Account, place: NetPlace) -> dict[str, str]:
    return {
        chain.name: account_text(account, chain.kind, chain.bech32_prefix) for chain in place.chains
    }


def _first_address(entry: KeyEntry, place: NetPlace) -> str:
    return next(iter(_addresses(entry.account(), place).values()), "")


def _entry_json(entry: KeyEntry, place: NetPlace) -> dict[str, object]:
    return {"name": entry.name, "addresses": _addresses(entry.account(), place)}


class Keys(Group):
    """``keys`` alone lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a missing command, or options alone, for ``list``."""
        is_help = bool(args) and args[0] == "--help"
        if not is_help and (not args or args[0].startswith("-")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Keys,
    example="isthmus keys\nisthmus keys add carol\nisthmus keys show carol --json",
)
def keys() -> None:
    """List, add and show keys; without a command, list them."""


@keys.command("list", cls=Command, example="isthmus keys list --home /tmp/net")
@home_option
@json_option
def list_keys(home: Path, *, as_json: bool) -> None:
    """List the funded accounts of a network, and the keys that were added."""
    session = Session(home)
    added = read_keys(home)

    def text() -> str:
        lines = [accounts_text(session.place)]
        if added:
            lines += ["", "Added keys (not funded by genesis)"]
            lines += [f"  {each.name:<10} {_first_address(each, session.place)}" for each in added]
        return "\n".join(lines)

    Output(as_json).result(
        {
            "accounts": accounts_json(session.place),
            "added": [_entry_json(entry, session.place) for entry in added],
        },
        text,
    )


@keys.command(
    cls=Command,
    example="isthmus keys add carol\nisthmus keys add dave --recover < words.txt",
)
@click.argument("name")
@click.option("--recover", is_flag=True, help="Read the words of a phrase from standard input.")
@click.option(
    "--index", type=click.IntRange(0, 2**31 - 1), default=0, help="Last part of its path."
)
@home_option
@json_option
def add(name: str, index: int, home: Path, *, recover: bool, as_json: bool) -> None:
    """Make a key, or recover one from its words, and keep it in the network's home.

    The words are kept as they are: this is for networks where nothing is worth stealing.
    """
    session = Session(home)
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise click.UsageError(f"name: expected {NAME_PATTERN}")
    if name in {account.name for account in session.place.accounts}:
        raise click.UsageError(f"name: {name} is an account of the network already")
    words = sys.stdin.read() if recover else ""
    if recover and not words.strip():
        raise click.UsageError("expected the words of a phrase on standard input")
    entry = add_key(home, name, mnemonic=words, index=index)
    values = {**_entry_json(entry, session.place), "mnemonic": entry.mnemonic}
    first = _first_address(entry, session.place)
    Output(as_json).result(
        values,
        lambda: f"{name}  {first}\n\nWrite these words down, they are the key:\n{entry.mnemonic}",
    )


@keys.command(cls=Command, example="isthmus keys show alice\nisthmus keys show carol --secret")
@click.argument("name")
@click.option("--secret", is_flag=True, help="Show the private key too.")
@home_option
@json_option
def show(name: str, home: Path, *, secret: bool, as_json: bool) -> None:
    """Show a key's address on every chain."""
    session = Session(home)
    account = session.account(name)
    addresses = _addresses(account, session.place)
    values: dict[str, object] = {"name": name, "addresses": addresses}
    lines = [f"  {chain:<10} {address}" for chain, address in addresses.items()]
    if secret:
        values["private_key"] = account.private_key.hex()
        lines.append(f"  key        0x{account.private_key.hex()}")
    Output(as_json).result(values, lambda: "\n".join([name, *lines]))
