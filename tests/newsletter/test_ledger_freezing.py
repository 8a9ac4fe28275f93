"""An audience is written down in batches; for senders it is there whole or not at all, whoever dies on the way."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text

from newsletter.storage.engine import open_engine
from newsletter.storage.ledger import Ledger
from newsletter.storage.ledger_freezing import SILENCE
from newsletter.storage.ledger_queries import PAGE
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes
from subscribers.deliveries import Recipient, Tally
from tests.builders import MONDAY

EDITION = "beauty-weekly-2026-W48"
TABLES = (mailings, audience, chunks, outcomes)

#: Freezes so many people that it is killed long before the last; tells when two batches are written.
FREEZER = """
import sys
from newsletter.storage.engine import open_engine
from newsletter.storage.ledger import Ledger
from newsletter.storage.ledger_queries import PAGE
from tests.newsletter.test_ledger_freezing import people

def told():
    for n, person in enumerate(people(1_000_000)):
        if n == 2 * PAGE + 1:
            print("half-way", flush=True)
            sys.stdin.read()
        yield person

Ledger(open_engine(sys.argv[1])).freeze("beauty-weekly-2026-W48", told())
"""


def people(count: int) -> Iterator[Recipient]:
    for n in range(count):
        yield Recipient(subscriber=f"s{n}", address=f"s{n}@example.org", excluded="" if n % 100 else "complained")


def rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in TABLES}


def act_half_way(count: int, act: Callable[[], object]) -> Iterator[Recipient]:
    """Yield people; act when one batch is written and another begins."""
    for n, person in enumerate(people(count)):
        if n == PAGE + 1:
            act()
        yield person


def test_a_freeze_that_is_killed_has_not_happened_and_the_next_one_removes_what_is_left(
    engine: Engine, database_url: str
) -> None:
    command = [sys.executable, "-c", FREEZER, database_url]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as freezer:
        assert freezer.stdout is not None
        assert freezer.stdout.readline() == "half-way\n"
        freezer.send_signal(signal.SIGKILL)
    left = rows(engine)
    ledger = Ledger(engine)

    assert (left["mailings"], left["audience"], left["chunks"]) == (1, 2 * PAGE, 0)
    assert (ledger.mailing(EDITION), ledger.unfinished(), ledger.turn("one").chunk) == (None, (), None)
    with engine.connect() as connection:
        written: datetime = connection.execute(select(mailings.c.frozen_at)).scalar_one()
    soon, later = (Ledger(engine, lambda at=written + after: at) for after in (SILENCE, SILENCE * 1.01))  # type: ignore[misc]
    assert soon.freeze("another", people(3)) == Tally(candidates=3, pending=2, excluded={"complained": 1})
    assert rows(engine)["audience"] == 2 * PAGE + 3
    assert later.freeze(EDITION, people(200)) == Tally(candidates=200, pending=198, excluded={"complained": 2})
    assert rows(engine) == {"mailings": 2, "audience": 203, "chunks": 2, "outcomes": 3}


def test_others_write_while_an_audience_is_written_down(engine: Engine, database_url: str) -> None:
    other = open_engine(database_url)

    def write() -> None:
        with other.begin() as connection:
            connection.execute(text("UPDATE allowances SET amount = 7"))

    tally = Ledger(engine).freeze(EDITION, act_half_way(2 * PAGE, write))
    other.dispose()

    assert tally.candidates == 2 * PAGE
    with engine.connect() as connection:
        assert set(connection.execute(text("SELECT amount FROM allowances")).scalars()) == {7.0}


def test_senders_see_nothing_before_everybody_is_in(engine: Engine) -> None:
    ledger, seen = Ledger(engine), []

    def look() -> None:
        seen.append((ledger.mailing(EDITION), ledger.turn("one").chunk, ledger.unfinished()))

    ledger.freeze(EDITION, act_half_way(2 * PAGE, look))

    assert seen == [(None, None, ())]
    assert ledger.turn("one").chunk is not None


def test_of_two_freezes_at_a_time_the_faster_one_counts(engine: Engine) -> None:
    ledger = Ledger(engine)

    tally = ledger.freeze(EDITION, act_half_way(2 * PAGE, lambda: ledger.freeze(EDITION, people(50))))

    assert tally == Tally(candidates=50, pending=49, excluded={"complained": 1})
    assert rows(engine) == {"mailings": 1, "audience": 50, "chunks": 1, "outcomes": 1}


def test_the_hold_begins_when_everybody_is_in(engine: Engine) -> None:
    now = MONDAY

    def an_hour_passes() -> None:
        nonlocal now
        now += timedelta(hours=1)

    ledger = Ledger(engine, lambda: now)
    ledger.freeze(EDITION, act_half_way(2 * PAGE, an_hour_passes), hold=timedelta(minutes=5))

    assert ledger.turn("one").chunk is None
    now += timedelta(minutes=5)
    assert ledger.turn("one").chunk is not None


@pytest.mark.parametrize("breaks_at", [0, PAGE - 1, PAGE, 2 * PAGE + 1])
def test_a_freeze_that_breaks_off_leaves_nothing(engine: Engine, breaks_at: int) -> None:
    def breaking() -> Iterator[Recipient]:
        yield from people(breaks_at)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Ledger(engine).freeze(EDITION, breaking())

    assert rows(engine) == {"mailings": 0, "audience": 0, "chunks": 0, "outcomes": 0}
