"""``endorse``: sources vouch for data that are to rise, and others challenge them."""

from collections.abc import Iterator
from pathlib import Path

import click

from integrity.endorsements import packet_datum
from isthmus.cli.integrity_tx import LEVEL, DatumType, Fields, base64_of, message, say
from isthmus.cli.level import WAITS, hub_option
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.quarantine import hex_of
from isthmus.cli.session import Session
from isthmus.cli.trace import find_packets
from isthmus.homes import ChainPlace
from isthmus.integrity_view import HubView, Json, find_hub, inner, number, objects, words
from isthmus.trace import trace
from parachains.sdk.users import Intent

STATES = ("open", "used", "false")


@click.group(
    cls=Group,
    example="isthmus endorse packet civil-affairs civil zone-b/channel-0/3 --level 2\n"
    "isthmus endorse list",
)
def endorse() -> None:
    """Vouch for data of a low chain, so that they may rise; every word has a bond."""


def _key(origin: str, datum: bytes, level: int) -> Fields:
    return {"origin": origin, "datum": base64_of(datum), "level": level}


@endorse.command(
    cls=Command,
    example="isthmus endorse packet civil-affairs civil zone-b/channel-0/3 --level 2",
)
@click.argument("account")
@click.argument("source")
@click.argument("packet")
@click.option("--level", type=LEVEL, required=True, help="The level that it is to rise to.")
@hub_option
@home_option
@json_option
def packet(
    account: str, source: str, packet: str, level: int, hub_name: str, home: Path, *, as_json: bool
) -> None:
    """Vouch as SOURCE for what PACKET says, signing as ACCOUNT.

    PACKET is named as in isthmus trace. It has come to the hub and was refused; its endorsement
    lifts the next packet of its chain that says exactly the same.
    """
    told: dict[str, object] = {}

    async def wanted(session: Session, hub: HubView, _: ChainPlace, signer: str) -> Intent:
        ((chain, key), *_more) = await find_packets(session, packet)
        hop = await trace(await session.users(), chain, key)
        end = hop.packet
        origin = await origin_of(hub, str(end.destination_channel), chain)
        datum = packet_datum(origin, end.destination_port, end.destination_channel, end.data)
        told.update(origin=origin, datum=datum.hex())
        fields = {"endorser": signer, "source": source, **_key(origin, datum, level)}
        return message("MsgEndorse", fields)

    async def more(_: HubView, __: str) -> Fields:
        return told

    say(home, hub_name, account, wanted, as_json=as_json, more=more)


async def origin_of(hub: HubView, channel: str, default: str) -> str:
    """Return the chain behind a channel of the hub, by the name that the hub knows it by."""
    for view in await hub.chains():
        if channel in words(view, "channels"):
            return str(inner(view, "chain").get("name"))
    return default


@endorse.command(
    cls=Command, example="isthmus endorse datum civil-affairs civil zone-b 5F3C... --level 1"
)
@click.argument("account")
@click.argument("source")
@click.argument("origin")
@click.argument("datum", type=DatumType())
@click.option("--level", type=LEVEL, required=True, help="The level that it is to rise to.")
@hub_option
@home_option
@json_option
def datum(
    account: str,
    source: str,
    origin: str,
    datum: bytes,
    level: int,
    hub_name: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Vouch as SOURCE for a datum of ORIGIN by its hash: such as an appeal's."""

    async def wanted(_: Session, __: HubView, ___: ChainPlace, signer: str) -> Intent:
        fields = {"endorser": signer, "source": source, **_key(origin, datum, level)}
        return message("MsgEndorse", fields)

    say(home, hub_name, account, wanted, as_json=as_json)


@endorse.command(
    cls=Command, example="isthmus endorse withdraw civil-affairs zone-b 5F3C... --level 2"
)
@click.argument("account")
@click.argument("origin")
@click.argument("datum", type=DatumType())
@click.option("--level", type=LEVEL, required=True, help="The level that it was to rise to.")
@hub_option
@home_option
@json_option
def withdraw(
    account: str, origin: str, datum: bytes, level: int, hub_name: str, home: Path, *, as_json: bool
) -> None:
    """Take ACCOUNT's word back; said again when nobody can challenge it any more, its bond."""

    async def wanted(_: Session, __: HubView, ___: ChainPlace, signer: str) -> Intent:
        return message("MsgWithdraw", {"endorser": signer, **_key(origin, datum, level)})

    say(home, hub_name, account, wanted, as_json=as_json)


@endorse.command(
    cls=Command,
    example="isthmus endorse challenge bob zone-b 5F3C... --level 2 --grounds 'no such project'",
)
@click.argument("account")
@click.argument("origin")
@click.argument("datum", type=DatumType())
@click.option("--level", type=LEVEL, required=True, help="The level that it is to rise to.")
@click.option("--grounds", required=True, help="Why it is false.")
@hub_option
@home_option
@json_option
def challenge(
    account: str,
    origin: str,
    datum: bytes,
    level: int,
    grounds: str,
    hub_name: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Say that an endorsement is false: it stops until governance has decided, for a bond."""

    async def wanted(_: Session, __: HubView, ___: ChainPlace, signer: str) -> Intent:
        fields = {"challenger": signer, "grounds": grounds, **_key(origin, datum, level)}
        return message("MsgChallenge", fields)

    say(home, hub_name, account, wanted, as_json=as_json)


@endorse.command("list", cls=Command, example="isthmus endorse list")
@hub_option
@home_option
@json_option
def list_endorsements(hub_name: str, home: Path, *, as_json: bool) -> None:
    """List who may endorse, and every endorsement with how far it is."""
    output = Output(as_json)

    async def run() -> tuple[Json, Json]:
        async with Session(home) as session:
            hub = await find_hub(await session.users(), hub_name)
            return await hub.ask("Params"), await hub.ask("Endorsements")

    params, found = run_with_patience(run(), output, WAITS)
    sources = {"sources": params.get("sources", [])}
    output.result({**sources, **found}, lambda: "\n".join(_lines(params, found)))


def _lines(params: Json, found: Json) -> Iterator[str]:
    terms = inner(params, "params")
    bond = f"{terms.get('bond')}{terms.get('bond_denom')}" if terms.get("bond_denom") else "none"
    yield (
        f"{terms.get('endorsers')} independent sources lift a datum, bond {bond}, challenges for "
        f"{terms.get('challenge_blocks')} blocks"
    )
    for source in objects(params, "sources"):
        yield f"source {source.get('name')}: {source.get('operator')} at {source.get('chain')}"
    for view in objects(found, "endorsements"):
        endorsement = inner(view, "endorsement")
        names = ", ".join(str(each.get("source")) for each in objects(endorsement, "vouches"))
        state = STATES[number(endorsement, "state")]
        if endorsement.get("challenger"):
            state = f"challenged: {endorsement.get('grounds')}"
        elif state == "open" and number(view, "acts_at"):
            state = f"acts from height {number(view, 'acts_at')}"
        elif state == "used":
            state = f"used by {endorsement.get('used_by')} at height {endorsement.get('used_at')}"
        yield (
            f"{hex_of(endorsement, 'datum')} of {endorsement.get('origin')} for level "
            f"{endorsement.get('level')}: {number(view, 'independent')} of {view.get('needed')} "
            f"({names}), {state}"
        )
