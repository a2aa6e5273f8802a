"""isthmus-qbft: headers by two thirds of two sets; state by account and storage proofs."""

from ibc.ics02_client.port import LightClient
from light_clients.qbft.client import QbftClient

LIGHT_CLIENT: LightClient = QbftClient()
"""What discovery finds."""

__all__ = ["LIGHT_CLIENT", "QbftClient"]
