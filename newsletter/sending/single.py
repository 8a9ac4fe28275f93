"""Hands one letter over, outside the ledger: a test that one of the staff asked for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from newsletter.ports import Letter, Transport
from subscribers.deliveries import Cause, Outcome, Receipt

#: Seconds until we no longer wait for the way out: a page is waiting.
PATIENCE = 20.0


class _One:
    """An outbox with a single letter in it."""

    def __init__(self, letter: Letter, transport: Transport) -> None:
        self._letter: Letter | None = letter
        self._transport = transport
        self.receipt: Receipt | None = None

    @property
    def has_letters(self) -> bool:
        return self._letter is not None

    def take(self) -> Letter | None:
        letter, self._letter = self._letter, None
        return letter

    def leaving(self, letter: Letter, leave: Callable[[bool], None]) -> None:
        leave(True)

    def settle(self, letter: Letter, receipt: Receipt) -> None:
        self.receipt = receipt
        self._transport.close()

    def trouble(self, receipt: Receipt) -> None:
        self._letter = None
        self.receipt = self.receipt or receipt
        self._transport.close()


def hand_over(transport: Transport, letter: Letter) -> Receipt:
    """Deliver one letter and return what became of it; a way out that says nothing in time leaves it uncertain."""
    outbox = _One(letter, transport)

    async def run() -> None:
        await asyncio.wait_for(transport.run(outbox), PATIENCE)

    with suppress(TimeoutError):
        asyncio.run(run())
    return outbox.receipt or Receipt(
        Outcome.UNCERTAIN, Cause.CONNECTION, reply="the mail server did not answer in time"
    )
