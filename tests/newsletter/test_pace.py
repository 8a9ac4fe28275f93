"""A sender keeps to its limits, rests as long as it is asked to, and knows when to ask a person."""

import pytest

from newsletter.sending.pace import Health, Limits, Pace, warm_up
from subscribers.deliveries import Cause, Delivery, Outcome, Receipt
from tests.builders import MONDAY

ACCEPTED = Receipt(Outcome.ACCEPTED)
GREYLISTED = Receipt(Outcome.DEFERRED, Cause.MAILBOX, 451)
DOMAIN_SLOW = Receipt(Outcome.DEFERRED, Cause.PACE, 451, "4.7.0")
SERVER_SLOW = Receipt(Outcome.PENDING, Cause.PACE, 421)
NO_SUCH = Receipt(Outcome.REFUSED, Cause.ADDRESS, 550)
POLICY = Receipt(Outcome.REFUSED, Cause.POLICY, 550)


def to(domain: str) -> Delivery:
    return Delivery(1, 1, 1, "e", "s", f"ada@{domain}", "", "", MONDAY)


def test_without_limits_nothing_waits() -> None:
    pace = Pace(Limits())
    pace.begin("a.example", 0)

    assert (pace.wait(0), pace.domain_wait("a.example", 0), pace.is_free) == (0, 0, True)


def test_a_rate_spaces_messages_evenly() -> None:
    pace = Pace(Limits(per_second=10))

    waits = []
    for _ in range(3):
        pace.begin("a.example", 100)
        waits.append(round(pace.wait(100), 3))

    assert waits == [0.1, 0.2, 0.3]


def test_a_domains_rate_leaves_the_others_alone() -> None:
    pace = Pace(Limits(per_domain={"slow.example": 2, "": 100}))
    pace.begin("slow.example", 0)
    pace.begin("other.example", 0)

    assert (pace.domain_wait("slow.example", 0), pace.domain_wait("other.example", 0)) == (0.5, 0.01)
    assert pace.domain_wait("third.example", 0) <= 0


def test_a_domain_has_no_more_in_hand_than_it_may() -> None:
    pace = Pace(Limits(at_once={"slow.example": 1}))
    pace.begin("slow.example", 0)
    pace.begin("other.example", 0)

    full = pace.domain_wait("slow.example", 0)
    pace.end(to("slow.example"))

    assert full > 0
    assert (pace.domain_wait("slow.example", 0), pace.domain_wait("other.example", 0)) == (0, 0)


def test_a_domain_that_asks_rests_twice_as_long_each_time_until_it_accepts() -> None:
    pace = Pace(Limits())

    rests = []
    for _ in range(3):
        pace.note(to("a.example"), DOMAIN_SLOW, now=0)
        rests.append(pace.domain_wait("a.example", 0))
    pace.note(to("a.example"), ACCEPTED, now=20)
    pace.note(to("a.example"), DOMAIN_SLOW, now=20)

    assert rests == [5, 10, 20]
    assert pace.domain_wait("a.example", 20) == 5
    assert pace.domain_wait("b.example", 0) <= 0


def test_a_greylisting_says_nothing_about_the_pace() -> None:
    pace = Pace(Limits())
    pace.note(to("a.example"), GREYLISTED, now=0)

    assert pace.is_free


def test_a_server_that_asks_makes_everything_rest_and_has_enough_at_last() -> None:
    pace = Pace(Limits(first_rest=0.25))

    rests = []
    for _ in range(8):
        pace.note(to("a.example"), SERVER_SLOW, now=0)
        rests.append(pace.wait(0))

    assert rests == [0.25, 0.5, 1, 2, 4, 8, 16, 32]
    assert pace.is_exhausted
    pace.note(to("a.example"), ACCEPTED, now=0)
    assert not pace.is_exhausted


@pytest.mark.parametrize(
    ("accepted", "bad", "says"),
    [
        (180, [NO_SUCH] * 19, ""),
        (179, [NO_SUCH] * 20, ""),
        (180, [NO_SUCH] * 20, "20 of the first 200 addresses do not exist"),
        (181, [NO_SUCH] * 19, ""),
        (476, [NO_SUCH] * 24, ""),
        (475, [NO_SUCH] * 25, "25 of the first 500 addresses do not exist"),
        (95, [POLICY] * 5, "5 of the first 100 messages were refused by the receivers' policy"),
        (96, [POLICY] * 4, ""),
        (0, [POLICY] * 99, ""),
        (0, [GREYLISTED] * 500, ""),
    ],
)
def test_a_person_is_asked_when_too_many_fail(accepted: int, bad: list[Receipt], says: str) -> None:
    health = Health()
    for receipt in [ACCEPTED] * accepted + bad:
        health.note(receipt)

    assert health.alarm(Limits()).startswith(says)
    assert bool(health.alarm(Limits())) is bool(says)


def test_a_new_domain_doubles_from_day_to_day() -> None:
    assert [warm_up(day) for day in range(4)] == [500, 1_000, 2_000, 4_000]
    with pytest.raises(ValueError, match="first day is 0"):
        warm_up(-1)
