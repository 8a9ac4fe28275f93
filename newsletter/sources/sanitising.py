"""Makes foreign HTML harmless: its size and shape first, then the HTML5 rules with our own short lists."""

import re
from collections import Counter
from dataclasses import dataclass, field

import nh3

from newsletter.sources.characters import clean
from newsletter.sources.confining import ConfinedError, Worker

#: An article longer than this is a book or an attack.
ARTICLE_BYTES = 1_000_000
#: Sanitising and every tree walk grow with the square of the depth: 500 KB of `<div>` take 20 s.
DEPTH = 100
#: One tag with 100,000 attributes takes 7 s.
ATTRIBUTES = 200
#: Up to this length even the worst shape we know is cleaned within a second; longer texts go to a child process
#: that can be stopped. Nearly every article is shorter, and a child costs 40 ms.
IN_PROCESS_CHARACTERS = 64_000
#: Misnested tags can multiply what they hold.
OUTPUT_CHARACTERS = 4_000_000

#: What may stay: what `markup` turns into blocks, and nothing that acts.
TAGS = frozenset({
    "a", "address", "article", "aside", "b", "blockquote", "br", "caption", "center", "cite", "dd", "details", "div",
    "dl", "dt", "em", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
    "i", "img", "li", "main", "menu", "ol", "p", "pre", "q", "search", "section", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip
#: Gone with all that is in them: code, forms, other pages' windows, and what the author struck out.
GONE = frozenset({
    "applet", "audio", "button", "canvas", "datalist", "del", "dialog", "embed", "form", "frameset", "iframe", "map",
    "marquee", "math", "nav", "noembed", "noframes", "noscript", "object", "plaintext", "s", "script", "select",
    "strike", "style", "svg", "template", "textarea", "title", "video", "xmp",
})  # fmt: skip
#: `hidden` and `style` are there to see what a reader would not see; they go no further.
ATTRIBUTES_KEPT = {"*": {"hidden", "style"}, "a": {"href"}, "img": {"src", "alt", "width", "height"}}
SCHEMES = frozenset({"http", "https", "mailto"})

#: How editors call what was taken out.
_PLAIN_WORDS = {
    "audio": "recording", "button": "button", "del": "struck-out passage", "embed": "embedded program", "form": "form",
    "iframe": "embedded page", "math": "formula", "nav": "menu", "object": "embedded program",
    "s": "struck-out passage", "script": "script", "strike": "struck-out passage", "style": "style sheet",
    "svg": "drawing", "video": "film",
}  # fmt: skip

#: The tokens of HTML, roughly: enough to measure. Every alternative also ends at the end of the text, so that
#: no start is ever tried twice and the time stays proportional to the length.
_RAW = "script|style|textarea|title|xmp|noembed|noframes"
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<(?P<raw>{_RAW})\b.*?(?:</(?:{_RAW})\b|\Z)"
    r"|<(?P<closes>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    r"(?P<attributes>(?:[^>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"]*\"?|'[^']*'?")
_ACTING_LINK = re.compile(r"href\s*=\s*[\"']?\s*(?!https?:|mailto:)[a-z][a-z+.-]*:", re.IGNORECASE)
#: What `check_shape` would count.
_OF_NOTE = re.compile(rf"<!--|<(?:{'|'.join(_PLAIN_WORDS)})\b|{_ACTING_LINK.pattern}", re.IGNORECASE)
#: Elements without content, and those that the next one of their kind closes: their number says nothing of depth.
_FLAT = frozenset({
    "area", "base", "body", "br", "col", "dd", "dt", "embed", "head", "hr", "html", "img", "input", "li", "link",
    "meta", "optgroup", "option", "p", "rp", "rt", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track",
    "wbr",
})  # fmt: skip

TOO_DEEP = f"nests tags more than {DEPTH} deep: it is damaged, save it again"


class MarkupError(Exception):
    """This HTML is not one we take; the message says why, in words that follow the name of the thing."""


@dataclass(frozen=True, slots=True)
class Sanitised:
    """HTML in which nothing can act, and what was taken out of it, in words with their number."""

    html: str
    removed: Counter[str] = field(default_factory=Counter)


def sanitise(source: str) -> Sanitised:
    """Return `source` with nothing left in it that could act, fetch or hide.

    Raises:
        MarkupError: It is too long, too deep or too slow to be an article.
    """
    removed = measure(source)
    cleaned = clean_task(source) if len(source) <= IN_PROCESS_CHARACTERS else _clean_confined(source)
    if len(cleaned) > OUTPUT_CHARACTERS:
        raise MarkupError("grows when its tags are put in order: it is damaged, save it again")
    return Sanitised(clean(cleaned), removed)


def measure(source: str) -> Counter[str]:
    """Check that `source` is an article by its size and shape, in time proportional to its length.

    Returns:
        What cleaning will take out, in words with their number.

    Raises:
        MarkupError: It is none.
    """
    if len(source) > ARTICLE_BYTES or len(source.encode("utf-8", "replace")) > ARTICLE_BYTES:
        raise MarkupError(f"is longer than {ARTICLE_BYTES // 1000:,} KB: split it into several articles")
    openers = source.count("<") - source.count("</")
    if openers <= DEPTH and len(source) <= IN_PROCESS_CHARACTERS and not _OF_NOTE.search(source):
        return Counter()  # nearly every article: it cannot be deep, and nothing in it needs counting
    return check_shape(source, DEPTH)


def check_shape(source: str, limit: int, *, xml: bool = False) -> Counter[str]:
    """Check that no tag in `source` stands deeper than `limit` or has too many attributes; see `measure`.

    Args:
        source: HTML, or XML.
        limit: How many tags may be open at once.
        xml: Whether a tag that ends with a slash is closed; in HTML it is not.

    Raises:
        MarkupError: One does.
    """
    gone: Counter[str] = Counter()
    open_tags: Counter[str] = Counter()
    depth = 0
    for token in _TOKEN.finditer(source):
        name = (token["raw"] or token["name"] or "").lower()
        if not name:
            gone["passage in a comment that never ends"] += not token[0].endswith("-->")
            continue
        gone[_taken(name, token)] += 1
        if len(attributes := token["attributes"] or "") > ATTRIBUTES and _count(attributes) > ATTRIBUTES:
            raise MarkupError(f"has a tag with more than {ATTRIBUTES} attributes: it is damaged, save it again")
        if name in _FLAT or token["raw"]:
            continue
        if not token["closes"]:
            opens = not (xml and attributes.endswith("/"))
            open_tags[name] += opens
            depth += opens
        elif open_tags[name]:
            open_tags[name] -= 1
            depth -= 1
        if depth > limit:
            raise MarkupError(f"nests tags more than {limit} deep: it is damaged, save it again")
    del gone[""]
    return +gone


def _taken(name: str, token: re.Match[str]) -> str:
    """Return in words what cleaning will take out at this token, or ""."""
    if name == "a" and _ACTING_LINK.search(token["attributes"]):
        return "link that is no web address"
    return "" if token["closes"] else _PLAIN_WORDS.get(name, "")


def _count(attributes: str) -> int:
    return len(_QUOTED.sub("", attributes).replace("/", " ").split())


def clean_task(source: str) -> str:
    """Clean `source` by the HTML5 rules, with our lists; how long it takes depends on its shape."""
    return nh3.clean(
        source,
        tags=set(TAGS),
        clean_content_tags=set(GONE),
        attributes={name: set(kept) for name, kept in ATTRIBUTES_KEPT.items()},
        url_schemes=set(SCHEMES),
        link_rel=None,
        strip_comments=True,
    )


def _clean_confined(source: str) -> str:
    try:
        with Worker(f"{__name__}:{clean_task.__name__}") as worker:
            cleaned: str = worker.do(source)
            return cleaned
    except ConfinedError as error:
        raise MarkupError(str(error)) from error
