"""isthmus-bitcoin: headers by work, final at a depth; state by the coinbase's commitment."""

from ibc.ics02_client.port import LightClient
from light_clients.bitcoin.client import BitcoinClient

LIGHT_CLIENT: LightClient = BitcoinClient()
"""What discovery finds."""

__all__ = ["LIGHT_CLIENT", "BitcoinClient"]
