"""People read, move and erase what we keep about them, and what has served its purpose is forgotten by itself."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from newsletter.enrolling.owning import forget_old
from newsletter.storage.clicks import clicks
from newsletter.storage.erasure import ABOUT
from newsletter.storage.imports import tags
from newsletter.storage.ledger import Ledger, Settled
from newsletter.storage.people import PeopleStore
from newsletter.storage.schema import metadata
from subscribers.deliveries import Outcome, Receipt, Recipient
from subscribers.people import Reason, SubscriptionState, Suppression
from subscribers.tokens import Purpose
from tests.newsletter.site import KEYS, Town

ADA, NEW = "ada@example.org", "ada.new@example.org"
HOUR = timedelta(hours=1)
LINK = {"edition": "beauty-weekly-2026-W47", "target": "https://example.org/serum", "kind": "person"}


@pytest.fixture
def town(engine: Engine, tmp_path: Path) -> Town:
    return Town(engine, tmp_path)


def data_page(town: Town) -> str:
    """Ask for the link to the data as a person does, and return its path."""
    town.mail()
    answer = town.browser.post(f"/p/{town.token(Purpose.MANAGE, ADA)}", data={"do": "data"})
    assert "Check your inbox" in answer.text
    (letter,) = town.mail()
    return town.path_in(letter)


def whole_database(engine: Engine) -> str:
    with engine.connect() as connection:
        return "\n".join(
            repr([tuple(row) for row in connection.execute(text(f"SELECT * FROM {table.name}"))])
            for table in metadata.sorted_tables
        )


def deliver(town: Town, edition: str, outcome: Outcome | None) -> None:
    """Freeze an edition for Ada; send it unless `outcome` is None."""
    ledger = Ledger(town.engine)
    recipient = Recipient(subscriber=town.id_of(ADA), address=ADA, name="Ada", variant="v")
    ledger.freeze(edition, [recipient], "beauty")
    if outcome is None:
        return
    chunk = ledger.turn("postman").chunk
    assert chunk
    receipt = Receipt(outcome, reply=f"550 5.1.1 <{ADA}> unknown")
    settled = [Settled(delivery, receipt) for delivery in chunk.deliveries]
    ledger.turn("postman", settled, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)


def test_an_old_mail_opens_no_data_but_mails_a_link_that_does_for_an_hour(town: Town) -> None:
    town.join(ADA)

    path = data_page(town)

    assert ADA in town.browser.get(path).text
    town.now += HOUR
    assert town.browser.get(path).status_code == 410
    assert town.browser.post(path, data={"do": "export"}).status_code == 410
    assert town.browser.get(f"/d/{town.token(Purpose.MANAGE, ADA)}").status_code == 404


def test_an_export_holds_everything_we_know(town: Town) -> None:
    id_ = town.join(ADA)
    with town.engine.begin() as connection:
        connection.execute(tags.insert().values(subscriber=id_, tag="vip"))
        connection.execute(clicks.insert().values(subscriber=id_, at=town.now, **LINK))
    deliver(town, "beauty-weekly-2026-W47", Outcome.ACCEPTED)
    path = data_page(town)
    assert town.browser.get(f"{path}?do=export").headers["content-type"].startswith("text/html")

    answer = town.browser.post(path, data={"do": "export"})

    data = json.loads(answer.text)
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert set(data) == {"subscribers", "suppressions", "deliveries"} | {t.name for t in ABOUT}
    assert data["subscribers"][0]["address"] == ADA
    assert [line["act"] for line in data["consents"]] == ["asked", "confirmed"]
    assert data["clicks"][0]["target"] == LINK["target"]
    assert (data["tags"][0]["tag"], data["deliveries"][0]["edition"]) == ("vip", "beauty-weekly-2026-W47")


def test_a_new_address_counts_once_its_owner_pressed_the_button_and_the_old_one_can_put_it_back(town: Town) -> None:
    town.join(ADA)
    path = data_page(town)

    assert "new address" in town.browser.post(path, data={"do": "address", "address": NEW}).text
    (asking,) = town.mail()
    assert asking["To"] == NEW
    assert town.state(NEW) is None
    confirm = town.path_in(asking)
    assert town.browser.get(confirm).status_code == 200
    assert town.state(NEW) is None
    assert "is changed" in town.browser.post(confirm).text

    assert (town.state(NEW), town.state(ADA)) == (SubscriptionState.CONFIRMED, None)
    (notice,) = town.mail()
    assert notice["To"] == ADA
    assert "are back" in town.browser.post(town.path_in(notice)).text
    assert (town.state(NEW), town.state(ADA)) == (None, SubscriptionState.CONFIRMED)


def test_an_address_that_is_taken_or_wrong_or_complained_tells_nothing(town: Town) -> None:
    town.join("bea@example.org")
    town.join(ADA)
    with town.people.writing() as desk:
        desk.suppress(Suppression("cyd@example.org", Reason.COMPLAINED, town.now))
    path = data_page(town)

    answers = [
        town.browser.post(path, data={"do": "address", "address": f"{who}@example.org"})
        for who in ("bea", "cyd", "dot")
    ]

    assert len({(a.status_code, a.text) for a in answers}) == 1
    assert [letter["To"] for letter in town.mail()] == ["dot@example.org"]
    assert town.browser.post(path, data={"do": "address", "address": "nobody"}).status_code == 422


def test_erasing_leaves_nothing_that_names_the_person_and_keeps_them_away(town: Town) -> None:
    id_ = town.join(ADA)
    unsubscribe = f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}"
    PeopleStore(town.engine).suppress(Suppression(ADA, Reason.SOFT_BOUNCES, town.now))
    for edition, outcome in (("w46", Outcome.ACCEPTED), ("w47", Outcome.REFUSED), ("w48", None)):
        deliver(town, edition, outcome)
    path = data_page(town)
    assert town.browser.post(path, data={"do": "erase"}).status_code == 422
    assert ADA in whole_database(town.engine)

    assert "Everything is erased" in town.browser.post(path, data={"do": "erase", "certain": "yes"}).text

    (farewell,) = town.mail()
    assert (farewell["To"], farewell["Subject"]) == (ADA, "You are erased at Beauty News")
    left = whole_database(town.engine)
    assert "ada" not in left.lower().replace(id_.lower(), "")
    assert KEYS.pseudonyms(ADA)[0] in left
    ledger = Ledger(town.engine)
    assert all(ledger.tally(edition).adds_up for edition in ("w46", "w47", "w48"))
    assert ledger.turn("postman").chunk is None or not ledger.tally("w48").pending
    assert ledger.tally("w48").excluded == {"erased": 1}
    assert [town.browser.post(p).status_code for p in (path, unsubscribe)] == [410, 200]


def test_whoever_was_erased_may_come_again_but_only_by_their_own_button(town: Town) -> None:
    town.join(ADA)
    town.browser.post(data_page(town), data={"do": "erase", "certain": "yes"})
    town.mail()

    town.now += timedelta(days=1)
    town.join(ADA)

    assert town.state(ADA) is SubscriptionState.CONFIRMED
    with town.people.reading() as desk:
        assert desk.suppressions(KEYS.pseudonyms(ADA)) == ()
        assert len(desk.record_of(town.id_of(ADA))) == 2


def test_a_complaint_outlives_the_person_it_came_from(town: Town) -> None:
    town.join(ADA)
    path = data_page(town)
    with town.people.writing() as desk:
        desk.suppress(Suppression(ADA, Reason.COMPLAINED, town.now))
    town.browser.post(path, data={"do": "erase", "certain": "yes"})
    town.mail()

    town.now += timedelta(days=40)
    town.subscribe(ADA)

    assert town.mail() == []


def test_every_table_that_is_about_a_person_is_exported_and_erased() -> None:
    names = {table.name for table in metadata.sorted_tables if "subscriber" in table.c}

    assert names == {table.name for table in ABOUT} | {"audience"}


def test_what_has_served_its_purpose_is_forgotten(town: Town) -> None:
    town.join(ADA)
    town.subscribe("never@example.org")
    town.mail()
    with town.engine.begin() as connection:
        connection.execute(clicks.insert().values(subscriber=town.id_of(ADA), at=town.now, **LINK))
        connection.execute(text("UPDATE consents SET network = '192.0.2.0/24'"))

    assert set(forget_old(town.people, town.now + timedelta(hours=23)).counts.values()) == {0}

    month = forget_old(town.people, town.now + timedelta(days=30, seconds=1)).counts
    assert month == {"networks": 3, "attempts": 2, "letters": 2, "pending": 1, "clicks": 0}
    assert forget_old(town.people, town.now + timedelta(days=366)).counts["clicks"] == 1
    assert "never@example.org" not in whole_database(town.engine)
    assert town.state(ADA) is SubscriptionState.CONFIRMED
