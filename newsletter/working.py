"""Shares long computations among several processes, with the same results in the same order."""

import gc
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from content.matching import In, Mapper, Out, Work

#: Parts under way for each process: one in hand, one that waits for it. More would only fill the memory.
AHEAD = 2


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the collector of cycles away while much is computed that makes none.

    It would look through every section of the archive again and again: a quarter of all time with 100,000 of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def processes(number: int) -> Iterator[Mapper]:
    """Yield what maps parts with so many processes, in order; with one, this process does it all."""
    if number <= 1:
        yield map
        return
    # Started anew rather than forked: a copy of a process that has threads and open databases may hang.
    with ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield _Shared(pool, number * AHEAD)


class _Shared:
    """Maps with a pool, but takes no more parts than the pool can soon work on."""

    def __init__(self, pool: ProcessPoolExecutor, ahead: int) -> None:
        self._pool = pool
        self._ahead = ahead

    def __call__(self, work: Work[In, Out], parts: Iterable[In], /) -> Iterator[Out]:
        """Return what `work` makes of each of `parts`, in their order."""
        waiting: deque[Future[Out]] = deque()
        for part in parts:
            waiting.append(self._pool.submit(work, part))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
