"""What every transport shares that hands over one letter at a time: workers, waking, and the stage that is in doubt."""

import asyncio
from collections.abc import Awaitable, Callable

from newsletter.ports import Letter, Outbox
from subscribers.deliveries import Receipt

#: Hands one letter over and says what came of it. It is called when the letter's end may leave.
HandOver = Callable[[Letter], Awaitable[Receipt]]


class OneByOne:
    """Delivers with some workers, each with one letter in hand."""

    def __init__(self, hand_over: HandOver, workers: int = 1) -> None:
        self._hand_over = hand_over
        self._workers = workers
        self._closed = False
        self._work = asyncio.Event()

    async def run(self, outbox: Outbox) -> None:
        """Deliver what the outbox has until `close` is called and nothing is in hand."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker(outbox))

    def wake(self) -> None:
        """Look into the outbox again: it has letters."""
        self._work.set()
        self._work.clear()

    def close(self) -> None:
        """Take no more letters; let `run` end when those in hand are settled."""
        self._closed = True
        self.wake()

    async def _worker(self, outbox: Outbox) -> None:
        while not self._closed:
            letter = outbox.take()
            if letter is None:
                await self._work.wait()
            elif await _may_leave(outbox, letter):
                outbox.settle(letter, await self._hand_over(letter))
                await asyncio.sleep(0)  # a transport that never waits must not starve the ledger


async def _may_leave(outbox: Outbox, letter: Letter) -> bool:
    granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    outbox.leaving(letter, granted.set_result)
    return await granted
