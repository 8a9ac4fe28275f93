"""Compares two revisions of an article, down to the last comma: what an editor has to see before approving an edit."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from content.articles import Article, Block, BlockKind, Mark, MarkKind

#: Words with the space behind them, so that the pieces put together are the text.
_WORDS = re.compile(r"\s+|\S+\s*")

_BEFORE = {BlockKind.BULLET: "- ", BlockKind.NUMBERED: "1. ", BlockKind.QUOTE: "> "}
_AROUND = {MarkKind.STRONG: "**", MarkKind.EMPHASIS: "*"}


class State(StrEnum):
    """Which of the two revisions has something."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of words, and which revision has it."""

    text: str
    state: State


@dataclass(frozen=True, slots=True)
class Passage:
    """One block of the article with its words marked."""

    pieces: tuple[Piece, ...]

    @property
    def state(self) -> State:
        """Return SAME when both revisions have all of it, GONE or NEW when one has none, and NEW for a mixture."""
        states = {piece.state for piece in self.pieces}
        return states.pop() if len(states) == 1 else State.NEW


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that stands beside the text and differs: its name, and what it was and is."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What an edit did to an article."""

    facts: tuple[Fact, ...]
    passages: tuple[Passage, ...]

    @property
    def is_empty(self) -> bool:
        """Tell whether a reader could see no difference."""
        return not self.facts and all(p.state is State.SAME for p in self.passages)


def compare_revisions(before: Article, after: Article) -> Difference:
    """Return what differs between two revisions: nothing that a reader could see is left out."""
    old, new = ([readable(b) for b in article.blocks] for article in (before, after))
    return Difference(tuple(_facts(before, after)), tuple(_passages(old, new)))


def readable(block: Block) -> str:
    """Return a block as one line of text in which links, emphasis and pictures can be read too."""
    if block.kind is BlockKind.IMAGE:
        return f"[picture: {block.text}]({block.src})"
    start = "#" * block.level + " " if block.kind is BlockKind.HEADING else _BEFORE.get(block.kind, "")
    return start + _with_marks(block.text, block.marks)


def _with_marks(text: str, marks: Sequence[Mark]) -> str:
    signs: list[tuple[int, int, str]] = []
    for mark in marks:
        link = mark.kind is MarkKind.LINK
        signs.append((mark.start, 1, "[" if link else _AROUND[mark.kind]))
        signs.append((mark.end, 0, f"]({mark.href})" if link else _AROUND[mark.kind]))
    pieces, last = [], 0
    for place, _, sign in sorted(signs):  # at one place what ends comes before what begins
        pieces += [text[last:place], sign]
        last = place
    return "".join([*pieces, text[last:]])


def _facts(before: Article, after: Article) -> Iterator[Fact]:
    for name in ("title", "url", "author", "language", "topics", "published_at"):
        old, new = (_said(getattr(article, name)) for article in (before, after))
        if old != new:
            yield Fact(name.removesuffix("_at"), old, new)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value) if value else ""


def _passages(old: Sequence[str], new: Sequence[str]) -> Iterator[Passage]:
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for tag, i, j, k, m in steps:
        if tag == "equal":
            yield from (Passage((Piece(text, State.SAME),)) for text in old[i:j])
            continue
        paired = min(j - i, m - k)
        for before, after in zip(old[i : i + paired], new[k : k + paired], strict=True):
            yield from _reworded(before, after)
        yield from (Passage((Piece(text, State.GONE),)) for text in old[i + paired : j])
        yield from (Passage((Piece(text, State.NEW),)) for text in new[k + paired : m])


def _reworded(before: str, after: str) -> Iterator[Passage]:
    """Yield one passage with its words marked; two when hardly a word is left of the first."""
    ours, theirs = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    if matcher.ratio() < 1 / 3:
        yield Passage((Piece(before, State.GONE),))
        yield Passage((Piece(after, State.NEW),))
        return
    pieces: list[Piece] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("".join(ours[i:j]), State.SAME))
            continue
        if j > i:
            pieces.append(Piece("".join(ours[i:j]), State.GONE))
        if m > k:
            pieces.append(Piece("".join(theirs[k:m]), State.NEW))
    yield Passage(tuple(pieces))
