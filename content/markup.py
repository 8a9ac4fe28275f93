"""Blocks become plain HTML: the one place where text from outside turns into markup."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby, pairwise
from urllib.parse import urlsplit

from content.articles import Block, BlockKind, Mark, MarkKind

#: XML 1.0 section 2.2 forbids these; so do we, in every output. Private-use slot characters are ours alone.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ue000\ue001]"
)

#: Direction controls (UAX 9) can make a title read as another one, and run on into what follows.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")

#: What nobody sees makes two titles differ that look alike. Tag characters stay where they draw a flag.
_UNSEEN = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]+)|[\u00ad\u200b\u2060\ufeff\U000e0020-\U000e007f]")

#: More marks on one letter than any script needs paint over the lines above and below.
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILE = re.compile(f"([{_MARKS}]{{4}})[{_MARKS}]+")

#: Schemes a link may have. Everything else loses its link and keeps its text.
LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_TAGS = {MarkKind.STRONG: "strong", MarkKind.EMPHASIS: "em"}
_LISTS = {BlockKind.BULLET: "ul", BlockKind.NUMBERED: "ol"}


def clean(text: str) -> str:
    """Return `text` without the characters that no output may hold, whatever the source let through."""
    return _PILE.sub(r"\1", _FORBIDDEN.sub("", text))


def clean_line(text: str) -> str:
    """Return `text` as one line fit for a title or a name: cleaned, nothing that turns or hides, spaces collapsed."""
    return " ".join(_UNSEEN.sub(r"\1", _BIDI.sub("", clean(text))).split())


def safe_link(href: str) -> str:
    """Return `href` when it is absolute and of a harmless kind, else ""."""
    href = clean(href.strip())
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme.lower() not in LINK_SCHEMES or any(c.isspace() for c in href):
        return ""
    return href if parts.netloc or parts.scheme.lower() in {"mailto", "tel"} else ""


def direction(text: str) -> str:
    """Return "rtl" when the first letter with a direction runs right to left (UAX 9, rule P2), else "ltr"."""
    strong = (unicodedata.bidirectional(c) for c in text)
    return "rtl" if next((b for b in strong if b in {"L", "R", "AL"}), "L") in {"R", "AL"} else "ltr"


def to_html(blocks: Iterable[Block], image_width: int = 0) -> str:
    """Return `blocks` as HTML of paragraphs, lists, quotes and figures, every text escaped.

    Args:
        blocks: What to print, in order.
        image_width: In pixels, for mail: Outlook shows an image without one at its natural size. 0 sets none.
    """
    parts: list[str] = []
    for kind, run in groupby(blocks, key=lambda b: b.kind):
        if kind in _LISTS:
            items = "".join(f"<li>{inline(b)}</li>" for b in run)
            parts.append(f"<{_LISTS[kind]}>{items}</{_LISTS[kind]}>")
        else:
            parts.extend(_block(b, image_width) for b in run)
    return "\n".join(p for p in parts if p)


def inline(block: Block) -> str:
    """Return the block's text as HTML with its links, strong and emphasised stretches, without a block around it."""
    links = [m for m in block.marks if m.kind is MarkKind.LINK and safe_link(m.href)]
    parts: list[str] = []
    for link, pieces in groupby(_pieces(block, links), key=lambda p: p[0]):
        body = "".join(html for _, html in pieces)
        parts.append(f'<a href="{escape(safe_link(link.href))}">{body}</a>' if link and body.strip() else body)
    return "".join(parts)


def _pieces(block: Block, links: list[Mark]) -> Iterator[tuple[Mark | None, str]]:
    """Cut the text wherever a mark begins or ends; marks may overlap, elements may not."""
    text, end = block.text, len(block.text)
    cuts = sorted({0, end, *(min(max(at, 0), end) for m in block.marks for at in (m.start, m.end))})
    for start, stop in pairwise(cuts):
        over = [m for m in block.marks if m.start <= start and m.end >= stop]
        html = escape(clean(text[start:stop]), quote=False)
        for kind, tag in _TAGS.items():
            if html and any(m.kind is kind for m in over):
                html = f"<{tag}>{html}</{tag}>"
        yield next((m for m in links if m in over), None), html


def image(block: Block, width: int = 0, kind: str = "") -> str:
    """Return an image block as an element of class `kind`, "" when its address is none a reader could load."""
    src = safe_link(block.src)
    if not src.startswith("http"):
        return ""
    more = (f' width="{width}"' if width else "") + (f' class="{kind}"' if kind else "")
    return f'<img src="{escape(src)}" alt="{escape(clean_line(block.text))}"{more}>'


def _block(block: Block, image_width: int) -> str:
    if block.kind is BlockKind.IMAGE:
        element = image(block, image_width)
        return f'<p class="figure">{element}</p>' if element else ""
    body = inline(block)
    if not body.strip():
        return ""
    if block.kind is BlockKind.HEADING:
        return f"<p><strong>{body}</strong></p>"
    return f"<blockquote><p>{body}</p></blockquote>" if block.kind is BlockKind.QUOTE else f"<p>{body}</p>"
