"""A Tendermint zone (or the hub) as people see it: fits the command line's port structurally."""

import json
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import BlockHeight
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query
from ibc.ics02_client.port import AnyValue
from parachains.sdk.ibc_queries import QueryFailed
from parachains.sdk.users import (
    Delegate,
    Intent,
    NotOffered,
    PacketEvent,
    PacketKey,
    PacketStep,
    QueryForm,
    RawMessage,
    Send,
    SubmitProposal,
    Transfer,
    Undelegate,
    Vote,
)
from parachains.zone import user_codec
from parachains.zone.client import ZoneClient
from parachains.zone.packet_log import STEPS, LoggedEvent, packet_event, read_events
from parachains.zone.queries import BLOCK, GRPC, TX, ZoneQuery, query_forms
from parachains.zone.rpc import Rpc, RpcTransport
from parachains.zone.rpc_forms import events_from_json, field
from relay_chain.node.json_forms import from_base64, integer, mapping, sequence, text, to_base64

SEARCH_PER_PAGE = 30


@dataclass(frozen=True, slots=True)
class ZoneUser:
    """One Tendermint chain for people.

    Attributes:
        client: What relayers use of it too: signing, clients, channels.
        transport: Carries JSON-RPC calls.
        asked: The questions that it answers by gRPC.
    """

    client: ZoneClient
    transport: RpcTransport
    asked: tuple[ZoneQuery, ...]

    @property
    def queries(self) -> tuple[QueryForm, ...]:
        """What can be asked."""
        return query_forms(self.asked)

    async def message(self, intent: Intent) -> AnyValue:
        """Return the message that does what is wanted, from the account that signs.

        Raises:
            MalformedMessage: The chain can have no such message.
            NotOffered: There is no validator of that name.
        """
        sender = self.client.signer
        match intent:
            case Send(to, coins):
                return user_codec.send(sender, to, coins)
            case Transfer():
                return user_codec.transfer(sender, intent)
            case Delegate(validator, coin):
                return user_codec.delegate(sender, await self._validator(validator), coin)
            case Undelegate(validator, coin):
                return user_codec.undelegate(sender, await self._validator(validator), coin)
            case SubmitProposal(title, summary, deposit, messages):
                return user_codec.submit_proposal(sender, title, summary, deposit, messages)
            case Vote(proposal_id, option):
                return user_codec.vote(sender, proposal_id, option)
            case RawMessage(value):
                return user_codec.message_from_json(value)

    async def _validator(self, name: str) -> str:
        """Return a validator's address, which may be given by its moniker."""
        try:
            answer = await Rpc(self.transport).query(
                "/cosmos.staking.v1beta1.Query/Validators",
                staking_query.QueryValidatorsRequest(),
                staking_query.QueryValidatorsResponse,
            )
        except QueryFailed as error:
            raise NotOffered(chain_id=self.client.chain_id, what="staking") from error
        for validator in answer.validators:
            if name in {validator.description.moniker, validator.operator_address}:
                return validator.operator_address
        monikers = ", ".join(validator.description.moniker for validator in answer.validators)
        raise NotOffered(
            chain_id=self.client.chain_id, what=f"validator {name!r}; expected one of {monikers}"
        )

    async def ask(self, name: str, arguments: Mapping[str, str]) -> Mapping[str, object]:
        """Return the answer to one of ``queries`` in JSON's values.

        Raises:
            NotOffered: It is none of them.
            MalformedMessage: An argument is not of its form.
            OperationFailed: The chain answered with an error.
        """
        if name == TX.name:
            return await self._tx(arguments["hash"])
        if name == BLOCK.name:
            return await self._block(arguments.get("height", ""))
        if name == GRPC.name:
            return await self._grpc(
                arguments["method"], _json_object(arguments.get("request", "{}"))
            )
        for query in self.asked:
            if query.form.name == name:
                return await self._grpc(query.path, query.request(arguments))
        raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")

    async def _grpc(self, path: str, fields: Mapping[str, object]) -> Mapping[str, object]:
        request_class, answer_class = user_codec.query_types(path)
        request = user_codec.request_from_json(fields, request_class)
        answer = await Rpc(self.transport).query(path, request, answer_class)
        return user_codec.to_json(answer)

    async def _tx(self, tx_hash: str) -> Mapping[str, object]:
        answer = await self.transport.call("tx", {"hash": _hash_param(tx_hash), "prove": False})
        result = mapping(field(answer, "tx_result"), what="tx_result")
        data = from_base64(field(answer, "tx"), what="tx")
        return {
            "hash": field(answer, "hash"),
            "height": integer(field(answer, "height"), what="height"),
            "code": result.get("code", 0),
            "codespace": result.get("codespace", ""),
            "log": result.get("log", ""),
            "gas_wanted": result.get("gas_wanted", "0"),
            "gas_used": result.get("gas_used", "0"),
            **user_codec.tx_to_json(data),
            "events": [
                {"type": kind, **attributes}
                for kind, attributes in events_from_json(result.get("events"))
            ],
        }

    async def _block(self, height: str) -> Mapping[str, object]:
        if height and not (height.isascii() and height.isdecimal()):
            raise MalformedMessage(f"height: expected a number, got {height[:40]!r}")
        answer = await self.transport.call("block", {"height": height} if height else {})
        block = field(answer, "block")
        txs = sequence(field(block, "data", "txs"), what="data.txs")
        return {
            "header": mapping(field(block, "header"), what="header"),
            "hash": field(answer, "block_id", "hash"),
            "txs": [sha256(from_base64(tx, what="tx")).hex().upper() for tx in txs],
        }

    # --- packets ------------------------------------------------------------------------

    async def packets_sent_by(self, tx_hash: str) -> tuple[PacketKey, ...]:
        """Return the packets that a transaction sent from here.

        Raises:
            OperationFailed: No block holds the transaction.
        """
        answer = await self.transport.call("tx", {"hash": _hash_param(tx_hash), "prove": False})
        result = mapping(field(answer, "tx_result"), what="tx_result")
        return tuple(
            event.key
            for event in read_events(events_from_json(result.get("events")))
            if event.step is PacketStep.SENT
        )

    async def packet_events(
        self, step: PacketStep, key: PacketKey, counterparty: tuple[str, str]
    ) -> tuple[PacketEvent, ...]:
        """Return when one step of a packet happened here; normally once or never.

        Args:
            step: Which.
            key: The packet.
            counterparty: Port and channel of the packet's destination, which tell packets of
                one source channel name apart where they come from different chains.
        """
        kind = next(name for name, known in STEPS.items() if known is step)
        wanted = {
            "packet_sequence": str(key.sequence),
            "packet_src_port": str(key.port_id),
            "packet_src_channel": str(key.channel_id),
        }
        if counterparty[1]:
            wanted["packet_dst_port"], wanted["packet_dst_channel"] = counterparty
        query = " AND ".join(f"{kind}.{name} = '{value}'" for name, value in wanted.items())
        found: list[PacketEvent] = []
        for height, tx_hash, events in await self._search(query):
            time = (await Rpc(self.transport).header(height)).time
            logged = read_events(events)
            found += (
                packet_event(event, logged, height, time, tx_hash)
                for event in logged
                if event.step is step and event.key == key and _goes_to(event, counterparty)
            )
        return tuple(found)

    async def _search(
        self, query: str
    ) -> Items[tuple[BlockHeight, str, Items[tuple[str, dict[str, str]]]]]:
        """Return height, transaction and events of what matches, in transactions and blocks."""
        params: dict[str, object] = {
            "query": query,
            "page": "1",
            "per_page": str(SEARCH_PER_PAGE),
            "order_by": "asc",
        }
        found = []
        answer = await self.transport.call("tx_search", {**params, "prove": False})
        for tx in sequence(field(answer, "txs"), what="txs"):
            result = mapping(field(tx, "tx_result"), what="tx_result")
            if integer(result.get("code", 0), what="code") == 0:
                height = BlockHeight(integer(field(tx, "height"), what="height"))
                name = text(field(tx, "hash"), what="hash")
                found.append((height, name, tuple(events_from_json(result.get("events")))))
        if found:
            return found
        answer = await self.transport.call("block_search", params)
        for block in sequence(field(answer, "blocks"), what="blocks"):
            number = integer(field(block, "block", "header", "height"), what="height")
            results = await self.transport.call("block_results", {"height": str(number)})
            events = mapping(results, what="block_results").get("finalize_block_events")
            found.append((BlockHeight(number), "", tuple(events_from_json(events))))
        return found


def _goes_to(event: LoggedEvent, counterparty: tuple[str, str]) -> bool:
    return not counterparty[1] or event.destination == counterparty


def _hash_param(tx_hash: str) -> str:
    """Return a transaction's name as the RPC takes it.

    Raises:
        MalformedMessage: Not 32 bytes in hex.
    """
    try:
        digest = bytes.fromhex(tx_hash.removeprefix("0x"))
    except ValueError as error:
        raise MalformedMessage(f"hash: expected 64 hex digits, got {tx_hash[:80]!r}") from error
    if len(digest) != 32:
        raise MalformedMessage(f"hash: expected 64 hex digits, got {2 * len(digest)}")
    return to_base64(digest)


def _json_object(value: str) -> Mapping[str, object]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"request: expected a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise MalformedMessage("request: expected a JSON object")
    return found
