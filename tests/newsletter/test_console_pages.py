"""Each page says what holds now, names who can help, and offers only what does something."""

import csv
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.storage.clicks import ClickStore
from newsletter.storage.engine import open_engine, size_bytes
from newsletter.storage.feed_fetches import FeedFetchStore
from newsletter.storage.staff import Role
from newsletter.web.console.words import size
from subscribers.clicks import Click, Follower
from subscribers.people import Reason, Suppression
from tests.builders import make_article, paragraph
from tests.newsletter.desks import outcome_of
from tests.newsletter.office import AT_HOME, NEEDLING, Browser, Office, said, words_of

KEY = "beauty-weekly-2026-W48"


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path, second_person_above=1, zone="Europe/Paris")
    made.hire("Ines", Role.ADMIN)
    made.subscribe("ada", "bob")
    yield made
    engine.dispose()


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_a_digest_on_its_way_is_not_announced_again(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now, hold=timedelta(0))

    said = words_of(ines, f"/digests/{KEY}/review")

    assert "is on its way: 0 of 2 people have it." in said
    assert "nothing is set yet" not in said
    assert "Back to editing" not in said


def test_a_proposal_names_the_time_there_and_in_utc(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)

    said = words_of(ines, f"/digests/{KEY}/review")

    assert "would go to 2 people in “Beauty News” on Tue 24 Nov 2026, 09:00 CET (08:00 UTC)" in said


def test_who_could_approve_is_named(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    ines.post(f"/digests/{KEY}", version="0", do="save", subject="Needles")
    assert "nobody else can yet" in words_of(ines, f"/digests/{KEY}/review")

    office.hire("Paul", Role.APPROVER)
    office.hire("Eve", Role.EDITOR)

    assert "somebody else has to approve it: Paul" in words_of(ines, f"/digests/{KEY}/review")


def test_of_what_nobody_has_nothing_is_left_to_stop(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)

    said = words_of(ines, f"/digests/{KEY}/send")

    assert "Drop this digest for good" in said
    assert "Stop the rest" not in said
    assert "Cancel and go back to draft" not in said

    ines.post(f"/digests/{KEY}/schedule", do="set", day="2026-11-24", time="09:00")
    assert "Cancel and go back to draft" in words_of(ines, f"/digests/{KEY}/send")


def test_an_article_says_which_digest_told_it_and_who_decided_when(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    assert "Told in" not in words_of(ines, "/articles?state=approved")
    draft(office.house, office.now)

    said = words_of(ines, "/articles?state=approved")

    assert "Approved by Ines, 23 Nov 2026 Told in Week 48, 2026" in said


def test_an_article_without_a_title_can_be_opened_all_the_same(office: Office, ines: Browser) -> None:
    bare = make_article("bare.md", paragraph("Short."), title="")
    office.bring(bare, AT_HOME)

    said = words_of(ines, f"/articles/{AT_HOME.revision}")

    assert "Next to look at: (no title)" in said


def test_a_digest_says_when_it_leaves_or_that_no_time_is_set(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    ines.post("/digests")
    assert "no time set; made 23 Nov 2026 nobody yet" in words_of(ines, "/digests")

    ines.post(f"/digests/{KEY}/schedule", do="set", day="2026-11-24", time="09:00")

    assert "Tue 24 Nov 2026, 09:00 CET nobody yet" in words_of(ines, "/digests")


def test_who_is_lost_keeps_the_bar_of_pages(office: Office, ines: Browser) -> None:
    found = ines.get("/nothing")

    assert (found.status_code, 'href="/articles"' in found.text) == (404, True)
    assert 'href="/articles"' not in office.browser().get("/nothing").text


def test_the_watch_page_breaks_down_by_receiving_domain(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now, hold=timedelta(0))
    outcome_of(office, KEY, 0)
    outcome_of(office, KEY, 1, kind="refused", reply="no such user")

    said = words_of(ines, f"/digests/{KEY}/send")

    assert "Domain Messages Accepted Refused Uncertain example.org 2 50.0 % 1 0" in said
    assert "Messages Became Reply 1 refused no such user" in said


def test_the_button_of_a_row_decides_about_that_row(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME)

    answer = ines.post("/articles", do=f"approve {AT_HOME.revision}:pending", back="/articles")

    assert said(answer).startswith("1 article approved.")
    assert {s.article.id: s.word for s in office.house.articles.standings()} == {
        NEEDLING.id: "pending",
        AT_HOME.id: "approved",
    }


def test_what_staff_suppressed_by_hand_is_taken_back_and_nothing_else(office: Office, ines: Browser) -> None:
    person = office.house.people.find("ada@example.org")
    assert person
    office.house.people.suppress(Suppression(person.key, Reason.COMPLAINED, office.now))
    assert "Write to them again" not in words_of(ines, f"/audience/people/{person.id}")
    ines.post(f"/audience/people/{person.id}", do="suppress")
    assert "Write to them again" in words_of(ines, f"/audience/people/{person.id}")

    answer = ines.post("/audience/suppressed/allow", key=person.key)

    assert said(answer).startswith("They may be written to again")
    assert [s.reason for s in office.house.people.suppressions()] == [Reason.COMPLAINED]
    assert said(ines.post("/audience/suppressed/allow", key=person.key)).startswith("Only what staff suppressed")


def test_a_group_names_the_digests_that_a_ruling_changes(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME, approved=True)
    group = re.search(r'href="(/duplicates/[0-9a-f]{16})"', ines.get("/duplicates").text)
    assert group
    assert "No draft has it yet" in words_of(ines, group[1])

    ines.post("/digests")

    assert "It is in Week 48, 2026 ; fold it anew after a ruling." in words_of(ines, group[1])


def test_health_says_how_much_room_the_store_takes(office: Office, ines: Browser) -> None:
    octets = (office.settings.home / "store.db").stat().st_size

    assert size_bytes(office.house.engine) >= octets > 0
    assert f"Database SQLite, {size(size_bytes(office.house.engine))} Python" in words_of(ines, "/health")


def test_the_size_of_a_database_is_known_on_both_engines(engine: Engine) -> None:
    assert size_bytes(engine) > 50_000


def test_results_say_who_followed_links_scanners_apart_or_that_nothing_is_counted(office: Office) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now, hold=timedelta(0))
    outcome_of(office, KEY, 0)
    outcome_of(office, KEY, 1)
    ines = office.sign_in("Ines")
    assert "Links are not counted: count_clicks is off." in words_of(ines, f"/results/{KEY}")

    store, later = ClickStore(office.house.engine), office.now + timedelta(days=1)
    for name, url, kind in (
        ("ada", "a", Follower.PERSON),
        ("ada", "a", Follower.PERSON),
        ("bob", "b", Follower.SCANNER),
    ):
        store.record(KEY, f"id-{name}", Click(f"https://example.org/{url}", later), kind)
    office.now += timedelta(hours=1)
    ines = office.sign_in("Ines")

    assert "Links followed: 1 person (1 by scanners, not counted)." in words_of(ines, f"/results/{KEY}")
    assert ines.get(f"/results/{KEY}/links.csv").text.splitlines()[1:] == [
        "https://example.org/a,1,0",
        "https://example.org/b,0,1",
    ]
    (row,) = csv.DictReader(ines.get("/results.csv").text.splitlines())
    assert (row["people who followed a link"], row["mails whose links scanners followed"]) == ("1", "1")


def test_results_say_which_programs_fetch_the_feeds(office: Office, ines: Browser) -> None:
    assert "Nobody has fetched a feed from this site." in words_of(ines, "/results")
    counted = {("feeds/all.rss", "Feedly"): (2, 12), ("feeds/all.rss", "=curl"): (1, 0)}
    FeedFetchStore(office.house.engine).add(office.now.date(), counted)

    shown = words_of(ines, "/results")

    assert "feeds/all.rss Feedly 2 12 people" in shown
    assert "feeds/all.rss =curl 1 not said" in shown
    assert ines.get("/results/feeds.csv").text.splitlines()[1:] == [
        "feeds/all.rss,Feedly,2,12",
        "feeds/all.rss,'=curl,1,",
    ]
