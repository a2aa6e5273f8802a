"""Tells the hub which client follows each chain that its genesis describes."""

import asyncio
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chainkit.primitives.bech32 import decode_bech32
from chainkit.primitives.errors import OperationFailed
from isthmus.devnet import NotReady
from isthmus.homes import AccountPlace
from isthmus.integrity_view import HUB, HubView, NoHub, find_hub, inner, name_of
from isthmus.ports import ChainUser
from isthmus.routes import links_of
from parachains.sdk.users import RawMessage

POLL_S = 0.2
TIMEOUT_S = 60.0
SignAs = Callable[[str, str], Awaitable[ChainUser]]
"""Returns a chain, by its name, as an account of the network signs on it."""


class NotBound(OperationFailed):
    """The hub refused a binding."""


async def bind_chains(
    users: Mapping[str, ChainUser], accounts: Sequence[AccountPlace], sign_as: SignAs
) -> tuple[str, ...]:
    """Bind every described chain that has none to the hub's client of it; return their names.

    Only where an account of the network is the hub's registrar; else governance does it. The
    hub must have its channels already, since their clients are what is bound.

    Raises:
        NotBound: The hub refused.
        NotReady: No block took it in time.
    """
    try:
        hub = await find_hub(users)
    except NoHub:
        return ()
    registrar = await _registrar(hub, accounts)
    missing = await unbound(hub, users)
    if registrar is None or not missing:
        return ()
    user = await sign_as(hub.name, registrar)
    messages = [
        await user.message(
            RawMessage(
                {
                    "@type": "/isthmus.integrity.v1.MsgBindChain",
                    "authority": user.client.signer,
                    "chain": chain,
                    "client_id": client_id,
                }
            )
        )
        for chain, client_id in missing.items()
    ]
    tx = await user.client.sign(tuple(messages))
    await user.client.broadcast(tx)
    deadline = time.monotonic() + TIMEOUT_S
    while (outcome := await user.client.outcome(tx.tx_hash)) is None:
        if time.monotonic() > deadline:
            raise NotReady(reason="waiting for the hub to bind its chains", timeout_s=TIMEOUT_S)
        await asyncio.sleep(POLL_S)
    if outcome.code:
        raise NotBound(f"the hub refused to bind {', '.join(missing)}: {outcome.log[:300]}")
    return tuple(missing)


async def unbound(hub: HubView, users: Mapping[str, ChainUser]) -> Mapping[str, str]:
    """Return the described chains that no client is bound to, and the hub's client of each."""
    described = {
        name_of(view)
        for view in await hub.chains()
        if not inner(view, "chain").get("client_id") and name_of(view) != HUB
    }
    if not described & users.keys():
        return {}
    clients = {link.other_chain: str(link.client_id) for link in await links_of(hub.name, users)}
    return {name: clients[name] for name in users if name in described & clients.keys()}


async def _registrar(hub: HubView, accounts: Sequence[AccountPlace]) -> str | None:
    """Return the account of the network that is the hub's registrar, if one is."""
    params = inner(await hub.ask("Params"), "params")
    registrar = b64decode(str(params.get("registrar", "")))
    for account in accounts:
        text = account.addresses.get(hub.name)
        if registrar and text is not None and decode_bech32(text)[1] == registrar:
            return account.name
    return None
