"""A console on a real database for tests, with staff who sign in, articles to approve, and a clock that a test sets."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyotp
from httpx2 import Response
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from content.approvals import Decision
from content.articles import Article, Block
from newsletter.approving import decide
from newsletter.settings import Settings
from newsletter.staffing import Passwords, Staffing
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import EditionStore
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.sources import SourceStore
from newsletter.storage.staff import Member, Role
from newsletter.web.console.app import Console, create_console_app
from newsletter.web.console.doors import DOORS
from newsletter.wiring import House
from subscribers.people import SubscriptionState
from subscribers.tokens import Keyring
from tests.builders import MONDAY, heading, make_article, make_subscriber, paragraph

URL = "https://desk.example.org"
PASSWORD = "a quiet morning with lip oil"

#: As the real one, but cheap: what is hashed here protects nobody.
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


class Office:
    """The console, its staff, and the clock."""

    def __init__(self, engine: Engine, home: Path, *, url: str = URL, **settings: object) -> None:
        given: dict[str, object] = {
            "home": home,
            "title": "Beauty News",
            "postal_address": "1 Rose Lane, London",
            "console_url": url,
            "hold_minutes": 5,
        }
        self.settings = Settings(**(given | settings))  # type: ignore[arg-type]
        self.now = MONDAY
        self.house = House(
            settings=self.settings,
            engine=engine,
            sources=SourceStore(engine),
            articles=ArticleStore(engine),
            editions=EditionStore(engine),
            rulings=RulingStore(engine),
            people=PeopleStore(engine),
            ledger=Ledger(engine),
        )
        self.staffing = Staffing(engine, Passwords(CHEAP))
        self.console = Console(
            house=self.house,
            staffing=self.staffing,
            keys=Keyring((b"k" * 32,)),
            url=url,
            clock=lambda: self.now,
        )
        self.app: Starlette = create_console_app(self.console, DOORS)
        self.secrets: dict[str, str] = {}

    def hire(self, name: str, *roles: Role) -> Member:
        """Add somebody with a password and, where their role asks for it, an authenticator."""
        address = f"{name.lower()}@example.org"
        member, _ = self.staffing.invite(address, name, roles, by="test", now=self.now)
        self.staffing.staff.set_password(member.id, CHEAP.hash(PASSWORD))
        self.secrets[name] = pyotp.random_base32()
        if {Role.ADMIN, Role.APPROVER} & set(roles):
            self.staffing.staff.set_factor(member.id, self.secrets[name], ())
        found = self.staffing.staff.find(member.id)
        assert found
        return found

    def browser(self) -> "Browser":
        """Return a browser in which nobody is signed in."""
        client = TestClient(self.app, base_url=self.settings.console_url, follow_redirects=True)
        return Browser(self, client)

    def sign_in(self, name: str) -> "Browser":
        """Return a browser in which somebody is signed in."""
        browser = self.browser()
        browser.sign_in(name)
        return browser

    def code(self, name: str) -> str:
        """Return what the authenticator of somebody shows now, and let half a minute pass."""
        code = pyotp.TOTP(self.secrets[name]).at(self.now)
        self.now += timedelta(seconds=30)
        return code

    def bring(self, *articles: Article, approved: bool = False) -> None:
        """Let a source have shown these articles."""
        self.house.articles.record(articles, self.now)
        if approved:
            ids = [a.id for a in articles]
            decide(self.house.articles, ids, Decision.APPROVED, by="Ines", note="", now=self.now)

    def subscribe(self, *names: str) -> None:
        """Let people have confirmed."""
        people = [make_subscriber(name) for name in names]
        self.house.people.add(people, "beauty", self.now, SubscriptionState.CONFIRMED)


@dataclass
class Browser:
    """One browser of one person."""

    office: Office
    client: TestClient

    def sign_in(self, name: str) -> Response:
        """Fill in the sign-in form, and the code where it is asked for."""
        answer = self.post("/sign-in", address=f"{name.lower()}@example.org", password=PASSWORD, next="/")
        if "authenticator shows" in answer.text:
            answer = self.post("/code", code=self.office.code(name), next="/")
        return answer

    def get(self, path: str, **more: object) -> Response:
        """Open a page."""
        return self.client.get(path, **more)  # type: ignore[arg-type]

    def post(self, path: str, **fields: object) -> Response:
        """Send a form as the pages do."""
        return self.client.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})


def said(answer: Response) -> str:
    """Return what a page says about what was just done."""
    found = re.search(r'<div class="(?:said|wrong)" role="status">(.*?)</div>', answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


def words_of(browser: Browser, path: str) -> str:
    """Return what a page says, without its marks."""
    text = re.sub(r"<(script|style|head)\b.*?</\1>", " ", browser.get(path).text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def needling(id: str, title: str, *own: Block) -> Article:
    """Return an article with the explainer that others have too, and something of its own."""
    return make_article(
        id,
        paragraph(f"{title} is what we tried for a month in the office, and took notes every day."),
        heading("How microneedling works"),
        paragraph(
            "Microneedling makes tiny channels in the skin with fine needles. The skin answers with new collagen, "
            "which fills acne scars from below. Redness fades within two days."
        ),
        *own,
        title=title,
        source="magazine",
    )


NEEDLING = needling("needling.md", "Microneedling for acne scars")
AT_HOME = needling(
    "home.md", "Microneedling at home", heading("At home"), paragraph("Rollers for the home are shorter.")
)
#: The same explainer, edited: one sentence more, two words changed.
REWORDED = make_article(
    "reworded.md",
    paragraph("A clinic let us watch for a day and ask whatever we wanted to know."),
    heading("How microneedling works"),
    paragraph(
        "Microneedling makes tiny channels in the skin with very fine needles. The skin answers with new collagen, "
        "which fills acne scars from below. Redness usually fades within two days. A pen goes 1.5 mm deep."
    ),
    title="A day at the clinic",
    source="clinic",
)
