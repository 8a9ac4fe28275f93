"""A revision names the content: what a reader could see changes it, where it came from does not."""

import dataclasses

import pytest

from content.articles import Article, Block, BlockKind, Mark, MarkKind, canonical_content, parse_content
from tests.builders import MONDAY, make_article, paragraph

ARTICLE = make_article(
    "a.md",
    Block(BlockKind.PARAGRAPH, "Read more here.", (Mark(10, 14, MarkKind.LINK, "https://example.org/"),)),
    author="Ines",
    topics=("skin",),
    published_at=MONDAY,
    url="https://example.org/a",
)


def test_content_written_down_reads_back() -> None:
    assert parse_content(canonical_content(ARTICLE)) == ARTICLE


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"author": "Bea"},
        {"language": "de"},
        {"topics": ()},
        {"published_at": None},
        {"url": ""},
        {"blocks": (paragraph("Read more here."),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_a_reader_sees_makes_another_revision(change: dict[str, object]) -> None:
    values = {f.name: getattr(ARTICLE, f.name) for f in dataclasses.fields(ARTICLE) if f.init}

    assert Article(**(values | change)).revision != ARTICLE.revision  # type: ignore[arg-type]


def test_the_source_makes_no_other_revision() -> None:
    assert parse_content(canonical_content(ARTICLE), source="magazine").revision == ARTICLE.revision


def test_a_slice_keeps_the_marks_inside_it() -> None:
    assert ARTICLE.blocks[0].slice(5, 12) == Block(
        BlockKind.PARAGRAPH, "more he", (Mark(5, 7, MarkKind.LINK, "https://example.org/"),)
    )
