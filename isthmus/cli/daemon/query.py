"""``isthmusd query``: what SDK tools read by the command line."""

from pathlib import Path

import click

from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_pb2
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2 as staking_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2
from isthmus.cli.daemon.asking import with_node
from isthmus.cli.daemon.options import home_option, node_option, output_option, show
from isthmus.cli.output import Command, Group
from relay_chain.node.api.json_forms import message_to_json

TX_SERVICE = "/cosmos.tx.v1beta1.Service/"
MAX_BALANCES = 1_000
DEFAULT_LIMIT = 100


@click.group(cls=Group, example="isthmusd query bank balances isthmus1... --output json")
def query() -> None:
    """Ask a node about its chain."""


@query.group(cls=Group, example="isthmusd query bank balances isthmus1... --denom stake")
def bank() -> None:
    """Ask about balances."""


@bank.command(
    cls=Command,
    example="isthmusd query bank balances isthmus1... --output json\n"
    "isthmusd query bank balances isthmus1... --denom stake --node tcp://localhost:26657",
)
@click.argument("address")
@click.option("--denom", default="", help="Only this denomination.")
@node_option
@home_option
@output_option
def balances(address: str, *, denom: str, node: str, home: Path | None, output: str) -> None:
    """Show what an account holds."""
    del home, output
    service = "/cosmos.bank.v1beta1.Query/"
    if denom:
        request = bank_pb2.QueryBalanceRequest(address=address, denom=denom)
        answer = with_node(
            node, lambda n: n.show(service + "Balance", request, bank_pb2.QueryBalanceResponse)
        )
        show(answer["balance"])
        return
    everything = bank_pb2.QueryAllBalancesRequest(
        address=address, pagination=PageRequest(limit=MAX_BALANCES)
    )
    show(
        with_node(
            node,
            lambda n: n.show(
                service + "AllBalances", everything, bank_pb2.QueryAllBalancesResponse
            ),
        )
    )


@query.command(cls=Command, example="isthmusd query tx 0A1B... --output json")
@click.argument("digest")
@node_option
@home_option
@output_option
def tx(digest: str, *, node: str, home: Path | None, output: str) -> None:
    """Show a committed transaction by its hash."""
    del home, output
    request = service_pb2.GetTxRequest(hash=digest)
    answer = with_node(
        node, lambda n: n.show(TX_SERVICE + "GetTx", request, service_pb2.GetTxResponse)
    )
    show(answer["tx_response"])


@query.command(
    cls=Command, example="isthmusd query txs --query \"transfer.recipient='isthmus1...'\""
)
@click.option("--query", "text", default="", help="Conditions, as tx_search takes them.")
@click.option("--events", default="", help="The older form: type.key=value, '&' between.")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, DEFAULT_LIMIT), default=DEFAULT_LIMIT)
@node_option
@home_option
@output_option
def txs(
    *, text: str, events: str, page: int, limit: int, node: str, home: Path | None, output: str
) -> None:
    """Search transactions by what they did."""
    del home, output
    request = service_pb2.GetTxsEventRequest(query=text or _older(events), page=page, limit=limit)
    answer = with_node(
        node, lambda n: n.ask(TX_SERVICE + "GetTxsEvent", request, service_pb2.GetTxsEventResponse)
    )
    show(
        {
            "total_count": str(answer.total),
            "count": str(len(answer.tx_responses)),
            "page_number": str(page),
            "page_total": str(max(1, -(-answer.total // limit))),
            "limit": str(limit),
            "txs": [message_to_json(response) for response in answer.tx_responses],
        }
    )


def _older(events: str) -> str:
    """Return the conditions of ``--events``: ``a.b=c&d.e=f``."""
    if not events:
        raise click.UsageError("expected --query or --events")
    terms = []
    for part in events.split("&"):
        tag, separator, value = part.partition("=")
        if not separator:
            raise click.UsageError("--events: expected type.key=value")
        quoted = value if value.startswith("'") else f"'{value}'"
        terms.append(f"{tag}={quoted}")
    return " AND ".join(terms)


@query.group(cls=Group, example="isthmusd query auth module-account transfer")
def auth() -> None:
    """Ask about accounts."""


@auth.command(cls=Command, example="isthmusd query auth account isthmus1...")
@click.argument("address")
@node_option
@home_option
@output_option
def account(address: str, *, node: str, home: Path | None, output: str) -> None:
    """Show an account's number, sequence and key."""
    del home, output
    request = auth_pb2.QueryAccountRequest(address=address)
    path = "/cosmos.auth.v1beta1.Query/Account"
    show(with_node(node, lambda n: n.show(path, request, auth_pb2.QueryAccountResponse)))


@auth.command(
    "module-account", cls=Command, example="isthmusd query auth module-account gov --output json"
)
@click.argument("name")
@node_option
@home_option
@output_option
def module_account(name: str, *, node: str, home: Path | None, output: str) -> None:
    """Show a module's account."""
    del home, output
    request = auth_pb2.QueryModuleAccountByNameRequest(name=name)
    answer = auth_pb2.QueryModuleAccountByNameResponse
    path = "/cosmos.auth.v1beta1.Query/ModuleAccountByName"
    show(with_node(node, lambda n: n.show(path, request, answer)))


@query.group(cls=Group, example="isthmusd query staking validators")
def staking() -> None:
    """Ask about stake."""


@staking.command(cls=Command, example="isthmusd query staking validators --output json")
@node_option
@home_option
@output_option
def validators(*, node: str, home: Path | None, output: str) -> None:
    """List the validators."""
    del home, output
    request, answer = staking_pb2.QueryValidatorsRequest(), staking_pb2.QueryValidatorsResponse
    path = "/cosmos.staking.v1beta1.Query/Validators"
    show(with_node(node, lambda n: n.show(path, request, answer)))
