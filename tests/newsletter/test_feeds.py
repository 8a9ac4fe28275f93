"""The three forms of a feed carry the same entries, accepted by real readers, the same bytes at every build."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html import escape

import feedparser
import pytest
from lxml import etree

from content.editions import Edition, StorySection
from content.looks import Look
from newsletter.feeds.entries import NEVER, Enclosure, Entry, Feed, entries_of, entry_id
from newsletter.feeds.jsonfeed import json_feed
from newsletter.feeds.opml import opml
from newsletter.feeds.xml import atom, rss
from tests.editions import (
    LOOK,
    NEEDLING,
    PUBLISHED,
    ROLLERS,
    at_week,
    full_edition,
    image,
    linked,
    make_edition,
    make_story,
    paragraph,
)


def make_feed(*editions: Edition, look: Look = LOOK, **more: object) -> Feed:
    values: dict[str, object] = {
        "path": "feeds/all",
        "title": look.name,
        "description": look.tagline,
        "language": "en",
        "home": look.url(""),
        "entries": entries_of(editions or [full_edition()], look),
    }
    return Feed(**(values | more))  # type: ignore[arg-type]


def seen_by_feedparser(document: bytes) -> list[tuple[object, ...]]:
    parsed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return [
        (
            e.id,
            e.title,
            e.link,
            e.get("author", ""),
            tuple(t.term for t in e.get("tags", ())),
            e.content[0].value,
            datetime(*e.published_parsed[:6], tzinfo=UTC),
            tuple(x.href for x in e.enclosures),
        )
        for e in parsed.entries
    ]


def as_seen(entries: tuple[Entry, ...]) -> list[tuple[object, ...]]:
    return [
        (e.id, e.title, e.link, e.author, e.topics, e.html, e.published, (e.image.url,) if e.image else ())
        for e in entries
    ]


def test_rss_atom_and_json_carry_the_same_entries() -> None:
    feed = make_feed()

    items = json.loads(json_feed(feed, LOOK))["items"]

    assert [
        (
            i["id"],
            i["title"],
            i["url"],
            i.get("authors", [{"name": ""}])[0]["name"],
            tuple(i.get("tags", ())),
            i["content_html"],
            datetime.fromisoformat(i["date_published"]),
            (i["image"],) if "image" in i else (),
        )
        for i in items
    ] == as_seen(feed.entries)
    assert seen_by_feedparser(atom(feed, LOOK)) == as_seen(feed.entries)
    assert seen_by_feedparser(rss(feed, LOOK)) == as_seen(feed.entries)


@pytest.mark.parametrize("form", [rss, atom, json_feed], ids=["rss", "atom", "json"])
def test_two_builds_are_the_same_bytes(form) -> None:
    assert form(make_feed(), LOOK) == form(make_feed(), LOOK)


def test_an_id_hangs_on_the_article_alone() -> None:
    entry = entries_of([full_edition()], LOOK)[0]
    moved = replace(LOOK, site_url="https://elsewhere.example.org", tag_domain="news.example.org")

    assert entry.id == f"tag:news.example.org,2026:article:{NEEDLING}" == entry_id(moved, NEEDLING)
    assert entry_id(LOOK, "ein Ärger#1.md") == "tag:news.example.org,2026:article:ein%20%C3%84rger%231.md"


def test_a_correction_moves_updated_and_nothing_else() -> None:
    corrected = entries_of([full_edition()], LOOK)[1]
    fresh = full_edition()
    before = entries_of([replace(fresh, stories=(fresh.stories[0], replace(fresh.stories[1], updated_at=None)))], LOOK)[
        1
    ]

    assert corrected == replace(before, updated=datetime(2026, 11, 26, 7, 59, 59, tzinfo=UTC))


def test_readers_that_sort_by_time_keep_the_printed_order() -> None:
    entries = entries_of([make_edition(*(make_story(str(n)) for n in range(12)))], LOOK)

    assert [e.published for e in entries] == sorted({e.published for e in entries}, reverse=True)
    assert entries[0].published == PUBLISHED


def test_an_article_in_two_editions_is_one_entry_as_the_newest_prints_it() -> None:
    older = at_week(make_edition(make_story("a", "Old title"), make_story("only-old")), 47, 18)
    newer = make_edition(make_story("a", "New title"))

    entries = entries_of([older, newer], LOOK)

    assert [(e.title, e.published.day) for e in entries] == [("New title", 25), ("Needles, explained", 18)]


def test_a_feed_was_changed_when_its_latest_entry_was() -> None:
    assert make_feed().updated == datetime(2026, 11, 26, 7, 59, 59, tzinfo=UTC)
    assert make_feed(entries=()).updated == NEVER


@pytest.mark.parametrize("form", [rss, atom, json_feed], ids=["rss", "atom", "json"])
def test_a_feed_without_entries_is_a_feed(form) -> None:
    document = form(make_feed(entries=()), LOOK)

    assert document.startswith((b"<?xml", b"{"))


def test_the_article_stays_the_link_when_there_is_an_image() -> None:
    # feedgen alone loses rel and type once there is an enclosure, and readers follow the image.
    entry = etree.fromstring(atom(make_feed(), LOOK)).find("{*}entry")

    assert [dict(link.attrib) for link in entry.findall("{*}link")] == [
        {"href": make_feed().entries[0].link, "rel": "alternate", "type": "text/html"},
        {"href": NEEDLING, "rel": "via", "type": "text/html"},
        {"href": "https://cdn.example.org/serum.jpg", "rel": "enclosure", "type": "image/jpeg"},
    ]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("a.png", "image/png"),
        ("a.webp?w=9", "image/webp"),
        ("a.JPG", "image/jpeg"),
        ("a", "image/jpeg"),
        ("a.pdf", "image/jpeg"),
    ],
)
def test_an_image_has_the_type_of_its_name(address: str, kind: str) -> None:
    story = make_story(sections=(StorySection(heading="", blocks=(image("x", f"https://cdn.example.org/{address}"),)),))

    (entry,) = entries_of([make_edition(story)], LOOK)

    assert entry.image == Enclosure(url=f"https://cdn.example.org/{address}", type=kind)


def test_hub_and_self_links_reach_all_three_forms() -> None:
    look = replace(LOOK, hub_url="https://hub.example.org/")
    feed = make_feed(look=look)

    for form, ending in ((rss, ".rss"), (atom, ".atom")):
        links = feedparser.parse(form(feed, look)).feed.links
        assert {(x.rel, x.href) for x in links} == {
            ("alternate", "https://news.example.org/"),
            ("self", f"https://news.example.org/feeds/all{ending}"),
            ("hub", "https://hub.example.org/"),
        }
    channel = etree.fromstring(rss(feed, look))[0]
    assert channel.findtext("link") == "https://news.example.org/"
    document = json.loads(json_feed(feed, look))
    assert document["feed_url"] == "https://news.example.org/feeds/all.json"
    assert document["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/"}]


def test_an_archive_page_is_marked_and_linked_and_has_no_hub() -> None:
    look = replace(LOOK, hub_url="https://hub.example.org/")
    feed = make_feed(path="feeds/all-2", current="feeds/all", older="feeds/all-1", newer="feeds/all-3")

    for form in (rss, atom):
        root = etree.fromstring(form(feed, look))
        assert len(root.findall(".//{http://purl.org/syndication/history/1.0}archive")) == 1
        links = feedparser.parse(form(feed, look)).feed.links
        assert [x.rel for x in links] == ["alternate", "self", "current", "prev-archive", "next-archive"]


def test_all_feeds_stand_in_one_file_with_their_owner() -> None:
    root = etree.fromstring(
        opml([("feeds/all", "All"), ("feeds/topics/r-d", "R&D")], replace(LOOK, contact="a@example.org"))
    )

    assert {e.tag: e.text for e in root.find("head")} == {
        "title": LOOK.name,
        "ownerName": LOOK.name,
        "ownerEmail": "a@example.org",
    }
    assert [(o.get("type"), o.get("text"), o.get("xmlUrl"), o.get("htmlUrl")) for o in root.find("body")] == [
        ("rss", "All", "https://news.example.org/feeds/all.atom", "https://news.example.org/"),
        ("rss", "R&D", "https://news.example.org/feeds/topics/r-d.atom", "https://news.example.org/"),
    ]
    assert etree.fromstring(opml([], LOOK)).find("head/ownerEmail") is None


def test_awkward_content_stays_well_formed_and_whole() -> None:
    awkward = "a ]]> b\x00\x0b\x1f <b>&amp; 😀\ud800 \ufffe end"
    story = make_story(
        "https://example.org/?q=a b&c='d'",
        "Ti]]>tle \x08& <3 “quotes” 😀",
        author='O\'Neil & "Sons"',
        topics=("R&D", "R&D", ""),
        sections=(
            StorySection(heading="He]]>ad", blocks=(linked(awkward, "end", "/relative"), image("x", "relative.png"))),
        ),
    )
    feed = make_feed(make_edition(story))

    for document in (rss(feed, LOOK), atom(feed, LOOK)):
        etree.fromstring(document)
        entry = feedparser.parse(document, sanitize_html=False).entries[0]
        assert entry.id == feed.entries[0].id
        assert "a ]]> b &lt;b&gt;&amp;amp; 😀  end".replace("]]>", "]]&gt;") in entry.content[0].value
        assert 'href="/relative"' not in entry.content[0].value
        assert [t.term for t in entry.tags] == ["R&D"]
    assert json.loads(json_feed(feed, LOOK))["items"][0]["title"] == feed.entries[0].title


def test_a_description_in_rss_is_html_so_that_a_bare_less_than_survives() -> None:
    story = make_story(sections=(StorySection(heading="", blocks=(linked("A pH < 5 is acid & fine.", "pH", ""),)),))
    feed = make_feed(make_edition(story))

    assert etree.fromstring(rss(feed, LOOK)).findtext(".//item/description") == "A pH &lt; 5 is acid &amp; fine."
    assert etree.fromstring(atom(feed, LOOK)).findtext(".//{*}entry/{*}summary") == "A pH < 5 is acid & fine."


def test_every_address_in_an_entry_is_absolute() -> None:
    for entry in make_feed().entries:
        root = etree.HTML(f"<div>{entry.html}</div>")
        assert [u for u in root.xpath("//@href|//@src") if not u.startswith("https://")] == []
    assert ROLLERS in entry_id(LOOK, ROLLERS)


def test_the_weight_of_an_image_is_told_in_all_three_forms_once_it_is_known() -> None:
    weights = {"https://cdn.example.org/serum.jpg": 48_213}
    (known, *_), (unknown, *_) = entries_of([full_edition()], LOOK, weights), entries_of([full_edition()], LOOK)

    assert known == replace(unknown, image=replace(unknown.image, length=48_213))
    feed = make_feed(entries=(known,))
    (item,) = etree.fromstring(rss(feed, LOOK)).findall(".//item")
    (link,) = (
        x for x in etree.fromstring(atom(feed, LOOK)).iterfind(".//{*}entry/{*}link") if x.get("rel") == "enclosure"
    )
    assert item.find("enclosure").get("length") == link.get("length") == "48213"
    assert json.loads(json_feed(feed, LOOK))["items"][0]["attachments"][0]["size_in_bytes"] == 48_213


def test_a_feed_may_carry_the_opening_alone_and_lead_to_the_rest() -> None:
    story = make_story("a", sections=(StorySection(heading="", blocks=(paragraph("Fine <needles>. " * 40),)),))

    (entry,) = entries_of([make_edition(story)], replace(LOOK, feed_content="summary"))

    assert entry.html == (
        f"<p>{escape(story.summary, quote=False)}</p>\n"
        f'<p><a href="https://news.example.org/articles/{story.slug}.html">Read the whole article</a></p>'
    )
    assert len(entry.html) < 400
