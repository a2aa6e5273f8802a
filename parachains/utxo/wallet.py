"""Keys that own P2WPKH outputs: choosing coins, change, and signing. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chainkit.formats.bitcoin.hashing import hash160
from chainkit.formats.bitcoin.script import p2pkh, p2wpkh
from chainkit.formats.bitcoin.sighash import SIGHASH_ALL, SighashData, segwit_sighash
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxInput, TxOutput
from chainkit.primitives.types import Address
from chainkit.sigverify import der
from chainkit.sigverify.secp256k1 import public_key_of
from parachains.utxo.errors import InsufficientFunds
from parachains.utxo.ledger import ESCROW_SCRIPT, ESCROW_WITNESS

INPUT_WEIGHT = 272
"""Of a P2WPKH input with its witness."""

DUST = 330
REPLACEABLE = 0xFFFFFFFD
"""A sequence number that allows replacement (BIP-125)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and what follows from it."""

    private_key: bytes

    @property
    def public_key(self) -> bytes:
        """The compressed public key."""
        return public_key_of(self.private_key)

    @property
    def address(self) -> Address:
        """The key's hash: its account in messages."""
        return Address(hash160(self.public_key))

    @property
    def script(self) -> bytes:
        """The output script that pays the key."""
        return p2wpkh(self.address)


@dataclass(frozen=True, slots=True)
class Spendable:
    """An output that can be spent."""

    point: OutPoint
    output: TxOutput


def sign(tx: Transaction, spent: Sequence[TxOutput], key: Key) -> Transaction:
    """Return the transaction with witnesses: the key's for its outputs, the open one for escrow.

    Every signature is SIGHASH_ALL.
    """
    data = SighashData(tx, tuple(spent))
    inputs = []
    for index, (tx_input, output) in enumerate(zip(tx.inputs, spent, strict=True)):
        witness: tuple[bytes, ...] = (ESCROW_WITNESS,)
        if output.script_pubkey == key.script:
            digest = segwit_sighash(data, p2pkh(key.address), index, SIGHASH_ALL)
            signature = der.sign(key.private_key, digest) + bytes([SIGHASH_ALL])
            witness = (signature, key.public_key)
        else:
            assert output.script_pubkey == ESCROW_SCRIPT
        inputs.append(replace(tx_input, witness=witness))
    return replace(tx, inputs=tuple(inputs))


def build_transaction(
    key: Key,
    coins: Sequence[Spendable],
    outputs: Sequence[TxOutput],
    *,
    fee_rate: int,
    forced: Sequence[Spendable] = (),
) -> Transaction:
    """Return a signed transaction that pays ``outputs``, with change to the key.

    Args:
        key: Owner of ``coins``; the first coin is input 0, whose owner speaks in a carrier.
        coins: What may be spent, the largest are taken first.
        outputs: In their order; change is added last.
        fee_rate: Satoshis a virtual byte.
        forced: Outputs that must be spent too: escrow, or the key's own with lots on them.

    Raises:
        InsufficientFunds: The coins do not cover outputs and fee.
    """
    wanted = sum(output.value for output in outputs)
    forced_value = sum(item.output.value for item in forced)
    chosen: list[Spendable] = []
    for coin in sorted(coins, key=lambda item: (-item.output.value, item.point)):
        chosen.append(coin)
        tx = _assemble([*chosen, *forced], outputs)
        weight = tx.weight + INPUT_WEIGHT * len(tx.inputs) + 31 * 4
        fee = -(-weight // 4) * fee_rate
        change = sum(item.output.value for item in chosen) + forced_value - wanted - fee
        if change < 0:
            continue
        final = [*outputs, TxOutput(change, key.script)] if change >= DUST else outputs
        spent = [item.output for item in (*chosen, *forced)]
        return sign(_assemble([*chosen, *forced], final), spent, key)
    raise InsufficientFunds(f"{wanted} satoshis and a fee are wanted, more than the coins hold")


def _assemble(inputs: Sequence[Spendable], outputs: Sequence[TxOutput]) -> Transaction:
    return Transaction(
        2, tuple(TxInput(item.point, b"", REPLACEABLE) for item in inputs), tuple(outputs), 0
    )
