"""Two people press at the same moment, on PostgreSQL: one effect, one line of history, and nobody is told a lie."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest
from httpx2 import Response

from content.sends import ARROWS, Press, SendState
from newsletter.dispatching import advance
from newsletter.publishing import draft, find
from newsletter.scheduling import standing
from newsletter.storage.engine import open_engine
from newsletter.storage.imports import ImportState, ImportStore
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.sends import SendStore
from newsletter.storage.staff import Role
from subscribers.people import SubscriptionState
from tests.newsletter.office import AT_HOME, NEEDLING, Browser, Office, said

KEY = "beauty-weekly-2026-W48"
DUE = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def office(migrated_postgresql_database: str, tmp_path: Path) -> Iterator[Office]:
    engine = open_engine(migrated_postgresql_database)
    made = Office(engine, tmp_path, local_hours=False)
    made.hire("Ines", Role.ADMIN)
    made.hire("Paul", Role.ADMIN)
    made.subscribe("ada", "bob")
    yield made
    engine.dispose()


@pytest.fixture
def desks(office: Office) -> tuple[Browser, Browser]:
    return office.sign_in("Ines"), office.sign_in("Paul")


def at_once(*acts: Callable[[], Response]) -> list[Response]:
    """Do every act at the same moment; return the answers in order."""
    together = Barrier(len(acts))

    def act(one: Callable[[], Response]) -> Response:
        together.wait(30)
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def worked(answer: Response) -> bool:
    """Tell whether a page says that what was asked for is done."""
    return answer.status_code == 200 and '<div class="said"' in answer.text


def bring_to(office: Office, state: SendState) -> None:
    """Let the send of this week's edition stand in a state, by what brings it there in life."""
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    ines = office.sign_in("Ines")
    if state is SendState.DRAFT:
        return
    if state is SendState.HOLDING:
        ines.post(f"/digests/{KEY}/schedule", do="now", version="0")
        return
    ines.post(f"/digests/{KEY}/schedule", do="set", day="2026-11-24", time="09:00", version="0")
    moments = {
        SendState.SCHEDULED: (),
        SendState.MISSED: (DUE + timedelta(hours=3),),
        SendState.SENDING: (DUE - timedelta(minutes=4), DUE),
        SendState.PAUSED: (DUE - timedelta(minutes=4), DUE),
    }[state]
    for office.now in moments:
        advance(office.house, office.now)
    if state is SendState.PAUSED:
        office.sign_in("Ines").post(f"/digests/{KEY}/press", do="pause")
    assert standing(office.house, KEY).state is state


def press(do: str, version: int = 0) -> tuple[str, dict[str, str]]:
    """Return the form that a button sends."""
    if do in {"set", "now"}:
        return "schedule", {"do": do, "day": "2026-11-25", "time": "10:00", "version": str(version)}
    return "press", {"do": do, "certain": "yes"} | ({} if do == "stop" else {"version": str(version)})


@pytest.mark.parametrize(
    ("state", "one", "other"),
    [
        (SendState.DRAFT, "set", "now"),
        (SendState.DRAFT, "now", "now"),
        (SendState.SCHEDULED, "cancel", "set"),
        (SendState.SCHEDULED, "cancel", "now"),
        (SendState.HOLDING, "cancel", "cancel"),
        (SendState.HOLDING, "cancel", "stop"),
        (SendState.SENDING, "pause", "pause"),
        (SendState.SENDING, "pause", "stop"),
        (SendState.PAUSED, "resume", "stop"),
        (SendState.PAUSED, "resume", "resume"),
        (SendState.MISSED, "set", "cancel"),
        (SendState.MISSED, "now", "set"),
    ],
    ids=lambda value: str(value),
)
def test_every_arrow_is_taken_by_one_at_a_time(office: Office, state: SendState, one: str, other: str) -> None:
    bring_to(office, state)
    before = SendStore(office.house.engine).changes(KEY)
    desks = office.sign_in("Ines"), office.sign_in("Paul")
    version = standing(office.house, KEY).version
    forms = [press(do, version) for do in (one, other)]

    answers = at_once(
        *(lambda d=d, f=f: d.post(f"/digests/{KEY}/{f[0]}", **f[1]) for d, f in zip(desks, forms, strict=True))
    )

    changes = SendStore(office.house.engine).changes(KEY)
    new = changes[len(before) :]
    assert [c.version for c in changes] == list(range(1, len(changes) + 1))
    assert all(a.after is b.before for a, b in pairwise(changes))
    assert all(c.before in ARROWS[c.press].sources and c.after is ARROWS[c.press].target for c in changes)
    # Whoever pauses what is paused already is told that it is paused: harmless twice, and one line of history.
    assert 1 <= len(new) <= sum(worked(a) for a in answers) <= len(new) + (one == other)
    now = standing(office.house, KEY)
    assert now.state is changes[-1].after
    mailing = office.house.ledger.mailing(KEY)
    as_the_ledger_says = {SendState.PAUSED: MailingState.PAUSED, SendState.STOPPED: MailingState.STOPPED}
    assert mailing is None or mailing.state is as_the_ledger_says.get(now.state, MailingState.SENDING)


def test_who_cancels_while_the_clock_begins_is_told_what_happened(office: Office) -> None:
    bring_to(office, SendState.SCHEDULED)
    office.now = DUE - timedelta(minutes=4)
    advance(office.house, office.now)
    ines = office.sign_in("Ines")
    version = standing(office.house, KEY).version
    office.now = DUE + timedelta(seconds=1)
    together = Barrier(2)

    def clock() -> None:
        together.wait(30)
        advance(office.house, office.now)

    def cancel() -> Response:
        together.wait(30)
        return ines.post(f"/digests/{KEY}/press", do="cancel", version=str(version))

    with ThreadPoolExecutor(2) as pool:
        ticking, cancelled = pool.submit(clock), pool.submit(cancel)
        ticking.result()
        answer = cancelled.result()

    mailing, state = office.house.ledger.mailing(KEY), standing(office.house, KEY).state
    assert (worked(answer), state, mailing is None) in {
        (True, SendState.DRAFT, True),
        (False, SendState.SENDING, False),
    }


def test_of_two_who_save_at_once_one_is_shown_both_texts(office: Office, desks: tuple[Browser, Browser]) -> None:
    office.bring(NEEDLING, AT_HOME, approved=True)
    desks[0].post("/digests")
    words = ("Mine", "Theirs")

    answers = at_once(
        *(
            lambda d=d, w=w: d.post(f"/digests/{KEY}", version="0", do="save", subject=w, preheader="", intro="")
            for d, w in zip(desks, words, strict=True)
        )
    )

    assert sorted(a.status_code for a in answers) == [200, 409]
    loser = [a.status_code for a in answers].index(409)
    assert f'value="{words[loser]}"' in answers[loser].text
    assert office.house.compositions.latest(KEY).composition.subject == words[1 - loser]
    assert find(office.house, KEY).edition.subject == words[1 - loser]
    assert len(office.house.compositions.all(KEY)) == 1


def test_an_article_is_decided_once(office: Office, desks: tuple[Browser, Browser]) -> None:
    office.bring(NEEDLING)
    seen = f"{NEEDLING.revision}:pending"

    answers = at_once(
        lambda: desks[0].post("/articles", one=seen, do="approve"),
        lambda: desks[1].post("/articles", one=seen, do="reject", note="too long"),
    )

    (standing_now,) = office.house.articles.standings()
    assert sorted(said(a)[:9] for a in answers)[1] == "1 article"
    winner = [said(a).startswith("1 article") for a in answers].index(True)
    assert standing_now.word == ("approved", "rejected")[winner]


def test_a_double_click_imports_once_and_undoes_once(office: Office, desks: tuple[Browser, Browser]) -> None:
    page = desks[0].client.post(
        "/audience/import",
        files={"file": ("people.csv", b"email,name\nzoe@example.org,Zoe\n")},
        data={"basis": "shop", "dates": "iso"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    found = re.search(r'name="upload" value="([^"]+)"', page.text)
    assert found
    upload = found[1]

    at_once(*[lambda d=d: d.post("/audience/import/apply", upload=upload) for d in desks])

    (one,) = ImportStore(office.house.engine).all()
    assert (one.state, one.counts["added"]) == (ImportState.DONE, 1)
    undone = at_once(*[lambda d=d: d.post("/audience/import/undo", **{"import": "1"}) for d in desks])
    assert sum("1 person gone again" in said(a) for a in undone) == 1
    assert office.house.people.count("beauty")[SubscriptionState.CONFIRMED] == 2


def test_the_log_of_everything_at_once_is_one_chain(office: Office, desks: tuple[Browser, Browser]) -> None:
    office.bring(NEEDLING)
    acts = [lambda d=d: d.post("/account/profile", shortcuts="yes") for d in desks for _ in range(4)]

    at_once(*acts)

    assert office.staffing.audit.verify() is None
    assert len(office.staffing.audit.page(act="staff.profile")) == 8


def test_the_presses_above_are_all_that_pages_offer() -> None:
    offered = {Press.SCHEDULE, Press.RESCHEDULE, Press.SUBMIT, Press.SEND_NOW}
    assert offered | {Press.CANCEL, Press.PAUSE, Press.RESUME, Press.STOP} == {
        p for p, arrow in ARROWS.items() if any(a.value == "person" for a in arrow.actors)
    }
