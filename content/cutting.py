"""Cuts sentences out of blocks, and tells which sentences cannot stand without the one before."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from content.articles import Block
from content.statements import Statement
from content.text import words

#: A sentence that opens with one of these leans on the one before it.
_LEANING = frozenset("this these that those it they he she such both instead however additionally also".split())

#: So does one that has one of these second: "Until it has", "Use them", "For that reason".
_LEANING_SECOND = frozenset("this these that those it they them he she".split())


def leans_back(text: str) -> bool:
    """Tell whether a sentence speaks of what the one before it has named."""
    first, second = (*islice(words(text), 2), "", "")[:2]
    return first in _LEANING or second in _LEANING_SECOND


def without(blocks: tuple[Block, ...], dropped: Sequence[Statement]) -> tuple[Block, ...]:
    """Return `blocks` less the dropped sentences; a block that has none left is left out."""
    if not dropped:
        return blocks
    gone: dict[int, list[Statement]] = defaultdict(list)
    for statement in dropped:
        gone[statement.block].append(statement)
    cut = [_cut(block, gone[n]) if n in gone else block for n, block in enumerate(blocks)]
    return tuple(block for n, block in enumerate(cut) if n not in gone or block.text.strip())


def _cut(block: Block, dropped: Sequence[Statement]) -> Block:
    kept, position = [], 0
    for statement in sorted(dropped, key=lambda s: s.start):
        kept.append(block.slice(position, statement.start))
        position = statement.end
    kept.append(block.slice(position, len(block.text)))
    return _joined([piece for piece in kept if piece.text.strip()], block)


def _joined(pieces: Sequence[Block], block: Block) -> Block:
    text, marks = "", []
    for piece in pieces:
        stripped = piece.slice(len(piece.text) - len(piece.text.lstrip()), len(piece.text.rstrip()))
        text += " " if text else ""
        marks += [replace(m, start=m.start + len(text), end=m.end + len(text)) for m in stripped.marks]
        text += stripped.text
    return replace(block, text=text, marks=tuple(marks))
