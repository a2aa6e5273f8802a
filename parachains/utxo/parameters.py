"""Parameter sets: what tells one UTXO chain from another, as data."""

from dataclasses import dataclass

from chainkit.formats.bitcoin.addresses import REGTEST_ADDRESSES, AddressRules
from chainkit.formats.bitcoin.blocks import Block, transactions_root
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.limits import COIN
from chainkit.formats.bitcoin.proof_of_work import REGTEST_RULES, ProofOfWorkRules, bits_of
from chainkit.formats.bitcoin.script import Op, build
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
)

_GENESIS_TEXT = b"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks"
_GENESIS_KEY = bytes.fromhex(
    "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
    "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
)
INITIAL_SUBSIDY = 50 * COIN


@dataclass(frozen=True, slots=True)
class UtxoParameters:
    """A chain's constants."""

    name: str
    magic: bytes
    """What a message between peers begins with."""
    rules: ProofOfWorkRules
    addresses: AddressRules
    genesis: Block
    halving_interval: int
    commitment_tag: bytes = b"isth"
    minimum_version: int = 4

    def subsidy(self, height: int) -> int:
        """Return the new coins that the block at ``height`` may create, in satoshis."""
        halvings = height // self.halving_interval
        return INITIAL_SUBSIDY >> halvings if halvings < 64 else 0


def _genesis(time: int, nonce: int, bits: int, version: int) -> Block:
    script_sig = bytes.fromhex("04ffff001d0104") + bytes([len(_GENESIS_TEXT)]) + _GENESIS_TEXT
    coinbase = Transaction(
        1,
        (TxInput(OutPoint(NULL_TXID, NULL_INDEX), script_sig, 0xFFFFFFFF),),
        (TxOutput(INITIAL_SUBSIDY, build(_GENESIS_KEY, Op.CHECKSIG)),),
        0,
    )
    header = BlockHeader(version, bytes(32), transactions_root((coinbase,)), time, bits, nonce)
    return Block(header, (coinbase,))


REGTEST = UtxoParameters(
    name="regtest",
    magic=bytes.fromhex("fabfb5da"),
    rules=REGTEST_RULES,
    addresses=REGTEST_ADDRESSES,
    genesis=_genesis(time=1_296_688_602, nonce=2, bits=0x207FFFFF, version=1),
    halving_interval=150,
)
"""Bitcoin Core's ``regtest``: one bit of work, no retargeting, its genesis."""

ISTHMUS_LIMIT = (1 << 240) - 1
"""Sixteen bits of work: half of all forged headers would pass at regtest's one bit."""

ISTHMUS = UtxoParameters(
    name="isthmus",
    magic=bytes.fromhex("1557a305"),
    rules=ProofOfWorkRules(pow_limit=ISTHMUS_LIMIT, target_spacing=1, retarget_interval=60),
    addresses=AddressRules(
        key_hash=111, script_hash=196, private_key=239, human_readable_part="isth"
    ),
    genesis=_genesis(time=1_600_000_000, nonce=54_285, bits=bits_of(ISTHMUS_LIMIT), version=4),
    halving_interval=210_000,
)
"""The demos' chain: a block a second, retargeting every minute."""

PARAMETER_SETS = {parameters.name: parameters for parameters in (REGTEST, ISTHMUS)}
