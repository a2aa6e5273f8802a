"""Where the sent tokens are: on every ledger they passed, the same amount."""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.types import ChannelId
from demos.crash.traffic import END, HUB, ORIGIN, PORT, RECEIVER, Traffic
from demos.ledgers import balance, balance_of_escrow, balance_supply, voucher
from demos.network import Network


@dataclass(frozen=True, slots=True)
class Holdings:
    """Amounts by place."""

    by_place: Mapping[str, int]

    def are_all(self, amount: int) -> bool:
        """Return whether each place holds exactly ``amount``."""
        return all(held == amount for held in self.by_place.values())


async def holdings(net: Network, traffic: Traffic) -> Holdings:
    """Return what each ledger says of the tokens that were sent from the origin to the end."""
    base = net.chain(ORIGIN).denom
    on_hub = f"{PORT}/{traffic.from_origin.on_b}/{base}"
    on_end = voucher(f"{PORT}/{traffic.to_end.on_b}/{on_hub}")
    out: ChannelId = traffic.from_origin.on_a
    return Holdings(
        {
            f"escrow on {ORIGIN}": await balance_of_escrow(net, ORIGIN, out, base),
            f"vouchers on {HUB}": await balance_supply(net, HUB, voucher(on_hub)),
            f"escrow on {HUB}": await balance_of_escrow(
                net, HUB, traffic.to_end.on_a, voucher(on_hub)
            ),
            f"vouchers on {END}": await balance_supply(net, END, on_end),
            f"{RECEIVER} on {END}": await balance(net, END, RECEIVER, on_end),
        }
    )
