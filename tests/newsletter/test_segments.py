"""A segment is counted and shown as it is now, on both engines alike."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from newsletter.exporting import Format, write_people
from newsletter.storage import people as people_module
from newsletter.storage.clicks import clicks
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.imports import tags
from newsletter.storage.people import PeopleStore
from newsletter.storage.segments import SegmentStore
from subscribers.people import SubscriptionState
from subscribers.preferences import Preferences, Rhythm, Subscription
from subscribers.segments import Clicked, Condition, Joined, LanguageIs, RhythmIs, Segment, Tagged, TopicIs
from tests.builders import MONDAY, make_subscriber

CONFIRMED, LEFT = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED

ADA = (make_subscriber("ada"), CONFIRMED, Preferences(topics=frozenset({"skin"})), datetime(2026, 3, 1, tzinfo=UTC))
BEA = (make_subscriber("bea", language="de"), CONFIRMED, Preferences(rhythm=Rhythm.DAILY), MONDAY)
CYD = (make_subscriber("cyd"), CONFIRMED, Preferences(topics=frozenset({"skin-care", "hair"})), MONDAY)
DOT = (make_subscriber("dot"), LEFT, Preferences(), MONDAY)


@pytest.fixture
def store(engine: Engine) -> SegmentStore:
    with EnrolmentStore(engine).writing() as desk:
        for person, state, chosen, joined in (ADA, BEA, CYD, DOT):
            desk.add(person, MONDAY)
            desk.put(
                Subscription(
                    mailing_list="beauty",
                    subscriber=person.id,
                    state=state,
                    since=joined,
                    confirmed_at=joined,
                    preferences=chosen,
                )
            )
    with engine.begin() as connection:
        connection.execute(
            tags.insert(), [{"subscriber": "id-ada", "tag": "vip"}, {"subscriber": "id-cyd", "tag": "x"}]
        )
        link = {"edition": "e", "target": "https://example.org/", "at": MONDAY}
        by = [{"subscriber": "id-bea", "kind": "person"}, {"subscriber": "id-ada", "kind": "scanner"}]
        connection.execute(clicks.insert(), [link | who for who in by])
    return SegmentStore(engine)


@pytest.mark.parametrize(
    ("condition", "who"),
    [
        (TopicIs(("skin",)), {"ada", "bea"}),
        (TopicIs(("hair", "nails")), {"bea", "cyd"}),
        (TopicIs(("%", "_", "' OR 1=1 --")), {"bea"}),
        (Joined(since=date(2026, 4, 1)), {"bea", "cyd"}),
        (Joined(before=date(2026, 4, 1)), {"ada"}),
        (RhythmIs((Rhythm.DAILY, Rhythm.MONTHLY)), {"bea"}),
        (LanguageIs(("en",)), {"ada", "cyd"}),
        (Tagged(("vip", "staff")), {"ada"}),
        (Clicked(date(2026, 11, 23)), {"bea"}),
        (Clicked(date(2026, 11, 24)), set()),
    ],
)
def test_a_condition_finds_its_people_and_an_exception_the_others(
    store: SegmentStore, condition: Condition, who: set[str]
) -> None:
    among, but = (store.look("beauty", s) for s in (Segment((condition,)), Segment((), (condition,))))

    assert {p.id.removeprefix("id-") for p in among.samples} == who
    assert {p.id.removeprefix("id-") for p in but.samples} == {"ada", "bea", "cyd"} - who
    assert (among.count, but.count) == (len(who), 3 - len(who))


def test_no_condition_is_everybody_confirmed_and_contradictions_are_nobody(store: SegmentStore) -> None:
    assert list(store.ids("beauty", Segment())) == ["id-ada", "id-bea", "id-cyd"]
    assert store.look("beauty", Segment((LanguageIs(("en",)), LanguageIs(("de",))))).count == 0


def test_an_export_holds_everybody_page_by_page_and_opens_safely(
    store: SegmentStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store
    people = PeopleStore(engine)
    evil = make_subscriber("=evil", id="id-0", name="=1+1")
    people.add([evil], "beauty", MONDAY + timedelta(days=1), CONFIRMED)

    once = "".join(write_people(people, "beauty"))
    monkeypatch.setattr(people_module, "PAGE", 2)
    paged = "".join(write_people(people, "beauty"))

    assert once == paged
    lines = once.split("\r\n")
    assert lines[0] == "email,name,state,topics,rhythm,hour,zone,language,since,confirmed_at,paused_until"
    assert lines[1].startswith("'=evil@example.org,'=1+1,confirmed,,each,,UTC,en,2026-11-24T09:00:00+00:00")
    assert [line.split(",")[2] for line in lines[2:6]] == ["confirmed", "confirmed", "confirmed", "unsubscribed"]
    assert '"name": "=1+1"' in "".join(write_people(people, "beauty", Format.JSON))
    assert list(write_people(people, "nobody")) == [lines[0] + "\r\n"]
