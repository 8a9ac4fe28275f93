"""Tells the editor what looks odd about an article that was read."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from content.articles import Article, Block, MarkKind

#: Fewer words are a teaser, or a page that wanted JavaScript.
FEW_WORDS = 20

#: UTF-8 that somebody read as Windows-1252 looks like this.
_GARBLED = re.compile("Ã[\u00a0-\u00bf\u2018-\u201d€‚ƒ„…†‡ˆ‰Š‹Œ]|â€|Â[\u00a0-\u00bf]")
_SITE = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,24})(?:[/?#:]\S*)?", re.IGNORECASE)


def notes_on(article: Article, removed: Iterable[tuple[str, int]] = ()) -> tuple[str, ...]:
    """Return what an editor should know before approving `article`, in words that follow its name.

    Args:
        article: As it was read.
        removed: What was taken out of it, in words with their number.
    """
    taken = ", ".join(f"{what} ({number})" for what, number in removed if number)
    return (*((f"is read without: {taken}",) if taken else ()), *doubts_on(article))


def doubts_on(article: Article) -> tuple[str, ...]:
    """Return what makes it doubtful that `article` is one, or that it says what it seems to: a person should look."""
    return tuple(_doubts(article))


def _doubts(article: Article) -> Iterable[str]:
    if _GARBLED.search(article.title) or any(_GARBLED.search(block.text) for block in article.blocks):
        yield "looks garbled (Ã, â€): it was saved in one encoding and read in another"
    if sum(len(block.text.split()) for block in article.blocks) < FEW_WORDS:
        yield f"has fewer than {FEW_WORDS} words: is that all of it?"
    yield from (
        f"shows {shown} and leads to {target}: check the link"
        for block in article.blocks
        for shown, target in _misleading_links(block)
    )


def _misleading_links(block: Block) -> Iterable[tuple[str, str]]:
    for mark in block.marks:
        shown = _SITE.fullmatch(block.text[mark.start : mark.end].strip())
        target = urlsplit(mark.href).hostname or ""
        if mark.kind is MarkKind.LINK and shown and target and _site(shown[1]) != _site(target):
            yield shown[1].casefold(), target


def _site(host: str) -> str:
    return host.casefold().removeprefix("www.")
