"""Sends one letter by any transport, outside the ledger: for trials, where a person watches what becomes of it."""

from collections.abc import Callable

from newsletter.ports import Letter, Transport
from subscribers.deliveries import Receipt


async def send_one(transport: Transport, letter: Letter) -> Receipt:
    """Hand one letter to the transport; return what came of it. It is tried once."""
    outbox = _OneLetter(transport, letter)
    await transport.run(outbox)
    return outbox.receipt


class _OneLetter:
    """An outbox with one letter; the transport is closed as soon as something has become of it."""

    def __init__(self, transport: Transport, letter: Letter) -> None:
        self.receipt: Receipt
        self._transport = transport
        self._letter: Letter | None = letter

    @property
    def has_letters(self) -> bool:
        return self._letter is not None

    def take(self) -> Letter | None:
        letter, self._letter = self._letter, None
        return letter

    def leaving(self, _letter: Letter, leave: Callable[[bool], None]) -> None:
        leave(True)

    def settle(self, _letter: Letter, receipt: Receipt) -> None:
        self.trouble(receipt)

    def trouble(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self._letter = None
        self._transport.close()
