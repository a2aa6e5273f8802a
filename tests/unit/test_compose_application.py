"""The application of a home for an engine in another process: its gRPC and REST answer beside."""

import pytest

from isthmus.adapters.grpc_server import GrpcServer
from isthmus.adapters.rest_server import RestServer
from isthmus.compose import build_application
from isthmus.config import AccountSpec, ChainSpec, NetSpec
from isthmus.homes import create_network


@pytest.mark.parametrize("kind", ["hub", "zone"])
def test_the_methods_of_the_application_are_served_where_app_toml_says(tmp_path, kind) -> None:
    """Relayers and wallets ask the application's process, as under the SDK; none where disabled."""
    chain = ChainSpec(name="one", kind=kind)
    spec = NetSpec(chains=(chain,), paths=(), accounts=(AccountSpec(name="alice"),))
    [node] = create_network(tmp_path, spec).chain("one").nodes
    home = tmp_path / node.home
    made = build_application(home)
    made.close()
    found = [(type(server), at.host, at.port) for server, at in made.api_servers]
    assert found == [
        (GrpcServer, "127.0.0.1", node.grpc_port),
        (RestServer, "127.0.0.1", node.api_port),
    ]

    settings = home / "config" / "app.toml"
    settings.write_text(settings.read_text().replace("enable = true", "enable = false"))
    silent = build_application(home)
    silent.close()
    assert silent.api_servers == ()
