"""What the scenario asks of the hub and says to it, as users do: by public RPC."""

import base64
from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from demos.network import Network
from demos.routes import HUB
from isthmus.binding import bind_chains
from isthmus.integrity_view import HubView, Json, inner, number, objects
from isthmus.ports import ChainUser
from isthmus.trace import Hop, PacketState, trace
from parachains.sdk.relaying import TxOutcome
from parachains.sdk.users import PacketKey, RawMessage, Send

MESSAGES = "/isthmus.integrity.v1."


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub of a running network."""

    net: Network

    async def users(self) -> dict[str, ChainUser]:
        """Return every chain by its name."""
        return {chain.name: await self.net.user(chain.name) for chain in self.net.place.chains}

    async def view(self) -> HubView:
        """Return what answers questions about integrity."""
        return HubView(HUB, await self.net.user(HUB))

    async def ask(self, method: str, **request: object) -> Json:
        """Return the hub's answer to a question about integrity."""
        return await (await self.view()).ask(method, **request)

    async def bind(self) -> tuple[str, ...]:
        """Tell the hub which client follows each chain."""
        return await bind_chains(await self.users(), self.net.place.accounts, self.net.user)

    async def levels(self) -> dict[str, int]:
        """Return every chain's level."""
        views = objects(await self.ask("Chains"), "chains")
        return {
            str(inner(view, "chain").get("name")): number(
                inner(inner(view, "chain"), "level"), "level"
            )
            for view in views
        }

    async def say(self, account: str, name: str, **fields: object) -> TxOutcome:
        """Return what a block made of a message about integrity."""
        message = RawMessage({"@type": f"{MESSAGES}{name}", **fields})
        return await self.net.do(HUB, account, message)

    async def endorse(
        self, offices: tuple[str, ...], origin: str, datum: bytes, level: int
    ) -> tuple[TxOutcome, ...]:
        """Have offices vouch for a datum, one after the other."""
        return tuple(
            [
                await self.say(
                    office,
                    "MsgEndorse",
                    endorser=self.address(office),
                    source=office,
                    origin=origin,
                    datum=base64.b64encode(datum).decode(),
                    level=level,
                )
                for office in offices
            ]
        )

    async def pay(self, sender: str, receiver: str, denom: str, amount: int) -> TxOutcome:
        """Return what a block made of a payment on the hub."""
        coin = Coin(Denom(denom), amount)
        return await self.net.do(HUB, sender, Send(self.address(receiver), (coin,)))

    def address(self, account: str) -> str:
        """Return an account's address on the hub."""
        return self.net.account(account).addresses[HUB]

    async def packet_of(self, chain: str, outcome: TxOutcome) -> PacketKey:
        """Return the packet that a transaction sent."""
        (key,) = await (await self.net.user(chain)).packets_sent_by(outcome.tx_hash)
        return key

    async def settled(self, chain: str, key: PacketKey) -> Hop:
        """Return a packet when nothing more happens to it."""
        users = await self.users()
        seen = [PacketState.SENT]

        async def look() -> Hop | None:
            hop = await trace(users, chain, key)
            seen[0] = hop.state
            return hop if hop.state.is_final else None

        return await self.net.wait_until(
            lambda: f"waiting for the answer to packet {key} of {chain}, now {seen[0].value}", look
        )
