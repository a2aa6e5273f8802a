"""The MQTT broker that ``isthmus up`` starts as a child process: iotcore on loopback."""

import contextlib
from collections.abc import Iterator

from chainkit.primitives.errors import OperationFailed


class BrokerUnavailable(OperationFailed):
    """No broker could be started; everything goes on by polling."""


@contextlib.contextmanager
def embedded_broker(port: int) -> Iterator[str]:
    """Run a broker on ``127.0.0.1:port`` and give its URL; it ends with this block or process.

    Raises:
        BrokerUnavailable: iotcore is not installed, or the port is taken.
    """
    try:
        from iotcore import Broker  # noqa: PLC0415 - a native module; absent on some machines
    except ImportError as error:
        raise BrokerUnavailable("iotcore is not installed") from error
    broker = Broker(port=port, listen="127.0.0.1")
    try:
        broker.start()
    except (OSError, RuntimeError) as error:
        raise BrokerUnavailable(f"no MQTT broker on port {port}: {error}") from error
    try:
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        broker.stop()
