"""A segment that staff keep by name is what a digest is sent to: just those people, by the rules that were approved."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from newsletter.publishing import approve, draft, find, what_changed
from newsletter.releasing import foresee_for, release
from newsletter.storage.engine import open_engine
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.kept_segments import KeptSegmentStore
from newsletter.storage.ledger_tables import audience
from newsletter.storage.people import PeopleStore
from newsletter.storage.segments import SegmentStore
from newsletter.storage.staff import Role
from subscribers.consent import Act, Consent, Door
from subscribers.people import SubscriptionState
from subscribers.preferences import Rhythm
from subscribers.segments import (
    CameBy,
    Clicked,
    Joined,
    LanguageIs,
    RhythmIs,
    Segment,
    SegmentError,
    Tagged,
    TopicIs,
    describe_segment,
    dump_segment,
    load_segment,
)
from tests.builders import MONDAY, make_subscriber
from tests.newsletter.office import NEEDLING, Browser, Office, said, words_of

KEY = "beauty-weekly-2026-W48"
GERMANS = Segment((LanguageIs(("de",)),))
EVERY_CONDITION = Segment(
    (
        TopicIs(("skin", "hair")),
        Joined(date(2026, 1, 1), date(2026, 11, 1)),
        RhythmIs((Rhythm.WEEKLY,)),
        LanguageIs(("de",)),
        Clicked(date(2026, 10, 1)),
        CameBy((Door.FORM, Door.IMPORT)),
    ),
    (Tagged(("staff",)),),
)


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path, second_person_above=1)
    made.hire("Ines", Role.ADMIN)
    people = [make_subscriber("ada"), make_subscriber("bea", language="de"), make_subscriber("cyd")]
    made.house.people.add(people, "beauty", MONDAY - timedelta(days=30), SubscriptionState.CONFIRMED)
    made.bring(NEEDLING, approved=True)
    draft(made.house, made.now)
    yield made
    engine.dispose()


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_a_segment_comes_back_as_it_was_written_down() -> None:
    assert load_segment(dump_segment(EVERY_CONDITION)) == EVERY_CONDITION
    with pytest.raises(SegmentError, match="a segment is JSON, got 'x'"):
        load_segment("x")


def test_a_segment_is_said_in_words() -> None:
    assert describe_segment(EVERY_CONDITION) == (
        "receive skin or hair",
        "confirmed since 1 Jan 2026 and before 1 Nov 2026",
        "chose weekly",
        "read de",
        "followed a link since 1 Oct 2026",
        "came by form or import",
        "do not carry the tag staff",
    )


def test_by_which_door_people_came_is_a_condition(engine: Engine) -> None:
    office = EnrolmentStore(engine)
    with office.writing() as desk:
        for name, act, door in (
            ("ada", Act.ASKED, Door.FORM),
            ("bea", Act.IMPORTED, Door.IMPORT),
            ("cyd", Act.LEFT, Door.IMPORT),
        ):
            desk.record(Consent(subscriber=f"id-{name}", mailing_list="beauty", act=act, door=door, at=MONDAY))
    PeopleStore(engine).add(
        [make_subscriber(n) for n in ("ada", "bea", "cyd")], "beauty", MONDAY, SubscriptionState.CONFIRMED
    )
    store, imported = SegmentStore(engine), Segment((CameBy((Door.IMPORT,)),))

    assert list(store.ids("beauty", imported)) == ["id-bea"]
    assert (store.holds("beauty", imported, "id-bea"), store.holds("beauty", imported, "id-ada")) == (True, False)


def test_a_kept_segment_is_replaced_by_its_name_and_comes_back_when_removed(engine: Engine) -> None:
    store = KeptSegmentStore(engine)
    first = store.keep("beauty", "Germans", Segment(), by="Ines", now=MONDAY)
    second = store.keep("beauty", "Germans", GERMANS, by="Paul", now=MONDAY)
    store.keep("hair", "Germans", Segment(), by="Ines", now=MONDAY)

    assert [(k.number, k.segment, k.by) for k in store.all("beauty")] == [(second, GERMANS, "Paul")]
    assert (store.remove("hair", second, MONDAY), store.remove("beauty", second, MONDAY)) == (False, True)
    assert store.all("beauty") == ()
    assert (store.bring_back("beauty", second), store.bring_back("beauty", first)) == (True, False)
    assert store.find("beauty", second) is not None


def test_conditions_are_counted_kept_and_shown(office: Office, ines: Browser) -> None:
    page = words_of(ines, "/audience/segments?language=de")
    assert "1 person fits now (read de)" in page
    assert said(ines.post("/audience/segments", name=" ", language="de")).startswith("A segment needs a name")
    assert said(ines.post("/audience/segments", name="Nobody")).startswith("A segment needs a name")

    answer = ines.post("/audience/segments", name="Our  Germans", language="de")

    assert said(answer) == "“Our Germans” is kept. A digest can be sent to it: choose it there."
    assert "Our Germans read de Ines, 23 Nov 2026" in words_of(ines, "/audience/segments")
    assert "bea@example.org" in answer.text


def test_a_removed_segment_can_be_brought_back(office: Office, ines: Browser) -> None:
    number = KeptSegmentStore(office.house.engine).keep("beauty", "Germans", GERMANS, by="Ines", now=office.now)

    answer = ines.post("/audience/segments/change", number=str(number), do="remove")
    assert said(answer).startswith("Removed.")
    assert "Bring it back" in answer.text
    assert said(ines.post("/audience/segments/change", number=str(number), do="back")) == "It is back."
    assert said(ines.post("/audience/segments/change", number="99")).startswith("There is no such segment")


def test_a_digest_goes_to_its_segment_by_the_rules_that_were_approved(office: Office, ines: Browser) -> None:
    store = KeptSegmentStore(office.house.engine)
    number = store.keep("beauty", "Germans", GERMANS, by="Ines", now=office.now)
    ines.post(f"/digests/{KEY}", version="0", do="save", subject="Nadeln", audience=str(number))
    review = words_of(ines, f"/digests/{KEY}/review")
    assert "would go to 1 person in the segment “Germans” of “Beauty News” who read de on" in review
    # Two people more would ask for somebody else's approval; this one does not.
    assert "somebody else has to approve it" not in review

    store.remove("beauty", number, office.now)
    assert "Germans (as it was chosen)" in words_of(ines, f"/digests/{KEY}")
    ines.post(f"/digests/{KEY}", version="1", do="save", subject="Nadeln", audience="")
    approve(office.house, KEY, by="Ines", now=office.now, accept=["preheader", "subject"])
    edition = find(office.house, KEY).edition
    _, why = foresee_for(office.house, edition, "id-ada", office.now)
    assert why == "they are not in the segment that it is for"
    assert foresee_for(office.house, edition, "id-bea", office.now)[1] == ""
    tally = release(office.house, KEY, office.now, hold=timedelta(0))

    with office.house.engine.connect() as connection:
        assert connection.execute(select(audience.c.subscriber)).scalars().all() == ["id-bea"]
    assert tally.candidates == 1


def test_the_approval_covers_the_segment(office: Office, ines: Browser) -> None:
    number = KeptSegmentStore(office.house.engine).keep("beauty", "Germans", GERMANS, by="Ines", now=office.now)
    ines.post(f"/digests/{KEY}", version="0", do="save", audience=str(number))
    approve(office.house, KEY, by="Ines", now=office.now, accept=["preheader", "subject"])
    record, compositions = find(office.house, KEY), office.house.compositions
    assert what_changed(office.house, record) == ()

    wider = replace(compositions.latest(KEY).composition, audience="", audience_name="")
    assert compositions.add(KEY, wider, after=1, by="somebody else", now=office.now)

    (changed,) = what_changed(office.house, record)
    assert changed.startswith("whom it goes to changed since")


def test_the_preview_shows_what_one_reader_would_get(office: Office, ines: Browser) -> None:
    number = KeptSegmentStore(office.house.engine).keep("beauty", "Germans", GERMANS, by="Ines", now=office.now)
    ines.post(f"/digests/{KEY}", version="0", do="save", audience=str(number))

    theirs = words_of(ines, f"/digests/{KEY}/preview?who=bea@example.org")
    assert "What bea@example.org would get if it left now." in theirs
    frame = ines.get(f"/digests/{KEY}/mail?person=id-bea").text
    assert 'lang="de"' in frame
    assert 'lang="de"' not in ines.get(f"/digests/{KEY}/mail").text
    assert (
        "ada@example.org would get nothing: they are not in the segment that it is for."
        in words_of(ines, f"/digests/{KEY}/preview?who=ada@example.org")
    )  # fmt: skip
    assert "Nobody here has this address." in words_of(ines, f"/digests/{KEY}/preview?who=zoe@example.org")


def test_who_may_not_see_people_sees_nobodys_mail(office: Office) -> None:
    office.hire("Eve", Role.EDITOR)
    eve = office.sign_in("Eve")

    assert "bea@example.org" not in eve.get(f"/digests/{KEY}/preview?who=bea@example.org").text
    assert 'lang="de"' not in eve.get(f"/digests/{KEY}/mail?person=id-bea").text


def test_a_digest_goes_to_everybody_again(office: Office, ines: Browser) -> None:
    number = KeptSegmentStore(office.house.engine).keep("beauty", "Germans", GERMANS, by="Ines", now=office.now)
    ines.post(f"/digests/{KEY}", version="0", do="save", audience=str(number))

    ines.post(f"/digests/{KEY}", version="1", do="save", audience="everybody")

    assert "would go to 3 people in “Beauty News” on" in words_of(ines, f"/digests/{KEY}/review")
