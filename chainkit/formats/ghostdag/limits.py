"""Sizes of a header and of what is computed from many."""

HASH_BYTES = 32
MAX_LEVELS = 255
"""rusty-kaspa ``BlockLevel``: a level is one byte."""

MAX_PARENTS_A_LEVEL = 255
MAX_HEADER_BYTES = 65_536
"""Over 2,000 parents in all levels; Kaspa's headers have below 10 KiB."""

MAX_BLUE_WORK_BYTES = 24
"""rusty-kaspa ``BlueWorkType``: 192 bits."""

MAX_K = 65_535
"""rusty-kaspa ``KType``."""

MAX_WINDOW_BLOCKS = 10_000
"""Samples in a difficulty or median window."""

MEDIAN_FRAME = 11
"""Times around the middle of the window whose mean is the past median time."""

CACHED_WINDOWS = 512
"""Windows that a DAG in memory keeps for the next blocks."""

MAX_LEAVES = 1 << 20
"""Leaves of a merkle tree."""
