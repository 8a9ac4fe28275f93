"""Each person gets what concerns them, an explainer once in their life, and every story once."""

import mailbox
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path

import pytest

from content.articles import Article
from newsletter.delivering import deliver
from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.history import HistoryStore
from newsletter.storage.ledger import Ledger
from newsletter.transports.capture import capture_server
from newsletter.wiring import House, open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph

WORKS = heading("How Microneedling Works")
NEEDLES = "Fine needles make tiny channels in the skin, and the skin answers the channels with new collagen."
WEEK = timedelta(weeks=1)
JOINED = MONDAY - timedelta(days=1)


def _article(name: str, opening: str) -> Article:
    title = f"Microneedling for {name.title()}"
    return make_article(f"{name}.md", paragraph(opening), WORKS, paragraph(NEEDLES), title=title)


SCARS = _article("scars", "Acne scars fade slowly, and patience is the better part of any treatment.")
LINES = _article("lines", "Around the mouth it is dryness that draws the first creases.")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    with capture_server(tmp_path / "mail") as port:
        yield tmp_path / "mail", port


@pytest.fixture
def house(database_url: str, tmp_path: Path, mail: tuple[Path, int]) -> Iterator[House]:
    settings = Settings(
        home=tmp_path,
        database_url=database_url,
        postal_address="1 Example Street",
        smtp_host="127.0.0.1",
        smtp_port=mail[1],
    )
    with open_house(settings) as house:
        house.people.add([make_subscriber("ada")], "beauty", JOINED, SubscriptionState.CONFIRMED)
        yield house


@pytest.fixture
def inbox(mail: tuple[Path, int]) -> Callable[[str], list[Message]]:
    def read(who: str) -> list[Message]:
        found = [m for m in mailbox.Maildir(mail[0]) if f"{who}@example.org" in m["To"]]
        return sorted(found, key=lambda m: m["Message-ID"])

    return read


def _send(house: House, article: Article, week: int) -> None:
    now = MONDAY + week * WEEK
    house.articles.record([article], now)
    house.articles.decide([make_approval(article, at=now)])
    record = draft(house, now)
    assert record
    then = _at(house, now)
    release(then, record.edition.key, now)
    assert run(deliver(then, now)).trouble == ""


def _at(house: House, moment: datetime) -> House:
    """Return the house on a day when the clock shows `moment`."""
    return replace(house, ledger=Ledger(house.engine, clock=lambda: moment))


def _text(message: Message) -> str:
    part = next(p for p in message.walk() if p.get_content_type() == "text/plain")
    return " ".join(bytes(part.get_payload(decode=True)).decode().split())  # type: ignore[arg-type]


def test_an_explainer_that_somebody_has_read_is_one_line_for_them_and_whole_for_whoever_is_new(
    house: House, inbox: Callable[[str], list[Message]]
) -> None:
    _send(house, SCARS, week=0)
    house.people.add([make_subscriber("bea")], "beauty", MONDAY + timedelta(days=2), SubscriptionState.CONFIRMED)

    _send(house, LINES, week=1)

    first, second = (_text(m) for m in inbox("ada"))
    (new,) = (_text(m) for m in inbox("bea"))
    assert NEEDLES in first
    assert NEEDLES not in second
    assert "How Microneedling Works · You read this on 23 November" in second
    assert "editions/beauty-weekly-2026-W48.html" in second
    assert NEEDLES in new
    assert "You read this" not in new


def test_people_who_get_the_same_share_one_rendering(house: House) -> None:
    people = [make_subscriber(f"p{n}") for n in range(5)]
    house.people.add(people, "beauty", JOINED, SubscriptionState.CONFIRMED)

    _send(house, SCARS, week=0)

    assert len(HistoryStore(house.engine).variants("beauty-weekly-2026-W48")) == 1
    assert house.ledger.tally("beauty-weekly-2026-W48").accepted == 6


def test_whoever_joins_after_the_edition_was_due_waits_for_the_next(house: House) -> None:
    house.people.add([make_subscriber("cyd")], "beauty", MONDAY + timedelta(hours=1), SubscriptionState.CONFIRMED)

    _send(house, SCARS, week=0)

    tally = house.ledger.tally("beauty-weekly-2026-W48")
    assert (tally.accepted, dict(tally.excluded)) == (1, {"joined after it was due": 1})


def test_releasing_twice_changes_nothing(house: House, inbox: Callable[[str], list[Message]]) -> None:
    _send(house, SCARS, week=0)
    before = house.ledger.tally("beauty-weekly-2026-W48")

    again = release(house, "beauty-weekly-2026-W48", MONDAY + timedelta(hours=2))

    assert again == before
    assert len(inbox("ada")) == 1


def test_nobody_is_written_to_before_nine_where_they_live(house: House) -> None:
    people = [make_subscriber("auckland", zone="Pacific/Auckland"), make_subscriber("lima", zone="America/Lima")]
    house.people.add(people, "beauty", JOINED, SubscriptionState.CONFIRMED)
    house.articles.record([SCARS], MONDAY)
    house.articles.decide([make_approval(SCARS)])
    assert draft(house, MONDAY)

    accepted = []
    for hours in (0, 4, 5):  # nine o'clock in Lima is fourteen o'clock UTC
        at = MONDAY + timedelta(hours=hours)
        then = _at(house, at)
        release(then, "beauty-weekly-2026-W48", at)
        run(deliver(then, at))
        accepted.append(then.ledger.tally("beauty-weekly-2026-W48").accepted)

    assert accepted == [2, 2, 3]
