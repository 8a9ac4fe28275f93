"""An approval covers bytes: change one of an article, a template, the audience's rule, and nothing leaves."""

import mailbox
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.delivering import deliver
from newsletter.publishing import PublishingError, approve, draft, find
from newsletter.releasing import mailing_list_of, release
from newsletter.scheduling import standing
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.editions import EditionState
from newsletter.transports.capture import capture_server
from newsletter.wiring import House, open_house
from subscribers.people import SubscriptionState
from subscribers.preferences import Topic
from tests.builders import MONDAY, make_approval, make_article, make_subscriber, paragraph

KEY = "beauty-weekly-2026-W48"
SCARS = make_article("scars.md", paragraph("Acne scars fade slowly."), title="Scars")
EDITED = make_article("scars.md", paragraph("Acne scars fade slowly!"), title="Scars")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    with capture_server(tmp_path / "mail") as port:
        yield tmp_path / "mail", port


@pytest.fixture
def house(database_url: str, tmp_path: Path, mail: tuple[Path, int]) -> Iterator[House]:
    """A house with an approved edition of one article, and four readers."""
    settings = Settings(
        home=tmp_path,
        database_url=database_url,
        postal_address="1 Example Street",
        smtp_host="127.0.0.1",
        smtp_port=mail[1],
        local_hours=False,
    )
    with open_house(settings) as house:
        people = [make_subscriber(f"p{n}") for n in range(4)]
        house.people.add(people, "beauty", MONDAY, SubscriptionState.CONFIRMED)
        house.articles.record([SCARS], MONDAY)
        house.articles.decide([make_approval(SCARS)])
        mailing_list_of(house)
        draft(house, MONDAY)
        yield house


def _by_hand(statement: str) -> Callable[[House], House]:
    """Return what changes the store behind our backs."""

    def change(house: House) -> House:
        with house.engine.begin() as connection:
            assert connection.execute(text(statement)).rowcount
        return house

    return change


def _edit(house: House) -> House:
    house.articles.record([EDITED], MONDAY)
    return house


def _other_topics(house: House) -> House:
    house.lists.put(replace(mailing_list_of(house), topics=(Topic("skin", "Skin"),)))
    return house


def _other_settings(**changes: object) -> Callable[[House], House]:
    return lambda house: replace(house, settings=house.settings.model_copy(update=changes))


CHANGES: dict[str, tuple[Callable[[House], House], str]] = {
    "article": (_edit, r"'scars\.md' was withdrawn or edited"),
    # The manifest's and the pin's hash of the same file: as if another file had been approved.
    "template": (
        _by_hand("""UPDATE editions SET pins = replace(pins, 'body.html.jinja": "', 'body.html.jinja": "0')"""),
        r"the template email/digest/body\.html\.jinja changed",
    ),
    "audience": (_other_topics, "whom it goes to changed since: the list 'beauty'"),
    "hours": (_other_settings(local_hours=True), "whom it goes to changed since"),
    "address": (_other_settings(postal_address="2 Example Street"), "the newsletter's look, address or name changed"),
    "text": (
        _by_hand("UPDATE editions SET edition = replace(edition, 'fade slowly.', 'fade slowly!')"),
        "its text is not the one that was approved",
    ),
    "folding": (
        _by_hand("UPDATE editions SET folding = replace(folding, 'articles', 'Articles')"),
        "what was folded in it is not what was approved",
    ),
    "mail": (
        _by_hand("UPDATE renderings SET html = replace(html, 'fade slowly.', 'fade slowly!')"),
        "its mail is not the one that was approved",
    ),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_after_one_changed_byte_nothing_leaves_and_the_part_is_named(
    house: House, mail: tuple[Path, int], change: Callable[[House], House], reason: str
) -> None:
    changed = change(house)

    with pytest.raises(PublishingError, match=reason):
        release(changed, KEY, MONDAY)

    assert find(changed, KEY).state is EditionState.HELD
    assert changed.ledger.mailing(KEY) is None
    run(deliver(changed, MONDAY))
    assert list(mailbox.Maildir(mail[0])) == []


def test_unchanged_it_leaves(house: House, mail: tuple[Path, int]) -> None:
    release(house, KEY, MONDAY)
    run(deliver(house, MONDAY))

    assert len(mailbox.Maildir(mail[0])) == 4


def test_another_audience_needs_another_approval_and_no_other_edition(house: House) -> None:
    _other_topics(house)
    with pytest.raises(PublishingError):
        release(house, KEY, MONDAY)

    assert approve(house, KEY, by="Ines", now=MONDAY).approved_by == "Ines"

    assert release(house, KEY, MONDAY).candidates == 4


def test_a_sender_that_goes_on_after_a_crash_sends_the_approved_bytes(house: House, mail: tuple[Path, int]) -> None:
    release(house, KEY, MONDAY)
    # The first sender dies after it has leased everybody: what it had is free again when its lease is over.
    turn = house.ledger.turn("dead")
    assert turn.chunk
    house.ledger.recover("dead", {}, ())
    _edit(house)
    changed = replace(house, settings=house.settings.model_copy(update={"title": "Another name"}))

    run(deliver(changed, MONDAY))

    sent = list(mailbox.Maildir(mail[0]))
    assert len(sent) == 4
    bodies = [part.get_payload(decode=True) for m in sent for part in m.walk() if part.get_content_maintype() == "text"]
    assert all(b"fade slowly." in body for body in bodies)
    assert standing(changed, KEY).state.value == "sending"
    assert find(changed, KEY).state is EditionState.APPROVED
