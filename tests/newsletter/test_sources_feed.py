"""Any feed gives what is usable in it, once, and says what is not; what is no feed is named."""

import contextlib
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content.articles import Article, BlockKind
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Pull, Response, SourceError
from newsletter.sources.feed import FeedSource, read_feed
from newsletter.sources.feed_xml import parse_xml
from tests.builders import paragraph
from tests.newsletter.hostile import answer, ok, serve

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
URL = "https://example.org/feed"
DATA = Path(__file__).parents[1] / "data" / "bad_feeds.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]
#: Nothing may take longer than this; the slowest row takes a tenth of it.
SECONDS = 12

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Desk</title><language>en-gb</language><item>
<title>Lip Oils &amp; Balms</title><link>https://example.org/lips?utm_source=rss</link><guid>https://example.org/?p=1</guid>
<author>Noor</author><category>Lips</category><pubDate>Fri, 20 Nov 2026 10:00:00 +0100</pubDate>
<description>&lt;p&gt;Oil &lt;b&gt;feeds&lt;/b&gt;.&lt;/p&gt;</description></item></channel></rss>"""


def make_fetcher() -> HttpFetcher:
    return HttpFetcher("tests", limits=Limits(seconds=5, pause=0, tries=1), reach=Reach(loopback=True))


def make_response(body: bytes, content_type: str = "application/xml") -> Response:
    return Response(url=URL, status=200, headers={"content-type": content_type}, body=body, at=NOW)


def read_here(response: Response, source: str = "desk", memory: dict[str, str] | None = None) -> Pull:
    """Read without a process of its own, as most tests need none."""
    return read_feed(response, source, memory, parse=parse_xml)


def _bytes(row: dict[str, object]) -> bytes:
    feed = row["feed"]
    if isinstance(feed, dict):
        number, piece = feed["times"]
        feed = f"{feed.get('before', '')}{number * piece}{feed.get('after', '')}"
    return str(feed).encode(str(row.get("codec", "latin-1" if row.get("bytes") else "utf-8")))


def _shown(article: Article) -> list[str]:
    identity = article.id.removeprefix("desk:")
    identity = re.sub("#[0-9a-f]{16}$", "#", identity)
    return [identity, article.title, *(block.text for block in article.blocks)]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_bad_feed_gives_what_is_usable_or_a_reason(row: dict[str, object]) -> None:
    response = make_response(_bytes(row), str(row.get("type", "application/xml")))
    started = time.monotonic()

    if "refused" in row:
        with pytest.raises(SourceError, match=re.escape(str(row["refused"]))) as caught:
            read_here(response, "desk")
        assert not caught.value.transient
        return
    pull = read_here(response, "desk")

    assert time.monotonic() - started < SECONDS
    assert "PWN" not in repr(pull)
    if "harmless" not in row:
        assert [_shown(article) for article in pull.articles] == row["articles"]
        assert len(pull.problems) == row.get("problems", 0)
    if "links" in row:
        assert [m.href for a in pull.articles for b in a.blocks for m in b.marks if m.href] == row["links"]


def test_an_entry_becomes_an_article() -> None:
    pull = read_here(make_response(RSS.encode()), "desk", {"etag": "1"})

    article = pull.articles[0]
    assert (article.id, article.title, article.url, article.author, article.language, article.topics) == (
        "desk:https://example.org/lips", "Lip Oils & Balms", "https://example.org/lips", "Noor", "en-gb", ("lips",),
    )  # fmt: skip
    assert (article.published_at, article.source) == (datetime(2026, 11, 20, 9, tzinfo=UTC), "desk")
    assert article.blocks[0].text == "Oil feeds."
    assert pull.memory == {"etag": "1"}


@pytest.mark.parametrize(
    ("date", "published_at"),
    [
        ("Tue, 24 Nov 2026 08:59:00 GMT", datetime(2026, 11, 24, 8, 59, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 09:01:00 GMT", None),
        ("2999-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
    ],
)
def test_a_date_that_cannot_be_right_is_no_date(date: str, published_at: datetime | None) -> None:
    feed = RSS.replace("Fri, 20 Nov 2026 10:00:00 +0100", date)

    assert read_here(make_response(feed.encode()), "desk").articles[0].published_at == published_at


def test_entries_that_are_shuffled_and_numbered_anew_are_the_same_articles() -> None:
    items = [f"<item><title>T{n}</title><link>https://example.org/{n}</link><guid>{{}}{n}</guid><description>D</description></item>" for n in range(3)]  # fmt: skip  # noqa: E501

    def read(order: list[str], salt: str) -> set[Article]:
        feed = f"<rss version='2.0'><channel>{''.join(order).format(salt, salt, salt)}</channel></rss>"
        return set(read_here(make_response(feed.encode()), "desk").articles)

    assert read(items, "a") == read(items[::-1], "b")


def test_an_unchanged_feed_costs_one_short_answer() -> None:
    with serve({"/feed": ok(RSS.encode(), ETag='"1"')}) as server:
        source = FeedSource("desk", f"{server.url}/feed", make_fetcher())
        first = source.pull({})
        server.answers["/feed"] = answer(304)

        second = source.pull(first.memory)

        assert len(first.articles) == 1
        assert second == Pull(memory=first.memory)
        assert 'If-None-Match: "1"' in server.requests[1]


@pytest.mark.parametrize(("status", "transient"), [(404, False), (410, False), (503, True)])
def test_a_feed_that_cannot_be_fetched_says_whether_to_try_again(status: int, transient: bool) -> None:
    with serve({"/feed": answer(status)}) as server, pytest.raises(SourceError) as caught:
        FeedSource("desk", f"{server.url}/feed", make_fetcher()).pull({})
    assert caught.value.transient is transient


@pytest.mark.parametrize("content_type", ["", "image/png", "text/html", "application/json", "text/plain; charset=x"])
def test_what_a_feed_is_shows_in_it_and_not_in_its_header(content_type: str) -> None:  # U25
    assert len(read_here(make_response(RSS.encode(), content_type)).articles) == 1


def test_a_way_that_leaves_https_is_noted() -> None:  # U11
    response = replace(make_response(RSS.encode()), downgraded=True)

    assert next(note.reason for note in read_here(response).notes) == (
        f"{URL} is reached over http although its address says https: ask who runs it"
    )


def test_text_is_never_read_as_a_file_or_an_address(tmp_path: Path) -> None:  # F40
    (tmp_path / "feed.xml").write_text(RSS)

    with pytest.raises(SourceError, match="is no feed that we know"):
        read_here(make_response(str(tmp_path / "feed.xml").encode()), "desk")


def test_a_feed_is_parsed_in_a_process_of_its_own_with_the_same_result() -> None:
    response = make_response(RSS.encode())

    assert read_feed(response, "desk") == read_here(response)
    with pytest.raises(SourceError, match="is a web page"):
        read_feed(make_response(b"<html></html>"), "desk")


def test_a_feed_that_holds_the_parser_up_ends_in_time() -> None:
    # 10 KB, found by throwing damaged feeds at it: the parser tries the same quotes again and again. 28 KB take 8 s.
    damaged = (DATA.parent / "slow_feed.bin").read_bytes()
    started = time.monotonic()

    with contextlib.suppress(SourceError):
        read_feed(make_response(damaged), "desk")

    assert time.monotonic() - started < SECONDS


_PIECES = (
    "<rss version='2.0'>", "<channel>", "<item>", "</item>", "<title>", "</title>", "<link>", "</link>",
    "https://x.example/",
    "<description>", "</description>", "<![CDATA[", "]]>", "&lt;script&gt;", "&#xD800;", "\x00", "caf\xe9", "<guid>",
    "<pubDate>", "</pubDate>", "Mon, 23 Nov 2026", "{", '"version"', "<feed xmlns='http://www.w3.org/2005/Atom'>",
    "<entry>",
    "<content type='xhtml'>", "<a:b>", "<!--", "<?xml version='1.0' encoding='utf-16'?>",
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join), st.sampled_from(["utf-8", "latin-1"]))
def test_no_mixture_of_pieces_breaks_the_reader(feed: str, codec: str) -> None:
    try:
        pull = read_here(make_response(feed.encode(codec)), "desk")
    except SourceError:
        return

    assert all(article.title and article.blocks for article in pull.articles)


def test_a_text_entry_keeps_its_paragraphs() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [{"id": "1", "title": "T", "content_text": "One.\n\nTwo."}],
    }

    pull = read_here(make_response(json.dumps(feed).encode()), "desk")

    assert pull.articles[0].blocks == (paragraph("One."), paragraph("Two."))
    assert pull.articles[0].blocks[0].kind is BlockKind.PARAGRAPH


def _rss(*items: str) -> bytes:
    whole = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Desk</title>{whole}</channel></rss>'.encode()


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        " java\tscript:alert(1)",
        "mailto:a@example.org",
        "file:///etc/passwd",
    ],
)
def test_a_link_that_leads_nowhere_on_the_web_is_none(link: str) -> None:  # F23
    item = f"<title>Lips</title><link>{link}</link><guid isPermaLink='false'>1</guid><description>Oil.</description>"

    (article,) = read_here(make_response(_rss(item))).articles

    assert (article.url, "script" in article.id or "data:" in article.id) == ("", False)


@pytest.mark.parametrize(
    "date",
    [
        *("", "<pubDate/>", "<pubDate>32 Jan 2026</pubDate>", "<pubDate>yesterday</pubDate>"),
        *("<pubDate>1e400</pubDate>", "<pubDate>29 Feb 2025 25:61</pubDate>", "<pubDate>+9999</pubDate>"),
    ],
    ids=["none", "empty", "32 January", "yesterday", "1e400", "29 February", "zone"],
)
def test_without_a_date_an_entry_is_read_all_the_same(date: str) -> None:  # F25, F27
    pull = read_here(make_response(_rss(f"<title>Lips</title><description>Oil.</description>{date}")))

    assert [(a.title, a.published_at) for a in pull.articles] == [("Lips", None)]


def test_a_feed_that_dates_its_entries_anew_each_time_brings_no_new_article() -> None:  # F28
    item = "<title>Lips</title><guid>https://example.org/1</guid><description>Oil.</description><pubDate>{}</pubDate>"
    days = ("Fri, 20 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 10:00:00 GMT")

    pulls = [read_here(make_response(_rss(item.format(day)))) for day in days]

    assert len({article.id for pull in pulls for article in pull.articles}) == 1
