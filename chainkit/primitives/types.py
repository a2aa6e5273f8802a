"""Scalars that must not be mixed up. They are made by ``parse_*`` and ``decode_*`` only."""

from typing import NewType

BlockHeight = NewType("BlockHeight", int)
"""Height of a block on one chain; the first block has 1, and 0 means "before the first"."""

Round = NewType("Round", int)
"""Round of consensus within a height, from 0; -1 means "no round"."""

VotingPower = NewType("VotingPower", int)
Sequence = NewType("Sequence", int)
"""Packet sequence on one channel, from 1."""

TimestampNs = NewType("TimestampNs", int)
"""Nanoseconds since 1970-01-01T00:00:00Z, negative before it."""

DurationNs = NewType("DurationNs", int)

Hash32 = NewType("Hash32", bytes)
"""A 32-byte digest."""

Address = NewType("Address", bytes)
"""A 20-byte account or validator address."""

ChainId = NewType("ChainId", str)
ClientId = NewType("ClientId", str)
ConnectionId = NewType("ConnectionId", str)
PortId = NewType("PortId", str)
ChannelId = NewType("ChannelId", str)
Denom = NewType("Denom", str)
