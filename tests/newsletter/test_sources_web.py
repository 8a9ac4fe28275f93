"""A web page gives its article without the page around it, and we go only where robots.txt lets us."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Response, SourceError
from newsletter.sources import web
from newsletter.sources.documents import DocumentError
from newsletter.sources.web import WebSource, extract
from tests.newsletter.hostile import Hostile, answer, ok, serve

PAGES = Path(__file__).parents[1] / "data" / "pages"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

#: What a person who reads the page would call its article, in order; and what belongs to the page around it.
ARTICLE = {
    "shampoo-bars": (
        *("A shampoo bar lasts", "The First Week Is Waxy", "sodium coco sulfate", "75 grams", "19 cents"),
        "Two of three testers",
    ),
    "cuticle-oil": (
        *("The nail you see today", "Jojoba is a wax", "cutting the cuticle", "Filing in one direction"),
        "two sets in a row",
    ),
    "dry-brushing": (
        *("A brush of sisal", "What It Does", "five minutes", "liver and kidneys", "Who Should Not"),
        "ten, towards the heart",
    ),
}
AROUND = (
    *("cookies", "Most read", "bronzer", "Never miss", "Sign up", "All rights", "Privacy", "Great post"),
    "You may also",
)


def make_source(url: str) -> WebSource:
    fetcher = HttpFetcher("tests", limits=Limits(seconds=5, pause=0, tries=1), reach=Reach(loopback=True))
    return WebSource("web", url, fetcher, extract=extract)


def _page(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()


def _sitemap(server: Hostile, **modified: str) -> bytes:
    urls = "".join(f"<url><loc>{server.url}/{n}</loc><lastmod>{m}</lastmod></url>" for n, m in modified.items())
    return ok(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode())


@pytest.fixture
def site() -> Iterator[Hostile]:
    with serve() as server:
        for name in ARTICLE:
            server.answers[f"/{name}"] = ok(_page(name), ETag=f'"{name}"')
        server.answers["/sitemap.xml"] = _sitemap(server, **dict.fromkeys(ARTICLE, "2026-11-01"))
        yield server


@pytest.mark.parametrize("name", ARTICLE)
def test_the_article_is_found_and_the_page_around_it_left_behind(name: str) -> None:
    entry = extract(Response(url=f"https://vanity.example/{name}", status=200, headers={}, body=_page(name), at=NOW))

    assert all(part in entry.html for part in ARTICLE[name])
    assert not any(part in entry.html for part in AROUND)


def test_a_page_becomes_an_article(site: Hostile) -> None:
    pull = make_source(f"{site.url}/shampoo-bars").pull({})

    article = pull.articles[0]
    assert (article.id, article.title, article.url) == (
        f"web:{site.url}/shampoo-bars",
        "Shampoo Bars after Six Weeks",
        "https://vanity.example/shampoo-bars-after-six-weeks/",
    )
    assert (article.author, article.published_at) == ("Noor Haddad", datetime(2026, 9, 2, tzinfo=UTC))
    assert [block.text for block in article.blocks if block.level] == ["The First Week Is Waxy", "How to Store It"]


def test_a_sitemap_gives_all_its_pages(site: Hostile) -> None:
    pull = make_source(f"{site.url}/sitemap.xml").pull({})

    assert [article.id for article in pull.articles] == [f"web:{site.url}/{name}" for name in ARTICLE]


def test_an_index_of_sitemaps_is_followed_one_level(site: Hostile) -> None:
    site.answers["/index.xml"] = ok(f"<sitemapindex><sitemap><loc>{site.url}/sitemap.xml</loc></sitemap></sitemapindex>".encode())  # fmt: skip  # noqa: E501

    assert len(make_source(f"{site.url}/index.xml").pull({}).articles) == 3


def test_only_pages_that_changed_are_read_again_and_those_that_are_gone_are_named(site: Hostile) -> None:
    source = make_source(f"{site.url}/sitemap.xml")
    memory = source.pull({}).memory
    site.answers["/sitemap.xml"] = _sitemap(site, **{"shampoo-bars": "2026-11-01", "cuticle-oil": "2026-11-20"})
    site.requests.clear()

    pull = source.pull(memory)

    assert [article.id for article in pull.articles] == [f"web:{site.url}/cuticle-oil"]
    assert pull.gone == (f"web:{site.url}/dry-brushing",)
    assert site.paths() == ["/robots.txt", "/sitemap.xml", "/cuticle-oil"]


def test_a_page_without_a_date_is_asked_whether_it_changed(site: Hostile) -> None:
    source = make_source(f"{site.url}/shampoo-bars")
    memory = source.pull({}).memory
    site.answers["/shampoo-bars"] = answer(304)

    pull = source.pull(memory)

    assert (pull.articles, pull.problems, pull.gone, pull.memory) == ((), (), (), memory)
    assert 'If-None-Match: "shampoo-bars"' in site.requests[-1]


def test_robots_txt_is_obeyed_with_its_wildcards(site: Hostile) -> None:
    site.answers["/robots.txt"] = ok(b"User-agent: *\nDisallow: /*-oil$\n")

    pull = make_source(f"{site.url}/sitemap.xml").pull({})

    assert [article.id for article in pull.articles] == [f"web:{site.url}/shampoo-bars", f"web:{site.url}/dry-brushing"]
    assert [problem.reason for problem in pull.problems] == [
        f"{site.url}/cuticle-oil is closed to us by the robots.txt of its site"
    ]
    assert "/cuticle-oil" not in site.paths()


def test_a_source_that_is_closed_to_us_says_so(site: Hostile) -> None:
    site.answers["/robots.txt"] = ok(b"User-agent: beauty-newsletter\nDisallow: /\n")

    with pytest.raises(SourceError, match="closed to us by the robots"):
        make_source(f"{site.url}/sitemap.xml").pull({})


def test_while_the_rules_cannot_be_read_nothing_is(site: Hostile) -> None:
    site.answers["/robots.txt"] = answer(503)

    with pytest.raises(SourceError, match="until its rules are known") as caught:
        make_source(f"{site.url}/sitemap.xml").pull({})
    assert caught.value.transient


def test_an_address_that_we_do_not_fetch_is_refused_for_good() -> None:
    fetcher = HttpFetcher("tests")

    with pytest.raises(SourceError, match="asks for port 8080") as caught:
        WebSource("web", "http://vanity.example:8080/", fetcher).pull({})
    assert not caught.value.transient


def test_one_bad_page_harms_no_other_and_keeps_its_article(site: Hostile) -> None:
    source = make_source(f"{site.url}/sitemap.xml")
    memory = source.pull({}).memory
    site.answers["/sitemap.xml"] = _sitemap(site, **dict.fromkeys(ARTICLE, "2026-11-20"))
    site.answers["/cuticle-oil"] = answer(500)

    pull = source.pull(memory)

    assert [article.id for article in pull.articles] == [f"web:{site.url}/shampoo-bars", f"web:{site.url}/dry-brushing"]
    assert [problem.reason for problem in pull.problems] == [
        f"{site.url}/cuticle-oil has trouble at its end (status 500)"
    ]
    assert pull.gone == ()
    assert pull.memory[f"etag {site.url}/cuticle-oil"] == '"cuticle-oil"'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is no web page"),
        (b"\x89PNG\r\n", "is no web page"),
        (b"<html><body><p>Please enable JavaScript.</p></body></html>", "shows too little text"),
        (b"<div>" * 100_000, "nests tags more than 250 deep"),
    ],
    ids=["empty", "picture", "wants JavaScript", "deep"],
)
def test_a_page_without_an_article_is_left_out(body: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        extract(Response(url="https://vanity.example/", status=200, headers={}, body=body, at=NOW))


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"<rss/>", "no sitemap: if it is a feed"), (b"<html><p></html>", "it is not XML"), (b"", "it is not XML")],
)
def test_what_is_no_sitemap_is_named(site: Hostile, body: bytes, reason: str) -> None:
    site.answers["/sitemap.xml"] = ok(body)

    with pytest.raises(SourceError, match=reason):
        make_source(f"{site.url}/sitemap.xml").pull({})


def test_a_sitemap_cannot_read_our_files(site: Hostile, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("https://vanity.example/canary")
    spy = f'<!DOCTYPE x [<!ENTITY c SYSTEM "{tmp_path}/canary">]><urlset><url><loc>&c;</loc></url></urlset>'
    site.answers["/sitemap.xml"] = ok(spy.encode())

    pull = make_source(f"{site.url}/sitemap.xml").pull({})

    assert (pull.articles, pull.problems) == ((), ())


def test_what_is_too_much_for_one_pull_waits_for_the_next(site: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PAGES", 2)
    source = make_source(f"{site.url}/sitemap.xml")

    first = source.pull({})
    second = source.pull(first.memory)

    assert ([len(first.articles), len(second.articles)], first.gone, second.gone) == ([2, 1], (), ())
    assert [note.reason for note in first.notes] == [
        f"{site.url}/sitemap.xml lists 1 more pages: they are read next time"
    ]
