"""A new section finds its likes among all earlier ones; what is forgotten is found no more."""

import pytest
from sqlalchemy import Engine, func, select

from content.sections import Section
from newsletter.storage import similarity
from newsletter.storage.similarity import SimilarityIndex
from tests.content.builders import make_article, make_sections

HOW = "A vegetable dye is painted on the lashes and wiped off with damp cotton after ten minutes."
RETOLD = "The lashes are painted with a dye made from vegetables. Damp cotton wipes it off ten minutes later."
PEDICURE = "The feet soak in warm water before hard skin is filed from the heels."


def section(article: str, text: str) -> Section:
    (only,) = make_sections(make_article(article, ("How it works", text)))
    return only


@pytest.fixture
def index(engine: Engine) -> SimilarityIndex:
    return SimilarityIndex(engine)


def test_a_retold_section_finds_its_original(index: SimilarityIndex) -> None:
    original = section("a", HOW)
    index.add([original, section("b", PEDICURE)])

    (near,) = index.near(section("c", RETOLD))

    assert (near.section, near.article) == (original.id, "a")
    assert near.shared > 0.5


def test_a_section_does_not_find_its_own_article(index: SimilarityIndex) -> None:
    index.add([section("a", HOW)])

    assert index.near(section("a", RETOLD)) == ()


def test_indexing_again_changes_nothing(index: SimilarityIndex, engine: Engine) -> None:
    sections = [section("a", HOW), section("b", PEDICURE)]

    assert index.add(sections) == 2
    before = _counts(engine)

    assert index.add(sections) == 0
    assert index.size() == 2
    assert _counts(engine) == before


def test_what_is_forgotten_is_found_no_more_and_leaves_nothing_behind(index: SimilarityIndex, engine: Engine) -> None:
    index.add([section("b", PEDICURE)])
    before = _counts(engine)
    index.add([section("a", HOW)])

    assert index.forget("a") == 1

    assert index.near(section("c", RETOLD)) == ()
    assert _counts(engine) == before


def test_page_furniture_is_not_indexed(index: SimilarityIndex) -> None:
    assert index.add([section("a", "Subscribe to our newsletter!")]) == 0


def test_an_empty_index_and_a_section_without_words_find_nothing(index: SimilarityIndex) -> None:
    assert index.near(section("a", HOW)) == ()
    index.add([section("b", PEDICURE)])
    assert index.near(section("a", "💅")) == ()


def test_a_word_that_everybody_uses_is_passed_over(index: SimilarityIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BUDGET", 3)
    index.add([section(f"other{n}", f"The feet soak, number {n}.") for n in range(5)])
    index.add([section("a", "The feet like marigold petals.")])

    assert [n.article for n in index.near(section("c", "Feet and marigold petals."))] == ["a"]


def _counts(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        held = connection.execute(select(similarity.word_holders).order_by("word")).all()
        rows = connection.execute(select(func.count()).select_from(similarity.section_words)).scalar_one()
    return [tuple(map(tuple, held)), rows]
