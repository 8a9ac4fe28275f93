"""Where a sender runs: on the fastest loop there is, with a garbage collector that seldom looks."""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

#: What a sender does, given the event that asks it to finish what is in hand and begin nothing more.
Work = Callable[[asyncio.Event], Coroutine[Any, Any, T]]

#: New objects between two looks for cycles. A sender makes some dozens for each message, all gone a moment later;
#: measured, 4.5 of 61 us a message, for less than a megabyte.
_YOUNG = 100_000

#: How long a thread waits for the interpreter's lock before it asks for it, in seconds. uvloop lets go of the lock for
#: a moment after each message, and each time wakes the ledger's thread in vain; it does not, once it is asked.
#: Measured with the default of 5 ms: a useless wake a message, 13,600 messages a second instead of 15,500 to 16,600.
_HAND_OVER = 0.0001

#: How often a sender looks whether it is asked to stop, in seconds.
_LOOK = 0.2


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a sender from a plain thread, on uvloop where it is installed."""
    with _collecting_seldom(), _handing_over_soon():
        try:
            import uvloop
        except ImportError:
            return asyncio.run(coroutine)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(coroutine)


class Stop:
    """Asks a sender that runs in another thread to finish what is in hand; a signal handler may set it."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def set(self) -> None:
        """Ask. Whoever sends next goes on where this sender ends."""
        self._asked.set()

    def run(self, work: Work[T]) -> T:
        """Run `work` from a plain thread, as `run` does."""
        return run(self._over(work))

    async def _over(self, work: Work[T]) -> T:
        event = asyncio.Event()
        working = asyncio.ensure_future(work(event))
        while not working.done():
            if self._asked.is_set():
                event.set()
            await asyncio.wait([working], timeout=_LOOK)
        return working.result()


async def run_aside(work: Work[T]) -> T:
    """Run `work` in a thread of its own, as `run` does, beside a loop that belongs to somebody else (Prefect).

    Cancelled, it lets the sender finish what is in hand first: nobody becomes uncertain.
    """
    stop = Stop()
    running = asyncio.ensure_future(asyncio.to_thread(stop.run, work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await running
        raise


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let the garbage collector look for cycles seldom: what is made for each message has none, and looking is dear."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _handing_over_soon() -> Iterator[None]:
    """Let a thread that waits for the interpreter's lock have it soon."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_HAND_OVER)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
