"""Takes off a web page what is no article, by what its makers call it, and second copies of what is."""

import re
from collections.abc import Sequence

from lxml import etree

from content.articles import Block

#: What makers of pages call the parts around an article, in class and id.
_AROUND = re.compile(
    r"newsletter|subscri|sign-?up|related|read-?more|recommend|comments?\b|shar(?:e|ing)\b|social|cookie|advert|anzeige"
    r"|werbung|promo|sponsor|product-card|teaser|pull-?quote|breadcrumb|author-bio|navigation"
)

#: A part with more of the page's words than this share is the article, whatever it is called.
_MOST = 0.4

#: Parts that are never taken off as a whole.
_WHOLE = frozenset({"html", "body", "main", "article"})

#: So many passages in the same order are a second copy; a few short ones alike may be a refrain.
_COPY = 3

#: A passage of so many words stands once: nobody writes it twice.
_ONCE_WORDS = 12


def take_off(page: etree._Element) -> None:
    """Remove from `page` the parts that are called what is around an article, unless they are most of it."""
    most = _MOST * _words(page)
    for part in list(page.iter("*")):
        name = f"{part.get('class', '')} {part.get('id', '')}".casefold()
        parent = part.getparent()
        if part.tag in _WHOLE or parent is None or not _AROUND.search(name):
            continue
        if _words(part) <= most and part.find(".//article") is None and part.find(".//main") is None:
            _drop(part, parent)


def without_copies(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return `blocks` without the second copy of what stands twice, as on pages for phones and for desktops."""
    kept: list[Block] = []
    seen: dict[str, int] = {}
    place = 0
    while place < len(blocks):
        run = _run(blocks, place, kept, seen)
        if run >= _COPY or (run and len(blocks[place].text.split()) >= _ONCE_WORDS):
            place += run
            continue
        seen.setdefault(_bare(blocks[place]), len(kept))
        kept.append(blocks[place])
        place += 1
    return tuple(kept)


def _run(blocks: Sequence[Block], place: int, kept: Sequence[Block], seen: dict[str, int]) -> int:
    """Return how many blocks from `place` on stand in the same order among those that are kept."""
    first = seen.get(_bare(blocks[place]))
    if first is None:
        return 0
    run = 0
    while (
        place + run < len(blocks) and first + run < len(kept) and _bare(blocks[place + run]) == _bare(kept[first + run])
    ):
        run += 1
    return run


def _bare(block: Block) -> str:
    return f"{block.kind} {block.src} {' '.join(block.text.casefold().split())}"


def _words(part: etree._Element) -> int:
    return sum(len(str(text).split()) for text in part.itertext())


def _drop(part: etree._Element, parent: etree._Element) -> None:
    """Remove an element; the text behind it stays."""
    before = part.getprevious()
    if part.tail and before is not None:
        before.tail = (before.tail or "") + part.tail
    elif part.tail:
        parent.text = (parent.text or "") + part.tail
    parent.remove(part)
