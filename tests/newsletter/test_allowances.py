"""Senders on any number of hosts keep one rate and one daily allowance together."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from newsletter.storage.allowances import Allowances, Allowed
from tests.builders import MONDAY

GONE_OUT = "today's 30 messages of a new domain have gone out"


def test_two_senders_together_keep_one_rate(engine: Engine) -> None:
    now = MONDAY
    one, other = (Allowances(engine, per_second=100, clock=lambda: now) for _ in range(2))

    first = [one.take(1_000).count, other.take(1_000).count]
    now += timedelta(seconds=0.25)
    later = [other.take(10).count, one.take(1_000).count, other.take(1_000).count]

    assert (first, later) == ([100, 0], [10, 15, 0])


def test_a_slow_rate_saves_up_until_there_is_a_whole_message(engine: Engine) -> None:
    now = MONDAY
    slow = Allowances(engine, per_second=0.5, clock=lambda: now)

    counts = []
    for _ in range(5):
        counts.append(slow.take(5).count)
        now += timedelta(seconds=1)

    assert counts == [1, 0, 1, 0, 1]


def test_an_idle_hour_saves_up_one_second_only(engine: Engine) -> None:
    now = MONDAY
    allowances = Allowances(engine, per_second=20, clock=lambda: now)
    allowances.take(20)
    now += timedelta(hours=1)

    assert allowances.take(1_000) == Allowed(20)


def test_a_clock_that_was_set_back_brings_nothing(engine: Engine) -> None:
    now = MONDAY
    allowances = Allowances(engine, per_second=20, clock=lambda: now)
    allowances.take(20)
    now -= timedelta(hours=1)

    assert allowances.take(5) == Allowed(0)


def test_a_days_allowance_is_shared_and_begins_anew_at_midnight(engine: Engine) -> None:
    now = MONDAY
    one, other = (Allowances(engine, per_day=lambda _day: 30, clock=lambda: now) for _ in range(2))

    today = [one.take(20), other.take(20), one.take(20)]
    one.give_back(5)
    given_back = other.take(20)
    now += timedelta(days=1)

    assert today == [Allowed(20), Allowed(10), Allowed(0, GONE_OUT)]
    assert (given_back, one.take(50)) == (Allowed(5), Allowed(30))
    assert (one.used_today(MONDAY.date()), one.used_today(now.date())) == (0, 30)


@pytest.mark.parametrize("per_day", [None, lambda _day: None])
def test_without_a_limit_all_is_allowed(engine: Engine, per_day: None) -> None:
    assert Allowances(engine, per_day=per_day).take(1_000_000) == Allowed(1_000_000)
