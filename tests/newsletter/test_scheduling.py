"""An edition leaves when a person says, one of two who press at once wins, and the log says who."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from content.approvals import Decision
from content.sends import Press, Send, SendState
from newsletter.dispatching import advance
from newsletter.publishing import PublishingError, find
from newsletter.scheduling import (
    SchedulingError,
    approve,
    cancel,
    pause,
    resume,
    schedule,
    send_by_rule,
    send_now,
    standing,
    stop,
)
from newsletter.storage.editions import EditionState
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.sends import SendStore
from newsletter.wiring import House
from tests.builders import MONDAY, make_approval
from tests.newsletter.scheduled import KEY, SCARS, edition_house

NINE = datetime(2026, 11, 24, 9)
DUE = datetime(2026, 11, 24, 8, tzinfo=UTC)
PARIS = "Europe/Paris"


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with edition_house(database_url, tmp_path) as house:
        yield house


@pytest.fixture
def waiting(database_url: str, tmp_path: Path) -> Iterator[House]:
    with edition_house(database_url, tmp_path, edition_approval="person") as house:
        yield house


def _at_nine(house: House, by: str = "ines") -> Send:
    return schedule(house, KEY, NINE, by=by, now=MONDAY, zone=PARIS)


def _sending(house: House) -> House:
    send_now(house, KEY, by="ines", now=MONDAY)
    advance(house, MONDAY)
    return house


def test_a_schedule_keeps_the_time_as_it_was_typed(house: House) -> None:
    send = _at_nine(house)

    assert send == Send(
        edition=KEY,
        state=SendState.SCHEDULED,
        due_at=DUE,
        zone=PARIS,
        wall="2026-11-24T09:00",
        version=1,
        by="ines",
        at=MONDAY,
    )
    assert standing(house, KEY) == send
    assert SendStore(house.engine).open() == (send,)


def test_without_a_zone_the_newsletters_own_counts(house: House) -> None:
    assert schedule(house, KEY, NINE, by="ines", now=MONDAY).due_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_a_time_that_is_past_is_refused(house: House) -> None:
    with pytest.raises(SchedulingError, match="is past"):
        schedule(house, KEY, NINE - timedelta(days=2), by="ines", now=MONDAY)

    assert standing(house, KEY) == Send(edition=KEY)


def test_whoever_presses_has_a_name(house: House) -> None:
    with pytest.raises(SchedulingError, match="needs the name"):
        _at_nine(house, by=" ")


def test_an_edition_without_approval_waits_and_its_time_counts_once_it_is_approved(waiting: House) -> None:
    assert standing(waiting, KEY).state is SendState.WAITING
    assert _at_nine(waiting).state is SendState.WAITING
    assert advance(waiting, DUE) == ()

    approve(waiting, KEY, by="olga", now=MONDAY)

    send = standing(waiting, KEY)
    assert (send.state, send.due_at, send.by) == (SendState.SCHEDULED, DUE, "olga")


def test_an_edition_that_changed_after_its_approval_is_not_scheduled(house: House) -> None:
    house.articles.decide([make_approval(SCARS, decision=Decision.WITHDRAWN)])

    with pytest.raises(PublishingError, match="withdrawn or edited"):
        _at_nine(house)

    assert find(house, KEY).state is EditionState.HELD


def test_cancelling_brings_it_back_to_draft_and_the_rule_leaves_it_there(house: House) -> None:
    _at_nine(house)

    cancel(house, KEY, by="olga", now=MONDAY)

    assert send_by_rule(house, KEY, MONDAY).state is SendState.DRAFT
    assert advance(house, DUE) == ()


def test_the_hold_can_be_taken_back_until_it_ends(database_url: str, tmp_path: Path) -> None:
    with edition_house(database_url, tmp_path, hold_minutes=5) as house:
        send = send_now(house, KEY, by="ines", now=MONDAY)
        advance(house, MONDAY + timedelta(minutes=4, seconds=59))
        cancel(house, KEY, by="ines", now=MONDAY + timedelta(minutes=5))
        advance(house, MONDAY + timedelta(minutes=6))

        assert send.hold_until == MONDAY + timedelta(minutes=5)
        assert standing(house, KEY).state is SendState.DRAFT
        assert house.ledger.mailing(KEY) is None


def test_pause_and_resume_reach_the_senders(house: House) -> None:
    _sending(house)

    pause(house, KEY, by="olga", now=MONDAY, reason="a wrong link")
    paused = house.ledger.mailing(KEY)
    assert paused
    assert (paused.state, paused.reason) == (MailingState.PAUSED, "a wrong link")

    resume(house, KEY, by="olga", now=MONDAY)
    going = house.ledger.mailing(KEY)
    assert going
    assert (going.state, going.reason) == (MailingState.SENDING, "")


def test_an_alarm_of_the_ledger_counts_before_the_dispatcher_has_seen_it(house: House) -> None:
    _sending(house)
    house.ledger.pause(KEY, "too much bounced")

    assert (standing(house, KEY).state, standing(house, KEY).reason) == (SendState.PAUSED, "too much bounced")
    assert resume(house, KEY, by="olga", now=MONDAY).state is SendState.SENDING
    mailing = house.ledger.mailing(KEY)
    assert mailing
    assert mailing.state is MailingState.SENDING


def test_stopping_withdraws_it_from_everybody_who_has_not_got_it_and_frees_the_articles(house: House) -> None:
    _sending(house)

    assert stop(house, KEY, by="olga", now=MONDAY, reason="the wrong one") == 2

    assert house.ledger.tally(KEY).withdrawn == 2
    assert find(house, KEY).state is EditionState.CANCELLED
    assert standing(house, KEY).state is SendState.STOPPED
    with pytest.raises(PublishingError, match="cancelled"):
        send_now(house, KEY, by="ines", now=MONDAY)


def test_a_send_under_way_cannot_be_cancelled_or_scheduled(house: House) -> None:
    _sending(house)

    for press in (lambda: cancel(house, KEY, by="ines", now=MONDAY), lambda: _at_nine(house)):
        with pytest.raises(SchedulingError, match="is sending by the dispatcher"):
            press()


def test_pressing_twice_is_no_harm_and_no_second_entry(house: House) -> None:
    _sending(house)
    first = pause(house, KEY, by="olga", now=MONDAY)

    assert pause(house, KEY, by="ines", now=MONDAY) == first
    assert [c.press for c in SendStore(house.engine).changes(KEY)] == [Press.SEND_NOW, Press.START, Press.PAUSE]


def test_a_page_that_shows_an_old_version_is_told_who_was_faster(house: House) -> None:
    shown = _at_nine(house).version
    schedule(house, KEY, NINE + timedelta(hours=1), by="olga", now=MONDAY, zone=PARIS)

    with pytest.raises(SchedulingError, match=r"scheduled by olga .* somebody else was faster"):
        cancel(house, KEY, by="ines", now=MONDAY, version=shown)


def test_the_log_says_who_did_what(house: House) -> None:
    _at_nine(house)
    cancel(house, KEY, by="olga", now=DUE, reason="not yet")

    changes = SendStore(house.engine).changes(KEY)

    assert [(c.version, c.before, c.after, c.press, c.by, c.at, c.reason) for c in changes] == [
        (1, SendState.DRAFT, SendState.SCHEDULED, Press.SCHEDULE, "ines", MONDAY, ""),
        (2, SendState.SCHEDULED, SendState.DRAFT, Press.CANCEL, "olga", DUE, "not yet"),
    ]


@pytest.mark.parametrize("written", [False, True], ids=["first row", "a row"])
def test_of_many_who_schedule_at_once_one_wins(house: House, written: bool) -> None:
    if written:
        _at_nine(house)
    before = standing(house, KEY)
    many, together = 8, Barrier(8)

    def press(n: int) -> bool:
        together.wait(30)
        after = replace(
            before, state=SendState.SCHEDULED, due_at=DUE, version=before.version + 1, by=f"p{n}", at=MONDAY
        )
        return SendStore(house.engine).move(before, after, Press.SCHEDULE)

    with ThreadPoolExecutor(many) as pool:
        won = list(pool.map(press, range(many)))

    assert won.count(True) == 1
    assert standing(house, KEY).by == f"p{won.index(True)}"
    assert len(SendStore(house.engine).changes(KEY)) == before.version + 1


def test_pause_and_stop_at_once_end_the_same_in_the_ledger_and_in_the_send(house: House) -> None:
    _sending(house)
    together = Barrier(2)

    def at_once(press: Callable[[], object]) -> str:
        together.wait(30)
        try:
            press()
        except SchedulingError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as pool:
        pausing = pool.submit(at_once, lambda: pause(house, KEY, by="olga", now=MONDAY))
        stopping = pool.submit(at_once, lambda: stop(house, KEY, by="ines", now=MONDAY))
        said = [pausing.result(), stopping.result()]

    row, mailing = SendStore(house.engine).find(KEY), house.ledger.mailing(KEY)
    assert row
    assert mailing
    assert row.state.value == mailing.state.value
    assert said.count("") >= 1
    assert len(SendStore(house.engine).changes(KEY)) == row.version
