"""The text part of a mail: blocks become wrapped lines, links become numbers that are spelled out below."""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count

from content.articles import Block, BlockKind, MarkKind
from content.markup import clean, safe_link

#: RFC 5322 section 2.1.1 asks for lines of at most 78 characters.
COLUMNS = 78

#: What stands before the first and before every further line of a block.
_PREFIXES = {BlockKind.BULLET: ("  * ", "    "), BlockKind.QUOTE: ("  | ", "  | ")}


class Footnotes:
    """Numbers addresses in order of appearance; each address gets one number, listed where it first appeared."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._unlisted: list[str] = []

    def number(self, url: str) -> int:
        """Return the number of `url`, a new one the first time."""
        if url not in self._numbers:
            self._numbers[url] = len(self._numbers) + 1
            self._unlisted.append(url)
        return self._numbers[url]

    def listing(self) -> str:
        """Return one line for every address that was numbered since the last call. Addresses are never wrapped."""
        lines = [f"[{self._numbers[url]}] {url}" for url in self._unlisted]
        self._unlisted.clear()
        return "\n".join(lines)


def lay_out(blocks: Iterable[Block], notes: Footnotes, indent: str = "") -> str:
    """Return `blocks` as wrapped lines, an empty line between paragraphs, none between the items of a list."""
    items = count(1)
    text, last = "", None
    for block in blocks:
        if block.kind is BlockKind.IMAGE or not block.text.strip():
            continue
        first, further = _PREFIXES.get(block.kind, ("", ""))
        if block.kind is BlockKind.NUMBERED:
            items = items if last is block.kind else count(1)
            first = f"{next(items):3}. "
            further = "     "
        close = last is block.kind and block.kind in (BlockKind.BULLET, BlockKind.NUMBERED)
        gap = "" if last is None else "\n" if close else "\n\n"
        text += gap + wrap(with_numbers(block, notes), indent + first, indent + further)
        last = block.kind
    return text


def with_numbers(block: Block, notes: Footnotes) -> str:
    """Return the block's text with the number of its address behind each link: "a serum [3]"."""
    ends: dict[int, list[str]] = {}
    for mark in sorted(block.marks, key=lambda m: (m.end, m.start)):
        url = safe_link(mark.href) if mark.kind is MarkKind.LINK else ""
        if url:
            ends.setdefault(min(mark.end, len(block.text)), []).append(f" [{notes.number(url)}]")
    text, at = "", 0
    for end in sorted(ends):
        text += block.text[at:end] + "".join(ends[end])
        at = end
    return clean(text + block.text[at:])


def wrap(text: str, first: str = "", further: str | None = None) -> str:
    """Return `text` broken between words into lines of at most 78 columns.

    A word or an address that is wider stays whole on a line of its own: it is copied and read as one, and pieces of it
    would look like words to a filter. Wide characters take two columns, combining ones none.
    """
    prefix, rest = first, first if further is None else further
    lines: list[str] = []
    line, used = prefix, width(prefix)
    room = COLUMNS - width(rest)
    for word in (piece for w in text.split() for piece in _pieces(w, room)):
        needed = width(word)
        if line == prefix:
            line, used = line + word, used + needed
        elif used + 1 + needed <= COLUMNS:
            line, used = f"{line} {word}", used + 1 + needed
        else:
            lines.append(line)
            prefix = rest
            line, used = prefix + word, width(prefix) + needed
    return "\n".join([*lines, line.rstrip()])


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(c) for c in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _pieces(word: str, room: int) -> Iterator[str]:
    """Cut what no line can hold and is no word: Chinese and Japanese set no spaces, and break anywhere."""
    if "://" in word or width(word) <= room or not any(_columns(c) == 2 for c in word):
        yield word
        return
    piece, used = "", 0
    for character in word:
        columns = _columns(character)
        # A character without a column of its own belongs to the one before it.
        if used + columns > room and columns:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + columns
    yield piece
