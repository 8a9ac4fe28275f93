"""A message is dated when it is due, or, taken up long after, at that moment; and alike at every attempt."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from newsletter.storage.ledger import Chunk, Ledger, Settled
from subscribers.deliveries import LATE, Cause, Outcome, Receipt, Recipient
from tests.builders import MONDAY
from tests.clock import Clock

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
REFUSED_NOW = Receipt(Outcome.DEFERRED, Cause.MAILBOX, 451)
IN_DOUBT = Receipt(Outcome.UNCERTAIN, Cause.CONNECTION)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(engine: Engine, clock: Clock) -> Ledger:
    return Ledger(engine, clock=clock, chunk=2)


def recipients(*dues: timedelta) -> list[Recipient]:
    return [
        Recipient(subscriber=f"id-{n}", address=f"p{n}@example.org", due=MONDAY + due if due else None)
        for n, due in enumerate(dues)
    ]


def take(ledger: Ledger, outcome: Receipt | None = None) -> dict[str, datetime]:
    """Lease a chunk and let its messages end so; None: give it back untouched. Return the date of each."""
    chunk = ledger.turn("postman").chunk
    if chunk is None:
        return {}
    settled = [Settled(delivery, outcome) for delivery in chunk.deliveries] if outcome else []
    ledger.turn("postman", settled, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)
    return dates(chunk)


def dates(chunk: Chunk) -> dict[str, datetime]:
    return {delivery.subscriber: delivery.date for delivery in chunk.deliveries}


def previewed(ledger: Ledger, subscriber: str) -> datetime:
    row = ledger.delivery("w48", subscriber)
    assert row
    return row[0].date


@pytest.mark.parametrize(
    ("due", "taken", "date"),
    [
        (timedelta(0), timedelta(minutes=5), MONDAY),
        (6 * HOUR, 6 * HOUR, MONDAY + 6 * HOUR),
        (6 * HOUR, 6 * HOUR + LATE, MONDAY + 6 * HOUR),
        (6 * HOUR, 6 * HOUR + LATE + SECOND, MONDAY + 6 * HOUR + LATE + SECOND),
        (timedelta(0), 48 * HOUR, MONDAY + 48 * HOUR),
    ],
    ids=["at once", "at their hour", "within the hour", "late", "after a long pause"],
)
def test_it_is_dated_when_it_is_due_or_when_it_is_taken_up_late(
    ledger: Ledger, clock: Clock, due: timedelta, taken: timedelta, date: datetime
) -> None:
    ledger.freeze("w48", recipients(due, due))

    clock.now = MONDAY + taken
    foreseen = previewed(ledger, "id-0")
    left = take(ledger, Receipt(Outcome.ACCEPTED))

    assert left == {"id-0": date, "id-1": date}
    assert foreseen == date


@pytest.mark.parametrize("attempt", [REFUSED_NOW, IN_DOUBT], ids=["refused for now", "in doubt"])
def test_another_attempt_bears_the_same_date_days_later(ledger: Ledger, clock: Clock, attempt: Receipt) -> None:
    ledger.freeze("w48", recipients(HOUR, HOUR, 2 * HOUR))
    clock.now = MONDAY + 30 * HOUR
    first = take(ledger, attempt)

    if attempt is IN_DOUBT:
        ledger.resolve("w48", arrived=False)
    clock.now = MONDAY + 60 * HOUR
    take(ledger, Receipt(Outcome.ACCEPTED))  # whoever has not been tried yet goes first
    again = take(ledger, Receipt(Outcome.ACCEPTED))

    assert first == again == dict.fromkeys(("id-0", "id-1"), MONDAY + 30 * HOUR)
    assert previewed(ledger, "id-0") == MONDAY + 30 * HOUR


def test_what_was_given_back_untouched_is_dated_anew_once_it_is_late(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze("w48", recipients(timedelta(0), timedelta(0)))
    take(ledger)

    clock.now = MONDAY + LATE
    assert set(take(ledger).values()) == {MONDAY}
    clock.now = MONDAY + 24 * HOUR
    assert set(take(ledger).values()) == {MONDAY + 24 * HOUR}
    assert previewed(ledger, "id-1") == MONDAY + 24 * HOUR
