"""Sends the letters that are due; a letter that cannot leave now is tried again, ever more slowly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Protocol

from newsletter.letters.compose import LetterError
from newsletter.letters.post import PostError
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.letters import LetterStore
from subscribers.letters import Letter
from subscribers.preferences import MailingList

#: How long to wait after the first, second … failure; after the last of them we give up.
PATIENCE = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480, 1440))


class Writer(Protocol):
    """Whatever turns a letter into a mail."""

    def compose(self, letter: Letter, mailing_list: MailingList | None, now: datetime) -> EmailMessage:
        """Return the letter as a mail, its links valid from `now`.

        Raises:
            LetterError: It cannot be written.
        """

    def sender(self, mailing_list: MailingList | None) -> str:
        """Return the address from which we write about a list."""


class Post(Protocol):
    """Whatever takes a letter to its recipient."""

    def hand_over(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Give one letter away.

        Raises:
            PostError: It was not taken.
        """


@dataclass(frozen=True, slots=True)
class Posted:
    """What one round did."""

    sent: int = 0
    waiting: int = 0  #: to be tried again
    failed: int = 0


def post_letters(
    letters: LetterStore, people: EnrolmentStore, composer: Writer, post: Post, clock: Callable[[], datetime]
) -> Posted:
    """Send every letter that is due, one after the other, and say how it went."""
    sent = waiting = failed = 0
    while letter := letters.claim(clock(), clock() + PATIENCE[0]):
        problem = _send(letter, people, composer, post, clock())
        if problem is None:
            letters.settle(letter, clock())
            sent += 1
        elif problem.transient and letter.attempts < len(PATIENCE):
            letters.postpone(letter.number, clock() + PATIENCE[letter.attempts], str(problem))
            waiting += 1
        else:
            letters.give_up(letter.number, str(problem))
            failed += 1
    return Posted(sent, waiting, failed)


def _send(letter: Letter, people: EnrolmentStore, composer: Writer, post: Post, now: datetime) -> PostError | None:
    with people.reading() as desk:
        mailing_list = desk.mailing_list(letter.mailing_list)
    try:
        message = composer.compose(letter, mailing_list, now)
        post.hand_over(message, composer.sender(mailing_list), letter.address)
    except LetterError as error:
        return PostError(str(error), transient=False)
    except PostError as error:
        return error
    return None
