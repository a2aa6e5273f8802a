"""A zone's node in memory with two funded accounts, for tests of gRPC and REST."""

from dataclasses import dataclass, replace
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from chainkit.runtime.addresses import format_address
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from ibc.forward.module import APPLICATION as TRANSFER
from light_clients.tendermint import LIGHT_CLIENT
from parachains.zone.app import zone_application
from tests.node_in_memory import GENESIS, MemoryNode

ALICE, BOB = (bytes([number]) * 32 for number in (1, 2))
FUNDS = 1_000_000


def address(key: bytes) -> str:
    return format_address("isthmus", secp256k1_address(public_key_of(key)))


ZONE_GENESIS = replace(
    GENESIS,
    app_state={
        "auth": {"accounts": [{"address": address(key)} for key in (ALICE, BOB)]},
        "bank": {
            "balances": [
                {
                    "address": address(key),
                    "coins": [
                        {"denom": denom, "amount": str(FUNDS)} for denom in ("other", "stake")
                    ],
                }
                for key in (ALICE, BOB)
            ]
        },
    },
)


def send_message(amount: int) -> AnyMessage:
    message = tx_pb2.MsgSend(
        from_address=address(ALICE),
        to_address=address(BOB),
        amount=[coin_pb2.Coin(denom="stake", amount=str(amount))],
    )
    return AnyMessage("/cosmos.bank.v1beta1.MsgSend", encode(message))


def send_tx(sequence: int, amount: int = 7, fee: int = 0, gas_limit: int = 200_000) -> bytes:
    """Alice pays Bob."""
    coins = (Coin(Denom("stake"), fee),) if fee else ()
    return build_tx(
        [send_message(amount)],
        ALICE,
        chain_id=GENESIS.chain_id,
        account_number=0,
        sequence=sequence,
        fee=coins,
        gas_limit=gas_limit,
    )


@dataclass
class ZoneNode(MemoryNode):
    """One validator of a zone."""

    def __init__(self, folder: Path, minimum_gas_prices: str = "") -> None:
        application = zone_application(
            MemoryDatabase(),
            light_clients=(LIGHT_CLIENT,),
            applications=(TRANSFER,),
            minimum_gas_prices=minimum_gas_prices,
        )
        super().__init__(folder, genesis=ZONE_GENESIS, application=application)
