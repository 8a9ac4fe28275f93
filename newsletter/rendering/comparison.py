"""Sections that explain the same, side by side, for `newsletter duplicates --html`: what differs is marked."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from content.clusters import Cluster
from content.sections import Section
from newsletter.templating import environment

#: Words with the space behind them, so that the pieces put together are the text.
_WORDS = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, and whether the other text has it too."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """An echo beside its canonical section, with what speaks for the two."""

    canonical: Section
    echo: Section
    score: float
    rule: str
    evidence: str
    left: tuple[Piece, ...]
    right: tuple[Piece, ...]


def comparison_html(clusters: Sequence[Cluster]) -> str:
    """Return a page on which each echo stands beside its canonical section, differing words marked."""
    groups = [(cluster.canonical, tuple(_pairs(cluster))) for cluster in clusters]
    return environment().get_template("fold/compare.html.jinja").render(groups=groups) + "\n"


def compare(left: str, right: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return both texts in pieces; those that the other lacks differ. Case and punctuation make no difference."""
    ours, theirs = _WORDS.findall(left), _WORDS.findall(right)
    matcher = SequenceMatcher(None, [_bare(w) for w in ours], [_bare(w) for w in theirs], autojunk=False)
    steps = matcher.get_opcodes()
    return (
        tuple(_pieces(ours, ((tag, i, j) for tag, i, j, _, _ in steps))),
        tuple(_pieces(theirs, ((tag, i, j) for tag, _, _, i, j in steps))),
    )


def _pairs(cluster: Cluster) -> Iterator[Pair]:
    canonical = cluster.canonical
    for echo in cluster.echoes:
        direct = [x for x in cluster.links if {x.a, x.b} == {canonical.id, echo.id}]
        best = max(direct or [x for x in cluster.links if echo.id in (x.a, x.b)], key=lambda x: x.score)
        left, right = compare(canonical.text, echo.text)
        yield Pair(canonical, echo, best.score, best.rule, best.evidence, left, right)


def _pieces(words: Sequence[str], steps: Iterable[tuple[str, int, int]]) -> Iterator[Piece]:
    for tag, start, end in steps:
        if end > start:
            yield Piece("".join(words[start:end]), tag != "equal")


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word).casefold() or word
