"""Turns HTML from anywhere into blocks: plain text with marks, in which nothing can act."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree, html

from content.articles import Block, BlockKind, Mark, MarkKind
from content.compound import is_heading
from newsletter.sources.characters import squeeze
from newsletter.sources.links import absolute, secure
from newsletter.sources.sanitising import TOO_DEEP, MarkupError, sanitise

#: What is left after cleaning may be deeper than `sanitising.DEPTH`, for lists and tables hold levels that are not
#: counted there. The walk below takes three Python frames for each, of a thousand.
TREE_DEPTH = 150
#: A run of letters, digits and signs without a space that is longer is no word: a picture pasted as text.
WORD_CHARACTERS = 1000

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INLINE_MARKS = {
    "a": MarkKind.LINK,
    "b": MarkKind.STRONG,
    "strong": MarkKind.STRONG,
    "em": MarkKind.EMPHASIS,
    "i": MarkKind.EMPHASIS,
    "cite": MarkKind.EMPHASIS,
}
_LISTS = {"ul": BlockKind.BULLET, "menu": BlockKind.BULLET, "ol": BlockKind.NUMBERED}
#: These begin and end a block, whatever stands in them.
_BREAKING = frozenset({
    "p", "div", "tr", "section", "article", "main", "header", "footer", "aside", "figure", "figcaption", "caption",
    "address", "center", "dl", "dt", "dd", "pre", "details", "summary", "hr", "table", "thead", "tbody", "tfoot",
    "hgroup", "search",
})  # fmt: skip

#: Invisible measuring pictures are at most this wide and high.
_PIXEL = 2
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_RAISED = {"sup": str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"), "sub": str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")}
_NO_WORD = re.compile(f"[!-~]{{{WORD_CHARACTERS + 1},}}")


@dataclass(frozen=True, slots=True)
class Markup:
    """What a reader sees of some HTML, and what was taken out of it: words with their number."""

    blocks: tuple[Block, ...]
    removed: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class _Open:
    """A mark whose end has not come yet."""

    kind: MarkKind
    href: str
    start: int


def read_markup(source: str, base: str = "") -> Markup:
    """Return what `source`, HTML from anywhere, shows a reader.

    Args:
        source: A page's body or a piece of HTML.
        base: Address of the page, against which links are made absolute; "" when there is none.

    Raises:
        MarkupError: It is too long, too deep or too slow to be an article.
    """
    sanitised = sanitise(source)
    writer = _Writer(base, sanitised.removed, may_hide=" hidden" in sanitised.html or " style=" in sanitised.html)
    if sanitised.html.strip():
        parser = html.HTMLParser(huge_tree=True, no_network=True)
        writer.write(html.fragment_fromstring(sanitised.html, create_parent="div", parser=parser))
        writer.flush()
    blocks = tuple(_with_bold_headings(writer.blocks))
    if any(len(block.text) > WORD_CHARACTERS and _NO_WORD.search(block.text) for block in blocks):
        raise MarkupError(f"holds a word of more than {WORD_CHARACTERS:,} characters: it is damaged, save it again")
    return Markup(blocks, tuple(sorted(writer.removed.items())))


def _with_bold_headings(blocks: list[Block]) -> Iterator[Block]:
    """Yield `blocks` with short bold paragraphs that stand above others as headings: so people write without styles."""
    level = 3 if any(block.kind is BlockKind.HEADING for block in blocks) else 2
    for block, below in zip(blocks, [*blocks[1:], None], strict=False):  # an empty list has nothing below either
        if below and _is_bold_heading(block) and not _is_bold_heading(below):
            yield Block(BlockKind.HEADING, block.text, level=level)
        else:
            yield block


def _is_bold_heading(block: Block) -> bool:
    whole = Mark(0, len(block.text), MarkKind.STRONG)
    return block.kind is BlockKind.PARAGRAPH and block.marks == (whole,) and is_heading(block.text.rstrip(":"))


class _Writer:
    """Walks over sanitised elements and writes blocks."""

    def __init__(self, base: str, removed: Counter[str], *, may_hide: bool) -> None:
        self.removed = removed
        self._may_hide = may_hide
        self.blocks: list[Block] = []
        self._base = base
        self._depth = 0
        self._kind = BlockKind.PARAGRAPH
        self._level = 0
        self._list = BlockKind.BULLET
        self._pieces: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self._marks: list[Mark] = []
        self._images: list[Block] = []

    def write(self, element: etree._Element) -> None:
        """Write `element` and all that is in it."""
        tag = element.tag
        if not isinstance(tag, str):
            return
        if self._may_hide and _is_hidden(element):
            self.removed["hidden passage"] += 1
            return
        self._depth += 1
        if self._depth > TREE_DEPTH:
            raise MarkupError(TOO_DEEP)
        self._write(element, tag)
        self._depth -= 1

    def _write(self, element: etree._Element, tag: str) -> None:
        if tag in _HEADINGS:
            self._block(element, BlockKind.HEADING, _HEADINGS[tag])
        elif tag in _INLINE_MARKS:
            self._marked(element, _INLINE_MARKS[tag])
        elif tag in _LISTS:
            self._in_list(element, _LISTS[tag])
        elif tag in _BREAKING:
            self._block(element, BlockKind.QUOTE if self._kind is BlockKind.QUOTE else BlockKind.PARAGRAPH)
        elif write := _OWN_WAYS.get(tag):
            write(self, element)
        else:
            self._inside(element)

    def flush(self) -> None:
        """End the block that is being written."""
        if not self._pieces and not self._images:
            self._marks.clear()
            return
        text = "".join(self._pieces).rstrip()
        for mark in self._open:
            self._marks.append(Mark(mark.start, self._length, mark.kind, mark.href))
            mark.start = 0
        if any(character.isalnum() for character in text):
            self.blocks.append(
                Block(self._kind, text, tuple(_fitted(self._marks, text)) if self._marks else (), self._level)
            )
        self.blocks.extend(self._images)
        self._pieces, self._length, self._marks, self._images = [], 0, [], []

    def _inside(self, element: etree._Element) -> None:
        self._text(element.text)
        for child in element:
            self.write(child)
            self._text(child.tail)

    def _block(self, element: etree._Element, kind: BlockKind, level: int = 0) -> None:
        # The paragraph that fills a list item is that item; whatever opens a block inside a heading stays heading.
        fills = not self._pieces and element.tag in _BREAKING and self._kind in (*_LISTS.values(), BlockKind.HEADING)
        if fills:
            self._inside(element)
            self.flush()
            self._kind, self._level = BlockKind.PARAGRAPH, 0
            return
        self.flush()
        before, self._kind = self._kind, kind
        level_before, self._level = self._level, level
        self._inside(element)
        self.flush()
        self._kind, self._level = before, level_before

    def _in_list(self, element: etree._Element, kind: BlockKind) -> None:
        self.flush()
        before, self._list = self._list, kind
        kind_before, self._kind = self._kind, BlockKind.PARAGRAPH
        self._inside(element)
        self.flush()
        self._list, self._kind = before, kind_before

    def _li(self, element: etree._Element) -> None:
        self._block(element, self._list)

    def _blockquote(self, element: etree._Element) -> None:
        self._block(element, BlockKind.QUOTE)

    def _td(self, element: etree._Element) -> None:
        if "".join(self._pieces).strip():
            self._text(" | ")
        self._inside(element)

    def _q(self, element: etree._Element) -> None:
        self._text("“")
        self._inside(element)
        self._text("”")

    def _sup(self, element: etree._Element) -> None:
        # 10 to the fifth is not 105.
        text = element.text or ""
        if len(element) or not text.translate(_RAISED[element.tag]).isdigit():
            self._inside(element)
        else:
            self._text(text.translate(_RAISED[element.tag]))

    def _br(self, element: etree._Element) -> None:
        following = element.getnext()
        doubled = following is not None and following.tag == "br" and not (element.tail or "").strip()
        if doubled:  # how people who have no paragraphs make one
            self.flush()
        else:
            self._text(" ")

    def _marked(self, element: etree._Element, kind: MarkKind) -> None:
        href = absolute(element.get("href", ""), self._base) if kind is MarkKind.LINK else ""
        if kind is MarkKind.LINK and not href:
            if element.get("href"):
                self.removed["link without a public address"] += 1
            self._inside(element)
            return
        mark = _Open(kind, href, self._length)
        self._open.append(mark)
        self._inside(element)
        self._open.pop()
        self._marks.append(Mark(mark.start, self._length, kind, href))

    def _img(self, element: etree._Element) -> None:
        src = secure(element.get("src", ""), self._base)
        if _is_pixel(element):
            self.removed["measuring pixel"] += 1
        elif not src:
            self.removed["picture without a public address"] += 1
        else:
            self._images.append(Block(BlockKind.IMAGE, squeeze(element.get("alt", "")).strip(), src=src))

    def _text(self, text: str | None) -> None:
        if not text:
            return
        text = squeeze(text)
        if not self._pieces or self._pieces[-1].endswith(" "):
            text = text.removeprefix(" ")
        if text:
            self._pieces.append(text)
            self._length += len(text)


#: Elements that are written each in its own way.
_OWN_WAYS: Mapping[str, Callable[[_Writer, etree._Element], None]] = {
    "li": _Writer._li,
    "blockquote": _Writer._blockquote,
    "td": _Writer._td,
    "th": _Writer._td,
    "br": _Writer._br,
    "img": _Writer._img,
    "q": _Writer._q,
    "sub": _Writer._sup,
    "sup": _Writer._sup,
}


def _fitted(marks: list[Mark], text: str) -> Iterator[Mark]:
    """Cut marks to the characters they mark, without the white space at their ends; outer marks first."""
    fitted = set()
    for mark in marks:
        marked = text[mark.start : mark.end]
        start = mark.start + len(marked) - len(marked.lstrip())
        end = start + len(marked.strip())
        if start < end:
            fitted.add(Mark(start, end, mark.kind, mark.href))
    yield from sorted(fitted, key=lambda m: (m.start, -m.end, m.kind, m.href))


def _is_hidden(element: etree._Element) -> bool:
    return "hidden" in element.attrib or bool(_HIDDEN.search(element.get("style", "")))


def _is_pixel(element: etree._Element) -> bool:
    sides = (element.get("width", ""), element.get("height", ""))
    return any(side.isdecimal() and int(side) <= _PIXEL for side in sides)
