"""IBC events are followed by a ``message`` event that names the submodule, as relayers expect."""

from chainkit.runtime.context import Context
from chainkit.runtime.events import Event


def emit(ctx: Context, module: str, event: Event) -> None:
    """Emit ``event`` and the ``message`` event with ``module`` that ibc-go pairs it with."""
    ctx.emit(event)
    ctx.emit(Event("message", (("module", module),)))
