"""A new section finds its likes among all told explainers; what is forgotten is found no more."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from content.sections import Section
from newsletter.storage import postings
from newsletter.storage.similarity import Near, SimilarityIndex, Told
from tests.builders import MONDAY
from tests.content.builders import make_article, make_sections

HOW = "A vegetable dye is painted on the lashes and wiped off with damp cotton after ten minutes."
RETOLD = "The lashes are painted with a dye made from vegetables. Damp cotton wipes it off ten minutes later."
PEDICURE = "The feet soak in warm water before hard skin is filed from the heels."


def section(article: str, text: str) -> Section:
    (only,) = make_sections(make_article(article, ("How it works", text)))
    return only


def told(article: str, text: str, edition: str = "W48") -> Told:
    return Told(section=section(article, text), edition=edition, explainer=f"about {article}", told_at=MONDAY)


@pytest.fixture
def index(engine: Engine) -> SimilarityIndex:
    return SimilarityIndex(engine)


def test_a_retold_section_finds_its_original(index: SimilarityIndex) -> None:
    original, asked = told("a", HOW), section("c", RETOLD)
    index.add([original, told("b", PEDICURE)])

    (near,) = index.near([asked])

    assert near == Near(
        asked=asked.id,
        section=original.section.id,
        article="a",
        revision=original.section.revision,
        edition="W48",
        explainer="about a",
        told_at=MONDAY,
        shared=near.shared,
    )
    assert near.shared > 0.5


def test_the_sections_of_an_article_ask_together(index: SimilarityIndex) -> None:
    index.add([told("a", HOW), told("b", PEDICURE)])
    asked = make_sections(make_article("c", ("One", RETOLD), ("Two", PEDICURE)))

    assert [(n.asked, n.article) for n in index.near(asked)] == [(asked[0].id, "a"), (asked[1].id, "b")]


def test_a_section_does_not_find_its_own_article(index: SimilarityIndex) -> None:
    index.add([told("a", HOW)])

    assert index.near([section("a", RETOLD)]) == ()


def test_what_was_told_too_long_ago_is_not_found(index: SimilarityIndex) -> None:
    index.add([told("a", HOW)])

    assert [n.article for n in index.near([section("c", RETOLD)], since=MONDAY)] == ["a"]
    assert index.near([section("c", RETOLD)], since=MONDAY + timedelta(seconds=1)) == ()


def test_indexing_again_changes_nothing(index: SimilarityIndex, engine: Engine) -> None:
    some = [told("a", HOW), told("b", PEDICURE)]

    assert index.add(some) == 2
    before = _rows(engine)

    assert index.add(some) == 0
    assert index.size() == 2
    assert _rows(engine) == before


def test_what_is_forgotten_is_found_no_more_and_leaves_nothing_behind(index: SimilarityIndex, engine: Engine) -> None:
    index.add([told("b", PEDICURE)])
    before = _rows(engine)
    index.add([told("a", HOW)])

    assert index.forget("a") == 1

    assert index.near([section("c", RETOLD)]) == ()
    assert _rows(engine) == before


def test_one_edition_is_forgotten_and_the_same_section_in_another_stays(index: SimilarityIndex) -> None:
    index.add([told("a", HOW, "W48"), told("a", HOW, "W49")])
    index.note("W48", "beauty")
    index.note("W49", "beauty")

    assert index.forget_edition("W48") == 1

    assert [n.edition for n in index.near([section("c", RETOLD)])] == ["W49"]
    assert index.editions("beauty") == {"W49"}


def test_many_holders_of_a_word_fill_several_rows_and_each_can_be_forgotten(
    index: SimilarityIndex, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "FULL", 3)
    every = [told(f"a{n}", f"Marigold petals, batch{n}.") for n in range(10)]
    index.add(every[:4])
    before = _rows(engine)
    index.add(every[4:])

    assert len(index.near([section("c", "Marigold petals.")])) == 10
    assert [index.forget(f"a{n}") for n in (9, 4, 6, 5, 8, 7)] == [1] * 6

    assert {n.article for n in index.near([section("c", "Marigold petals.")])} == {"a0", "a1", "a2", "a3"}
    assert _rows(engine) == before


def test_page_furniture_is_not_indexed(index: SimilarityIndex) -> None:
    assert index.add([told("a", "Subscribe to our newsletter!")]) == 0


def test_an_empty_index_and_a_section_without_words_find_nothing(index: SimilarityIndex) -> None:
    assert index.near([section("a", HOW)]) == ()
    index.add([told("b", PEDICURE)])
    assert index.near([section("a", "💅")]) == ()
    assert index.near([]) == ()


def test_of_a_word_that_everybody_uses_only_the_newest_holders_are_looked_at(
    index: SimilarityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "BUDGET", 2)
    monkeypatch.setattr(postings, "FULL", 2)
    index.add([told(f"other{n}", "Marigold petals soak.") for n in range(5)])

    assert {n.article for n in index.near([section("c", "Marigold petals.")])} == {"other4"}


def test_everything_is_taken_out_at_once(index: SimilarityIndex, engine: Engine) -> None:
    index.add([told("a", HOW)])
    index.note("W48", "beauty")

    index.clear()

    assert (index.size(), index.editions("beauty"), _rows(engine)) == (0, frozenset(), [[], []])


def _rows(engine: Engine) -> list[list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return [
            [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in (postings.word_holders, postings.word_rows)
        ]
