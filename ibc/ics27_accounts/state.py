"""Which channel and which account an owner has over a connection, and the parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.types import ChannelId, ConnectionId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest

CONTROLLER_STORE = "icacontroller"
HOST_STORE = "icahost"
_PARAMS = b"params"
_ENABLED = b"\x01"
ALLOW_ALL = "*"


@dataclass(frozen=True, slots=True)
class Lane:
    """An owner's port on the controller and the connection's id in the store's chain."""

    store: str
    port_id: PortId
    connection_id: ConnectionId

    def active_channel(self, ctx: Context) -> ChannelId | None:
        """Return the channel that is in use, open or closed, or None."""
        value = ctx.store(self.store).get(self._key("activeChannel"))
        return None if value is None else ChannelId(value.decode())

    def set_active_channel(self, ctx: Context, channel_id: ChannelId) -> None:
        """Note the channel that is in use."""
        ctx.store(self.store).set(self._key("activeChannel"), channel_id.encode())

    def account(self, ctx: Context) -> str | None:
        """Return the account's address on the host, or None."""
        value = ctx.store(self.store).get(self._key("owner"))
        return None if value is None else value.decode()

    def set_account(self, ctx: Context, address: str) -> None:
        """Note the account's address on the host."""
        ctx.store(self.store).set(self._key("owner"), address.encode())

    def _key(self, kind: str) -> bytes:
        return f"{kind}/{self.port_id}/{self.connection_id}".encode()


def controller_enabled(ctx: Context) -> bool:
    """Return whether this chain's accounts may own accounts elsewhere."""
    return ctx.store(CONTROLLER_STORE).get(_PARAMS) == _ENABLED


def set_controller_enabled(ctx: Context, *, enabled: bool) -> None:
    """Say whether this chain's accounts may own accounts elsewhere."""
    ctx.store(CONTROLLER_STORE).set(_PARAMS, _ENABLED if enabled else b"\x00")


@dataclass(frozen=True, slots=True)
class HostParams:
    """Whether accounts of other chains are hosted, and what they may do: type URLs, or ``*``."""

    enabled: bool = True
    allow_messages: tuple[str, ...] = (ALLOW_ALL,)

    def allows(self, type_url: str) -> bool:
        """Return whether an account may send a message."""
        return self.allow_messages == (ALLOW_ALL,) or type_url in self.allow_messages


def host_params(ctx: Context) -> HostParams:
    """Return the host's parameters."""
    value = ctx.store(HOST_STORE).get(_PARAMS)
    if value is None:
        return HostParams(enabled=False)
    flag, *names = value.decode().split("\n")
    return HostParams(flag == "1", tuple(names))


def set_host_params(ctx: Context, params: HostParams) -> None:
    """Write the host's parameters."""
    text = "\n".join(("1" if params.enabled else "0", *params.allow_messages))
    ctx.store(HOST_STORE).set(_PARAMS, text.encode())


def write_genesis(ctx: Context, state: Mapping[str, object]) -> None:
    """Write ``controller_enabled``, ``host_enabled`` and the list ``allow_messages``."""
    flags = [state.get(name, True) for name in ("controller_enabled", "host_enabled")]
    names = state.get("allow_messages", [ALLOW_ALL])
    if not all(isinstance(flag, bool) for flag in flags):
        raise InvalidRequest("interchainaccounts: an enabled flag is no boolean")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest("interchainaccounts.allow_messages is no list of type URLs")
    set_controller_enabled(ctx, enabled=flags[0] is True)
    set_host_params(ctx, HostParams(flags[1] is True, tuple(names)))
