"""Gas: a deterministic count of the work that a transaction makes every node do.

Gas used enters the results hash (CometBFT 0.38), so each cost here is consensus: changing
one is a hard fork. Store costs are the Cosmos SDK's ``KVGasConfig``.
"""

from collections.abc import Iterator

from chainkit.runtime.errors import OutOfGas
from chainkit.runtime.store import KVStore

GAS_DELETE = 1_000
GAS_READ_FLAT = 1_000
GAS_READ_PER_BYTE = 3
GAS_WRITE_FLAT = 2_000
GAS_WRITE_PER_BYTE = 30
GAS_ITERATE_NEXT_FLAT = 30
GAS_TX_SIZE_PER_BYTE = 10
"""SDK auth ``TxSizeCostPerByte``."""

GAS_VERIFY_SECP256K1 = 1_000
"""SDK auth ``SigVerifyCostSecp256k1``."""

GAS_SIMULATED_FEE = 20_000
"""Charged in a simulation without a fee, in place of moving one to a collector's new account:
wallets simulate before they know the fee, and multiply what they hear by as little as 1.3."""


class GasMeter:
    """Counts gas up to a limit; mutable because it is the account book of one execution.

    ``limit`` None means that nobody pays: blocks' own work, genesis and queries.
    """

    __slots__ = ("_consumed", "limit")

    def __init__(self, limit: int | None = None) -> None:
        assert limit is None or limit >= 0
        self.limit = limit
        self._consumed = 0

    @property
    def consumed(self) -> int:
        """Gas used so far, with the amount that went over the limit."""
        return self._consumed

    def consume(self, amount: int, what: str) -> None:
        """Add ``amount``, 0 or more, for the work named ``what``.

        Raises:
            OutOfGas: The sum is over the limit.
        """
        assert amount >= 0
        self._consumed += amount
        if self.limit is not None and self._consumed > self.limit:
            raise OutOfGas(
                f"out of gas in location: {what}; gasWanted: {self.limit}, "
                f"gasUsed: {self._consumed}"
            )


class GasStore:
    """A store whose use is paid for; it has the costs of the SDK's ``gaskv``."""

    __slots__ = ("_meter", "_store")

    def __init__(self, store: KVStore, meter: GasMeter) -> None:
        self._store = store
        self._meter = meter

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        self._meter.consume(GAS_READ_FLAT, "ReadFlat")
        value = self._store.get(key)
        size = len(key) + (len(value) if value is not None else 0)
        self._meter.consume(GAS_READ_PER_BYTE * size, "ReadPerByte")
        return value

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        self._meter.consume(GAS_WRITE_FLAT, "WriteFlat")
        self._meter.consume(GAS_WRITE_PER_BYTE * (len(key) + len(value)), "WritePerByte")
        self._store.set(key, value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; an absent key is no error."""
        self._meter.consume(GAS_DELETE, "Delete")
        self._store.delete(key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order; None is "to the end"."""
        for key, value in self._store.iterate(start, end, reverse=reverse):
            self._meter.consume(GAS_READ_PER_BYTE * (len(key) + len(value)), "ValuePerByte")
            self._meter.consume(GAS_ITERATE_NEXT_FLAT, "IterNextFlat")
            yield key, value
