"""What an editor decided about sentences and sections is remembered and wins, also over later scores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from content.clusters import Ruling, RulingKind
from newsletter.publishing import draft
from newsletter.ruling import Choice, RulingError, choose, rule
from newsletter.settings import Settings
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.wiring import House, open_house
from tests.builders import MONDAY, heading, make_approval, make_article, paragraph

WORKS = heading("How Microneedling Works")
NEEDLES = "Fine needles make tiny channels in the skin, and the skin answers with new collagen."
SHORT = make_article(
    "a.md", WORKS, paragraph(f"{NEEDLES} Wait 24 hours before you wear make-up again."), title="Microneedling"
)
LONG = make_article(
    "b.md", WORKS, paragraph(f"{NEEDLES} Wait 72 hours before you wear make-up again."), title="Microneedling"
)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with open_house(Settings(home=tmp_path, database_url=database_url, postal_address="1 Example Street")) as house:
        house.articles.record([SHORT, LONG], MONDAY)
        house.articles.decide([make_approval(SHORT), make_approval(LONG)])
        yield house


def _draft(house: House) -> EditionRecord:
    record = draft(house, MONDAY, again=True)
    assert record
    return record


def _text(record: EditionRecord) -> str:
    blocks = [b for s in record.edition.stories for part in s.sections for b in part.blocks]
    kept = [k.block for s in record.edition.stories for part in s.sections for k in part.kept]
    return " ".join(b.text for b in [*blocks, *kept])


@pytest.mark.parametrize(
    ("choice", "printed"),
    [(Choice.FIRST, (True, False)), (Choice.SECOND, (False, True)), (Choice.BOTH, (True, True))],
)
def test_a_choice_settles_a_contradiction_for_good(house: House, choice: Choice, printed: tuple[bool, bool]) -> None:
    held = _draft(house)
    assert held.state is EditionState.HELD

    sentences = choose(house.rulings, held, 1, choice, by="Ines", now=MONDAY)
    record = _draft(house)

    assert record.state is EditionState.APPROVED
    assert tuple(sentence in _text(record) for sentence in sentences) == printed


def test_sections_that_an_editor_calls_different_are_printed_both(house: House) -> None:
    held = _draft(house)
    (decision,) = held.edition.manifest.decisions

    sections = [decision.dropped, decision.kept]
    rule(house.rulings, house.articles, held, RulingKind.DIFFERENT, sections, by="Ines", now=MONDAY)
    record = _draft(house)

    assert record.edition.manifest.decisions == ()
    assert len(record.edition.stories) == 2


def test_an_editor_chooses_which_section_is_printed(house: House) -> None:
    held = _draft(house)
    (decision,) = held.edition.manifest.decisions

    rule(house.rulings, house.articles, held, RulingKind.CANONICAL, [decision.dropped], by="Ines", now=MONDAY)

    assert [d.kept for d in _draft(house).edition.manifest.decisions] == [decision.dropped]


def test_the_latest_ruling_about_a_pair_holds(house: House) -> None:
    house.rulings.add([Ruling(RulingKind.SAME, "x", "y")], by="Ines", now=MONDAY)
    house.rulings.add([Ruling(RulingKind.DIFFERENT, "y", "x")], by="Bea", now=MONDAY)

    assert house.rulings.in_force() == (Ruling(RulingKind.DIFFERENT, "y", "x"),)


def test_what_cannot_be_ruled_is_said(house: House) -> None:
    held = _draft(house)

    with pytest.raises(RulingError, match="has 1 contradictions; there is no number 2"):
        choose(house.rulings, held, 2, Choice.FIRST, by="Ines", now=MONDAY)
    with pytest.raises(RulingError, match="--by NAME"):
        choose(house.rulings, held, 1, Choice.FIRST, by=" ", now=MONDAY)
    with pytest.raises(RulingError, match="no section 'nothing'"):
        rule(house.rulings, house.articles, held, RulingKind.CANONICAL, ["nothing"], by="Ines", now=MONDAY)
    with pytest.raises(RulingError, match="different takes 2 sections, got 1"):
        rule(house.rulings, house.articles, held, RulingKind.DIFFERENT, ["x"], by="Ines", now=MONDAY)
    assert house.rulings.in_force() == ()
