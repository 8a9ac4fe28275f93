"""What is dear is made once for many; an old value is shown only while the next is being made."""

import threading
from datetime import timedelta

from newsletter.web.console.caching import Cache
from tests.builders import MONDAY

MINUTE = timedelta(minutes=1)


def test_a_value_holds_for_its_time_and_no_longer() -> None:
    cache, made = Cache(), iter((1, 2))

    got = [cache.get("n", lambda: next(made), now=MONDAY + after * MINUTE, kept=2 * MINUTE) for after in (0, 1, 2)]

    assert got == [1, 1, 2]


def test_for_a_while_the_old_value_is_shown_and_the_next_is_made_beside() -> None:
    cache, go, done = Cache(), threading.Event(), threading.Event()

    def slow() -> int:
        go.wait(10)
        done.set()
        return 2

    ask = MONDAY + 3 * MINUTE
    cache.put("n", 1, now=MONDAY, kept=2 * MINUTE)
    first = cache.get("n", slow, now=ask, kept=2 * MINUTE, lenient=5 * MINUTE)
    second = cache.get("n", slow, now=ask, kept=2 * MINUTE, lenient=5 * MINUTE)
    go.set()
    done.wait(10)
    for thread in threading.enumerate():
        if thread.name == "beside a page":
            thread.join(10)

    assert (first, second) == (1, 1)
    assert cache.find("n", ask) == 2
    assert cache.get("n", lambda: 3, now=MONDAY + 60 * MINUTE, kept=MINUTE, lenient=5 * MINUTE) == 3


def test_what_cannot_be_made_beside_is_told_to_whoever_waits_for_it() -> None:
    cache = Cache()
    cache.put("n", 1, now=MONDAY, kept=MINUTE)

    def fail() -> int:
        raise OSError("no database")

    assert cache.get("n", fail, now=MONDAY + MINUTE, kept=MINUTE, lenient=MINUTE) == 1
    for thread in threading.enumerate():
        if thread.name == "beside a page":
            thread.join(10)
    assert cache.get("n", lambda: 2, now=MONDAY + MINUTE, kept=MINUTE) == 2


def test_everything_is_forgotten_at_once() -> None:
    cache = Cache()
    cache.put("n", 1, now=MONDAY, kept=MINUTE)
    cache.forget()

    assert cache.find("n", MONDAY) is None
