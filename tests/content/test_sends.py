"""A send moves along the arrows of its table and along no other, and leaves at one moment or asks."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from content.sends import (
    ARROWS,
    ENDED,
    Actor,
    ForbiddenPressError,
    Press,
    Send,
    SendState,
    WallTimeError,
    clock_press,
    may_press,
    moment_of,
    move,
    presses,
)

NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

#: The table once more, as docs/scheduling.md prints it: state, press, who, where it leads.
DRAWN = {
    ("draft", "submit"): ("p", "waiting"),
    ("waiting", "submit"): ("p", "waiting"),
    ("draft", "schedule"): ("p", "scheduled"),
    ("waiting", "schedule"): ("p", "scheduled"),
    ("scheduled", "reschedule"): ("p", "scheduled"),
    ("missed", "reschedule"): ("p", "scheduled"),
    ("draft", "send now"): ("pc", "holding"),
    ("waiting", "send now"): ("pc", "holding"),
    ("scheduled", "send now"): ("pc", "holding"),
    ("missed", "send now"): ("pc", "holding"),
    ("waiting", "cancel"): ("p", "draft"),
    ("scheduled", "cancel"): ("p", "draft"),
    ("holding", "cancel"): ("p", "draft"),
    ("missed", "cancel"): ("p", "draft"),
    ("scheduled", "hold"): ("c", "holding"),
    ("holding", "start"): ("c", "sending"),
    ("scheduled", "lapse"): ("c", "waiting"),
    ("holding", "lapse"): ("c", "waiting"),
    ("sending", "lapse"): ("c", "waiting"),
    ("scheduled", "miss"): ("c", "missed"),
    ("holding", "miss"): ("c", "missed"),
    ("sending", "pause"): ("pc", "paused"),
    ("paused", "resume"): ("p", "sending"),
    ("sending", "finish"): ("c", "sent"),
    ("paused", "finish"): ("c", "sent"),
} | {
    (state, "stop"): ("p", "stopped")
    for state in ("draft", "waiting", "scheduled", "holding", "sending", "paused", "missed")
}


@pytest.mark.parametrize(("state", "press", "actor"), [*product(SendState, Press, Actor)])
def test_every_arrow_leads_where_it_is_drawn_and_every_other_is_forbidden(
    state: SendState, press: Press, actor: Actor
) -> None:
    send = Send(edition="e", state=state, due_at=NINE, version=3)
    who, target = DRAWN.get((state.value, press.value), ("", ""))

    if actor.value[0] in who:
        after = move(send, press, actor, by="ines", at=NINE, reason="why")
        assert (after.state.value, after.version, after.by, after.at, after.reason) == (target, 4, "ines", NINE, "why")
    else:
        with pytest.raises(ForbiddenPressError):
            move(send, press, actor, by="ines", at=NINE)


def test_nothing_leads_back_from_sending_to_draft_and_nothing_out_of_the_end() -> None:
    back = {press for press, arrow in ARROWS.items() if arrow.target is SendState.DRAFT}

    assert not any(may_press(press, SendState.SENDING, actor) for press in back for actor in Actor)
    assert [presses(state, actor) for state in ENDED for actor in Actor] == [(), (), (), ()]


def test_cancelling_takes_the_time_away() -> None:
    send = Send(edition="e", state=SendState.HOLDING, due_at=NINE, hold_until=NINE, zone="Europe/Paris", wall="x")

    after = move(send, Press.CANCEL, Actor.PERSON, by="ines", at=NINE)

    assert after == Send(edition="e", version=1, by="ines", at=NINE)


@pytest.mark.parametrize(
    ("state", "minutes", "press"),
    [
        ("scheduled", -5.01, None),
        ("scheduled", -5, Press.HOLD),
        ("holding", -0.01, None),
        ("holding", 0, Press.START),
        ("scheduled", 60, Press.HOLD),
        ("holding", 60, Press.START),
        ("scheduled", 60.01, Press.MISS),
        ("holding", 60.01, Press.MISS),
        ("waiting", 600, None),
        ("missed", 600, None),
        ("paused", 600, None),
        ("draft", 600, None),
    ],
)
def test_the_clock_presses_at_its_moment_and_not_before(state: str, minutes: float, press: Press | None) -> None:
    send = Send(edition="e", state=SendState(state), due_at=NINE)

    assert clock_press(send, NINE + minutes * MINUTE, hold=5 * MINUTE, late=60 * MINUTE) is press


def test_without_a_time_nothing_is_due() -> None:
    send = Send(edition="e", state=SendState.SCHEDULED)

    assert clock_press(send, NINE, hold=MINUTE, late=MINUTE) is None


def test_a_wall_time_is_one_moment() -> None:
    assert moment_of(datetime(2026, 12, 1, 9), "Europe/Paris") == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_a_time_that_spring_skips_is_refused_with_those_around_it() -> None:
    with pytest.raises(WallTimeError, match=r"2026-03-29 02:30 does not exist in Europe/Paris: 01:30 or 03:30 do"):
        moment_of(datetime(2026, 3, 29, 2, 30), "Europe/Paris")


def test_a_time_that_autumn_shows_twice_is_asked_about_and_an_offset_answers() -> None:
    with pytest.raises(WallTimeError, match=r"2026-10-25T02:30\+02:00 for the first, 2026-10-25T02:30\+01:00 for the"):
        moment_of(datetime(2026, 10, 25, 2, 30), "Europe/Paris")

    second = datetime.fromisoformat("2026-10-25T02:30+01:00")
    assert moment_of(second, "Europe/Paris") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(WallTimeError, match="'Mars/Olympus' is no time zone"):
        moment_of(datetime(2026, 10, 25, 2, 30), "Mars/Olympus")
