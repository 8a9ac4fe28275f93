"""The doctor finds every orphan that was planted and no other, changes nothing when asked, and mends it for good."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from content.sends import Actor, Press, SendState, move
from newsletter.delivering import deliver
from newsletter.dispatching import LOCK, UNTIL_LET_GO, accept, advance
from newsletter.doctoring import Kind, Orphan, Ward, examine, mend
from newsletter.orchestration import Server, make_password, server_of
from newsletter.publishing import find
from newsletter.releasing import release
from newsletter.scheduling import finish, schedule, send_now, standing
from newsletter.sending import run
from newsletter.storage.editions import EditionState
from newsletter.storage.ledger import Ledger
from newsletter.storage.ledger_freezing import SILENCE
from newsletter.storage.ledger_tables import audience, mailings
from newsletter.storage.locks import hold_lock
from newsletter.storage.sends import MarkStore, SendStore
from newsletter.transports.capture import capture_server
from newsletter.transports.journal import Journal
from newsletter.wiring import House
from tests.clock import now_of_each_test  # noqa: F401  sets NOW
from tests.newsletter.scheduled import KEY, edition_house

#: Leases are judged by the database's clock, so these orphans are of today.
NOW = datetime.now(UTC)


MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with (
        capture_server(tmp_path / "mail") as port,
        edition_house(database_url, tmp_path, smtp_host="127.0.0.1", smtp_port=port) as house,
    ):
        accept(house, NOW)
        yield house


def _kinds(orphans: tuple[Orphan, ...]) -> list[Kind]:
    return [orphan.kind for orphan in orphans]


def _freeze(house: House) -> None:
    release(house, KEY, NOW, hold=timedelta(0))


def plant_journal(house: House) -> None:
    Journal(house.settings.home / "journals").abandon()


def plant_lease(house: House) -> None:
    send_now(house, KEY, by="ines", now=NOW)
    advance(house, NOW)
    long_ago = Ledger(house.engine, lambda: datetime.now(UTC) - 10 * MINUTE)
    assert long_ago.turn("another-host-1-abc").chunk


def plant_audience(house: House) -> None:
    values = {"edition": "~abc", "mailing_list": "beauty", "state": "freezing", "reason": "", "candidates": 0}
    with house.engine.begin() as connection:
        number = connection.execute(
            insert(mailings).values(frozen_at=NOW - SILENCE * 2, **values).returning(mailings.c.id)
        ).scalar_one()
        row = {"subscriber": "x", "address": "x@example.org", "key": "x@example.org", "name": "", "variant": ""}
        connection.execute(insert(audience).values(mailing=number, idx=0, **row))


def plant_mailing(house: House) -> None:
    release(house, KEY, NOW, hold=UNTIL_LET_GO)


def plant_send(house: House) -> None:
    schedule(house, KEY, NOW + MINUTE, by="ines", now=NOW)
    store = SendStore(house.engine)
    scheduled = store.find(KEY)
    assert scheduled
    late = replace(scheduled, due_at=NOW - 5 * MINUTE, version=scheduled.version + 1)
    assert store.move(scheduled, late, Press.RESCHEDULE)


def plant_begun(house: House) -> None:
    """A dispatcher was killed right after it had begun a send."""
    send_now(house, KEY, by="ines", now=NOW - 6 * MINUTE)
    store = SendStore(house.engine)
    holding = store.find(KEY)
    assert holding
    begun = move(holding, Press.START, Actor.CLOCK, by="x", at=NOW - 5 * MINUTE)
    assert store.move(holding, begun, Press.START)


def plant_held(house: House) -> None:
    """A dispatcher was killed between freezing and letting go."""
    plant_begun(house)
    release(house, KEY, NOW, hold=UNTIL_LET_GO)


def plant_rhythm(house: House) -> None:
    MarkStore(house.engine).put("rhythm beauty", "", NOW - timedelta(days=60))


def plant_end(house: House) -> None:
    """A sender was killed after its last message."""
    send_now(house, KEY, by="ines", now=NOW)
    advance(house, NOW)
    assert run(deliver(house, NOW)).accepted == 2


def plant_site(house: House) -> None:
    plant_end(house)
    finish(house, KEY, NOW)
    (house.settings.home / "site" / "editions" / f"{KEY}.html").unlink()
    part = house.settings.home / "site" / ".abc.part"
    part.touch()
    os.utime(part, (0, 0))


#: What is planted, when the doctor comes, and what it is to find.
PLANTED: dict[str, tuple[Callable[[House], None], timedelta, Kind]] = {
    "journal": (plant_journal, timedelta(0), Kind.JOURNAL),
    "lease": (plant_lease, timedelta(0), Kind.LEASE),
    "audience": (plant_audience, timedelta(0), Kind.AUDIENCE),
    "mailing": (plant_mailing, timedelta(0), Kind.MAILING),
    "due": (plant_send, timedelta(0), Kind.SEND),
    "begun": (plant_begun, timedelta(0), Kind.SEND),
    "frozen and held": (plant_held, timedelta(0), Kind.SEND),
    "rhythm": (plant_rhythm, timedelta(0), Kind.SEND),
    "end": (plant_end, 5 * MINUTE, Kind.END),
    "site": (plant_site, timedelta(0), Kind.SITE),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_orphan_is_found_alone_and_mended_for_good(name: str, house: House) -> None:
    plant, later, kind = PLANTED[name]
    plant(house)
    ward = Ward(house, NOW + later)

    found = examine(ward)
    again = examine(ward)  # looking has changed nothing
    done = mend(ward, found)

    assert _kinds(found) == [kind]
    assert again == found
    assert list(done) == [kind]
    assert examine(ward) == ()
    assert mend(ward, found) is not None  # a second time does no harm


def test_all_planted_together_are_all_found(house: House) -> None:
    plant_mailing(house)  # first: whoever freezes clears half-written audiences away
    plant_journal(house)
    plant_audience(house)
    plant_rhythm(house)
    ward = Ward(house, NOW)

    found = examine(ward)
    mend(ward, found)

    assert _kinds(found) == [Kind.JOURNAL, Kind.AUDIENCE, Kind.MAILING, Kind.SEND]
    assert examine(ward) == ()


def test_a_house_in_which_everybody_lives_has_no_orphans(house: House) -> None:
    ward = Ward(house, NOW)
    assert examine(ward) == ()
    send_now(house, KEY, by="ines", now=NOW)
    advance(house, NOW)
    living = Journal(house.settings.home / "journals")
    turn = house.ledger.turn(living.owner)

    assert turn.chunk
    assert examine(ward) == ()
    living.close()


def test_what_a_living_dispatcher_is_busy_with_is_no_orphan(house: House) -> None:
    plant_begun(house)

    with hold_lock(house.engine, LOCK) as ours:
        assert ours
        assert examine(Ward(house, NOW)) == ()


def test_mending_does_not_write_to_people_whom_nobody_has_let_go(house: House) -> None:
    plant_mailing(house)
    ward = Ward(house, NOW)
    mend(ward, examine(ward))

    assert standing(house, KEY).state is SendState.PAUSED
    assert run(deliver(house, NOW)).accepted == 0
    assert house.ledger.tally(KEY).pending == 2


def test_nothing_begins_on_a_copy_of_the_database(house: House) -> None:
    plant_send(house)
    MarkStore(house.engine).put("identity", "another database", NOW)

    assert examine(Ward(house, NOW)) == ()


def test_a_lost_hosts_people_are_uncertain_and_the_edition_ends(house: House) -> None:
    plant_lease(house)
    ward = Ward(house, NOW)
    said = mend(ward, examine(ward))

    assert said == {Kind.LEASE: "given back; 2 people are uncertain"}
    assert mend(Ward(house, NOW + 5 * MINUTE), examine(Ward(house, NOW + 5 * MINUTE)))
    assert find(house, KEY).state is EditionState.SENT


def test_the_server_is_the_one_that_is_named_or_that_up_has_noted(tmp_path: Path) -> None:
    assert server_of(tmp_path, {}) is None
    (tmp_path / "prefect-server.json").write_text(json.dumps({"api": "http://127.0.0.1:1/api"}))

    assert server_of(tmp_path, {}) == Server("http://127.0.0.1:1/api")
    named = {"PREFECT_API_URL": "http://127.0.0.1:2/api/", "PREFECT_API_AUTH_STRING": "operator:secret"}
    assert server_of(tmp_path, named) == Server("http://127.0.0.1:2/api", "operator:secret")


def test_the_password_of_our_own_server_is_told_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "prefect-server.json").write_text(json.dumps({"api": "http://127.0.0.1:1/api"}))
    password = make_password(tmp_path)

    assert make_password(tmp_path) == password
    assert len(password) >= 40
    assert stat.S_IMODE((tmp_path / "prefect-password").stat().st_mode) == 0o600
    assert server_of(tmp_path, {}) == Server("http://127.0.0.1:1/api", password)
    assert server_of(tmp_path, {"PREFECT_API_URL": "http://127.0.0.1:1/api"}) == Server(
        "http://127.0.0.1:1/api", password
    )
    assert server_of(tmp_path, {"PREFECT_API_URL": "http://127.0.0.1:2/api"}) == Server("http://127.0.0.1:2/api")
