"""What a light client does in a second: updates of Tendermint chains of different sizes.

Each update is another header with other signatures, so that nothing remembered helps: the
client has seen the keys before and no signature. Processor time, all threads.
"""

import time

from benchmarks.report import Row
from chainkit.formats.tendermint.light import Options, TrustedState, trusted_state_of, verify
from chainkit.formats.tendermint.types import LightBlock
from tests.signers import GENESIS_TIME, HOUR, SECOND, light_block_of, set_of, signers

CHAIN_ID = "bench-1"
SIZES = (1, 4, 100)
UPDATES = 200
OPTIONS = Options(trusting_period=24 * HOUR, max_clock_drift=10 * SECOND)


def measure(updates: int = UPDATES) -> list[Row]:
    """Return a row for each size of the validator set and each way to update."""
    rows = []
    for size in SIZES:
        count = max(2, updates // max(1, size // 8))
        for step, way in ((1, "adjacent"), (7, "skipping")):
            trusted, blocks = _chain(size, count, step)
            rate = _rate(trusted, blocks)
            name = f"light client updates, {size} validators, {way}"
            rows.append(Row(name, rate, "updates/s", f"{count} headers"))
    return rows


def _chain(size: int, count: int, step: int) -> tuple[TrustedState, list[LightBlock]]:
    """Return a trusted state and the headers after it, ``step`` heights apart."""
    keys = signers(size, prefix=f"bench {step} ")
    validators = set_of(keys, 10)
    blocks = [
        light_block_of(CHAIN_ID, height, GENESIS_TIME + height * SECOND, validators, keys)
        for height in range(1, 2 + count * step, step)
    ]
    return trusted_state_of(blocks[0], validators), blocks[1:]


def _rate(trusted: TrustedState, blocks: list[LightBlock]) -> float:
    now = GENESIS_TIME + HOUR
    began = time.process_time()
    for block in blocks:
        verify(trusted, block, OPTIONS, now)
        trusted = trusted_state_of(block, block.validator_set)
    return len(blocks) / (time.process_time() - began)
