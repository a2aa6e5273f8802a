"""What the hub keeps of chains, packets and parameters."""

from dataclasses import dataclass, field

from chainkit.primitives.types import Address, ClientId, Denom
from ibc.ics04_channel.types import Packet
from integrity.axes import HIGHEST, LOWEST, PROFILES, Level, Reading, Thresholds
from integrity.errors import InvalidTransition
from integrity.levels import LevelParams, LevelState
from integrity.lots import Lots
from integrity.rules import Content, Delivery, Mode

HUB = "hub"
"""The name under which the hub judges itself."""


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters; epochs and holds in blocks of the hub."""

    epoch_blocks: int = 10
    levels: LevelParams = LevelParams()
    hold_blocks: int = 100
    """How long a packet is held whose source fell while it was under way."""
    packets_per_epoch: int = 1_000
    """The packets of one zone that are accepted in an epoch."""
    stale_epochs: int = 3
    """Epochs without a new height after which a zone counts as halted; 0 for never."""
    fraud_epochs: int = 30
    """Epochs for which a proved fraud keeps a chain at level 0."""
    profile: str = "standard"
    registrar: Address = Address(b"")
    """Who may bind clients to chains besides governance; empty for nobody."""
    endorsers: int = 3
    """Independent sources that lift a datum."""
    bond: int = 1_000_000
    """What each of them, a challenger and an appellant put down, in base units."""
    bond_denom: str = ""
    """The hub's denomination of bonds; empty: nobody endorses."""
    challenge_blocks: int = 100
    """How long an endorsement can be challenged before it acts, and after it acted."""
    appeal_blocks: int = 300
    """After how long an appeal is refused that nobody supported."""
    flood_epochs: int = 3
    """Epochs in a row with its quota used up after which a zone is cut off; 0 for never."""

    def __post_init__(self) -> None:
        if self.epoch_blocks < 1 or self.hold_blocks < 1 or self.packets_per_epoch < 1:
            raise InvalidTransition("an epoch, a hold and a quota are of 1 or more")
        if self.endorsers < 2 or self.bond < 1:
            raise InvalidTransition("an endorsement is of 2 sources or more, and of a bond")
        if self.challenge_blocks < 1 or self.appeal_blocks < 1:
            raise InvalidTransition("challenges and appeals have a block or more")
        if self.profile not in PROFILES:
            raise InvalidTransition(f"no profile {self.profile[:64]!r}")

    def thresholds(self) -> Thresholds:
        """Return the thresholds of the profile."""
        return PROFILES[self.profile]

    def epoch(self, height: int) -> int:
        """Return the epoch of a height of the hub."""
        return height // self.epoch_blocks


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """A chain that the hub was told of."""

    name: str
    chain_id: str
    operator: str
    """Who runs it, an account's text or a name; chains of one operator are not independent."""
    level: LevelState
    declared: tuple[Reading, ...] = ()
    client_id: ClientId = ClientId("")
    """The client that follows it; empty until it is bound."""
    isolated: str = ""
    """Why it is cut off; empty if it is not."""
    isolated_at: int = 0
    fraud_at: int = 0
    """The hub's height of the last proved fraud; 0 for never."""
    joined_at: int = 0
    epochs_due: int = 0
    epochs_on_time: int = 0
    silent_epochs: int = 0
    """Epochs in a row without a new height."""
    seen_height: str = ""
    """Its client's latest height when the epoch began."""
    floors: tuple[tuple[str, Level], ...] = ()
    """Its ports that were demoted, and to what."""

    def floor(self, port_id: str) -> Level:
        """Return the label above which a port's own data do not count."""
        for port, label in self.floors:
            if port == port_id:
                return label
        return HIGHEST


@dataclass(frozen=True, slots=True)
class Traffic:
    """The packets of one zone against its quota."""

    epoch: int = 0
    packets: int = 0
    """Those accepted in ``epoch``."""
    full_epochs: int = 0
    """Epochs in a row in which the quota was used up; the last is ``full_epoch``."""
    full_epoch: int = 0

    def used(self, epoch: int) -> int:
        """Return the packets accepted in an epoch that is not over."""
        return self.packets if self.epoch == epoch else 0


@dataclass(frozen=True, slots=True)
class LevelRecord:
    """A change of a chain's level, with what was measured then."""

    chain: str
    height: int
    before: Level
    after: Level
    reason: str
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How a channel treats what comes from below."""

    mode: Mode = Mode.STRICT
    strict_equal: bool = False


STRICT = ChannelPolicy()


@dataclass(frozen=True, slots=True)
class Settings:
    """What changes rarely and every packet asks: one value of the store."""

    params: Params = Params()
    policies: tuple[tuple[str, ChannelPolicy], ...] = ()
    """Of the channels that are not as usual."""
    hub: ChainRecord | None = None
    """The hub itself; None until genesis describes it."""

    def policy(self, channel_id: str) -> ChannelPolicy:
        """Return how a channel treats what comes from below."""
        for channel, policy in self.policies:
            if channel == channel_id:
                return policy
        return STRICT


NO_SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class PacketRecord:
    """A packet that the hub accepted, and its lineage."""

    source: str
    destination: str
    label: Level
    destination_level: Level
    height: int
    port: str
    channel: str
    """The hub's end: where it came in."""
    sequence: int
    content: Content
    delivery: Delivery
    denom: str = ""
    amount: int = 0
    receiver: str = ""
    ancestors: tuple[str, ...] = ()
    """Chains whose lots it is made from, besides its source."""
    endorsed: Level | None = None
    """The level to which sources lifted it; None if it passed by its own label."""
    endorsers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentCoins:
    """What a packet of the hub took, so that a refund gives the same back."""

    denom: Denom
    amount: int
    home: bool
    """Whether vouchers went home (burned), else into the channel's escrow."""
    lots: Lots


@dataclass(frozen=True, slots=True)
class HeldPacket:
    """A packet that waits."""

    packet: Packet
    source: str
    held_at: int
    deadline: int
    """The hub's height at which it is refused if nobody released it."""
    relayer: Address


@dataclass(frozen=True, slots=True)
class Contents:
    """What a packet asks of the hub, read from its data by the port's reader."""

    onward_port: str = ""
    onward_channel: str = ""
    """The hub's channel that it is to be sent on over; empty if it ends on the hub."""
    denom: str = ""
    """The hub's denomination of the asset; empty for plain data."""
    amount: int = 0
    receiver: str = ""
    """Who gets it on the chain where it ends."""
    comes_home: bool = False
    """Whether the zone sends back what it holds from the hub."""
    goes_home: bool = False
    """Whether the asset unwinds over the onward channel."""
    carries: bool = False
    """Whether anything but asset, amount and receiver is in it: a memo, a call, more hops."""
    port_level: Level = field(default=LOWEST)
    """The level that the hub's own port demands of what ends on it."""
    sender: str = ""
    """Who sent it, as the source writes accounts."""
    preimage: bytes = b""
    """All that is in it, if that is 32 bytes which may open a lock of the hub's users."""

    def local_denom(self) -> Denom:
        """Return the hub's denomination of the asset."""
        return Denom(self.denom)
