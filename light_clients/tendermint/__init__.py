"""07-tendermint: headers by commits, adjacent and skipping (ICS-07)."""

from ibc.ics02_client.port import LightClient
from light_clients.tendermint.client import TendermintClient

LIGHT_CLIENT: LightClient = TendermintClient()
"""What discovery finds."""

__all__ = ["LIGHT_CLIENT", "TendermintClient"]
