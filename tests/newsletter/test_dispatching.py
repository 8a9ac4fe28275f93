"""What is due begins once, whoever runs and whoever dies; what is too late asks; pause and stop are never overtaken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from content.approvals import Decision
from content.sends import Actor, Press, SendState, move
from newsletter.delivering import deliver
from newsletter.dispatching import LOCK, UNTIL_LET_GO, Moved, advance
from newsletter.publishing import find
from newsletter.releasing import release
from newsletter.scheduling import pause, resume, schedule, send_by_rule, send_now, standing, stop
from newsletter.sending import run
from newsletter.storage.editions import EditionState
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.locks import hold_lock
from newsletter.storage.sends import SendStore
from newsletter.transports.capture import capture_server
from newsletter.wiring import House
from tests.builders import MONDAY, make_approval
from tests.newsletter.scheduled import KEY, SCARS, edition_house

MINUTE = timedelta(minutes=1)
DUE = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    with capture_server(tmp_path / "mail") as port:
        yield tmp_path / "mail", port


@pytest.fixture
def house(database_url: str, tmp_path: Path, mail: tuple[Path, int]) -> Iterator[House]:
    with edition_house(database_url, tmp_path, smtp_host="127.0.0.1", smtp_port=mail[1], hold_minutes=5) as house:
        schedule(house, KEY, DUE, by="ines", now=MONDAY)
        yield house


def _presses(house: House) -> list[str]:
    return [c.press.value for c in SendStore(house.engine).changes(KEY)]


def _begin_and_die(house: House) -> None:
    """Leave a send as a dispatcher does that is killed right after it has begun."""
    send_now(house, KEY, by="ines", now=MONDAY)
    store, then = SendStore(house.engine), MONDAY + 5 * MINUTE
    holding = store.find(KEY)
    assert holding
    assert store.move(holding, move(holding, Press.START, Actor.CLOCK, by="x", at=then), Press.START)


def test_a_scheduled_edition_holds_then_leaves_at_its_time_and_is_sent(house: House, mail: tuple[Path, int]) -> None:
    steps = {
        -6: (),
        -5: (Moved(KEY, Press.HOLD),),
        -1: (),
        0: (Moved(KEY, Press.START),),
        1: (),
    }

    assert {at: advance(house, DUE + at * MINUTE) for at in steps} == steps
    assert run(deliver(house, DUE)).trouble == ""
    assert advance(house, DUE + 2 * MINUTE) == (Moved(KEY, Press.FINISH),)
    assert advance(house, DUE + 3 * MINUTE) == ()

    assert find(house, KEY).state is EditionState.SENT
    assert len(list((mail[0] / "new").iterdir())) == 2
    assert (house.settings.home / "site" / "editions" / f"{KEY}.html").is_file()


def test_an_hour_late_it_still_leaves_and_a_moment_later_it_asks(house: House) -> None:
    assert advance(house, DUE + 60 * MINUTE) == (Moved(KEY, Press.HOLD), Moved(KEY, Press.START))


def test_what_is_missed_is_sent_only_when_a_person_says_so(house: House, mail: tuple[Path, int]) -> None:
    late = DUE + 61 * MINUTE
    reason = "61 minutes late: send now, set another time, or cancel"

    assert advance(house, late) == (Moved(KEY, Press.MISS, reason),)
    assert advance(house, late + MINUTE) == ()
    run(deliver(house, DUE))
    assert list((mail[0] / "new").iterdir()) == []

    send_now(house, KEY, by="olga", now=late)
    advance(house, late + 5 * MINUTE)
    run(deliver(house, DUE))
    assert len(list((mail[0] / "new").iterdir())) == 2


def test_what_changed_after_its_approval_does_not_leave(house: House) -> None:
    house.articles.decide([make_approval(SCARS, decision=Decision.WITHDRAWN)])

    (moved,) = advance(house, DUE)

    assert (moved.press, standing(house, KEY).state) == (Press.LAPSE, SendState.WAITING)
    assert "withdrawn or edited" in moved.reason
    assert house.ledger.mailing(KEY) is None


def test_a_dispatcher_killed_before_the_freeze_is_made_up_for(house: House) -> None:
    _begin_and_die(house)

    advance(house, DUE)

    mailing = house.ledger.mailing(KEY)
    assert mailing
    assert (mailing.candidates, mailing.hold_until) == (2, None)


def test_a_dispatcher_killed_after_the_freeze_has_let_nobody_go(house: House, mail: tuple[Path, int]) -> None:
    _begin_and_die(house)
    release(house, KEY, MONDAY, hold=UNTIL_LET_GO)
    run(deliver(house, DUE))
    before = list((mail[0] / "new").iterdir())

    advance(house, DUE)
    run(deliver(house, DUE))

    assert (len(before), len(list((mail[0] / "new").iterdir()))) == (0, 2)


@pytest.mark.parametrize(
    ("press", "state"), [(pause, MailingState.PAUSED), (stop, MailingState.STOPPED)], ids=["pause", "stop"]
)
def test_whoever_presses_during_the_freeze_is_not_overtaken(
    house: House, mail: tuple[Path, int], press: object, state: MailingState
) -> None:
    _begin_and_die(house)
    release(house, KEY, MONDAY, hold=UNTIL_LET_GO)
    press(house, KEY, by="olga", now=MONDAY)  # type: ignore[operator]

    advance(house, DUE)
    run(deliver(house, DUE))

    mailing = house.ledger.mailing(KEY)
    assert mailing
    assert mailing.state is state
    assert list((mail[0] / "new").iterdir()) == []


def test_a_send_paused_before_the_freeze_goes_on_when_it_is_resumed(house: House, mail: tuple[Path, int]) -> None:
    _begin_and_die(house)
    pause(house, KEY, by="olga", now=MONDAY)
    advance(house, DUE)
    run(deliver(house, DUE))
    before = list((mail[0] / "new").iterdir())

    resume(house, KEY, by="olga", now=DUE)
    advance(house, DUE)
    run(deliver(house, DUE))

    assert (len(before), len(list((mail[0] / "new").iterdir()))) == (0, 2)


def test_an_alarm_of_the_ledger_is_written_down_once(house: House) -> None:
    send_now(house, KEY, by="ines", now=MONDAY)
    advance(house, MONDAY + 5 * MINUTE)
    house.ledger.pause(KEY, "too much bounced")

    assert advance(house, MONDAY + 6 * MINUTE) == (Moved(KEY, Press.PAUSE, "too much bounced"),)
    assert advance(house, MONDAY + 7 * MINUTE) == ()


def test_the_rule_sends_what_nobody_has_touched_and_nothing_twice(database_url: str, tmp_path: Path) -> None:
    with edition_house(database_url, tmp_path) as house:
        first = send_by_rule(house, KEY, MONDAY)
        advance(house, MONDAY)

        assert first.state is SendState.HOLDING
        assert send_by_rule(house, KEY, MONDAY).state is SendState.SENDING
        assert _presses(house) == ["send now", "start"]


def test_dispatchers_at_once_begin_it_once(house: House) -> None:
    together = Barrier(4)

    def dispatch(_: int) -> None:
        together.wait(30)
        advance(house, DUE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(dispatch, range(4)))

    assert _presses(house) == ["schedule", "hold", "start"]
    assert house.ledger.tally(KEY).candidates == 2


def test_while_one_dispatcher_works_another_does_nothing_and_then_takes_over(house: House) -> None:
    with hold_lock(house.engine, LOCK) as ours:
        assert ours
        assert advance(house, DUE) == ()

    assert advance(house, DUE) != ()
