"""What a command needs of a running network: its chains as people see them, and its accounts."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, Denom
from isthmus.accounts import Account
from isthmus.adapters.rpc_client import HttpRpcTransport, NodeUnreachable
from isthmus.devnet import NotRunning
from isthmus.discovery import find_chain_kind
from isthmus.homes import ChainPlace, NetPlace, account_text, read_network
from isthmus.keyring import read_keys
from isthmus.ports import ChainUser
from isthmus.processes import running_processes
from parachains.sdk.users import ChainAccess

READER_KEY = (1).to_bytes(32, "big")
"""Stands where a key must be and nothing is signed."""


class UnknownName(OperationFailed):
    """The network has no such chain or account."""

    def __init__(self, *, what: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no {what} {name!r}: expected one of {', '.join(known)}")
        self.name = name


class Session:
    """A network that is talked to. Mutable: it owns HTTP sessions. Use as a context manager."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.place: NetPlace = read_network(home)
        self._accounts = {
            **{
                account.name: Account(account.name, index, bytes.fromhex(account.private_key))
                for index, account in enumerate(self.place.accounts)
            },
            **{entry.name: entry.account() for entry in read_keys(home)},
        }
        self._stack = AsyncExitStack()
        self._users: dict[tuple[str, str], ChainUser] = {}

    async def __aenter__(self) -> Self:
        """Open nothing yet: a chain is connected to when it is asked for."""
        return self

    async def __aexit__(self, _: object, error: BaseException | None, *__: object) -> None:
        """Close the sessions.

        Raises:
            NotRunning: A chain did not answer because nothing runs.
        """
        await self._stack.aclose()
        if isinstance(error, NodeUnreachable) and not running_processes(self.home):
            raise NotRunning(
                f"the network in {self.home} does not run: isthmus up --home {self.home}"
            ) from error

    def chain(self, name: str) -> ChainPlace:
        """Return where a chain is; an empty name is the first, a chain's id will do too.

        Raises:
            UnknownName: The network has none of that name.
        """
        for chain in self.place.chains:
            if name in {chain.name, chain.chain_id, ""}:
                return chain
        known = tuple(chain.name for chain in self.place.chains)
        raise UnknownName(what="chain", name=name, known=known)

    def account(self, name: str) -> Account:
        """Return an account of the network or of the home's keys.

        Raises:
            UnknownName: There is none of that name.
        """
        if name not in self._accounts:
            raise UnknownName(what="account", name=name, known=tuple(self._accounts))
        return self._accounts[name]

    def address(self, text: str, chain: ChainPlace) -> str:
        """Return the address of an account by its name; anything else is returned as it is."""
        if text in self._accounts:
            return account_text(self._accounts[text], chain.kind, chain.bech32_prefix)
        return text

    async def user(
        self, chain: ChainPlace, account: str = "", *, gas_price_millionths: int = 0
    ) -> ChainUser:
        """Return a chain as its kind shows it, signing with an account if one is given.

        Its transactions pay ``gas_price_millionths`` of a base unit for a unit of gas.

        Raises:
            UnknownName: There is no such account.
            NotInstalled: The chain's kind is not.
        """
        if (chain.name, account) not in self._users:
            key = self.account(account).private_key if account else READER_KEY
            urls = tuple(node.rpc_url for node in chain.nodes)
            kind = find_chain_kind(chain.kind)
            transport = await self._stack.enter_async_context(HttpRpcTransport(urls))
            access = ChainAccess(
                chain_id=ChainId(chain.chain_id),
                private_key=key,
                address_prefix=chain.bech32_prefix,
                fee_denom=Denom(chain.denom),
                gas_price_millionths=gas_price_millionths,
            )
            self._users[chain.name, account] = kind.user(access, transport)
        return self._users[chain.name, account]

    async def users(self) -> Mapping[str, ChainUser]:
        """Return every chain, by its name."""
        return {chain.name: await self.user(chain) for chain in self.place.chains}
