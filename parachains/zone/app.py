"""The composition of a zone; adding a module to a chain is one more line here."""

from collections.abc import Sequence

from chainkit.commitments.database import KeyValueDatabase
from chainkit.modules.auth import AuthModule
from chainkit.modules.bank import BankModule
from chainkit.modules.static_validators import StaticValidatorsModule
from chainkit.runtime.ante import FEE_COLLECTOR, AnteRules
from chainkit.runtime.application import Application, Settings
from chainkit.runtime.fees import parse_gas_prices
from chainkit.runtime.messages import MessageRouter
from chainkit.runtime.module import Module
from chainkit.runtime.services import ServiceInfo
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.module import ibc_modules
from ibc.ics26_routing.port import ApplicationFactory

MODULE_ACCOUNTS = (FEE_COLLECTOR, "gov", "transfer")
DEFAULT_SETTINGS = Settings()


def zone_application(
    database: KeyValueDatabase,
    *,
    light_clients: Sequence[LightClient],
    applications: Sequence[ApplicationFactory],
    address_prefix: str = "isthmus",
    minimum_gas_prices: str = "",
    settings: Settings = DEFAULT_SETTINGS,
    extra_modules: Sequence[Module] = (),
    version: str = "0.1.0",
) -> Application:
    """Return a zone's application over ``database``.

    Args:
        database: Where the state is kept.
        light_clients: The kinds of chains that it can follow.
        applications: What runs on its packet layer.
        address_prefix: The bech32 prefix of its addresses.
        minimum_gas_prices: This node's, e.g. ``0.01stake``.
        settings: This node's wishes.
        extra_modules: The zone's own features.
        version: Of the program.
    """
    auth = AuthModule(address_prefix)
    bank = BankModule(auth, module_accounts=MODULE_ACCOUNTS)
    joined = ibc_modules(
        bank,
        light_clients,
        applications,
        account_prefix=address_prefix,
        messages=lambda: messages,
    )
    rules = AnteRules(auth, bank, address_prefix, parse_gas_prices(minimum_gas_prices))
    modules = (auth, bank, StaticValidatorsModule(), *joined, *extra_modules)
    messages = MessageRouter(route for module in modules for route in module.message_routes())
    info = ServiceInfo("isthmus-zone", version, minimum_gas_prices)
    return Application(modules, database, rules, info, settings)
