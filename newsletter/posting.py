"""Hands letters over by the way out that editions take, one at a time: they are few, and none waits for another."""

from collections.abc import Callable, Sequence
from datetime import UTC
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from hashlib import sha256

from newsletter.letters.post import PostError, octets_of
from newsletter.ports import Letter, Transport
from newsletter.sending.single import hand_over
from subscribers.deliveries import Delivery, Outcome

#: Signs messages (DKIM), each given as its own header fields, what all share, and its body.
Seal = Callable[[Sequence[list[bytes]]], list[bytes]]


class LetterPost:
    """The post office: takes a letter as a mail, and gives it to a way out."""

    def __init__(self, way_out: Callable[[], Transport], seal: Seal | None = None) -> None:
        """Take what makes a way out, a new one for each letter, and what signs; None: the relay does."""
        self._way_out = way_out
        self._seal = seal

    def hand_over(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Give one letter away.

        Raises:
            PostError: It was not taken. Also when nobody knows: a letter that comes twice does no harm, and whoever
                waits for a link needs it.
        """
        pieces = octets_of(message, recipient)
        if self._seal is not None:
            pieces = [*self._seal([pieces]), *pieces]
        receipt = hand_over(self._way_out(), Letter(_delivery(message, recipient), sender, lambda: pieces))
        if receipt.outcome is not Outcome.ACCEPTED:
            said = f"{receipt.code or ''} {receipt.enhanced} {receipt.reply}".strip()
            raise PostError(
                f"the letter was not taken ({receipt.outcome.value}): {said}",
                transient=receipt.outcome is not Outcome.REFUSED,
            )


def _delivery(message: EmailMessage, recipient: str) -> Delivery:
    """Return a letter as ways out know it: of no edition. Its number hangs on its Message-ID, so that it keeps it."""
    number = int.from_bytes(sha256(str(message["Message-ID"]).encode()).digest()[:4], "big")
    date = parsedate_to_datetime(str(message["Date"])).astimezone(UTC)
    return Delivery(0, number, 0, "", "", recipient, "", "", date)
