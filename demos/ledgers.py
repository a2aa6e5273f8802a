"""What scenarios ask chains about tokens, over public RPC and of any kind of chain."""

from collections.abc import Mapping

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import ChannelId, PortId
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1 import query_pb2 as transfer_query
from demos.network import Network

PORT = PortId("transfer")


def voucher(path: str) -> str:
    """Return a ledger's name for a denomination that came over channels (ICS-20)."""
    return f"ibc/{sha256(path.encode()).hex().upper()}"


def short(denom: str) -> str:
    """Return a denomination as people can read it: a voucher's hash is cut."""
    return f"{denom[:12]}..." if denom.startswith("ibc/") else denom


async def balance(net: Network, chain: str, account: str, denom: str) -> int:
    """Return an account's balance."""
    return await _balance(net, chain, net.account(account).addresses[chain], denom)


async def _balance(net: Network, chain: str, address: str, denom: str) -> int:
    answer = await net.ask(chain, "balances", address=address)
    held = answer.get("balances")
    if not isinstance(held, list):
        raise OperationFailed(f"{chain} tells no balances")
    return sum(
        int(str(coin["amount"]))
        for coin in held
        if isinstance(coin, Mapping) and coin.get("denom") == denom
    )


async def balance_of_escrow(net: Network, chain: str, channel: ChannelId, denom: str) -> int:
    """Return what a channel end's escrow account holds, on a chain with accounts."""
    answer = await net.query(
        chain,
        "/ibc.applications.transfer.v1.Query/EscrowAddress",
        transfer_query.QueryEscrowAddressRequest(port_id=PORT, channel_id=channel),
        transfer_query.QueryEscrowAddressResponse,
    )
    return await _balance(net, chain, answer.escrow_address, denom)


async def escrowed(net: Network, chain: str, denom: str) -> int:
    """Return what a chain holds of a denomination in escrow, over all its channels."""
    answer = await net.query(
        chain,
        "/ibc.applications.transfer.v1.Query/TotalEscrowForDenom",
        transfer_query.QueryTotalEscrowForDenomRequest(denom=denom),
        transfer_query.QueryTotalEscrowForDenomResponse,
    )
    return int(answer.amount.amount or 0)


async def balance_supply(net: Network, chain: str, denom: str) -> int:
    """Return how much of a denomination a chain with a bank has."""
    answer = await net.query(
        chain,
        "/cosmos.bank.v1beta1.Query/SupplyOf",
        bank_query.QuerySupplyOfRequest(denom=denom),
        bank_query.QuerySupplyOfResponse,
    )
    return int(answer.amount.amount or 0)


async def count_hops(net: Network, chain: str, denom: str) -> int:
    """Return over how many channels a voucher came, as its chain tells."""
    answer = await net.query(
        chain,
        "/ibc.applications.transfer.v1.Query/Denom",
        transfer_query.QueryDenomRequest(hash=denom),
        transfer_query.QueryDenomResponse,
    )
    return len(answer.denom.trace)
