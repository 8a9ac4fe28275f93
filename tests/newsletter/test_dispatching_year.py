"""Through a whole year, over every clock change, each edition that is due leaves exactly once, whoever dies."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event

from content.periods import Rhythm as Told
from content.periods import period_of
from content.sends import Press, SendState
from newsletter.dispatching import accept, advance, asks
from newsletter.scheduling import send_now, standing
from newsletter.settings import Settings
from newsletter.storage.engine import open_engine
from newsletter.storage.sends import SendStore
from newsletter.wiring import House, open_house
from subscribers.calendar import days_due, due_moment, latest_due
from subscribers.preferences import Rhythm
from tests.builders import MONDAY, make_approval, make_article, paragraph
from tests.newsletter.scheduled import KEY, edition_house

#: Zone, hour, first moment of the year: New York skips and repeats this hour; Apia changed twice in 2011 and left out a
#: day, the 30th of December.
YEARS = [
    pytest.param("America/New_York", 2, datetime(2026, 1, 1, 12, tzinfo=UTC), id="New York, the hour spring skips"),
    pytest.param("America/New_York", 1, datetime(2026, 1, 1, 12, tzinfo=UTC), id="New York, the hour autumn repeats"),
    pytest.param("Pacific/Apia", 3, datetime(2011, 1, 1, 12, tzinfo=UTC), id="Apia, both changes and a lost day"),
]


class KilledError(BaseException):
    """Ends a dispatcher in the middle, as a signal would."""


class Axe:
    """Kills whoever works on a database, before a statement that chance picks."""

    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self.chance, self.left, self.kills = chance, 0, 0
        event.listen(engine, "before_cursor_execute", self.strike)

    def strike(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            self.kills += 1
            raise KilledError

    def raise_(self) -> None:
        self.left = self.chance.randint(1, 120)


@pytest.mark.parametrize(("zone", "hour", "first"), YEARS)
def test_each_weekly_edition_leaves_exactly_once(tmp_path: Path, zone: str, hour: int, first: datetime) -> None:
    chance, last, now = random.Random(20261125), first + timedelta(days=365), first
    given = Settings(
        home=tmp_path,
        postal_address="1 Example Street",
        zone=zone,
        due_hour=hour,
        due_weekday=7,  # clocks change on Sundays
    )
    with open_house(given) as house, open_house(given) as other:
        axe, killed = Axe(house.engine, chance), False
        advance(house, now)
        while now < last:
            _approve_something(house, now) if chance.random() < 0.4 else None
            # Whoever was killed is started again within half an hour; longer, and what had begun asks a person.
            now += timedelta(minutes=chance.randint(1, 30) if killed else chance.randint(60, 720))
            kills = axe.kills
            axe.raise_()
            with suppress(KilledError):
                advance(house, now)
            axe.left, killed = 0, axe.kills > kills
            if chance.random() < 0.7:  # the one that was started a second time
                advance(other, now + timedelta(seconds=1))

        local = ZoneInfo(zone)
        days = days_due(Rhythm.WEEKLY, first.astimezone(local).date(), last.date(), weekday=7)
        due = [d for d in days if first < due_moment(d, hour, zone) <= now - timedelta(hours=13)]
        expected = {f"beauty-weekly-{period_of(Told.WEEKLY, d).name}" for d in due}
        starts = Counter(
            c.edition
            for r in house.editions.all()
            for c in SendStore(house.engine).changes(r.edition.key)
            if c.press is Press.START
        )

        assert axe.kills > 50
        assert {key: starts[key] for key in expected} == dict.fromkeys(expected, 1)
        assert set(starts.values()) == {1}
        assert len(starts) - len(expected) <= 1  # the one that may be due in the last hours
        assert len(expected) >= 51


def _approve_something(house: House, now: datetime) -> None:
    """Give each week something to tell."""
    article = make_article(f"{now:%Y%m%d%H%M}.md", paragraph(f"Told at {now:%c}, of a cream nobody had tried."))
    house.articles.record([article], now)
    house.articles.decide([make_approval(article, at=now)])


@pytest.mark.parametrize(("zone", "hour", "first"), YEARS)
def test_each_day_of_a_year_is_due_at_one_moment(zone: str, hour: int, first: datetime) -> None:
    seen: list[datetime] = []
    for minutes in range(0, 365 * 24 * 60, 30):
        now = first + timedelta(minutes=minutes)
        due = latest_due(Rhythm.DAILY, now, hour, zone, weekday=1, month_day=1)
        assert due <= now
        if not seen or due != seen[-1]:
            seen.append(due)

    gaps = {b - a for a, b in pairwise(seen)}
    # Never two in a row and never a day without: an hour more or less where the clock changes, and nothing else.
    assert gaps <= {timedelta(hours=h) for h in (23, 24, 25)}
    assert len(seen) in {365, 366}


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with edition_house(database_url, tmp_path, hold_minutes=5) as house:
        yield house


def test_the_first_look_begins_nothing_that_was_due_before(house: House) -> None:
    advance(house, MONDAY + timedelta(hours=1))

    assert standing(house, KEY).state is SendState.DRAFT


def test_an_edition_later_than_its_grace_is_left_to_the_next(tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path, postal_address="1 Example Street")) as house:
        advance(house, MONDAY - timedelta(days=1))
        _approve_something(house, MONDAY - timedelta(days=1))
        advance(house, MONDAY + timedelta(hours=25))
        assert house.editions.all() == ()

        advance(house, MONDAY + timedelta(days=7))
        assert [r.edition.period for r in house.editions.all()] == ["2026-W49"]


def test_under_a_clock_that_was_set_back_nothing_begins_until_a_person_says_so(house: House) -> None:
    advance(house, MONDAY + timedelta(days=2))
    send_now(house, KEY, by="ines", now=MONDAY)

    (held,) = advance(house, MONDAY + timedelta(minutes=6))
    advance(house, MONDAY + timedelta(days=3))  # also when the clock is right again
    assert (held.press, standing(house, KEY).state) == (Press.MISS, SendState.MISSED)

    assert "the clock was set back" in accept(house, MONDAY + timedelta(days=3))
    assert asks(house, MONDAY + timedelta(days=3)) == ""
    assert standing(house, KEY).state is SendState.MISSED


def test_a_clock_corrected_by_seconds_is_no_matter(house: House) -> None:
    advance(house, MONDAY)

    assert asks(house, MONDAY - timedelta(minutes=5)) == ""


def test_a_copy_of_the_database_sends_nothing_by_itself(tmp_path: Path) -> None:
    with edition_house(f"sqlite:///{tmp_path}/store.db", tmp_path, hold_minutes=0) as house:
        send_now(house, KEY, by="ines", now=MONDAY)
        original = SendStore(house.engine).find(KEY)
        advance_before = asks(house, MONDAY)
        _remembered(house)
        with house.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql(f"VACUUM INTO '{tmp_path}/copy.db'")
        settings = house.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/copy.db"})

    with open_house(settings) as copy:
        advance(copy, MONDAY + timedelta(minutes=1))

        assert advance_before == ""
        assert original
        assert (standing(copy, KEY).state, copy.ledger.mailing(KEY)) == (SendState.MISSED, None)
        assert "is a copy" in standing(copy, KEY).reason


def _remembered(house: House) -> None:
    """Let the database know which it is, as the first look of a dispatcher does."""
    accept(house, MONDAY)


def test_a_copy_made_by_the_server_has_another_identity(postgresql_database: str) -> None:
    from sqlalchemy import make_url, text

    from newsletter.storage.sends import database_identity

    engine = open_engine(postgresql_database)
    first, name = database_identity(engine), make_url(postgresql_database).database
    engine.dispose()
    admin = open_engine(str(make_url(postgresql_database).set(database="postgres").render_as_string(False)))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}_copy TEMPLATE {name}"))
    copy = open_engine(make_url(postgresql_database).set(database=f"{name}_copy").render_as_string(False))

    assert database_identity(copy) != first

    copy.dispose()
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name}_copy WITH (FORCE)"))
    admin.dispose()
