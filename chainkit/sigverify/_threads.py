"""Splitting a batch between threads: the engines release the GIL while they compute."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

THREADS_VARIABLE = "ISTHMUS_SIGVERIFY_THREADS"
"""Environment variable that bounds the threads of a batch; 1 verifies in the caller's."""

MIN_ITEMS_EACH = 64
"""A smaller part costs more to hand over and to close than it saves."""


def thread_limit() -> int:
    """Return how many threads a batch may use: the processors of this process."""
    text = os.environ.get(THREADS_VARIABLE, "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sigverify")


if hasattr(os, "register_at_fork"):
    # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def run_split(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call ``work(first, last)`` for parts that cover ``range(count)``, at the same time.

    The caller's thread does a part too. What a part raises is raised, after all have ended.
    """
    parts = max(1, min(threads, count // MIN_ITEMS_EACH))
    bounds = [count * part // parts for part in range(parts + 1)]
    if parts == 1:
        work(0, count)
        return
    started = [_pool(parts - 1).submit(work, bounds[k], bounds[k + 1]) for k in range(1, parts)]
    try:
        work(0, bounds[1])
    finally:
        wait(started)
    for future in started:
        future.result()
