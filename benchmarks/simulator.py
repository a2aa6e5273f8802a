"""Heights that the simulator decides in a second of processor time: four calm validators."""

from benchmarks.report import Row
from relay_chain.simulator.__main__ import measure_speed

HEIGHTS = 2_000


def measure(heights: int = HEIGHTS) -> list[Row]:
    """Return the one row."""
    return [Row("simulated blocks", measure_speed(heights), "blocks/s", "4 validators, stub keys")]
