"""What mail clients can show: elements, style properties and values, after the figures of caniemail.com (2025-09-09).

Gmail, Outlook, Apple Mail, Yahoo and Samsung Email count. A property that fails in one of them but leaves the mail
readable (rounded corners, maximum widths) is in the list all the same; each was looked at once with the rule removed.
"""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag

#: Elements that clients remove or treat as an attack.
FORBIDDEN = frozenset(
    {"script", "iframe", "object", "embed", "form", "input", "button", "select", "textarea", "video", "audio", "base",
     "link", "svg", "picture", "dialog", "frame", "frameset", "applet", "math"}
)  # fmt: skip

#: Elements that every client shows.
ELEMENTS = frozenset(
    {"html", "head", "body", "meta", "title", "style", "div", "span", "table", "tbody", "thead", "tr", "td", "th", "p",
     "a", "img", "br", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "strong", "em", "b", "i"}
)  # fmt: skip

#: Style properties that work everywhere, or whose loss is harmless.
PROPERTIES = frozenset(
    {"background", "background-color", "border", "border-bottom", "border-color", "border-left", "border-radius",
     "border-right", "border-spacing", "border-top", "color", "color-scheme", "display", "font", "font-family",
     "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height", "margin", "margin-bottom",
     "margin-left", "margin-right", "margin-top", "max-height", "max-width", "mso-hide", "overflow", "padding",
     "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
     "text-transform", "vertical-align", "width", "word-break", "-webkit-text-size-adjust"}
)  # fmt: skip

#: Values that fail although their property works, and where.
VALUES = (
    (re.compile(r"\b(?:inline-)?(?:flex|grid)\b"), "Outlook on Windows, Yahoo, or Gmail"),
    (re.compile(r"\b(?:var|clamp|min|max|light-dark)\("), "Gmail, Outlook and Yahoo"),
    (re.compile(r"\bcalc\("), "Outlook and Yahoo"),
    (re.compile(r"gradient\("), "Outlook"),
    (re.compile(r"\d(?:rem|vw|vh|vmin|vmax|ch)\b"), "Outlook on Windows"),
    (re.compile(r"url\("), "Outlook on Windows"),
)

_DECLARATION = re.compile(r"([a-z-]+)\s*:\s*([^;{}]+)")
_MEDIA_HEAD = re.compile(r"@media[^{]*\{")


def unsupported(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Name whatever in a mail's HTML some client cannot show, and that client; each thing once."""
    seen: dict[str, str] = {}
    for tag in (t for t in soup.find_all(True) if isinstance(t, Tag)):
        if tag.name not in ELEMENTS | FORBIDDEN and ":" not in tag.name:
            seen.setdefault(f"<{tag.name}>", "every client")
        if str(tag.get("href") or "").startswith("#"):
            seen.setdefault("a link within the mail", "Gmail on iOS, Outlook on phones, Samsung Email and Yahoo")
        seen = dict(_declarations(str(tag.get("style") or ""))) | seen
    for style in soup.find_all("style"):
        seen = dict(_declarations(_MEDIA_HEAD.sub("", style.get_text()))) | seen
    yield from seen.items()


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    # Within a sheet, what stands before a brace is a selector: a{color:red} is cut to color:red.
    for part in re.split(r"[{}]", css):
        for name, value in _DECLARATION.findall(part):
            if name not in PROPERTIES:
                yield f"the style {name}", "every client"
            for pattern, where in VALUES:
                if pattern.search(value):
                    yield f"the style {name}: {value.strip()}", where
