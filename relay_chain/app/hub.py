"""The composition of the hub."""

from collections.abc import Collection, Sequence

from chainkit.commitments.database import KeyValueDatabase
from chainkit.modules.auth import AuthModule
from chainkit.modules.bank import BankModule
from chainkit.runtime.ante import FEE_COLLECTOR, AnteRules
from chainkit.runtime.application import Application, Settings
from chainkit.runtime.fees import parse_gas_prices
from chainkit.runtime.messages import MessageRouter
from chainkit.runtime.services import ServiceInfo
from htlc.onchain.locks.locks import HashLocks
from ibc.ics02_client.clients import Clients
from ibc.ics02_client.port import LightClient
from ibc.ics03_connection.connections import Connections
from ibc.ics04_channel.channels import Channels
from ibc.ics26_routing.module import IbcModule, ibc_modules
from ibc.ics26_routing.port import ApplicationFactory, RouterMiddleware
from ibc.ics26_routing.remotes import Remotes
from integrity.contents import READERS
from integrity.flood import FloodGate
from integrity.guard import IntegrityGuard
from integrity.lot_keeper import LotKeeper
from integrity.module import IntegrityModule
from integrity.monitor import Monitor
from relay_chain.app.governance import GovernanceModule
from relay_chain.app.hub_facts import HubFacts
from relay_chain.app.slashing import SlashingModule
from relay_chain.app.staking import BONDED_POOL, NOT_BONDED_POOL, StakingModule
from relay_chain.app.upgrade import UpgradeModule

MODULE_ACCOUNTS = (FEE_COLLECTOR, BONDED_POOL, NOT_BONDED_POOL, "gov", "transfer", "integrity")
DEFAULT_SETTINGS = Settings()


def hub_application(
    database: KeyValueDatabase,
    *,
    light_clients: Sequence[LightClient],
    applications: Sequence[ApplicationFactory],
    middleware: tuple[RouterMiddleware, ...] = (),
    address_prefix: str = "isthmus",
    minimum_gas_prices: str = "",
    settings: Settings = DEFAULT_SETTINGS,
    version: str = "0.1.0",
    upgrades: Collection[str] = (),
) -> Application:
    """Return the hub's application over ``database``.

    Slashing begins blocks and staking ends them, so that who is jailed at H leaves the set
    at H + 2. ``upgrades`` are the planned ones that this program has. The other arguments are
    those of ``parachains.zone.zone_application``.
    """
    auth = AuthModule(address_prefix)
    bank = BankModule(auth, module_accounts=MODULE_ACCOUNTS)
    staking = StakingModule(bank, address_prefix)
    slashing = SlashingModule(staking, address_prefix)
    clients = Clients(tuple(light_clients))
    locks = HashLocks(bank, address_prefix)
    guard = IntegrityGuard(Remotes(Channels(Connections(clients))), READERS, locks)
    keeper = LotKeeper(guard, bank)
    bank.watch(keeper.moved)
    core, *apps = ibc_modules(
        bank,
        light_clients,
        applications,
        account_prefix=address_prefix,
        middleware=(guard, *middleware),
        labels=keeper,
        messages=lambda: messages,
    )
    assert isinstance(core, IbcModule)
    governance = GovernanceModule(
        bank,
        staking,
        address_prefix,
        lambda: MessageRouter(route for module in others for route in module.message_routes()),
    )
    facts = HubFacts(staking, slashing, governance, address_prefix)
    integrity = IntegrityModule(Monitor(clients, facts), core, address_prefix, bank)
    joined = (core, *apps, integrity, FloodGate(guard))
    upgrade = UpgradeModule(bank.module_address("gov"), address_prefix, upgrades)
    rules = AnteRules(auth, bank, address_prefix, parse_gas_prices(minimum_gas_prices))
    info = ServiceInfo("isthmus-hub", version, minimum_gas_prices)
    others = (auth, bank, slashing, *joined, upgrade)
    modules = (upgrade, auth, bank, staking, slashing, governance, *joined)
    messages = MessageRouter(route for module in modules for route in module.message_routes())
    return Application(modules, database, rules, info, settings)
