"""Divides plain text into articles: one, or several that stand one after another in one file.

The rules, in the order they apply:

* A line is a paragraph, unless the text is wrapped at a fixed width; then paragraphs are parted by empty lines.
* A *heading* is a short line without a full stop; a line of hyphens or equals signs may underline it. Lines that begin
  with a bullet or a number are list items.
* An article begins at a line of hyphens, asterisks or equals signs; at each copy of a repeated title; and at
  the beginning of the text, whether or not a title stands there (an *unheaded opening*).
* A repeated title is the first heading that stands in the text more than once and has at least three words: the
  headings under it repeat as well, but the title comes first. Where the text opens without a title and its own
  first heading repeats, the title is the heading that stands right above each later copy of it.
* An article without a title is called by its subject, when its first sentence defines one ("Microneedling, also
  known as ..., is ..."), and else by its first words.
* A short line at the end of an article that calls the reader to act ("Get updated with ...") is furniture.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from content.articles import Block, BlockKind

#: Longer lines without a full stop are sentences that lost theirs.
HEADING_CHARACTERS = 80
HEADING_WORDS = 12
#: "Conclusion" and "Side Effects" repeat inside one article; a title says more.
TITLE_WORDS = 3
#: A heading and a heading under it; three are a list of shades.
HEADINGS_IN_A_ROW = 2
#: A subject with more words is half a sentence.
SUBJECT_WORDS = 5
#: A title made of first words is cut here, at a word.
OPENING_CHARACTERS = 60
#: Wrapped text keeps below this width; a paragraph on one line is longer.
WRAP_CHARACTERS = 100

_SEPARATOR = re.compile(r"\s*(?:-\s*){3,}|\s*(?:\*\s*){3,}|\s*(?:=\s*){3,}|\s*(?:_\s*){3,}")
_UNDERLINE = re.compile(r"={3,}|-{3,}")
_HASHES = re.compile(r"^#{1,6} +")
_BULLET = re.compile(r"\s*(?:[-–—*•·◦‣▪]|(?P<number>\d{1,3}[.)]))\s+(?P<text>\S.*)")
_STOPS = tuple(".!…:;,。")
_CALL = re.compile(
    r"(?:get updated|stay (?:updated|tuned|in touch)|subscribe|sign up|join (?:us|our|the)|follow us|share this"
    r"|read more|click here|shop now|book (?:now|your|a)|contact us|download"
    r"|don['’]t miss|get (?:the|our) newsletter)\b",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"(?P<subject>[^\s,.;:?!][^,.;:?!]{1,60}?)"
    r"(?:, (?:also|sometimes|often|better)\b[^.;:]*,| is (?:an?|the|one)\b| are )"
)
#: A sentence that begins with one of these puts its subject later.
_NOT_SUBJECTS = frozenset({
    "when", "if", "while", "although", "though", "because", "after", "before", "since", "as", "in", "on", "at", "with",
    "for", "from", "by", "to", "there", "it", "this", "that", "these", "those", "here", "what", "who", "how", "why",
    "where", "one", "most", "many", "some", "few", "all", "every", "each", "nothing", "everything", "nobody", "you",
    "your", "we", "our", "they", "not",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One article of a text: its title, whether the text itself gave it, and its blocks."""

    title: str
    blocks: tuple[Block, ...]
    titled: bool = True


@dataclass(frozen=True, slots=True)
class Division:
    """The articles of a text in order, and the lines that belong to no article."""

    parts: tuple[Part, ...]
    furniture: tuple[str, ...] = ()


def divide(text: str) -> Division:
    """Return the articles that stand one after another in `text`. Nothing but furniture is left out."""
    lines = list(_lines(text))
    calls = _closing_calls(lines)
    groups = [group for stretch in _at_separators(lines, calls) for group in _at_titles(stretch)]
    furniture: list[str] = []
    parts = [part for group in groups if (part := _part(group, furniture))]
    return Division(tuple(parts), tuple(furniture))


def is_heading(line: str) -> bool:
    """Tell whether `line` is a heading: short, and without a full stop."""
    return (
        len(line) <= HEADING_CHARACTERS
        and len(line.split()) <= HEADING_WORDS
        and not line.endswith(_STOPS)
        and not _BULLET.fullmatch(line)
        and any(character.isalpha() for character in line)
    )


def name_opening(text: str) -> str:
    """Return a title for an article without one: the subject that its first sentence defines, or its first words."""
    defines = _DEFINES.match(text)
    if defines and _names(defines["subject"].split()):
        subject = re.sub(r"^(?:The|An?) ", "", defines["subject"]).strip()
        return subject[0].upper() + subject[1:]
    sentence = re.split(r"(?<=[.!?…])\s", text, maxsplit=1)[0].rstrip(".")
    if len(sentence) <= OPENING_CHARACTERS:
        return sentence
    words = sentence[: OPENING_CHARACTERS + 1].rsplit(maxsplit=1)[0]
    return f"{words.rstrip(' ,;:–-')}…"


def _names(words: list[str]) -> bool:
    return len(words) <= SUBJECT_WORDS and words[0].casefold() not in _NOT_SUBJECTS


def _lines(text: str) -> Iterator[str]:
    """Yield the paragraphs of `text`, one line each, and separators."""
    lines = list(_without_marks([line.strip() for line in text.replace("\f", "\n---\n").splitlines()]))
    if max(map(len, lines), default=0) > WRAP_CHARACTERS or not _is_wrapped(lines):
        yield from (line for line in lines if line)
        return
    paragraph: list[str] = []
    for line in [*lines, ""]:
        alone = not line or _SEPARATOR.fullmatch(line) or _BULLET.fullmatch(line)
        if paragraph and (alone or _ends(paragraph, line)):
            yield " ".join(paragraph)
            paragraph = []
        if line:
            paragraph.append(line)


def _without_marks(lines: list[str]) -> Iterator[str]:
    """Yield `lines` without what marks a heading as one: hash signs before it, or a line of its length under it."""
    above = ""
    for line in lines:
        underlines = _UNDERLINE.fullmatch(line) and is_heading(above) and 2 * len(line) > len(above)
        if not underlines:
            yield (line := _HASHES.sub("", line))
        above = line


def _is_wrapped(lines: list[str]) -> bool:
    """Tell whether sentences run on from line to line."""
    pairs = pairwise(lines)
    return any(line and following[:1].islower() and not line.endswith(_STOPS) for line, following in pairs)


def _ends(paragraph: list[str], line: str) -> bool:
    """Tell whether a heading above `line` ends there: it is short, and the text begins anew."""
    if _SEPARATOR.fullmatch(paragraph[0]):
        return True
    return (
        len(paragraph) == 1
        and is_heading(paragraph[0])
        and len(paragraph[0]) < WRAP_CHARACTERS // 2
        and line[:1].isupper()
    )


def _closing_calls(lines: list[str]) -> frozenset[str]:
    """Return the call that closes the text, if one does: the same one may close every article in it."""
    last = next((line for line in reversed(lines) if not _SEPARATOR.fullmatch(line)), "")
    return frozenset({last}) if is_heading(last) and _CALL.match(last) else frozenset()


def _at_separators(lines: list[str], calls: frozenset[str]) -> Iterator[list[str]]:
    stretch: list[str] = []
    for line in lines:
        if _SEPARATOR.fullmatch(line):
            yield stretch
            stretch = []
        else:
            stretch.append(line)
            if line in calls:
                yield stretch
                stretch = []
    yield stretch


def _at_titles(lines: list[str]) -> Iterator[list[str]]:
    title = _repeated_title(
        [line for line in lines if is_heading(line)], opens=bool(lines) and not is_heading(lines[0])
    )
    article: list[str] = []
    for line in lines:
        if line == title and article:
            yield article
            article = []
        article.append(line)
    yield article


def _repeated_title(headings: list[str], *, opens: bool) -> str | None:
    counts = Counter(headings)
    first = next((h for h in headings if counts[h] > 1 and len(h.split()) >= TITLE_WORDS), None)
    if first is None:
        return None
    above = {headings[n - 1] for n, h in enumerate(headings) if h == first and n > 0}
    if opens and headings[0] == first and len(above) == 1:
        only = above.pop()
        if counts[only] == counts[first] - 1 > 1:
            return only
    return first


def _part(lines: list[str], furniture: list[str]) -> Part | None:
    while lines and is_heading(lines[-1]) and _CALL.match(lines[-1]):
        furniture.append(lines[-1])
        lines = lines[:-1]
    if not lines:
        return None
    titled = is_heading(lines[0]) and len(lines) > 1
    body = lines[1:] if titled else lines
    title = lines[0] if titled else name_opening(lines[0])
    return Part(title, tuple(_blocks(body)), titled)


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Yield a block for each line. Of many short lines in a row the first is a heading, the rest are a list."""
    for short, run in groupby(lines, key=is_heading):
        found = list(run)
        if short and len(found) > HEADINGS_IN_A_ROW:
            yield Block(BlockKind.HEADING, found[0], level=2)
            yield from (Block(BlockKind.BULLET, line) for line in found[1:])
        elif short and found[-1] is not lines[-1]:
            yield from (Block(BlockKind.HEADING, line, level=2) for line in found)
        else:  # a short last line heads nothing
            yield from (_prose(line) for line in found)


def _prose(line: str) -> Block:
    if item := _BULLET.fullmatch(line):
        return Block(BlockKind.NUMBERED if item["number"] else BlockKind.BULLET, item["text"])
    return Block(BlockKind.PARAGRAPH, line)
