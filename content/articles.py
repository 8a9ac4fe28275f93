"""An article is one text from one source: a title and blocks of marked-up plain text."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

#: Personal slots of a message are written between these two private-use characters
#: (`templates/email`), so no text from outside may contain them.
SLOT_OPEN, SLOT_CLOSE = "\ue000", "\ue001"


class BlockKind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    BULLET = "bullet"  #: one item of an unordered list
    NUMBERED = "numbered"  #: one item of an ordered list
    QUOTE = "quote"
    IMAGE = "image"  #: `text` is the alternative text, `src` the address


class MarkKind(StrEnum):
    """What a stretch of text inside a block is."""

    LINK = "link"
    STRONG = "strong"
    EMPHASIS = "emphasis"


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a block's text, from character `start` up to but not including `end`."""

    start: int
    end: int
    kind: MarkKind
    href: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, list item, quote or image. The text is plain; marks say what stands out."""

    kind: BlockKind
    text: str
    marks: tuple[Mark, ...] = ()
    level: int = 0  #: of a heading, 1 to 6
    src: str = ""  #: of an image, an absolute address

    def slice(self, start: int, end: int) -> "Block":
        """Return the block cut down to the characters `start` to `end`, with the marks that fall inside."""
        inside = (
            Mark(max(m.start, start) - start, min(m.end, end) - start, m.kind, m.href)
            for m in self.marks
            if m.start < end and m.end > start
        )
        return Block(self.kind, self.text[start:end], tuple(inside), self.level, self.src)


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One text from one source, as it stood when it was pulled. An edit at the source makes another value.

    `id` is the canonical URL, or the source's own id where there is none. `revision` identifies the content:
    it is the SHA-256 of everything a reader could see.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]
    url: str = ""
    author: str = ""
    language: str = "en"
    topics: tuple[str, ...] = ()
    published_at: datetime | None = None
    source: str = ""  #: name of the source that brought it; not part of the content
    revision: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the revision."""
        object.__setattr__(self, "revision", hashlib.sha256(canonical_content(self)).hexdigest())


def canonical_content(article: Article) -> bytes:
    """Return the bytes that stand for everything a reader could see of `article`, the same on every machine."""
    content = {
        "id": article.id,
        "title": article.title,
        "url": article.url,
        "author": article.author,
        "language": article.language,
        "topics": list(article.topics),
        "published_at": article.published_at.isoformat() if article.published_at else None,
        "blocks": [
            [b.kind.value, b.text, b.level, b.src, [[m.start, m.end, m.kind.value, m.href] for m in b.marks]]
            for b in article.blocks
        ],
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def parse_content(content: bytes, source: str = "") -> Article:
    """Return the article that `canonical_content` wrote down."""
    c = json.loads(content)
    return Article(
        id=c["id"],
        title=c["title"],
        url=c["url"],
        author=c["author"],
        language=c["language"],
        topics=tuple(c["topics"]),
        published_at=datetime.fromisoformat(c["published_at"]) if c["published_at"] else None,
        blocks=tuple(
            Block(
                BlockKind(kind),
                text,
                tuple(Mark(start, end, MarkKind(k), href) for start, end, k, href in marks),
                level,
                src,
            )
            for kind, text, level, src, marks in c["blocks"]
        ),
        source=source,
    )
