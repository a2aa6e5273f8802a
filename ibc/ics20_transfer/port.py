"""The ports of ICS-20: the chain's balances, and who follows where tokens came from."""

from typing import Protocol

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, ChannelId, Denom, PortId, Sequence
from chainkit.runtime.context import Context
from ibc.ics04_channel.types import Packet


class TokenLedger(Protocol):
    """Balances of this chain; ``chainkit.modules.bank`` fits it.

    Amounts are whole base units, above 0. A refusal is a ``RuleBroken`` that has changed
    nothing.
    """

    def module_address(self, module: str) -> Address:
        """Return the address of a module's own account."""
        ...

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move tokens between accounts, also those of modules and escrows."""
        ...

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make tokens in the account of ``module``."""
        ...

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy tokens of the account of ``module``."""
        ...

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an account holds."""
        ...

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much of a token exists on this chain."""
        ...

    def is_blocked(self, address: Address) -> bool:
        """Return whether users' tokens must not be sent to ``address`` (module accounts)."""
        ...

    def set_denom_metadata(self, ctx: Context, denom: Denom, base: str, display_path: str) -> None:
        """Note for readers that ``denom`` is the voucher of ``base`` that came by a path."""
        ...


class AssetLabels(Protocol):
    """Hears of each move of tokens over channels, after the balances have changed.

    A ``RuleBroken`` refuses the move. ``came_home`` and ``goes_home`` say that the token
    unwinds: released from the channel's escrow here, or burned here.
    """

    def escrow(self, ctx: Context, address: Address) -> None:
        """Tokens are about to move into a channel's escrow account, which is nobody's."""
        ...

    def sent(
        self,
        ctx: Context,
        owner: Address,
        coin: Coin,
        port_id: PortId,
        channel_id: ChannelId,
        sequence: Sequence,
        *,
        goes_home: bool,
    ) -> None:
        """Tokens left an account for a channel."""
        ...

    def received(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """A packet gave tokens to an account."""
        ...

    def undone(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """What :meth:`received` told of was taken back."""
        ...

    def answered(self, ctx: Context, packet: Packet) -> None:
        """A packet that was sent was accepted."""
        ...

    def refunded(self, ctx: Context, packet: Packet, owner: Address, coin: Coin) -> None:
        """A packet that was sent was refused or timed out; its tokens are back."""
        ...


class NoLabels:
    """Follows nothing: a chain without integrity levels."""

    def escrow(self, ctx: Context, address: Address) -> None:
        """Need not know."""

    def sent(
        self,
        ctx: Context,
        owner: Address,
        coin: Coin,
        port_id: PortId,
        channel_id: ChannelId,
        sequence: Sequence,
        *,
        goes_home: bool,
    ) -> None:
        """Let it go."""

    def received(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Let it in."""

    def undone(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Nothing was noted."""

    def answered(self, ctx: Context, packet: Packet) -> None:
        """Nothing was noted."""

    def refunded(self, ctx: Context, packet: Packet, owner: Address, coin: Coin) -> None:
        """Nothing was noted."""


NO_LABELS = NoLabels()
