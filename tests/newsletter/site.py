"""A public site on a real database for tests, with a clock that a test sets and letters that it reads."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from newsletter.corresponding import Writer, post_letters
from newsletter.letters.compose import Composer, House
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.letters import LetterStore
from newsletter.storage.lists import ListStore
from newsletter.web.public import PublicSite, create_public_app
from subscribers.people import SubscriptionState
from subscribers.preferences import MailingList, Rhythm, Topic
from subscribers.tokens import Keyring, Purpose, issue
from tests.builders import MONDAY

KEYS = Keyring((b"k" * 32,))
ADA = "ada@example.org"

#: How long a person takes to fill in a form.
SLOWLY = timedelta(seconds=10)
PUBLIC_URL = "https://news.example.org"
BEAUTY = MailingList(
    slug="beauty",
    title="Beauty News",
    topics=(Topic("skin", "Skin care"), Topic("hair", "Hair"), Topic("make-up", "Make-up")),
    rhythms=(Rhythm.WEEKLY, Rhythm.DAILY, Rhythm.MONTHLY),
    zone="Europe/London",
)


class Mailbox:
    """Takes letters as a mail server would."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    def hand_over(self, message: EmailMessage, sender: str, recipient: str) -> None:
        assert message["To"] == recipient
        self.letters.append(message)


@dataclass
class Town:
    """The site, its visitors' browser, its mail, and its clock."""

    engine: Engine
    folder: Path
    now: datetime = MONDAY
    mailbox: Mailbox = field(default_factory=Mailbox)

    def __post_init__(self) -> None:
        self.people = EnrolmentStore(self.engine)
        self.letters = LetterStore(self.engine)
        ListStore(self.engine).put(BEAUTY)
        self.open_site()

    def open_site(self, **more: Any) -> None:
        """Open the site anew."""
        self.site = PublicSite(
            store=self.people,
            keys=KEYS,
            mailing_list="beauty",
            title="Beauty News",
            public_url=PUBLIC_URL,
            contact="privacy@news.example.org",
            folder=self.folder,
            clock=lambda: self.now,
            postal_address="1 Rose Lane, London",
            **more,
        )
        self.app: Starlette = create_public_app(self.site)
        self.browser = TestClient(self.app, base_url=PUBLIC_URL, follow_redirects=True, raise_server_exceptions=False)
        house = House(
            public_url=PUBLIC_URL,
            title="Beauty News",
            sender_name="Beauty News",
            sender_address="hello@news.example.org",
            postal_address="1 Rose Lane, London",
        )
        self.composer = Composer(house, KEYS)
        self.writer: Writer = self.composer

    def mail(self) -> list[EmailMessage]:
        """Send the letters that are due, and return them."""
        before = len(self.mailbox.letters)
        post_letters(self.letters, self.people, self.writer, self.mailbox, lambda: self.now)
        return self.mailbox.letters[before:]

    def path_in(self, letter: EmailMessage) -> str:
        """Return the path of the one link in a letter's text."""
        body = letter.get_body(("plain",))
        assert body
        (found,) = re.findall(re.escape(PUBLIC_URL) + r"(/\S+)", body.get_content())
        return found

    def site_behind_proxy(self) -> None:
        """Open the site behind a proxy of ours."""
        self.open_site(behind_proxy=True)

    def subscribe(self, address: str, headers: dict[str, str] | None = None, **fields: object) -> Response:
        """Fill in the sign-up form as a person would."""
        token = issue(KEYS, Purpose.FORM, "form", now=self.now - SLOWLY)
        typed = {"address": address, "form": token} | fields
        return self.browser.post("/subscribe", data=typed, headers=headers)

    def join(self, address: str) -> str:
        """Sign up and confirm; return the person's id."""
        self.mail()
        self.subscribe(address)
        (letter,) = self.mail()
        assert self.browser.post(self.path_in(letter)).status_code == 200
        return self.id_of(address)

    def id_of(self, address: str) -> str:
        with self.people.reading() as desk:
            person = desk.person_at(address)
        assert person
        return person.id

    def state(self, address: str) -> SubscriptionState | None:
        """Return how the owner of an address stands to the list; None for nobody."""
        with self.people.reading() as desk:
            person = desk.person_at(address)
            stands = desk.subscription("beauty", person.id) if person else None
        return stands.state_at(self.now) if stands else None

    def token(self, purpose: Purpose, address: str, scope: str = "beauty") -> str:
        return issue(KEYS, purpose, self.id_of(address), scope, now=self.now)


def everything(engine: Engine) -> dict[str, list[object]]:
    tables = ("subscribers", "subscriptions", "suppressions", "consents", "letters")
    with engine.connect() as connection:
        return {t: [tuple(r) for r in connection.execute(text(f"SELECT * FROM {t} ORDER BY 1, 2"))] for t in tables}


def pages_of(town: Town) -> dict[str, str]:
    """Return the path of every public page, in every state that looks different."""
    token = town.token
    change = str(len(everything(town.engine)["consents"]))
    return {
        "subscribe": "/subscribe",
        "sent": "/subscribe/sent",
        "link": "/link",
        "privacy": "/privacy",
        "not there": "/nowhere",
        "closed": "/u/broken",
        "confirm": f"/c/{token(Purpose.CONFIRM, ADA)}",
        "unsubscribe": f"/u/{token(Purpose.UNSUBSCRIBE, ADA)}",
        "put back": f"/b/{token(Purpose.PUT_BACK, ADA, change)}",
        "preferences": f"/p/{token(Purpose.MANAGE, ADA)}",
        "data": f"/d/{token(Purpose.DATA, ADA)}",
        "new address": f"/a/{token(Purpose.ADDRESS, ADA, change)}",
    }
