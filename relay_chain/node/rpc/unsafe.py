"""Methods that change the node: served only where ``rpc.unsafe`` says so.

Spec:
    CometBFT rpc/core, ``AddUnsafeRoutes``.
"""

from dataclasses import dataclass
from typing import Protocol

from relay_chain.node.json_forms import JsonObject
from relay_chain.node.mempool import Mempool
from relay_chain.node.p2p.address import PeerAddress, parse_peer_address
from relay_chain.node.p2p.limits import MAX_ASKED_PEERS
from relay_chain.node.rpc.dispatch import Route
from relay_chain.node.rpc.parameters import BadRequest, Parameters


class Dialler(Protocol):
    """The node's peers (``relay_chain.node.p2p.switch.Switch``)."""

    def dial(self, address: PeerAddress, *, keep: bool) -> bool:
        """Dial a peer soon, and with ``keep`` for ever; False if too many wait for that."""
        ...


@dataclass(frozen=True, slots=True)
class UnsafeMethods:
    """What an operator may do through RPC."""

    peers: Dialler
    mempool: Mempool

    def routes(self) -> dict[str, Route]:
        """Return each method with its parameters in order."""
        return {
            "dial_seeds": (self.dial_seeds, ("seeds",)),
            "dial_peers": (
                self.dial_peers,
                ("peers", "persistent", "unconditional", "private"),
            ),
            "unsafe_flush_mempool": (self.unsafe_flush_mempool, ()),
        }

    def dial_seeds(self, params: Parameters) -> JsonObject:
        """Dial nodes once; none is asked for addresses, as peers are not exchanged."""
        return self._dial(params, "seeds", keep=False)

    def dial_peers(self, params: Parameters) -> JsonObject:
        """Dial peers once, or for ever with ``persistent`` or ``unconditional``.

        A peer that is kept is admitted beyond the limit; ``private`` is so whatever is asked,
        as this node tells nobody of its peers.
        """
        keep = params.flag("persistent") or params.flag("unconditional")
        params.flag("private")
        return self._dial(params, "peers", keep=keep)

    def _dial(self, params: Parameters, name: str, *, keep: bool) -> JsonObject:
        addresses = [parse_peer_address(text) for text in params.strings(name)]
        if not addresses:
            raise BadRequest(f"no {name} provided")
        if len(addresses) > MAX_ASKED_PEERS:
            raise BadRequest(f"more than {MAX_ASKED_PEERS} {name}")
        for address in addresses:
            if not self.peers.dial(address, keep=keep):
                raise BadRequest(f"too many peers wait to be dialled: {address} does not")
        return {"log": f"Dialing {name} in progress. See /net_info for details"}

    def unsafe_flush_mempool(self, _: Parameters) -> JsonObject:
        """Forget every transaction that waits."""
        self.mempool.flush()
        return {}
