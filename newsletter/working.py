"""Shares long work among processes, with the same results in the same order, and lets it end when it is told to."""

import asyncio
import gc
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from content.mapping import In, Mapper, Out, Work

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
def told_to_stop(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` when SIGTERM comes, so that what is in hand is finished; then the signal takes its usual course.

    Whoever ends a run sends that signal. Outside the main thread no signal comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before, asked = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM), threading.Event()

    def ask(*_: object) -> None:
        asked.set()
        loop.call_soon_threadsafe(stop)

    signal.signal(signal.SIGTERM, ask)
    try:
        yield
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if asked.is_set():
        signal.raise_signal(signal.SIGTERM)


@contextmanager
def processes(number: int) -> Iterator[Mapper]:
    """Yield what maps parts with so many processes, in order; with one, this process does it all."""
    if number <= 1:
        yield map
        return
    # Started anew rather than forked: a copy of a process that has threads and open databases may hang.
    with ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield InOrder(pool.submit, number * AHEAD)


_Out_co = TypeVar("_Out_co", covariant=True)


class Waiting(Protocol[_Out_co]):
    """What becomes a result in its time: a future of whichever kind."""

    def result(self) -> _Out_co:
        """Return it, when it is there."""


class Submit(Protocol):
    """Hands a part to somebody else to work on."""

    def __call__(self, work: Work[In, Out], part: In, /) -> Waiting[Out]:
        """Return what will become of `part`."""


class InOrder:
    """Maps by handing parts out, but no more of them than are soon worked on."""

    def __init__(self, submit: Submit, ahead: int) -> None:
        """Hand parts out by `submit`, and have `ahead` of them under way."""
        self._submit = submit
        self._ahead = ahead

    def __call__(self, work: Work[In, Out], parts: Iterable[In], /) -> Iterator[Out]:
        """Return what `work` makes of each of `parts`, in their order."""
        waiting: deque[Waiting[Out]] = deque()
        for part in parts:
            waiting.append(self._submit(work, part))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
