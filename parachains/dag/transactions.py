"""Transactions and bodies: bytes, ids, roots, and what can be judged of them without a state."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.formats.ghostdag.hashing import (
    TRANSACTION_HASH,
    TRANSACTION_ID,
    TRANSACTION_SIGNING_HASH,
    keyed_hash,
    merkle_root,
)
from chainkit.primitives.types import Address, ChainId, Hash32
from chainkit.sigverify.ed25519 import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, ed25519_address, sign
from chainkit.sigverify.ed25519 import verify_items as verify_signatures
from chainkit.sigverify.verified import VerifiedSignatures
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.isthmus.dag.v1 import dag_pb2
from ibc.ics02_client.port import AnyValue
from parachains.dag.errors import InvalidBody, MalformedDag
from parachains.dag.limits import (
    MAX_BLOCK_GAS,
    MAX_BLOCK_TRANSACTIONS,
    MAX_BODY_BYTES,
    MAX_MESSAGES,
    MAX_TRANSACTION_BYTES,
)

MINER_HASH = b"MinerHash"
"""Key of the leaf that names a block's miner: no transaction hashes to it."""

ADDRESS_BYTES = 20


@dataclass(frozen=True)
class Transaction:
    """What an account asks for. No slots: id and sender are computed once and kept."""

    chain_id: ChainId
    public_key: bytes
    sequence: int
    fee: int
    """Of the chain's own coin."""
    gas_limit: int
    messages: tuple[AnyValue, ...]
    signature: bytes = b""

    @cached_property
    def body_bytes(self) -> bytes:
        """What is signed."""
        messages = [AnyProto(type_url=one.type_url, value=one.value) for one in self.messages]
        return encode(
            dag_pb2.TransactionBody(
                chain_id=self.chain_id,
                public_key=self.public_key,
                sequence=self.sequence,
                fee=self.fee,
                gas_limit=self.gas_limit,
                messages=messages,
            )
        )

    @cached_property
    def id(self) -> Hash32:
        """Names what the transaction does; the signature is not in it."""
        return keyed_hash(TRANSACTION_ID, self.body_bytes)

    @cached_property
    def sender(self) -> Address:
        """The account's address."""
        return ed25519_address(self.public_key)

    @property
    def sign_bytes(self) -> bytes:
        """What the signature is over."""
        return keyed_hash(TRANSACTION_SIGNING_HASH, self.body_bytes)

    def encode(self) -> bytes:
        """Return the form in bodies and on the wire."""
        return encode(dag_pb2.Transaction(body=self.body_bytes, signature=self.signature))


def signed(
    seed: bytes,
    public_key: bytes,
    chain_id: ChainId,
    *,
    sequence: int,
    fee: int,
    gas_limit: int,
    messages: tuple[AnyValue, ...],
) -> Transaction:
    """Return a transaction signed with a 32-byte seed."""
    bare = Transaction(chain_id, public_key, sequence, fee, gas_limit, messages)
    signature = sign(seed, bare.sign_bytes)
    return Transaction(chain_id, public_key, sequence, fee, gas_limit, messages, signature)


def decode_transaction(data: bytes) -> Transaction:
    """Return the transaction in ``data``, which is its one encoding.

    Raises:
        MalformedDag: A key or signature of another size, no message or too many, other bytes
            than the transaction's own form.
        MalformedMessage: It does not decode.
    """
    outer = decode_strict(dag_pb2.Transaction, data, max_bytes=MAX_TRANSACTION_BYTES)
    pb = decode_strict(dag_pb2.TransactionBody, outer.body, max_bytes=MAX_TRANSACTION_BYTES)
    if len(pb.public_key) != PUBLIC_KEY_BYTES or len(outer.signature) != SIGNATURE_BYTES:
        raise MalformedDag("a key has 32 bytes and a signature 64")
    if not 1 <= len(pb.messages) <= MAX_MESSAGES:
        raise MalformedDag(f"a transaction has 1 to {MAX_MESSAGES} messages")
    tx = Transaction(
        chain_id=ChainId(pb.chain_id),
        public_key=pb.public_key,
        sequence=pb.sequence,
        fee=pb.fee,
        gas_limit=pb.gas_limit,
        messages=tuple(AnyValue(one.type_url, one.value) for one in pb.messages),
        signature=outer.signature,
    )
    if tx.encode() != data:
        raise MalformedDag("a transaction has one encoding")
    return tx


@dataclass(frozen=True)
class BlockBody:
    """What a header's transaction root is over."""

    miner: Address
    """Who gets the fees, and the reward where the block is blue."""
    transactions: tuple[Transaction, ...]

    @cached_property
    def root(self) -> Hash32:
        """The header's ``hash_merkle_root``: the miner's leaf, then the transactions."""
        leaves = [keyed_hash(MINER_HASH, self.miner)]
        leaves += [keyed_hash(TRANSACTION_HASH, tx.encode()) for tx in self.transactions]
        return merkle_root(leaves)

    def encode(self) -> bytes:
        """Return the stored and sent form."""
        raw = [tx.encode() for tx in self.transactions]
        return encode(dag_pb2.BlockBody(miner=self.miner, transactions=raw))


def decode_body(data: bytes) -> BlockBody:
    """Return the body in ``data``.

    Raises:
        MalformedDag: The miner's address has not 20 bytes, or too many transactions.
        MalformedMessage: It, or a transaction, does not decode.
    """
    pb = decode_strict(dag_pb2.BlockBody, data, max_bytes=MAX_BODY_BYTES)
    if len(pb.miner) != ADDRESS_BYTES or len(pb.transactions) > MAX_BLOCK_TRANSACTIONS:
        raise MalformedDag(
            f"a miner has 20 bytes, a block at most {MAX_BLOCK_TRANSACTIONS} transactions"
        )
    return BlockBody(Address(pb.miner), tuple(map(decode_transaction, pb.transactions)))


def signatures_of(
    transactions: Sequence[Transaction], verified: VerifiedSignatures | None = None
) -> tuple[bool, ...]:
    """Return for each transaction whether its key signed it; verified in one batch."""
    items = tuple((tx.public_key, tx.sign_bytes, tx.signature) for tx in transactions)
    return verify_signatures(items, remembered=verified)


def accepted_root(ids: Sequence[Hash32]) -> Hash32:
    """Return the header's ``accepted_id_merkle_root`` over ids in the order of acceptance."""
    return merkle_root(ids)


def check_body(
    body: BlockBody,
    root: Hash32,
    chain_id: ChainId,
    verified: VerifiedSignatures | None = None,
) -> None:
    """Check all of a body that needs no state; its signatures in one batch.

    What is among the ``verified`` is not verified again.

    Raises:
        InvalidBody: Not the header's, too large, of another chain, one transaction twice, or
            not signed by its key.
    """
    if body.root != root:
        raise InvalidBody("the transactions are not those of the header's root")
    if len(body.transactions) > MAX_BLOCK_TRANSACTIONS or len(body.encode()) > MAX_BODY_BYTES:
        raise InvalidBody("the block is too large")
    if sum(tx.gas_limit for tx in body.transactions) > MAX_BLOCK_GAS:
        raise InvalidBody(f"the transactions want more than {MAX_BLOCK_GAS} gas")
    if any(tx.chain_id != chain_id for tx in body.transactions):
        raise InvalidBody(f"a transaction is not of the chain {chain_id}")
    if len({tx.id for tx in body.transactions}) != len(body.transactions):
        raise InvalidBody("a transaction is there twice")
    verdicts = signatures_of(body.transactions, verified)
    for tx, is_valid in zip(body.transactions, verdicts, strict=True):
        if not is_valid:
            raise InvalidBody(f"transaction {tx.id.hex()} is not signed by its key")
