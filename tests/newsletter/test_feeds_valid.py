"""Our feeds are valid by the letter of their specifications, also when their content is as awkward as it gets."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import pytest
from lxml import etree

from newsletter.syndicating import write_site
from tests.editions import LOOK, at_week, full_edition, make_edition, make_story
from tests.newsletter.test_rendering_awkward import AWKWARD

ATOM = etree.RelaxNG(etree.parse(Path(__file__).parents[1] / "data" / "atom.rng"))
HUB = replace(LOOK, hub_url="https://hub.example.org/", contact="hello@news.example.org")
OLD = at_week(make_edition(make_story("old", "Older")), 44, 3)
OLD_MONTH = replace(OLD, published_at=datetime.fromisoformat("2026-10-27T07:00:00+00:00"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds")
    awkward = at_week(make_edition(*AWKWARD.values()), 47, 18)
    write_site(folder, [full_edition(), awkward, OLD_MONTH], HUB)
    return folder


def feeds(site: Path, form: str) -> list[Path]:
    found = sorted((site / "feeds").rglob(f"*.{form}"))
    assert {"all", "2026-10", "2026-11", "skin-care"} <= {path.stem for path in found}
    return found


def test_atom_feeds_are_as_rfc_4287_asks(site: Path) -> None:
    for path in feeds(site, "atom"):
        assert ATOM.validate(etree.parse(path)), f"{path.name}: {ATOM.error_log}"


@pytest.mark.parametrize(
    "change",
    [
        lambda feed: feed.remove(feed.find("{*}id")),
        lambda feed: feed.find("{*}updated").__setattr__("text", "yesterday"),
        lambda feed: feed.find("{*}entry").find("{*}link").set("href", "/relative"),
        lambda feed: feed.find("{*}entry").append(etree.Element("{http://www.w3.org/2005/Atom}id")),
        lambda feed: feed.find("{*}entry").find("{*}title").__setattr__("text", " "),
    ],
    ids=["no id", "no date", "a relative link", "two ids", "no title"],
)
def test_the_schema_tells_a_broken_feed(site: Path, change: Callable[[etree._Element], None]) -> None:
    feed = etree.parse(site / "feeds/all.atom")
    change(feed.getroot())

    assert not ATOM.validate(feed)


def test_each_atom_entry_has_one_alternate_link_and_no_id_occurs_twice(site: Path) -> None:
    for path in feeds(site, "atom"):
        root = etree.parse(path).getroot()
        for parent in [root, *root.findall("{*}entry")]:
            links = [(link.get("rel"), link.get("type")) for link in parent.findall("{*}link")]
            assert links.count(("alternate", "text/html")) == 1
        ids = [e.findtext("{*}id") for e in root.findall("{*}entry")]
        assert len(ids) == len(set(ids))


def test_rss_feeds_are_as_rss_2_0_asks(site: Path) -> None:
    for path in feeds(site, "rss"):
        root = etree.parse(path).getroot()
        channel = root.find("channel")
        assert (root.tag, root.get("version")) == ("rss", "2.0")
        assert channel is not None
        for name in ("title", "link", "description", "lastBuildDate", "language"):
            assert len(channel.findall(name)) == 1, f"{path.name}: {name}"
        assert parsedate_to_datetime(channel.findtext("lastBuildDate") or "").tzinfo
        selves = [x.get("href") for x in channel.findall("{http://www.w3.org/2005/Atom}link") if x.get("rel") == "self"]
        assert selves == [f"https://news.example.org/{path.relative_to(site)}"]
        for item in channel.findall("item"):
            assert_item(item)


def assert_item(item: etree._Element) -> None:
    for name in ("title", "link", "description", "guid", "pubDate", "{*}encoded"):
        assert len(item.findall(name)) == 1, name
    assert (item.findtext("title") or "").strip()
    assert urlsplit(item.findtext("link") or "").scheme == "https"
    assert parsedate_to_datetime(item.findtext("pubDate") or "").tzinfo
    guid = item.find("guid")
    assert guid is not None
    assert (guid.get("isPermaLink"), (guid.text or "")[:4]) == ("false", "tag:")
    for enclosure in item.findall("enclosure"):
        assert enclosure.get("url", "").startswith("https://")
        assert enclosure.get("length", "").isdigit()
        assert "/" in enclosure.get("type", "")
    assert not (item.findall("author") and item.findall("{*}creator"))


#: What JSON Feed 1.1 knows of a feed and of an item, with what each must be.
FEED = {"version": str, "title": str, "home_page_url": str, "feed_url": str, "description": str, "next_url": str,
        "authors": list, "language": str, "hubs": list, "items": list, "icon": str, "favicon": str}  # fmt: skip
ITEM = {"id": str, "url": str, "external_url": str, "title": str, "content_html": str, "summary": str, "image": str,
        "date_published": str, "date_modified": str, "authors": list, "tags": list, "language": str,
        "attachments": list}  # fmt: skip


def test_json_feeds_are_as_json_feed_1_1_asks(site: Path) -> None:
    for path in feeds(site, "json"):
        feed = json.loads(path.read_bytes().decode("utf-8"))
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert {key: type(value) for key, value in feed.items()} == {key: FEED[key] for key in feed}
        assert {"title", "items", "feed_url"} <= set(feed)
        ids = [item["id"] for item in feed["items"]]
        assert len(ids) == len(set(ids))
        for item in feed["items"]:
            assert {key: type(value) for key, value in item.items()} == {key: ITEM[key] for key in item}
            assert item["content_html"].strip()
            for date in (item["date_published"], item["date_modified"]):
                assert datetime.fromisoformat(date).tzinfo
            for url in (item["url"], item.get("external_url", item["url"]), item.get("image", item["url"])):
                assert urlsplit(url).scheme in {"http", "https"}
            assert [set(a) <= {"url", "mime_type", "size_in_bytes"} for a in item.get("attachments", [])] == [
                True for _ in item.get("attachments", [])
            ]


class Watcher(HTMLParser):
    """Notes what a feed's content must not hold, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "style", "form", "base", "link"}:
            self.forbidden.append(tag)
        self.forbidden += [name for name, _ in attributes if name.startswith("on") or name == "style"]
        self.addresses += [value or "" for name, value in attributes if name in {"href", "src"}]


def test_no_content_holds_a_relative_address_a_frame_a_script_or_a_style(site: Path) -> None:
    contents = [item["content_html"] for path in feeds(site, "json") for item in json.loads(path.read_bytes())["items"]]
    watcher = Watcher()
    for content in contents:
        watcher.feed(content)

    assert watcher.forbidden == []
    assert {urlsplit(address).scheme for address in watcher.addresses} <= {"https", "http", "mailto", "tel"}


def test_all_three_forms_hold_the_same_content_letter_for_letter(site: Path) -> None:
    plainly = {"sanitize_html": False, "resolve_relative_uris": False}
    for rss in feeds(site, "rss"):
        in_rss = feedparser.parse(rss.read_bytes(), **plainly)
        in_atom = feedparser.parse(rss.with_suffix(".atom").read_bytes(), **plainly)
        in_json = json.loads(rss.with_suffix(".json").read_bytes())["items"]
        assert not in_rss.bozo
        assert not in_atom.bozo

        def told(entries: list[feedparser.FeedParserDict]) -> list[tuple[str, str, str]]:
            return [(e.id, e.title, e.content[0].value) for e in entries]

        wanted = [(i["id"], i["title"], i["content_html"]) for i in in_json]
        assert [(i, t) for i, t, _ in told(in_rss.entries)] == [(i, t) for i, t, _ in wanted]
        assert told(in_rss.entries) == told(in_atom.entries)
        assert [content for *_, content in told(in_rss.entries)] == [content.strip() for *_, content in wanted]
