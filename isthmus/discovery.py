"""Finds what folders offer, so that adding one means adding a folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import ibc
import light_clients
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory


def discover_light_clients() -> tuple[LightClient, ...]:
    """Return what the folders of ``light_clients`` offer as ``LIGHT_CLIENT``, by name."""
    found = []
    for module in sorted(pkgutil.iter_modules(light_clients.__path__), key=lambda each: each.name):
        package = importlib.import_module(f"light_clients.{module.name}")
        client = getattr(package, "LIGHT_CLIENT", None)
        if client is not None:
            found.append(cast("LightClient", client))
    return tuple(found)


def discover_applications() -> Mapping[str, ApplicationFactory]:
    """Return what the folders of ``ibc`` offer as ``APPLICATION`` in their ``module``."""
    found: dict[str, ApplicationFactory] = {}
    for folder in pkgutil.iter_modules(ibc.__path__):
        path = Path(ibc.__path__[0]) / folder.name / "module.py"
        if not path.exists():
            continue
        module = importlib.import_module(f"ibc.{folder.name}.module")
        factory = getattr(module, "APPLICATION", None)
        if factory is not None:
            found[folder.name] = cast("ApplicationFactory", factory)
    return found
