"""What people may ask the hub about integrity, by name."""

from parachains.sdk.users import QueryForm
from parachains.zone.queries import ZoneQuery

_SERVICE = "/isthmus.integrity.v1.Query/"

INTEGRITY_QUERIES = (
    ZoneQuery(
        QueryForm("levels", "Every chain with its level and axes.", "levels"),
        _SERVICE + "Chains",
        lambda _: {},
    ),
    ZoneQuery(
        QueryForm(
            "level", "One chain: axes, and how its level changed.", "level zone-a", ("name",)
        ),
        _SERVICE + "Chain",
        lambda values: {"name": values["name"]},
    ),
    ZoneQuery(
        QueryForm("lots", "An account's labelled lots.", "lots alice", ("address",)),
        _SERVICE + "Lots",
        lambda values: {"address": values["address"]},
    ),
    ZoneQuery(
        QueryForm(
            "lineage",
            "What an accepted packet was made from, by its end at the hub.",
            "lineage transfer channel-0 1",
            ("port", "channel", "sequence"),
        ),
        _SERVICE + "Packet",
        lambda values: {
            "port": values["port"],
            "channel": values["channel"],
            "sequence": values["sequence"],
        },
    ),
    ZoneQuery(
        QueryForm("zones", "What each zone holds: the ledger of zones.", "zones"),
        _SERVICE + "Zones",
        lambda _: {},
    ),
    ZoneQuery(
        QueryForm("quarantine", "What is in doubt, and where it lies.", "quarantine"),
        _SERVICE + "Quarantine",
        lambda _: {},
    ),
    ZoneQuery(
        QueryForm("appeals", "Appeals against quarantine.", "appeals"),
        _SERVICE + "Appeals",
        lambda _: {},
    ),
    ZoneQuery(
        QueryForm("endorsements", "What sources vouch for.", "endorsements"),
        _SERVICE + "Endorsements",
        lambda _: {},
    ),
    ZoneQuery(
        QueryForm("held", "Packets that wait, since their source fell.", "held"),
        _SERVICE + "Held",
        lambda _: {},
    ),
)
"""What the hub answers besides a chain with stake."""
