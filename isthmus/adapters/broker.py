"""The MQTT broker that ``isthmus up`` starts as a child process: iotcore on loopback."""

import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chainkit.primitives.errors import OperationFailed

LISTEN = "127.0.0.1"


class BrokerUnavailable(OperationFailed):
    """No broker could be started; everything goes on by polling."""


_SETTINGS = """
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 65536
max_segment_count = 2

[v4.1]
name = "v4-1"
listen = "{listen}:{port}"
next_connection_delay_ms = 1

    [v4.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = 20480
    max_inflight_count = 100
    dynamic_filters = true
"""
"""The broker keeps a log of each topic. Its own default is a gigabyte: it would grow for days."""


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
    with tempfile.TemporaryDirectory(prefix="isthmus-broker-") as folder:
        settings = Path(folder) / "rumqttd.toml"
        settings.write_text(_SETTINGS.format(listen=LISTEN, port=port))
        broker = Broker(port=port, listen=LISTEN, config_path=str(settings))
        try:
            broker.start()
        except (OSError, RuntimeError) as error:
            raise BrokerUnavailable(f"no MQTT broker on port {port}: {error}") from error
        try:
            yield f"mqtt://{LISTEN}:{port}"
        finally:
            broker.stop()


def run_broker(port: int) -> None:
    """Run the broker until interrupted; where there can be none, say so and wait as well."""
    # Blocked before the broker's threads start, so that the signal waits for this one.
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    try:
        with embedded_broker(port):
            signal.sigwait(stops)
    except BrokerUnavailable as error:
        sys.stderr.write(f"{error}: chains are polled\n")
        sys.stderr.flush()
        signal.sigwait(stops)


if __name__ == "__main__":
    # A network starts it so: the whole command line would take a second to be imported.
    run_broker(int(sys.argv[1]))
