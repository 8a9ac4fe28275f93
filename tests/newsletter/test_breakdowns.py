"""The messages of an edition are counted by hour, by domain and by reply, and none of another edition with them."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from newsletter.storage.breakdowns import Breakdowns, DomainRow, Reply
from newsletter.storage.consents import consents
from newsletter.storage.ledger import Ledger
from newsletter.storage.ledger_tables import audience, mailings, outcomes
from subscribers.deliveries import Recipient
from tests.builders import MONDAY

PEOPLE = ("ada@one.example.org", "bob@one.example.org", "eve@two.example.org", "zoe@two.example.org")
REPLIES = {"accepted": "ok", "refused": "no such <user>", "uncertain": "the connection broke"}


@pytest.fixture
def breakdowns(engine: Engine) -> Breakdowns:
    ledger = Ledger(engine)
    for edition, kinds in (("w48", ("accepted", "accepted", "refused", "uncertain")), ("w47", ("refused",) * 4)):
        ledger.freeze(edition, [Recipient(subscriber=a, address=a, name="") for a in PEOPLE])
        became = dict(zip(PEOPLE, kinds, strict=True))
        with engine.connect() as connection:
            frozen = connection.execute(select(audience).join(mailings).where(mailings.c.edition == edition)).all()
        rows = [
            {
                "mailing": row.mailing,
                "idx": row.idx,
                "kind": became[row.subscriber],
                "cause": "none",
                "code": 550 if became[row.subscriber] == "refused" else 250,
                "enhanced": "",
                "reply": REPLIES[became[row.subscriber]],
                "at": MONDAY + timedelta(minutes=40 * PEOPLE.index(row.subscriber)),
            }
            for row in frozen
        ]
        with engine.begin() as connection:
            connection.execute(outcomes.insert(), rows)
    return Breakdowns(engine)


def test_accepted_messages_are_counted_by_the_hour_they_were_accepted_in(breakdowns: Breakdowns) -> None:
    assert breakdowns.hours("w48") == ((MONDAY, 2),)
    assert breakdowns.hours("w47") == ()
    assert breakdowns.hours("no such edition") == ()


def test_domains_come_with_how_their_people_fared(breakdowns: Breakdowns) -> None:
    assert breakdowns.domains("w48") == (DomainRow("one.example.org", 2, 0, 0), DomainRow("two.example.org", 0, 1, 1))
    assert [d.domain for d in breakdowns.domains("w48", limit=1)] == ["one.example.org"]


def test_replies_are_those_of_messages_that_did_not_arrive_for_sure(breakdowns: Breakdowns) -> None:
    assert breakdowns.replies("w48") == (
        Reply("refused", 550, "no such <user>", 1),
        Reply("uncertain", 250, "the connection broke", 1),
    )
    assert breakdowns.replies("w47") == (Reply("refused", 550, "no such <user>", 4),)


def test_whoever_left_is_counted_once_and_only_for_this_list_and_time(engine: Engine, breakdowns: Breakdowns) -> None:
    said = [
        ("ada", "beauty", "left", 0),
        ("ada", "", "left", 1),
        ("bob", "", "left", 1),
        ("eve", "hair", "left", 1),
        ("zoe", "beauty", "changed", 1),
        ("uma", "beauty", "left", -1),
        ("eve", "beauty", "left", 72),
    ]
    with engine.begin() as connection:
        for who, about, act, hours in said:
            row = {"subscriber": who, "list": about, "act": act, "at": MONDAY + timedelta(hours=hours)}
            connection.execute(
                consents.insert().values(row | dict.fromkeys(("door", "wording", "form", "detail", "network"), ""))
            )

    assert breakdowns.left("beauty", MONDAY, MONDAY + timedelta(hours=72)) == 2
