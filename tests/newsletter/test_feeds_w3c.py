"""What the W3C's feed validator would say of our feeds, rule by rule, also when their content is awkward: nothing."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape

import html5lib
import pytest
from html5lib.html5parser import ParseError
from lxml import etree

from newsletter.syndicating import write_site
from tests.editions import at_week, full_edition, make_edition, make_story
from tests.newsletter.test_feeds_valid import HUB, OLD_MONTH
from tests.newsletter.test_rendering_awkward import AWKWARD

#: Titles that print a closing tag are taken for HTML, and there is no way to say that they are none (RSS 2.0).
PRINTS_TAGS = {"markup as text", "end of CDATA"}

#: What content is made of; the validator knows more, and we use no more.
ELEMENTS = frozenset(
    {"a", "b", "blockquote", "br", "cite", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "img", "ins"}
    | {"li", "ol", "p", "s", "strong", "sub", "sup", "u", "ul"}
)
ATTRIBUTES = {"alt", "class", "dir", "height", "href", "lang", "loading", "src", "start", "title", "width"}

RFC_2822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d \+0000"
)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
URL = re.compile(r"https?://([a-z0-9-]+\.)+[a-z0-9-]+(:\d+)?(/[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]*)?", re.IGNORECASE)
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d){0,2}:[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,]+")
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
REGISTERED = {"alternate", "current", "enclosure", "hub", "next-archive", "prev-archive", "self", "via"}

RSS_TEXTS = ("channel/title", "channel/description", "channel/item/title", "channel/item/category")
ATOM_TEXTS = ("{*}title", "{*}subtitle", "{*}entry/{*}title", "{*}entry/{*}summary")


@dataclass(frozen=True, slots=True)
class Served:
    """One feed, and the path below the site at which it stands."""

    path: str
    root: etree._Element

    @property
    def is_rss(self) -> bool:
        return self.root.tag == "rss"

    def all(self, rss: str, atom: str) -> list[etree._Element]:
        return self.root.findall(rss if self.is_rss else atom)

    def entries(self) -> list[etree._Element]:
        return self.all("channel/item", "{*}entry")


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    folder = tmp_path_factory.mktemp("feeds")
    awkward = [story for name, story in AWKWARD.items() if name not in PRINTS_TAGS]
    strange = make_story("größe/ü #1?", "Ä & Ö", url="https://example.org/größe?a=b c")
    twice = [
        replace(
            make_story(f"twin{n}", f"Corrected {n}"),
            correction="Not so.",
            updated_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        for n in range(2)
    ]
    write_site(folder, [full_edition(), at_week(make_edition(*awkward, strange, *twice), 47, 18), OLD_MONTH], HUB)
    paths = [p for form in ("rss", "atom") for p in sorted((folder / "feeds").rglob(f"*.{form}"))]
    assert len(paths) > 10
    return [Served(str(p.relative_to(folder)), etree.parse(p).getroot()) for p in paths]


# One rule of the validator each: it yields what is wrong.


def contents(feed: Served) -> Iterator[str]:
    yield from (e.text or "" for e in feed.all("channel/item/{*}encoded", "{*}entry/{*}content"))
    if feed.is_rss:
        yield from (e.text or "" for e in feed.root.findall("channel/item/description"))


def not_html(feed: Served) -> Iterator[str]:
    for content in contents(feed):
        try:
            html5lib.HTMLParser(strict=True).parseFragment(content)
        except ParseError as error:
            yield f"{error!r} in {content[:80]!r}"


def security_risk(feed: Served) -> Iterator[str]:
    for content in contents(feed):
        for tag in html5lib.parseFragment(content, namespaceHTMLElements=False).iter():
            if tag.tag != "DOCUMENT_FRAGMENT" and tag.tag not in ELEMENTS:
                yield str(tag.tag)
            yield from (name for name in tag.attrib if name not in ATTRIBUTES)


def contains_rel_ref(feed: Served) -> Iterator[str]:
    for content in contents(feed):
        found = re.findall(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]*)\"", content)
        yield from (a for a in map(unescape, found) if not re.match(r"(https?|mailto|tel):", a))


def bad_characters(feed: Served) -> Iterator[str]:
    for element in feed.root.iter(etree.Element):
        for text in (element.text or "", element.tail or "", *element.attrib.values()):
            yield from re.findall("[\x80-\x9f\ufffd]", text)


def contains_html(feed: Served) -> Iterator[str]:
    for place in RSS_TEXTS if feed.is_rss else ATOM_TEXTS:
        texts = (e.text or "" for e in feed.root.findall(place))
        yield from (t for t in texts if re.search(r"</\w+>|&#\w+|&(amp|lt|gt|quot|apos|nbsp|copy)\b", t))


def not_blank(feed: Served) -> Iterator[str]:
    for place in RSS_TEXTS if feed.is_rss else ATOM_TEXTS:
        yield from (place for e in feed.root.findall(place) if not (e.text or "").strip())


def invalid_date(feed: Served) -> Iterator[str]:
    form = RFC_2822 if feed.is_rss else RFC_3339
    for place in (
        "channel/lastBuildDate",
        "channel/item/pubDate",
        "{*}updated",
        "{*}entry/{*}updated",
        "{*}entry/{*}published",
    ):
        for text in (e.text or "" for e in feed.root.findall(place)):
            if not form.fullmatch(text) or not _is_plausible(text):
                yield text


def _is_plausible(text: str) -> bool:
    """Tell whether the day of the week is right, and the year one in which there were feeds."""
    if "," not in text:
        return datetime.fromisoformat(text).year > 1990
    when = parsedate_to_datetime(text)
    return when.year > 1990 and text.startswith(when.strftime("%a,"))


def duplicate_updated(feed: Served) -> Iterator[str]:
    seen = [e.findtext("{*}updated") or "" for e in feed.entries()] if not feed.is_rss else []
    yield from (when for when in seen if seen.count(when) > 1)


def invalid_identifier(feed: Served) -> Iterator[str]:
    ids = [e.text or "" for e in feed.all("channel/item/guid", "{*}entry/{*}id")]
    yield from (id_ for id_ in ids if not TAG.fullmatch(id_) or ids.count(id_) > 1)


def invalid_link(feed: Served) -> Iterator[str]:
    found = [e.text or "" for e in feed.root.findall("channel//link")]
    found += [e.get("href", "") for e in feed.root.iter("{http://www.w3.org/2005/Atom}link")]
    found += [e.get("url", "") for e in feed.root.iter("enclosure")]
    yield from (url for url in found if not URL.fullmatch(url))


def unregistered_atom_link_rel(feed: Served) -> Iterator[str]:
    for link in feed.root.iter("{http://www.w3.org/2005/Atom}link"):
        if link.get("rel") not in REGISTERED or not MEDIA_TYPE.fullmatch(link.get("type", "x/x")):
            yield etree.tostring(link).decode()


def self_doesnt_match_location(feed: Served) -> Iterator[str]:
    own = [e.get("href") for e in feed.all("channel/{*}link", "{*}link") if e.get("rel") == "self"]
    if own != [HUB.url(feed.path)]:
        yield f"{own}"


def invalid_enclosure(feed: Served) -> Iterator[str]:
    for item in feed.entries() if feed.is_rss else []:
        enclosures = item.findall("enclosure")
        if len(enclosures) > 1:
            yield "two of them"
        for e in enclosures:
            if not e.get("length", "").isdigit() or not MEDIA_TYPE.fullmatch(e.get("type", "")):
                yield etree.tostring(e).decode()


def invalid_language(feed: Served) -> Iterator[str]:
    said = (
        feed.root.findtext("channel/language")
        if feed.is_rss
        else feed.root.get("{http://www.w3.org/XML/1998/namespace}lang")
    )
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*", said or ""):
        yield f"{said}"


def misplaced_item(feed: Served) -> Iterator[str]:
    parent = feed.root.find("channel") if feed.is_rss else feed.root
    assert parent is not None
    names = [etree.QName(e).localname for e in parent]
    first = next((n for n, name in enumerate(names) if name in {"item", "entry"}), len(names))
    yield from (name for name in names[first:] if name not in {"item", "entry"})


def need_description_before_content(feed: Served) -> Iterator[str]:
    for item in feed.entries() if feed.is_rss else []:
        names = [etree.QName(e).localname for e in item]
        if "encoded" in names and "description" not in names[: names.index("encoded")]:
            yield f"{names}"


def duplicate_semantics(feed: Served) -> Iterator[str]:
    for parent in [*feed.root.findall("channel"), *feed.root.findall("channel/item")]:
        names = [etree.QName(e).localname for e in parent]
        yield from (
            f"{a} and {b}" for a, b in (("author", "creator"), ("managingEditor", "creator")) if {a, b} <= {*names}
        )
        once = {"title", "link", "description", "guid", "pubDate", "encoded", "language", "lastBuildDate", "generator"}
        own = [e.tag for e in parent]
        yield from (name for name in once if own.count(name) > 1)


def undefined_element(feed: Served) -> Iterator[str]:
    known = {None, "http://www.w3.org/2005/Atom", "http://purl.org/rss/1.0/modules/content/",
             "http://purl.org/dc/elements/1.1/", "http://purl.org/syndication/history/1.0"}  # fmt: skip
    yield from (e.tag for e in feed.root.iter(etree.Element) if etree.QName(e).namespace not in known)


RULES: tuple[Callable[[Served], Iterator[str]], ...] = (
    not_html,
    security_risk,
    contains_rel_ref,
    bad_characters,
    contains_html,
    not_blank,
    invalid_date,
    duplicate_updated,
    invalid_identifier,
    invalid_link,
    unregistered_atom_link_rel,
    self_doesnt_match_location,
    invalid_enclosure,
    invalid_language,
    misplaced_item,
    need_description_before_content,
    duplicate_semantics,
    undefined_element,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_validator_has_nothing_to_say(rule: Callable[[Served], Iterator[str]], feeds: list[Served]) -> None:
    assert {feed.path: wrong for feed in feeds if (wrong := list(rule(feed)))} == {}


BROKEN_RSS = """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:x="https://example.org/x"><channel>
<title>a &lt;b&gt;b&lt;/b&gt;</title><description> </description><language>English</language>
<item><content:encoded>&lt;p&gt;&lt;b&gt;x&lt;/p&gt;&lt;iframe src="/x"&gt;&lt;/iframe&gt;
&lt;a href="/y"&gt;z&lt;/a&gt;</content:encoded>
<title>A</title><link>https://example.org/größe</link><author>a</author><dc:creator>a</dc:creator><guid>1</guid>
<pubDate>Mon, 25 Nov 2026 07:00:00 +0000</pubDate><enclosure url="https://example.org/a.jpg" length="-1" type="jpg"/>
<x:y/></item><atom:link rel="self" href="https://example.org/" type="feed"/></channel></rss>"""

BROKEN_ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><updated>2026-11-25T07:00:00Z</updated></entry>
<entry><id>2</id><updated>2026-11-25T07:00:00Z</updated></entry></feed>"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_can_be_broken(rule: Callable[[Served], Iterator[str]]) -> None:
    broken = [Served("feeds/all.rss", etree.fromstring(text)) for text in (BROKEN_RSS, BROKEN_ATOM)]

    assert any(list(rule(feed)) for feed in broken)
