"""Sections and articles for tests: a test names only what it is about."""

from collections.abc import Iterable
from datetime import UTC, datetime

from content.articles import Article, Block, BlockKind
from content.sections import Section, split

APPROVED = datetime(2026, 11, 2, 9, tzinfo=UTC)


def make_article(id: str, *parts: tuple[str, str], title: str = "") -> Article:
    """An article of headings with one paragraph each; an empty heading makes a passage."""
    blocks: list[Block] = []
    for heading, text in parts:
        if heading:
            blocks.append(Block(BlockKind.HEADING, heading, level=2))
        blocks.append(Block(BlockKind.PARAGRAPH, text))
    return Article(id=id, title=title, blocks=tuple(blocks))


def make_sections(*articles: Article, approved_at: datetime = APPROVED) -> tuple[Section, ...]:
    """The sections of some articles, all approved at the same time."""
    return tuple(section for article in articles for section in split(article, approved_at))


def texts(sections: Iterable[Section]) -> set[str]:
    """The headings of some sections, each with its article."""
    return {f"{s.article}: {s.heading or s.text[:20]}" for s in sections}
