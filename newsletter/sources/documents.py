"""What one file or page holds, before it is given its identity; and how its bytes become text."""

import codecs
from dataclasses import dataclass, field

from content.articles import Block, BlockKind
from newsletter.sources.facts import Facts


class DocumentError(Exception):
    """This document cannot be read; the message says why and what would do, in words that follow its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One article's title, text and facts, as one format holds them."""

    title: str
    blocks: tuple[Block, ...]
    facts: Facts = field(default_factory=Facts)
    removed: tuple[tuple[str, int], ...] = ()  #: what was taken out, in words with their number


def decode(content: bytes) -> str:
    """Return `content` as text with plain line feeds: UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        DocumentError: It is empty, no text, or written in another encoding.
    """
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise DocumentError("is empty: write the article or remove the file")
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    if encoding != "utf-16" and b"\x00" in content:
        raise DocumentError("is not a text file: save the article as .md, .html, .docx or .txt")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not written in UTF-8 (byte {error.start + 1:,}): save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lift_title(blocks: tuple[Block, ...], title: str = "") -> tuple[str, tuple[Block, ...]]:
    """Return the title and the text under it: a heading that opens the text is the title, unless one was given.

    The heading is lifted out of the text also where it repeats the given title, which is printed by itself.
    """
    first = next(iter(blocks), None)
    if first and first.kind is BlockKind.HEADING and (first.text.casefold() == title.casefold() or not title):
        return first.text, blocks[1:]
    return title, blocks
