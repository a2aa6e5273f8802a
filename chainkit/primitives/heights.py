"""Heights as IBC has them: a revision and a height in it."""

import re
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import ChainId

_HEIGHT = re.compile(r"(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})", re.ASCII)
_REVISION = re.compile(r".*[^\n-]-([1-9]\d{0,19})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Height:
    """A height of a counterparty chain (ICS-02, "Height"); ordered by revision, then height."""

    revision_number: int
    revision_height: int

    def __str__(self) -> str:
        return f"{self.revision_number}-{self.revision_height}"

    def is_zero(self) -> bool:
        """Return whether this is 0-0, which means "no height" in packets."""
        return self.revision_number == 0 and self.revision_height == 0

    def next(self) -> "Height":
        """Return the height after this one in the same revision."""
        return Height(self.revision_number, self.revision_height + 1)


ZERO_HEIGHT = Height(0, 0)


def parse_height(text: str) -> Height:
    """Return the height written ``<revision>-<height>``.

    Raises:
        MalformedMessage: Another form, or a number over 64 bits.
    """
    match = _HEIGHT.fullmatch(text)
    if match is None:
        raise MalformedMessage(f"not a height: {text[:50]!r}")
    revision, height = int(match[1]), int(match[2])
    if max(revision, height) > UINT64_MAX:
        raise MalformedMessage(f"height over 64 bits: {text!r}")
    return Height(revision, height)


def without_revision(chain_id: ChainId) -> ChainId:
    """Return the name that IBC's modules run under where the chain's heights have revision 0.

    So it is on chains that light clients know by block numbers alone, whatever number the
    chain's name ends with.
    """
    return ChainId(f"{chain_id}-0") if chain_revision(chain_id) else chain_id


def chain_revision(chain_id: ChainId) -> int:
    """Return N for a chain id ``name-N`` with N from 1, else 0 (ibc-go ``ParseChainID``)."""
    match = _REVISION.fullmatch(chain_id)
    revision = int(match[1]) if match else 0
    return revision if revision <= UINT64_MAX else 0
