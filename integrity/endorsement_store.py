"""Where sources, endorsements and appeals are kept, in the store of integrity levels."""

from collections.abc import Iterator
from dataclasses import dataclass

from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, prefix_end
from chainkit.wire.codec import encode
from integrity.endorsement_codec import (
    appeal_to_proto,
    dump_endorsement,
    load_appeal,
    load_endorsement,
    load_source,
    source_to_proto,
)
from integrity.endorsements import Appeal, Endorsement, Key, Source
from integrity.store import STORE_NAME

_SOURCE = b"source/"
_ENDORSEMENT = b"endorsement/"
_APPEAL = b"appeal/"
_NEXT_APPEAL = b"next_appeal"


@dataclass(frozen=True, slots=True)
class EndorsementStore:
    """Typed access, beside ``IntegrityStore``."""

    kv: KVStore

    def source(self, name: str) -> Source | None:
        """Return a source by its name."""
        value = self.kv.get(_SOURCE + name.encode())
        return None if value is None else load_source(value)

    def set_source(self, source: Source) -> None:
        """Write a source."""
        self.kv.set(_SOURCE + source.name.encode(), encode(source_to_proto(source)))

    def sources(self) -> Iterator[Source]:
        """Yield every source, by name."""
        for _, value in self.kv.iterate(_SOURCE, prefix_end(_SOURCE)):
            yield load_source(value)

    def endorsement(self, key: Key) -> Endorsement | None:
        """Return what was said of a datum."""
        value = self.kv.get(_endorsement_key(key))
        return None if value is None else load_endorsement(value)

    def set_endorsement(self, endorsement: Endorsement) -> None:
        """Write what was said of a datum."""
        self.kv.set(_endorsement_key(endorsement.key), dump_endorsement(endorsement))

    def endorsements(self) -> Iterator[Endorsement]:
        """Yield every endorsement, by origin and datum."""
        for _, value in self.kv.iterate(_ENDORSEMENT, prefix_end(_ENDORSEMENT)):
            yield load_endorsement(value)

    def take_appeal_number(self) -> int:
        """Return the next appeal's number, from 1 on."""
        number = int.from_bytes(self.kv.get(_NEXT_APPEAL) or b"\x01", "big")
        self.kv.set(_NEXT_APPEAL, (number + 1).to_bytes(8, "big"))
        return number

    def appeal(self, number: int) -> Appeal | None:
        """Return an appeal."""
        value = self.kv.get(_APPEAL + number.to_bytes(8, "big"))
        return None if value is None else load_appeal(value)

    def set_appeal(self, appeal: Appeal) -> None:
        """Write an appeal."""
        key = _APPEAL + appeal.number.to_bytes(8, "big")
        self.kv.set(key, encode(appeal_to_proto(appeal)))

    def appeals(self) -> Iterator[Appeal]:
        """Yield every appeal, oldest first."""
        for _, value in self.kv.iterate(_APPEAL, prefix_end(_APPEAL)):
            yield load_appeal(value)


def open_endorsements(ctx: Context) -> EndorsementStore:
    """Return the store of an execution."""
    return EndorsementStore(ctx.store(STORE_NAME))


def _endorsement_key(key: Key) -> bytes:
    return _ENDORSEMENT + key.origin.encode() + b"/" + key.datum + bytes([key.level])
