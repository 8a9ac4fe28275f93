"""Reads an HTML file: what its head says, and the article in its body."""

import re

from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from newsletter.sources.characters import clean_line
from newsletter.sources.documents import Document, DocumentError, decode, lift_title
from newsletter.sources.facts import Facts, FactsError, language_of, parse_facts
from newsletter.sources.links import absolute
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import MarkupError, measure

#: Names of `<meta>` by which a page tells what front matter tells.
_META = {
    "author": "author",
    "article:author": "author",
    "keywords": "topics",
    "article:published_time": "published_at",
    "article-id": "id",
    "approved-by": "approved_by",
    "approved-at": "approved_at",
}
#: Where the article stands in a page, the surest place first.
_PLACES = ("article", "main", "body")

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
#: How far into a page a browser looks for its encoding (HTML, 13.2.3.2).
_CHARSET_BYTES = 1024


def read(content: bytes) -> tuple[Document, ...]:
    """Return the one article in `content`.

    Raises:
        DocumentError: It cannot be read.
    """
    text = _decode(content)
    try:
        measure(text)
        page = _parse(text)
        facts = _facts(page)
        markup = read_markup(_article(page), facts.url)
    except (FactsError, MarkupError) as error:
        raise DocumentError(str(error)) from error
    title, body = lift_title(markup.blocks)
    title = title or facts.title
    return (Document(title=title, blocks=body, facts=facts.over(Facts(title=title)), removed=markup.removed),)


def _decode(content: bytes) -> str:
    declared = _CHARSET.search(content[:_CHARSET_BYTES])
    name = declared[1].decode("ascii") if declared else "utf-8"
    try:
        if name.casefold() not in {"utf-8", "utf8"} and not content.startswith(
            (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
        ):
            content = content.decode(name).encode()
    except (LookupError, UnicodeError) as error:
        raise DocumentError(f"says it is written in {name}, and is not: save it as UTF-8") from error
    return decode(content)


def _parse(text: str) -> HtmlElement:
    parser = lxml_html.HTMLParser(huge_tree=True, no_network=True, encoding="utf-8")
    try:
        # As bytes: a text that carries an XML declaration with an encoding would be refused.
        page: HtmlElement = lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise DocumentError("holds no HTML: save it again from the program that wrote it") from error
    return page


def _facts(page: HtmlElement) -> Facts:
    told: dict[str, object] = {}
    for meta in page.iterfind(".//meta"):
        name = _META.get((meta.get("name") or meta.get("property") or "").strip().casefold())
        if name and (value := meta.get("content", "").strip()):
            told.setdefault(name, value)
    canonical = page.find(".//link[@rel='canonical']")
    if canonical is not None and (url := absolute(canonical.get("href", ""))):
        told["url"] = url
    title = page.findtext(".//title")
    facts = parse_facts(told)
    language = language_of(page.get("lang", ""))
    return facts.over(Facts(title=clean_line(title or ""), language=language))


def _article(page: HtmlElement) -> str:
    """Return the HTML of the article: the one place that can be it, without the page's own foot."""
    found = (page.iter(place) for place in _PLACES)
    body = next((only[0] for elements in found if len(only := list(elements)) == 1), page)
    if body.tag == "body":
        for foot in body.findall("footer"):
            body.remove(foot)
    markup: str = lxml_html.tostring(body, encoding="unicode")
    return markup
