"""Turns a letter that is due into a mail: signs its links, fills its templates, guards its headers."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as MailboxAddress
from email.message import EmailMessage
from email.policy import SMTP

from markupsafe import Markup

from content.editions import PREHEADER_CHARACTERS, shorten
from content.looks import DARK, LIGHT, SANS, SERIF, Palette
from newsletter.letters.words import words_of
from newsletter.templating import environment, page_direction
from subscribers.letters import Letter, LetterKind
from subscribers.list_fields import list_fields
from subscribers.preferences import MailingList
from subscribers.tokens import Keyring, Purpose, issue, link

#: What may stand in no header: C0, DEL, C1, line and paragraph separators, lone surrogates. Python's email package
#: refuses only line breaks, and lets the others out onto the wire.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

#: The link that each kind of letter is about. Every link is signed when the letter leaves, not when it is queued:
#: its lifetime starts then, and the store holds nothing that opens a page.
PURPOSE: dict[LetterKind, Purpose] = {
    LetterKind.CONFIRM: Purpose.CONFIRM,
    LetterKind.ALREADY: Purpose.MANAGE,
    LetterKind.GOODBYE: Purpose.PUT_BACK,
    LetterKind.LINK: Purpose.MANAGE,
    LetterKind.CHANGED: Purpose.PUT_BACK,
    LetterKind.DATA: Purpose.DATA,
    LetterKind.NEW_ADDRESS: Purpose.ADDRESS,
    LetterKind.MOVED: Purpose.PUT_BACK,
}


class LetterError(ValueError):
    """A letter cannot be composed; the message names what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every letter says about us."""

    public_url: str
    title: str
    sender_name: str
    sender_address: str
    newsletter: str = ""  #: the list that letters about no list in particular name
    postal_address: str = ""
    light: Palette = LIGHT
    dark: Palette = DARK
    display_font: str = SERIF
    text_font: str = SANS


class Composer:
    """Composes letters: the words of `newsletter.letters.words` in the frame of `templates/letters/`."""

    def __init__(self, house: House, keys: Keyring) -> None:
        self._house = house
        self._keys = keys

    def compose(self, letter: Letter, mailing_list: MailingList | None, now: datetime) -> EmailMessage:
        """Return the letter as a mail, its links valid from `now`.

        Raises:
            LetterError: A header would hold a control character.
        """
        list_title = mailing_list.title if mailing_list else self._house.title
        words = words_of(letter.kind, letter.language, self._house.title, list_title)
        values = {
            "house": self._house,
            # A `Look` refuses fonts that would end an attribute; escaped quotes would lose the font.
            "display_font": Markup(self._house.display_font),  # noqa: S704 - same
            "text_font": Markup(self._house.text_font),  # noqa: S704 - same
            "list_title": list_title,
            "url": self._url(letter, now),
            "language": letter.language,
            "page_direction": page_direction(letter.language),
            "words": words,
            "preheader": shorten(words.opening, PREHEADER_CHARACTERS),
        }

        def fill(part: str) -> str:
            return environment(letter.language).get_template(f"letters/letter/{part}.jinja").render(values)

        message = EmailMessage(policy=SMTP)
        message["From"] = _mailbox(self.sender_name(mailing_list), self.sender(mailing_list))
        message["To"] = _mailbox("", letter.address)
        message["Subject"] = _harmless("Subject", fill("subject.txt").strip())
        message["Date"] = now
        message["Message-ID"] = self.message_id(letter)
        # RFC 3834: no vacation notice answers a letter that a machine wrote.
        message["Auto-Submitted"] = "auto-generated"
        if slug := letter.mailing_list or self._house.newsletter:
            for name, value in list_fields(f"<{self.list_id(slug, mailing_list)}>").items():
                message[name] = value
        message.set_content(fill("body.txt"), cte="quoted-printable")
        message.add_alternative(fill("body.html"), subtype="html", cte="quoted-printable")
        return message

    def sender_name(self, mailing_list: MailingList | None) -> str:
        """Return the name under which we write about a list."""
        return (mailing_list.sender_name if mailing_list else "") or self._house.sender_name

    def sender(self, mailing_list: MailingList | None) -> str:
        """Return the address from which we write about a list."""
        return (mailing_list.sender_address if mailing_list else "") or self._house.sender_address

    def list_id(self, slug: str, mailing_list: MailingList | None) -> str:
        """Return the identifier of a list (RFC 2919): its short name at the domain from which we write about it."""
        return f"{slug}.{self.sender(mailing_list).rpartition('@')[2]}"

    def message_id(self, letter: Letter) -> str:
        """Return the Message-ID of a letter, in its angle brackets: the same whenever it is asked for."""
        domain = self._house.sender_address.rpartition("@")[2]
        signed = f"{letter.number}.{letter.at.timestamp():.6f}.{letter.subscriber}"
        return f"<letter-{letter.number}-{self._keys.mac('message-id', signed)}@{domain}>"

    def _url(self, letter: Letter, now: datetime) -> str:
        purpose = PURPOSE.get(letter.kind)
        if purpose is None:
            return ""
        scope = letter.detail if purpose in {Purpose.PUT_BACK, Purpose.ADDRESS} else letter.mailing_list
        return link(self._house.public_url, purpose, issue(self._keys, purpose, letter.subscriber, scope, now=now))


def _mailbox(name: str, address: str) -> MailboxAddress:
    return MailboxAddress(_harmless("a name", name), addr_spec=_harmless("an address", address))


def _harmless(what: str, text: str) -> str:
    if _FORBIDDEN.search(text):
        raise LetterError(f"{what} holds a control character: {text!r}")
    return text
