"""What went out is mended from its page: it stops where it has not arrived, is marked, and its readers hear of it."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.publishing import draft, find
from newsletter.releasing import release
from newsletter.storage.editions import EditionState
from newsletter.storage.engine import open_engine
from newsletter.storage.staff import Role
from tests.builders import heading, make_article, paragraph
from tests.newsletter.desks import outcome_of
from tests.newsletter.office import Browser, Office, said, words_of

KEY = "beauty-weekly-2026-W48"
WRONG = make_article(
    "scars.md", heading("Afterwards"), paragraph("Wait 24 hours before you wear make-up again."), title="Scars"
)
RIGHT = make_article(
    "scars.md", heading("Afterwards"), paragraph("Wait 72 hours before you wear make-up again."), title="Scars"
)
BALMS = make_article("wax.md", paragraph("A balm seals the lips with wax."), title="Balms")


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    """Two articles are on their way to two people; one of them has it."""
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path)
    made.hire("Ines", Role.ADMIN)
    made.subscribe("ada", "bob")
    made.bring(WRONG, BALMS, approved=True)
    draft(made.house, made.now)
    release(made.house, KEY, made.now, hold=timedelta(0))
    outcome_of(made, KEY, 0)
    made.now += timedelta(hours=1)
    yield made
    engine.dispose()


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_an_article_that_no_digest_told_offers_nothing_to_mend(office: Office, ines: Browser) -> None:
    fresh = make_article("fresh.md", paragraph("Nobody has this yet."), title="Fresh")
    office.bring(fresh, approved=True)

    assert "After it went out" not in words_of(ines, f"/articles/{fresh.revision}")
    assert "After it went out Week 48, 2026" in words_of(ines, f"/articles/{WRONG.revision}")


def test_a_withdrawal_needs_a_reason_and_a_tick_and_holds_what_has_not_left(office: Office, ines: Browser) -> None:
    path = f"/articles/{WRONG.revision}/withdraw"
    for form in ({"note": "retracted"}, {"certain": "yes"}, {"note": "  ", "certain": "yes"}):
        assert said(ines.post(path, **form)).startswith("Say why, and tick that you are sure.")
    assert find(office.house, KEY).state is EditionState.APPROVED

    answer = ines.post(path, note="retracted", public="The study was retracted.", certain="yes")

    assert said(answer) == (
        "Withdrawn. Week 48, 2026 is held: nothing more of it leaves. "
        "Week 48, 2026 says so on the site and in feeds."
    )  # fmt: skip
    assert find(office.house, KEY).state is EditionState.HELD
    page = next((office.settings.home / "site" / "editions").glob("*W48*.html")).read_text()
    assert "The study was retracted." in page


def test_approving_what_was_withdrawn_takes_the_mark_away(office: Office, ines: Browser) -> None:
    ines.post(f"/articles/{WRONG.revision}/withdraw", note="x", public="A mistake of ours.", certain="yes")
    office.now += timedelta(minutes=1)

    ines.post("/articles", one=f"{WRONG.revision}:withdrawn", do="approve")

    page = next((office.settings.home / "site" / "editions").glob("*W48*.html")).read_text()
    assert "A mistake of ours." not in page
    assert "Wait 24 hours" in page


def test_a_correction_is_offered_once_the_source_shows_another_wording(office: Office, ines: Browser) -> None:
    assert "Correct it" not in words_of(ines, f"/articles/{WRONG.revision}")
    office.bring(RIGHT)
    assert "Correct it" in words_of(ines, f"/articles/{RIGHT.revision}")
    stale = ines.post(f"/articles/{WRONG.revision}/correct", words="We wrote 24 hours; it is 72.")
    assert (stale.status_code, "Its source shows another wording since" in stale.text) == (409, True)

    answer = ines.post(f"/articles/{RIGHT.revision}/correct", words="We wrote 24 hours; it is 72.")

    assert said(answer).startswith("Corrected. Week 48, 2026 is held")
    assert [s.word for s in office.house.articles.find("scars.md")] == ["approved"]


def test_just_those_who_have_the_old_wording_are_written_to_once(office: Office, ines: Browser) -> None:
    office.bring(RIGHT)
    ines.post(f"/articles/{RIGHT.revision}/correct", words="We wrote 24 hours; it is 72.")
    path = f"/articles/{RIGHT.revision}/notify"
    assert said(ines.post(path)).startswith("Tick that you are sure.")

    answer = ines.post(path, certain="yes")

    assert said(answer) == "1 person received it; one letter goes to each."
    assert answer.url.path.startswith("/digests/beauty-correction-")
    (notice,) = (e.key for e in office.console.overviews.editions("beauty") if "correction" in e.key)
    assert said(ines.post(path, certain="yes")) == "1 person received it; one letter goes to each."
    assert office.house.ledger.tally(notice).candidates == 1
    for page in ("/", "/results", f"/results/{notice}", f"/digests/{notice}/repeats", "/digests", "/calendar"):
        assert ines.get(page).status_code == 200, page


def test_a_digest_that_is_held_on_its_way_is_made_again_for_the_others(office: Office, ines: Browser) -> None:
    assert "Make it again" not in words_of(ines, f"/digests/{KEY}/send")
    assert said(ines.post(f"/digests/{KEY}/remake")).endswith("only what is held on its way is made again")
    ines.post(f"/articles/{WRONG.revision}/withdraw", note="retracted", certain="yes")
    assert "Make it again for the others" in words_of(ines, f"/digests/{KEY}/send")

    answer = ines.post(f"/digests/{KEY}/remake")

    assert said(answer).startswith("Made again as Week 48, 2026 (2), for those who have not received it.")
    again = find(office.house, f"{KEY}-2")
    assert (again.state, [s.title for s in again.edition.stories]) == (EditionState.HELD, ["Balms"])
