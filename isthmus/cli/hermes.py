"""``hermes-config``: what the Hermes relayer needs to join the chains of a network."""

from pathlib import Path

import click

from isthmus.accounts import COSMOS_COIN_TYPE, DEVELOPMENT_PHRASE
from isthmus.cli.output import Command, Output, home_option, json_option
from isthmus.cli.session import Session
from isthmus.cli.values import GasPriceType
from isthmus.hermes import EventSource, chains_for_hermes, hermes_commands, hermes_toml
from isthmus.keyring import read_keys
from relay_chain.node.files import write_durably


def _phrase(session: Session, name: str) -> tuple[str, int]:
    """Return the words and the index that a key is derived from.

    Raises:
        UnknownName: There is no such key.
    """
    account = session.account(name)
    for entry in read_keys(session.home):
        if entry.name == name:
            return entry.mnemonic, entry.index
    return DEVELOPMENT_PHRASE, account.index


@click.command(
    "hermes-config",
    cls=Command,
    example="isthmus hermes-config --home /tmp/net\n"
    "isthmus hermes-config --home /tmp/net --chain hub --chain zone-a --event-source pull",
)
@click.option(
    "--chain", "names", multiple=True, help="A chain to join, the first with each other; else all."
)
@click.option("--account", default="relayer", show_default=True, help="Whose key pays.")
@click.option(
    "--event-source",
    type=click.Choice(("push", "pull")),
    default="push",
    show_default=True,
    help="Events over a WebSocket, or blocks asked for.",
)
@click.option(
    "--gas-price",
    type=GasPriceType(),
    default="0",
    show_default=True,
    help="Base units of a chain's own token that a unit of gas costs, as 0.025.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; the folder hermes in the network's home else.",
)
@home_option
@json_option
def hermes_config(
    names: tuple[str, ...],
    account: str,
    event_source: EventSource,
    gas_price: int,
    folder: Path | None,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Write settings for the Hermes relayer, and print what to type next.

    Hermes itself is not part of Isthmus. The words of the account's key are written beside the
    settings, readable by their owner only.
    """
    session = Session(home)
    chosen = [session.chain(name) for name in names] or session.place.chains
    chains = chains_for_hermes(chosen)
    words, index = _phrase(session, account)
    target = (folder or home / "hermes").resolve()
    target.mkdir(parents=True, exist_ok=True)
    config, phrase = target / "config.toml", target / "phrase"
    text = hermes_toml(
        chains,
        session.place.spec,
        key_name=account,
        keys=target / "keys",
        event_source=event_source,
        gas_price_millionths=gas_price,
    )
    write_durably(config, text.encode())
    write_durably(phrase, words.encode(), mode=0o600)
    hd_path = f"m/44'/{COSMOS_COIN_TYPE}'/0'/0/{index}"
    commands = hermes_commands(
        chains, config=config, phrase=phrase, key_name=account, hd_path=hd_path
    )
    Output(as_json).result(
        {
            "config": str(config),
            "phrase": str(phrase),
            "hd_path": hd_path,
            "chains": [chain.chain_id for chain in chains],
            "commands": list(commands),
        },
        lambda: "\n".join((f"wrote {config}; next:", "", *commands)),
    )
