"""What people may ask a Tendermint chain, by name: each question is one gRPC query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from parachains.sdk.users import QueryForm

Arguments = Mapping[str, str]
PAGE = {"limit": "1000"}

_BANK = "/cosmos.bank.v1beta1.Query/"
_STAKING = "/cosmos.staking.v1beta1.Query/"
_CHANNEL = "/ibc.core.channel.v1.Query/"
_TRANSFER = "/ibc.applications.transfer.v1.Query/"


@dataclass(frozen=True, slots=True)
class ZoneQuery:
    """A question and how it is asked: a gRPC method and its request in protobuf's JSON."""

    form: QueryForm
    path: str
    request: Callable[[Arguments], Mapping[str, object]]


def _nothing(_: Arguments) -> Mapping[str, object]:
    return {}


def _page(_: Arguments) -> Mapping[str, object]:
    return {"pagination": PAGE}


def _address(values: Arguments) -> Mapping[str, object]:
    return {"address": values["address"]}


def _address_page(values: Arguments) -> Mapping[str, object]:
    return {"address": values["address"], "pagination": PAGE}


def _channel_end(values: Arguments) -> Mapping[str, object]:
    return {"port_id": values["port"], "channel_id": values["channel"]}


def _channel_page(values: Arguments) -> Mapping[str, object]:
    return {**_channel_end(values), "pagination": PAGE}


def _denom_hash(values: Arguments) -> Mapping[str, object]:
    return {"hash": values["denom"].removeprefix("ibc/")}


CORE_QUERIES = (
    ZoneQuery(
        QueryForm("balances", "What an account holds.", "balances alice", ("address",)),
        _BANK + "AllBalances",
        _address_page,
    ),
    ZoneQuery(
        QueryForm("supply", "How much of each denomination there is.", "supply"),
        _BANK + "TotalSupply",
        _page,
    ),
    ZoneQuery(
        QueryForm("account", "An account's number and sequence.", "account alice", ("address",)),
        "/cosmos.auth.v1beta1.Query/AccountInfo",
        _address,
    ),
    ZoneQuery(
        QueryForm("clients", "The light clients of other chains here.", "clients"),
        "/ibc.core.client.v1.Query/ClientStates",
        _page,
    ),
    ZoneQuery(
        QueryForm(
            "client-status",
            "Whether a light client is active, expired or frozen.",
            "client-status 07-tendermint-0",
            ("client",),
        ),
        "/ibc.core.client.v1.Query/ClientStatus",
        lambda values: {"client_id": values["client"]},
    ),
    ZoneQuery(
        QueryForm("connections", "The connections to other chains.", "connections"),
        "/ibc.core.connection.v1.Query/Connections",
        _page,
    ),
    ZoneQuery(
        QueryForm("channels", "The channels to other chains.", "channels"),
        _CHANNEL + "Channels",
        _page,
    ),
    ZoneQuery(
        QueryForm(
            "commitments",
            "Packets sent over a channel that are not finished.",
            "commitments transfer channel-0",
            ("port", "channel"),
        ),
        _CHANNEL + "PacketCommitments",
        _channel_page,
    ),
    ZoneQuery(
        QueryForm(
            "acknowledgements",
            "Hashes of the answers to packets received over a channel.",
            "acknowledgements transfer channel-0",
            ("port", "channel"),
        ),
        _CHANNEL + "PacketAcknowledgements",
        _channel_page,
    ),
    ZoneQuery(
        QueryForm("denoms", "The vouchers here and the paths they came by.", "denoms"),
        _TRANSFER + "Denoms",
        _page,
    ),
    ZoneQuery(
        QueryForm("denom", "The path that a voucher came by.", "denom ibc/27394FB0...", ("denom",)),
        _TRANSFER + "Denom",
        _denom_hash,
    ),
    ZoneQuery(
        QueryForm(
            "escrow",
            "The account that holds what was sent over a channel.",
            "escrow transfer channel-0",
            ("port", "channel"),
        ),
        _TRANSFER + "EscrowAddress",
        _channel_end,
    ),
)
"""What every Tendermint chain of ours answers."""

STAKE_QUERIES = (
    ZoneQuery(
        QueryForm("validators", "Those who stake and vote.", "validators"),
        _STAKING + "Validators",
        _nothing,
    ),
    ZoneQuery(
        QueryForm("pool", "How much is staked.", "pool"),
        _STAKING + "Pool",
        _nothing,
    ),
    ZoneQuery(
        QueryForm("signing-infos", "Blocks missed, jailed until when.", "signing-infos"),
        "/cosmos.slashing.v1beta1.Query/SigningInfos",
        _nothing,
    ),
    ZoneQuery(
        QueryForm("proposals", "What was or is voted on.", "proposals"),
        "/cosmos.gov.v1.Query/Proposals",
        _nothing,
    ),
    ZoneQuery(
        QueryForm("proposal", "One proposal and its tally.", "proposal 1", ("proposal",)),
        "/cosmos.gov.v1.Query/Proposal",
        lambda values: {"proposal_id": values["proposal"]},
    ),
)
"""What a chain with stake and governance answers too."""

TX = QueryForm("tx", "A transaction with its events.", "tx 5F3C...", ("hash",))
BLOCK = QueryForm("block", "A block; the newest where no height is given.", "block 7", ("height?",))
GRPC = QueryForm(
    "grpc",
    "Any gRPC query: the method, and the request as JSON.",
    "grpc /cosmos.bank.v1beta1.Query/Params '{}'",
    ("method", "request?"),
)
NODE_QUERIES = (TX, BLOCK, GRPC)
"""What the node itself answers."""


def query_forms(asked: Sequence[ZoneQuery]) -> tuple[QueryForm, ...]:
    """Return all that can be asked of a chain which answers ``asked`` by gRPC."""
    return (*(query.form for query in asked), *NODE_QUERIES)
