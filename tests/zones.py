"""Zones in this process: real applications, signed headers, and CometBFT's RPC answers.

What consensus does is done by a few keys that sign every block at once; all else is the
product's own code. ``InProcessZone.call`` fits ``parachains.zone.rpc.RpcTransport``.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.hashing import data_hash
from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.runtime.abci import FinalizeBlockRequest
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as TRANSFER
from ibc.ics27_accounts.module import APPLICATION as ACCOUNTS
from light_clients.tendermint.client import TendermintClient
from parachains.zone.accounts import Key
from parachains.zone.app import zone_application
from parachains.zone.client import ZoneClient, ZoneConfig
from tests.signers import header_of, set_of, signed_header_of, signers
from tests.unit.test_zone_client import block_id_json, header_json

TERM = re.compile(r"(\w+)\.(\w+) = '([^']*)'")


@dataclass(frozen=True)
class Genesis:
    chain_id: str
    genesis_time: int
    app_state: dict
    validators: tuple
    initial_height: int = 1
    consensus_params: ConsensusParams = ConsensusParams()


@dataclass(frozen=True)
class GenesisValidator:
    public_key: bytes
    power: int


class InProcessZone:
    def __init__(self, chain_id, clock, *, prefix, denom, users=(), validators=4, light_clients=()):
        self.chain_id = chain_id
        self.clock = clock
        self.keys = signers(validators, prefix=chain_id)
        self.set = set_of(self.keys, 10)
        self.prefix, self.denom = prefix, denom
        self.app = self.new_application([TendermintClient(), *light_clients])
        self.relayer_key = Key(hashlib.sha256(f"{chain_id} relayer".encode()).digest(), prefix)
        self.users = {name: Key(hashlib.sha256(name.encode()).digest(), prefix) for name in users}
        funded = [self.relayer_key, *self.users.values()]
        self.app.init_chain(
            Genesis(
                chain_id,
                clock.now(),
                {
                    "bank": {
                        "balances": [
                            {
                                "address": key.address,
                                "coins": [{"denom": denom, "amount": "1000000000"}],
                            }
                            for key in funded
                        ]
                    },
                    **self.more_state(),
                },
                tuple(GenesisValidator(key.public_key, 10) for key in self.keys),
            )
        )
        self.height = 0
        self.app_hash = hashlib.sha256(b"").digest()
        self.pool = []
        self.headers = {}
        self.included = {}
        self.block_events = {}
        self.auto = True
        self.calls = 0
        self.block()
        self.block()

    def new_application(self, light_clients):
        """The chain's state machine; a hub has another."""
        return zone_application(
            MemoryDatabase(),
            light_clients=light_clients,
            applications=[TRANSFER, DATAGRAM, ACCOUNTS],
            address_prefix=self.prefix,
        )

    def more_state(self):
        """What else the genesis of a chain says."""
        return {}

    def client(self, key=None):
        return ZoneClient(ZoneConfig(self.chain_id, key or self.relayer_key, self.denom), self)

    def block(self):
        self.clock.advance(1)
        self.height += 1
        txs, self.pool = tuple(self.pool), []
        header = header_of(
            self.chain_id, self.height, self.clock.now(), self.set,
            app_hash=self.app_hash, data_hash=data_hash(txs),
        )  # fmt: skip
        self.headers[self.height] = signed_header_of(header, self.set, self.keys)
        result = self.app.finalize_block(
            FinalizeBlockRequest(self.height, header.time, header.proposer_address, txs)
        )
        self.app.commit()
        self.app_hash = result.app_hash
        for index, (tx, outcome) in enumerate(zip(txs, result.tx_results, strict=True)):
            name = hashlib.sha256(tx).hexdigest().upper()
            self.included[name] = (self.height, index, outcome)
        self.block_events[self.height] = result.events

    async def call(self, method, params):
        self.calls += 1
        return getattr(self, f"rpc_{method}")(**params)

    def rpc_status(self):
        header = self.headers[self.height].header
        return {
            "sync_info": {
                "catching_up": False,
                "latest_block_height": str(self.height),
                "latest_block_time": format_rfc3339(header.time),
            }
        }

    def rpc_header(self, height):
        return {"header": header_json(self.headers[int(height)].header)}

    def rpc_commit(self, height):
        signed = self.headers[int(height)]
        commit = signed.commit
        signatures = [
            {
                "block_id_flag": int(s.block_id_flag),
                "validator_address": s.validator_address.hex().upper(),
                "timestamp": format_rfc3339(s.timestamp),
                "signature": base64.b64encode(s.signature).decode() or None,
            }
            for s in commit.signatures
        ]
        return {
            "signed_header": {
                "header": header_json(signed.header),
                "commit": {
                    "height": str(commit.height),
                    "round": commit.round,
                    "block_id": block_id_json(commit.block_id),
                    "signatures": signatures,
                },
            }
        }

    def rpc_validators(self, height, page, per_page):
        every = [
            {
                "address": v.address.hex().upper(),
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(v.public_key).decode(),
                },
                "voting_power": str(v.voting_power),
                "proposer_priority": str(v.proposer_priority),
            }
            for v in self.set.validators
        ]
        return {"validators": every, "total": str(len(every))}

    def rpc_abci_query(self, path, data, prove, height="0"):
        answer = self.app.query(path, bytes.fromhex(data), height=int(height), prove=prove)
        return {
            "response": {
                "code": answer.code,
                "log": answer.log,
                "codespace": answer.codespace,
                "value": base64.b64encode(answer.value).decode(),
                "proofOps": {
                    "ops": [
                        {"type": op.type, "data": base64.b64encode(op.data).decode()}
                        for op in answer.proof_ops
                    ]
                },
            }
        }

    def rpc_broadcast_tx_sync(self, tx):
        data = base64.b64decode(tx)
        result = self.app.check_tx(data, recheck=False)
        if result.code == 0:
            self.pool.append(data)
            if self.auto:
                self.block()
        return {"code": result.code, "codespace": result.codespace, "log": result.log}

    def rpc_tx(self, hash, prove):  # noqa: A002 - the RPC's name
        name = base64.b64decode(hash).hex().upper()
        if name not in self.included:
            raise OperationFailed(f"tx ({name}) not found")
        height, _, result = self.included[name]
        return {"height": str(height), "tx_result": result_json(result)}

    def rpc_tx_search(self, query, **_):
        return {
            "txs": [
                {"hash": name, "height": str(height), "tx_result": result_json(result)}
                for name, (height, _, result) in self.included.items()
                if any(matches(query, event) for event in result.events)
            ]
        }

    def rpc_block_search(self, query, **_):
        return {
            "blocks": [
                {"block": {"header": {"height": str(height)}}}
                for height, events in self.block_events.items()
                if any(matches(query, event) for event in events)
            ]
        }

    def rpc_block_results(self, height):
        return {"finalize_block_events": events_json(self.block_events[int(height)])}


def matches(query, event):
    attributes = dict(event.attributes)
    return all(
        event.type == kind and attributes.get(key) == value
        for kind, key, value in TERM.findall(query)
    )


def events_json(events):
    return [
        {"type": e.type, "attributes": [{"key": k, "value": v} for k, v in e.attributes]}
        for e in events
    ]


def result_json(result):
    return {
        "code": result.code,
        "codespace": result.codespace,
        "log": result.log,
        "events": events_json(result.events),
    }
