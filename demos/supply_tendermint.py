"""The books of a chain with CometBFT's RPC and the Cosmos SDK's queries."""

import base64
from collections import Counter

from demos.supply_equation import End
from demos.supply_forms import (
    Event,
    ReadFailed,
    addresses_of,
    coins_of,
    escrow_account,
    events_of,
    protobuf_text,
    time_ns,
    tracked_chain,
    transfer_channels,
)
from demos.supply_node import Node


class TendermintBooks:
    """A chain whose every block is final; all of it is asked for a height."""

    first_timed = 2
    """The first block has the genesis time."""

    def __init__(self, node: Node) -> None:
        """Take a node.

        Raises:
            ReadFailed: It answers in another form.
        """
        self._node = node
        info = node.call("status").get("node_info")
        if not isinstance(info, dict):
            raise ReadFailed(f"{node.source.rpc} tells no network's name")
        self.chain_id = str(info["network"])

    def newest(self) -> int:
        """Return the newest height."""
        info = self._node.call("status")["sync_info"]
        assert isinstance(info, dict)
        return int(info["latest_block_height"])

    def events(self, height: int) -> list[Event]:
        """Return what a block did."""
        return events_of(self._node.call("block_results", height=str(height)))

    def time_ns(self, height: int) -> int:
        """Return a block's time."""
        header = self._node.call("header", height=str(height))["header"]
        assert isinstance(header, dict)
        return time_ns(str(header["time"]))

    def supply(self, height: int) -> dict[str, int]:
        """Return the whole supply."""
        return coins_of(self._query("/cosmos.bank.v1beta1.Query/TotalSupply", b"", height))

    def issued(self, height: int) -> dict[str, int]:  # noqa: ARG002 - the books' protocol
        """Return nothing: these chains' own tokens are all there at genesis."""
        return {}

    def escrow(self, end: End, height: int) -> dict[str, int]:
        """Return the balances of a channel end's escrow account."""
        return self._balances(escrow_account(end, self._node.source.prefix), height)

    def held(self, height: int, *, is_busy: bool) -> dict[str, int] | None:
        """Return what all accounts together hold: where something was done, and at first.

        Balances move by events only, and every account is a question.
        """
        if not is_busy and height > 1:
            return None
        answer = self._query("/cosmos.auth.v1beta1.Query/Accounts", b"", height)
        total: Counter[str] = Counter()
        for address in addresses_of(answer):
            total.update(self._balances(address, height))
        return dict(total)

    def transfer_ends(self, height: int) -> dict[End, str]:
        """Return the token channels here, each with the id of the chain that it leads to."""
        answer = self._query("/ibc.core.channel.v1.Query/Channels", b"", height)
        path = "/ibc.core.channel.v1.Query/ChannelClientState"
        return {
            end: tracked_chain(self._query(path, request, height))
            for end, request in transfer_channels(self._node.source.name, answer)
        }

    def _balances(self, address: str, height: int) -> dict[str, int]:
        request = protobuf_text(1, address)
        return coins_of(self._query("/cosmos.bank.v1beta1.Query/AllBalances", request, height))

    def _query(self, path: str, request: bytes, height: int) -> bytes:
        """Return the answer to a gRPC query about the state after ``height``."""
        answer = self._node.call("abci_query", path=path, data=request.hex(), height=str(height))
        response = answer["response"]
        assert isinstance(response, dict)
        if response.get("code"):
            raise ReadFailed(f"{path} at height {height}: {response.get('log')}")
        return base64.b64decode(response.get("value") or "")
