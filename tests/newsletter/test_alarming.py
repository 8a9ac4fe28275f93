"""A person is told of what a reader would notice, once when it begins and once when it is over, and of nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.alarming import Alarm, Kind, News, judge, note
from newsletter.measuring import EditionPulse, Pulse
from newsletter.sending import Limits
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.measures import Running
from newsletter.wiring import House
from subscribers.deliveries import Tally
from tests.newsletter.scheduled import KEY, edition_house

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _edition(tally: Tally, state: MailingState = MailingState.SENDING, **more: Any) -> EditionPulse:
    running = Running(number=1, edition=KEY, state=state, frozen_at=NOW, begins=NOW)
    return EditionPulse(running=running, tally=tally, **({"within": (), "no_such_address": 0, "last_end": None} | more))


def _pulse(**more: Any) -> Pulse:
    well: dict[str, Any] = {
        "at": NOW,
        "editions": (),
        "queue_age": timedelta(0),
        "ends": {},
        "sends": {},
        "missed": {},
        "senders": 0,
        "looked_at": NOW,
        "may_begin": True,
        "asks": "",
        "sources": {},
        "limits": Limits(bounce_share=0.05),
    }
    return Pulse(**(well | more))


WAITING = _edition(Tally(candidates=9, accepted=4, pending=5))
STUCK = _pulse(editions=(WAITING,), queue_age=16 * MINUTE)
BOUNCING = _edition(Tally(candidates=400, accepted=390, refused=4), no_such_address=6)

CASES: dict[str, tuple[Pulse, list[Kind]]] = {
    "all is well": (_pulse(), []),
    "missed": (_pulse(missed={KEY: "61 minutes late"}), [Kind.MISSED]),
    "stuck, nobody sends": (STUCK, [Kind.STUCK]),
    "stuck, a sender hangs": (replace(STUCK, senders=1), [Kind.STUCK]),
    "waits a quarter of an hour": (replace(STUCK, queue_age=15 * MINUTE), []),
    "slow, but it moves": (replace(STUCK, editions=(replace(WAITING, last_end=NOW - 14 * MINUTE),)), []),
    "outside the delivery window": (replace(STUCK, may_begin=False), []),
    "paused waits for a person": (
        replace(STUCK, editions=(_edition(WAITING.tally, MailingState.PAUSED),)),
        [],
    ),
    "bounces at half the limit": (_pulse(editions=(BOUNCING,)), [Kind.BOUNCES]),
    "bounces below it": (_pulse(editions=(replace(BOUNCING, no_such_address=5),)), []),
    "too few tried": (_pulse(editions=(_edition(Tally(candidates=199, accepted=100, refused=99)),)), []),
    "a source dead for a day": (_pulse(sources={"magazine": timedelta(hours=25)}), [Kind.SOURCE]),
    "a source silent for a day": (_pulse(sources={"magazine": timedelta(hours=24)}), []),
    "a webhook that nobody answers": (_pulse(parked={"id": ("the shop", 2)}), [Kind.WEBHOOK]),
    "a copied database": (_pulse(asks="this database is a copy"), [Kind.NOTHING]),
}


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_stands_for(name: str) -> None:
    pulse, kinds = CASES[name]

    assert [alarm.kind for alarm in judge(pulse)] == kinds


def test_an_alarm_says_what_and_how_long() -> None:
    assert judge(STUCK)[0].said == f"{KEY} has waited for 16 minutes and nobody sends"
    assert judge(_pulse(editions=(BOUNCING,)))[0].said == f"{KEY}: 2.5% of 394 bounced or refused us"


@pytest.fixture
def house(database_url: str, tmp_path: Any) -> Any:
    with edition_house(database_url, tmp_path) as house:
        yield house


def test_an_alarm_is_told_once_and_again_only_after_it_was_over(house: House) -> None:
    gone = Alarm(kind=Kind.SOURCE, about=f"source.{'x' * 120}", said="x could not be read for 25 hours")
    later = replace(gone, said="x could not be read for 26 hours")
    other = Alarm(kind=Kind.STUCK, about=gone.about, said="stuck")

    assert note(house, [gone], NOW) == News((gone,))
    assert note(house, [later], NOW) == News()
    assert note(house, [later, other], NOW) == News((other,))
    assert note(house, [other], NOW) == News((), (gone.said,))
    assert note(house, [gone, other], NOW) == News((gone,))
