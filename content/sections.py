"""A section is a heading and the prose under it: the unit we compare and print."""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from content.articles import Article, Block, BlockKind
from content.roles import closes

#: An article that carries no approval yet is younger than every approved one.
NOT_APPROVED = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the prose under it, cut out of one article. Without a heading it is a passage."""

    article: str  #: the article's id
    article_title: str
    revision: str
    position: int  #: 0 is the first section of the article
    heading: str  #: "" for a passage
    level: int = 2
    blocks: tuple[Block, ...]
    approved_at: datetime = NOT_APPROVED
    language: str = "en"

    @property
    def id(self) -> str:
        """Return the identity: revision and position."""
        return f"{self.revision[:16]}.{self.position}"

    @property
    def text(self) -> str:
        """Return the prose without the heading, one line per block."""
        return "\n".join([b.text for b in self.blocks if b.kind is not BlockKind.IMAGE])

    @property
    def fingerprint(self) -> str:
        """Return a hash of the normalised heading and text: equal or not, nothing in between."""
        whole = f"{self.heading}\n{self.text}"
        normal = whole.lower() if whole.isascii() else unicodedata.normalize("NFKC", whole).casefold()
        return hashlib.sha256(" ".join(normal.split()).encode()).hexdigest()[:32]


def split(article: Article, approved_at: datetime = NOT_APPROVED) -> tuple[Section, ...]:
    """Cut `article` into sections at its headings; prose before the first heading is a passage.

    An article without any heading comes out as one passage per paragraph. A paragraph that opens as a conclusion
    does ("Overall, ...") ends the section it stands in, and is a passage of its own with what follows. A heading
    with nothing under it makes no section.
    """
    pieces = _at_headings(article.blocks)
    if len(pieces) == 1 and not pieces[0][0]:
        pieces = [(None, passage) for passage in _passages(pieces[0][1])]
    return tuple(
        Section(
            article=article.id,
            article_title=article.title,
            revision=article.revision,
            position=position,
            heading=heading.text if heading else "",
            level=heading.level if heading else 2,
            blocks=blocks,
            approved_at=approved_at,
            language=article.language,
        )
        for position, (heading, blocks) in enumerate(pieces)
    )


def _at_headings(blocks: tuple[Block, ...]) -> list[tuple[Block | None, tuple[Block, ...]]]:
    pieces: list[tuple[Block | None, list[Block]]] = [(None, [])]
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            pieces.append((block, []))
            continue
        if pieces[-1][1] and pieces[-1][0] and block.kind is BlockKind.PARAGRAPH and closes(block.text):
            pieces.append((None, []))
        pieces[-1][1].append(block)
    return [(heading, tuple(body)) for heading, body in pieces if body]


def _passages(blocks: tuple[Block, ...]) -> list[tuple[Block, ...]]:
    """Keep a list together with the paragraph that introduces it."""
    passages: list[list[Block]] = []
    for is_paragraph, run in groupby(blocks, key=lambda b: b.kind is BlockKind.PARAGRAPH):
        if is_paragraph or not passages:
            passages.extend([b] for b in run)
        else:
            passages[-1].extend(run)
    return [tuple(p) for p in passages]
