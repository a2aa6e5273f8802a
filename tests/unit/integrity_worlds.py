"""A hub with integrity levels and zones around it, in one process."""

from dataclasses import replace

from chainkit.primitives.types import ChannelId, Denom
from htlc.onchain.locks.locks import HashLocks
from htlc.onchain.locks.module import APPLICATION as HTLC
from ibc.ics02_client.clients import Clients
from ibc.ics03_connection.connections import Connections
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics26_routing.remotes import Remotes
from ibc.testing.chain import PREFIX, TestChain
from ibc.testing.ledger import TestLedger
from ibc.testing.light_client import TestLightClient
from ibc.testing.path import Path, written_acknowledgements
from integrity.axes import HIGHEST, Level
from integrity.contents import READERS
from integrity.guard import IntegrityGuard
from integrity.levels import start
from integrity.lot_keeper import LotKeeper
from integrity.records import HUB, ChainRecord
from integrity.store import IntegrityStore, open_store
from tests.unit.ibc_worlds import DATAGRAM, TRANSFER, address, new_chain, send, transfer_path

ACCEPTED = b'{"result":"AQ=="}'


class Hub:
    """The hub, the zones by name, and the paths to them; mutable as the world of a test."""

    def __init__(self, **levels: int) -> None:
        """``levels`` are the zones' and ``hub`` the hub's own, 4 if it is not given."""
        ledger = self.new_ledger()
        self.clients = Clients((TestLightClient(),))
        self.guard = IntegrityGuard(
            Remotes(Channels(Connections(self.clients))), READERS, HashLocks(ledger, PREFIX)
        )
        self.keeper = LotKeeper(self.guard, ledger)
        self.chain = self.new_chain(
            "hub-1", (TRANSFER, DATAGRAM, HTLC), (self.guard,), ledger, self.keeper
        )
        self.zones: dict[str, TestChain] = {}
        self.paths: dict[str, Path] = {}
        self.describe(HUB, levels.pop(HUB, HIGHEST))
        for name, level in levels.items():
            zone = new_chain(f"{name}-1", applications=(TRANSFER, DATAGRAM, HTLC))
            zone.fund("alice", f"u{name}", 10_000)
            self.zones[name] = zone
            self.paths[name] = transfer_path(self.chain, zone)
            self.describe(name, level)

    def new_ledger(self) -> TestLedger:
        """Return the hub's ledger; others have moves followed as the hub's bank does."""
        return TestLedger()

    def new_chain(self, *args) -> TestChain:
        """Return the hub's chain."""
        return TestChain(*args)

    @property
    def store(self) -> IntegrityStore:
        return open_store(self.chain.context())

    def describe(self, name: str, level: int) -> None:
        """Write a chain of a level, bound to its client."""
        client = self.paths[name].a.client_id if name in self.paths else ""
        state = start(Level(level), HIGHEST)
        self.store.set_chain(ChainRecord(name, f"{name}-1", name, state, client_id=client))

    def change(self, name: str, **fields: object) -> None:
        """Change what the hub knows of a chain."""
        chain = self.store.chain(name)
        assert chain is not None
        self.store.set_chain(replace(chain, **fields))

    def channel(self, name: str) -> ChannelId:
        """Return the hub's channel to a zone."""
        return self.paths[name].a.channel_id

    def send_up(self, name: str, denom: str, amount: int, receiver: str = "bob", memo: str = ""):
        """Send from a zone's user to the hub; return the packet and the hub's answers."""
        path = self.paths[name]
        packet = send(path.b, "alice", address(self.chain, receiver), denom, amount, memo=memo)
        return packet, self.receive(name, packet)

    def receive(self, name: str, packet: Packet) -> list[bytes]:
        """Relay a zone's packet to the hub; return what it answered now."""
        path = self.paths[name]
        _, events = path.recv(path.a, packet)
        return [answer for _, answer in written_acknowledgements(events)]

    def voucher(self, name: str, denom: str) -> Denom:
        """Return the hub's name for a zone's own denomination."""
        return extract_denom(f"transfer/{self.channel(name)}/{denom}").local_denom()
