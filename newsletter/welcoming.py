"""Writes the first mail to whoever has confirmed: how often editions come, which topics they chose, where to begin."""

from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from content.looks import Look
from content.periods import Rhythm
from newsletter.letters.compose import Composer, LetterError
from newsletter.rendering.mime import Identity, Template
from newsletter.rendering.notices import render_welcome
from newsletter.storage.enrolments import EnrolmentStore
from subscribers import preferences
from subscribers.letters import Letter, LetterKind
from subscribers.people import SubscriptionState
from subscribers.preferences import MailingList, Preferences
from subscribers.tokens import Keyring, Purpose, issue, link


class Welcomer:
    """Composes letters as `Composer` does, and welcomes besides.

    A welcome is mail to a list: whoever gets it can leave with one click, and it wears the look of the editions.
    """

    def __init__(
        self, letters: Composer, people: EnrolmentStore, look: Look, keys: Keyring, latest: Callable[[], str]
    ) -> None:
        """Take what welcomes are made of.

        Args:
            letters: Composes every other letter.
            people: Knows what was chosen.
            look: The newsletter's.
            keys: Sign the links.
            latest: Returns the address of the newest edition's page; "" while there is none.
        """
        self._letters = letters
        self._people = people
        self._look = look
        self._keys = keys
        self._latest = latest

    def compose(self, letter: Letter, mailing_list: MailingList | None, now: datetime) -> EmailMessage:
        """Return the letter as a mail, its links valid from `now`.

        Raises:
            LetterError: A header would hold a control character, or whoever was to be welcomed has left since.
        """
        if letter.kind is not LetterKind.WELCOME:
            return self._letters.compose(letter, mailing_list, now)
        with self._people.reading() as desk:
            stands = desk.subscription(letter.mailing_list, letter.subscriber)
        if mailing_list is None or stands is None or stands.state is not SubscriptionState.CONFIRMED:
            raise LetterError("whoever was to be welcomed has left since")
        rendering = render_welcome(
            self._look,
            letter.language,
            _rhythm(mailing_list, stands.preferences),
            [topic.title for topic in mailing_list.topics if topic.slug in stands.preferences.topics],
            self._latest(),
        )
        identity = Identity(
            from_name=self._letters.sender_name(mailing_list),
            from_address=self._letters.sender(mailing_list),
            list_id=self._letters.list_id(mailing_list.slug, mailing_list),
            list_name=mailing_list.title,
            feedback_id=f"welcome:{mailing_list.slug}:letter:newsletter",
        )
        message_id = self._letters.message_id(letter).strip("<>")
        links = self._links(letter, now)
        pieces = Template(rendering, identity).merge("", letter.address, message_id, now, links)
        message = message_from_bytes(b"".join(pieces), policy=SMTP)
        assert isinstance(message, EmailMessage)
        return message

    def sender(self, mailing_list: MailingList | None) -> str:
        """Return the address from which we write about a list."""
        return self._letters.sender(mailing_list)

    def _links(self, letter: Letter, now: datetime) -> dict[str, str]:
        def address(purpose: Purpose, at: datetime | None) -> str:
            token = issue(self._keys, purpose, letter.subscriber, letter.mailing_list, now=at)
            return link(self._look.site_url, purpose, token)

        return {
            "unsubscribe_url": address(Purpose.UNSUBSCRIBE, None),
            "preferences_url": address(Purpose.MANAGE, now),
        }


def _rhythm(mailing_list: MailingList, chosen: Preferences) -> Rhythm | None:
    """Return the rhythm in which editions will come; None where every list has its own, and nobody can say."""
    each = preferences.Rhythm.EACH
    found = mailing_list.rhythms[0] if chosen.rhythm is each else chosen.rhythm
    return None if found is each else Rhythm(found.value)
