"""Every ruling says who gave it, and is taken back with one press; a sentence that was left out comes back likewise."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from content.clusters import Ruling, RulingKind
from newsletter.publishing import find
from newsletter.storage.engine import open_engine
from newsletter.storage.rulings import RulingStore
from newsletter.storage.staff import Role
from tests.builders import MONDAY
from tests.newsletter.office import AT_HOME, NEEDLING, REWORDED, Browser, Office, said, words_of

KEY = "beauty-weekly-2026-W48"
LATER = MONDAY + timedelta(minutes=1)
A_FIRST, B_FIRST = Ruling(RulingKind.PREFER, "a", "b"), Ruling(RulingKind.PREFER, "b", "a")


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path)
    made.hire("Ines", Role.ADMIN)
    yield made
    engine.dispose()


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_what_is_taken_back_leaves_what_held_before(engine: Engine) -> None:
    store = RulingStore(engine)
    store.add([A_FIRST], by="Ines", now=MONDAY)
    store.add([B_FIRST, Ruling(RulingKind.KEEP, "c")], by="Paul", now=LATER)
    (last, _) = store.given()

    taken = store.take_back(last.number, by="Ines", now=LATER + timedelta(minutes=1))

    assert taken == (B_FIRST, Ruling(RulingKind.KEEP, "c"))
    assert store.in_force() == (A_FIRST,)
    assert store.take_back(last.number, by="Ines", now=LATER) == ()
    assert [g.by for g in store.given()] == ["Ines"]


def test_a_ruling_shows_who_gave_it_and_is_undone(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME, REWORDED, approved=True)
    group = re.search(r'href="(/duplicates/[0-9a-f]{16})"', ines.get("/duplicates").text)
    assert group
    before = office.house.rulings.in_force()
    office.now += timedelta(minutes=5)
    keep = re.search(r'name="keep" value="([^"]+)"', ines.get(group[1]).text)
    assert keep
    ines.post(group[1], do="keep", keep=keep[1], left="", right="")
    assert office.house.rulings.in_force() != before

    page = words_of(ines, "/duplicates/rulings")
    assert "The wording of “How microneedling works, in" in page
    assert "sections explain the same Ines Mon 23 Nov 2026, 09:05 GMT" in page
    number = re.search(r'name="number" value="(\d+)"', ines.get("/duplicates/rulings").text)
    assert number
    answer = ines.post("/duplicates/rulings", number=number[1])

    assert said(answer).startswith("Taken back")
    assert office.house.rulings.in_force() == before
    assert said(ines.post("/duplicates/rulings", number=number[1])).startswith("That ruling does not hold any more")
    assert said(ines.post("/duplicates/rulings", number="x")).startswith("That ruling does not hold any more")


def test_a_sentence_that_was_left_out_is_printed_again(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, REWORDED, approved=True)
    ines.post("/digests")
    left_out = {d["sentence"] for d in json.loads(find(office.house, KEY).folding)["dropped"]}
    page = ines.get(f"/digests/{KEY}/repeats").text
    first = re.search(r'name="sentence" value="(\w+)"><button[^>]*>Print it again<span[^>]*>: ([^<]+)<', page)
    assert first
    assert first[2] in left_out

    answer = ines.post(f"/digests/{KEY}/repeats", sentence=first[1])

    assert said(answer).startswith("It is printed again.")
    again = json.loads(find(office.house, KEY).folding)
    assert {d["sentence"] for d in again["dropped"]} == left_out - {first[2]}
    assert find(office.house, KEY).state.value == "held"
    assert f"“{first[2]}” is always printed" in words_of(ines, "/duplicates/rulings")
    assert said(ines.post(f"/digests/{KEY}/repeats", sentence=first[1])).startswith("That sentence is not left out")
