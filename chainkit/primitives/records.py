"""Values of the hot path: frozen for mypy, cheap to make.

A frozen dataclass sets each field through ``object.__setattr__``: twelve fields take 2 to 3 us,
plain stores 0.3 us, and consensus makes half a dozen such values for every vote it hears. A
guard at run time would cost a node a third of its consensus time, to catch what
``mypy --strict`` refuses anyway. Everything that is not made for each vote stays a frozen
dataclass.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

ClassT = TypeVar("ClassT")


@dataclass_transform(frozen_default=True)
def record(cls: type[ClassT]) -> type[ClassT]:
    """Make a slotted dataclass that compares and hashes by value; assigning is a type error."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
