"""Nobody is written to before their hour, and whoever pauses meanwhile is left alone."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.ledger import Ledger, Settled
from newsletter.storage.people import PeopleStore
from subscribers.deliveries import Outcome, Receipt, Recipient
from subscribers.people import SubscriptionState
from subscribers.preferences import Preferences, Subscription
from tests.builders import MONDAY, make_subscriber
from tests.clock import Clock

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(engine: Engine, clock: Clock) -> Ledger:
    return Ledger(engine, clock=clock, chunk=2)


def recipients(*dues: timedelta | None) -> list[Recipient]:
    return [
        Recipient(subscriber=f"id-{n}", address=f"p{n}@example.org", due=MONDAY + due if due is not None else None)
        for n, due in enumerate(dues)
    ]


def take(ledger: Ledger) -> list[str]:
    """Lease and send everything that may leave now; return who got it."""
    sent: list[str] = []
    while chunk := ledger.turn("postman").chunk:
        settled = [Settled(delivery, Receipt(Outcome.ACCEPTED)) for delivery in chunk.deliveries]
        ledger.turn("postman", settled, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)
        sent += sorted(delivery.subscriber for delivery in chunk.deliveries)
    return sorted(sent)


def test_each_wave_leaves_at_its_moment_and_not_a_second_before(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze("w48", recipients(None, HOUR, HOUR, HOUR, 2 * HOUR))

    assert take(ledger) == ["id-0"]
    assert ledger.next_due() == MONDAY + HOUR
    clock.now = MONDAY + HOUR - timedelta(seconds=1)
    assert take(ledger) == []
    clock.now = MONDAY + HOUR
    assert take(ledger) == ["id-1", "id-2", "id-3"]
    clock.now = MONDAY + 5 * HOUR
    assert take(ledger) == ["id-4"]
    assert ledger.next_due() is None
    assert ledger.tally("w48").accepted == 5


def test_the_sum_adds_up_while_waves_wait_and_a_stop_withdraws_them(ledger: Ledger) -> None:
    ledger.freeze("w48", recipients(None, HOUR, 2 * HOUR))
    take(ledger)

    tally = ledger.tally("w48")
    assert (tally.accepted, tally.pending, tally.adds_up) == (1, 2, True)
    assert ledger.stop("w48", "wrong picture") == 2
    assert ledger.tally("w48").withdrawn == 2


def test_moments_that_come_mixed_are_kept_all_the_same(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze("w48", recipients(*[HOUR, None, 2 * HOUR] * 4))

    assert len(take(ledger)) == 4
    clock.now = MONDAY + HOUR
    assert len(take(ledger)) == 4
    clock.now = MONDAY + 2 * HOUR
    assert len(take(ledger)) == 4


def test_whoever_pauses_before_their_hour_is_left_alone(ledger: Ledger, clock: Clock, engine: Engine) -> None:
    people = PeopleStore(engine)
    for n in range(2):
        people.add([make_subscriber(str(n))], "beauty", MONDAY, SubscriptionState.CONFIRMED)
    ledger.freeze("w48", recipients(HOUR, HOUR), "beauty")
    with EnrolmentStore(engine).writing() as desk:
        pause = Preferences(paused_until=MONDAY + 9 * HOUR)
        stands = Subscription(
            mailing_list="beauty",
            subscriber="id-0",
            state=SubscriptionState.CONFIRMED,
            since=MONDAY,
            preferences=pause,
        )
        desk.put(stands)

    clock.now = MONDAY + HOUR
    assert take(ledger) == ["id-1"]
    assert ledger.tally("w48").excluded == {"paused": 1}
