"""What an editor types is kept by itself, for them alone, and gets into the digest when they say so."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from content.compositions import Composition
from newsletter.publishing import draft, find
from newsletter.releasing import release
from newsletter.storage.engine import open_engine
from newsletter.storage.jottings import Jotting, JottingStore
from newsletter.storage.staff import Role
from tests.builders import MONDAY
from tests.newsletter.office import NEEDLING, Browser, Office, said, words_of

KEY = "beauty-weekly-2026-W48"
WORDS = {"version": "0", "subject": "Needles, tested", "preheader": "", "intro": "Two of us tried it."}


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path, zone="Europe/Paris")
    made.hire("Ines", Role.ADMIN)
    made.hire("Paul", Role.EDITOR)
    made.subscribe("ada")
    made.bring(NEEDLING, approved=True)
    draft(made.house, made.now)
    yield made
    engine.dispose()


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_the_last_words_of_each_editor_are_kept(engine: Engine) -> None:
    store = JottingStore(engine)
    words = [
        Jotting(edition=KEY, member=member, version=0, words=Composition(subject=subject), at=MONDAY)
        for member, subject in (("ines", "One"), ("paul", "Two"), ("ines", "Three"))
    ]
    for jotting in words:
        store.keep(jotting)

    assert (store.of(KEY, "ines"), store.of(KEY, "paul"), store.of("other", "ines")) == (words[2], words[1], None)
    store.forget(KEY, "ines")
    assert (store.of(KEY, "ines"), store.of(KEY, "paul")) == (None, words[1])


def test_typed_words_are_there_the_next_day_and_not_in_the_digest(office: Office, ines: Browser) -> None:
    answer = ines.post(f"/digests/{KEY}/jot", **WORDS)
    assert (answer.status_code, words_of_fragment(answer.text)) == (200, "Saved 10:00, not in the digest yet")
    office.now += timedelta(hours=7)

    page = ines.get(f"/digests/{KEY}").text

    assert 'value="Needles, tested"' in page
    assert "Your words of Mon 23 Nov 2026, 10:00 CET were kept." in page
    assert find(office.house, KEY).edition.subject != "Needles, tested"
    assert "Needles, tested" not in office.sign_in("Paul").get(f"/digests/{KEY}").text


def test_saving_puts_them_into_the_digest_and_forgets_them(office: Office, ines: Browser) -> None:
    ines.post(f"/digests/{KEY}/jot", **WORDS)

    ines.post(f"/digests/{KEY}", do="save", **WORDS)

    assert find(office.house, KEY).edition.subject == "Needles, tested"
    assert "were kept" not in words_of(ines, f"/digests/{KEY}")


def test_they_can_be_thrown_away(office: Office, ines: Browser) -> None:
    ines.post(f"/digests/{KEY}/jot", **WORDS)

    assert said(ines.post(f"/digests/{KEY}/jot", do="forget")).startswith("Thrown away.")

    assert "Needles, tested" not in ines.get(f"/digests/{KEY}").text


def test_who_typed_before_somebody_else_saved_is_told_when_they_save(office: Office, ines: Browser) -> None:
    ines.post(f"/digests/{KEY}/jot", **WORDS)
    office.sign_in("Paul").post(f"/digests/{KEY}", do="save", version="0", subject="Paul was here")

    page = ines.get(f"/digests/{KEY}").text
    assert 'name="version" value="0"' in page
    answer = ines.post(f"/digests/{KEY}", do="save", **WORDS)

    assert (answer.status_code, "We could not save: Paul saved this digest" in answer.text) == (409, True)
    assert find(office.house, KEY).edition.subject == "Paul was here"


def test_nothing_is_kept_of_a_digest_on_its_way(office: Office, ines: Browser) -> None:
    release(office.house, KEY, office.now, hold=timedelta(0))

    answer = ines.post(f"/digests/{KEY}/jot", **WORDS)

    assert answer.status_code == 409
    assert JottingStore(office.house.engine).of(KEY, "anybody") is None
    assert "were kept" not in words_of(ines, f"/digests/{KEY}")


def words_of_fragment(text: str) -> str:
    """Return what a piece of a page says."""
    return text.replace("<span data-kept>", "").replace("</span>", "")
