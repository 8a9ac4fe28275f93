"""An edit hides nothing: every word, comma, link, picture and fact that differs between two revisions is shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.articles import Article, Block, BlockKind, Mark, MarkKind
from content.revisions import Difference, Fact, Passage, Piece, State, compare_revisions
from tests.builders import heading, make_article, paragraph

WAIT = make_article("needling.md", heading("Afterwards"), paragraph("Wait 24 hours before make-up."))


def _edited(*blocks: Block, **more: object) -> Article:
    return replace(WAIT, blocks=blocks or WAIT.blocks, **more)  # type: ignore[arg-type]


def test_the_words_of_an_edited_sentence_are_marked() -> None:
    after = _edited(heading("Afterwards"), paragraph("Wait 72 hours before make-up, please."))

    assert compare_revisions(WAIT, after) == Difference(
        (),
        (
            Passage((Piece("## Afterwards", State.SAME),)),
            Passage(
                (
                    Piece("Wait ", State.SAME),
                    Piece("24 ", State.GONE),
                    Piece("72 ", State.NEW),
                    Piece("hours before ", State.SAME),
                    Piece("make-up.", State.GONE),
                    Piece("make-up, please.", State.NEW),
                )
            ),
        ),
    )


def test_a_paragraph_that_came_or_went_is_marked_whole() -> None:
    after = _edited(paragraph("Wait 24 hours before make-up."), paragraph("Drink water."))

    passages = compare_revisions(WAIT, after).passages

    assert [p.state for p in passages] == [State.GONE, State.SAME, State.NEW]


def test_another_text_is_not_spliced_with_the_old_one() -> None:
    after = _edited(heading("Afterwards"), paragraph("Sunscreen every morning, whatever the weather says."))

    assert [len(p.pieces) for p in compare_revisions(WAIT, after).passages] == [1, 1, 1]


LINKED = paragraph("See the study.")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LINKED, replace(LINKED, marks=(Mark(8, 13, MarkKind.LINK, "https://example.org/a"),))),
        (
            replace(LINKED, marks=(Mark(8, 13, MarkKind.LINK, "https://example.org/a"),)),
            replace(LINKED, marks=(Mark(8, 13, MarkKind.LINK, "https://example.org/b"),)),
        ),
        (LINKED, replace(LINKED, marks=(Mark(0, 3, MarkKind.STRONG),))),
        (LINKED, replace(LINKED, kind=BlockKind.BULLET)),
        (heading("Care", 2), heading("Care", 3)),
        (paragraph("see the study."), LINKED),
        (
            Block(BlockKind.IMAGE, "A jar", src="https://example.org/a.jpg"),
            Block(BlockKind.IMAGE, "A jar", src="https://example.org/b.jpg"),
        ),
    ],
    ids=["link", "target", "bold", "list", "level", "capital", "picture"],
)
def test_what_only_an_attentive_reader_notices_is_a_difference(before: Block, after: Block) -> None:
    assert not compare_revisions(_edited(before), _edited(after)).is_empty


def test_facts_beside_the_text_are_compared() -> None:
    after = _edited(title="Needles", topics=("skin", "care"))

    assert compare_revisions(WAIT, after).facts == (
        Fact("title", "Microneedling for Acne Scars", "Needles"),
        Fact("topics", "", "skin, care"),
    )


blocks = st.lists(st.text(st.sampled_from("ab ,."), max_size=12).map(paragraph), max_size=5).map(tuple)


@given(blocks, blocks)
def test_the_pieces_put_together_are_the_two_texts(before: tuple[Block, ...], after: tuple[Block, ...]) -> None:
    old, new = replace(WAIT, blocks=before), replace(WAIT, blocks=after)

    found = compare_revisions(old, new)

    def text(without: State) -> str:
        return "".join(p.text for passage in found.passages for p in passage.pieces if p.state is not without)

    assert (text(State.NEW), text(State.GONE)) == tuple("".join(b.text for b in side) for side in (before, after))
    assert found.is_empty == (before == after)
