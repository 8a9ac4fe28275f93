"""The public site is a folder any server can serve: nothing half written, nothing rewritten without need."""

import json
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from content.looks import Look
from newsletter.syndicating import write_site
from newsletter.syndicating.files import write
from tests.editions import LOOK, at_week, full_edition, make_edition, make_story


def page(folder: Path, path: str) -> BeautifulSoup:
    return BeautifulSoup((folder / path).read_text(), "html5lib")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(tmp_path, [full_edition(), at_week(make_edition(make_story("old", "Older")), 47, 18)], LOOK)
    return tmp_path


def test_a_site_holds_editions_articles_lists_and_feeds(site: Path) -> None:
    names = {str(p.relative_to(site)) for p in site.rglob("*") if p.is_file()}

    assert {
        "index.html",
        "style.css",
        "editions/beauty-weekly-2026-W48.html",
        "editions/beauty-weekly-2026-W47.html",
        "feeds/all.rss",
        "feeds/all.atom",
        "feeds/all.json",
        *(f"articles/{s.slug}.html" for s in full_edition().stories),
    } <= names


def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text(), "html5lib")
        links = [a["href"] for a in soup.find_all("a")] + [x["href"] for x in soup.find_all("link")]
        for href in links:
            target, _, anchor = href.removeprefix(LOOK.site_url + "/").partition("#")
            if href.startswith("http") and not href.startswith(LOOK.site_url):
                continue
            if href.startswith(f"{LOOK.site_url}/editions/beauty-weekly-2026-W45"):
                continue  # an edition of the past that this test did not build
            if href == f"{LOOK.site_url}/subscribe":
                continue  # a page of the program that serves the site
            base = site if href.startswith("http") else path.parent
            file = (base / target).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            assert file.is_file(), f"{path.name}: {href}"
            if anchor:
                assert BeautifulSoup(file.read_text(), "html5lib").find(id=anchor), f"{path.name}: {href}"


def test_the_index_lists_the_newest_edition_first(site: Path) -> None:
    front = page(site, "index.html")
    links = [h.a["href"] for h in front.find_all("h2")]

    assert [a.get_text() for a in front.find("ol").find_all("a")] == [s.title for s in full_edition().stories]
    assert links == ["editions/beauty-weekly-2026-W48.html", "editions/beauty-weekly-2026-W47.html"]


def test_every_page_announces_the_feeds(site: Path) -> None:
    for path in site.rglob("*.html"):
        found = page(site, str(path.relative_to(site))).find_all("link", rel="alternate")
        assert [x["type"] for x in found[:3]] == [
            "application/rss+xml",
            "application/atom+xml",
            "application/feed+json",
        ]
        assert all((path.parent / x["href"]).resolve().is_file() for x in found)


def test_an_article_points_search_engines_to_its_source(site: Path) -> None:
    needling, rollers = full_edition().stories
    own = f"https://news.example.org/articles/{rollers.slug}.html"

    assert page(site, f"articles/{needling.slug}.html").find("link", rel="canonical")["href"] == needling.url
    assert page(site, f"articles/{rollers.slug}.html").find("link", rel="canonical")["href"] == own


def test_pages_describe_themselves_to_machines(site: Path) -> None:
    article = page(site, f"articles/{full_edition().stories[0].slug}.html")
    edition = page(site, "editions/beauty-weekly-2026-W48.html")

    data = json.loads(article.find("script", type="application/ld+json").string)
    assert (data["@type"], data["headline"]) == ("NewsArticle", "Needles, explained")
    assert data["author"] == {"@type": "Person", "name": "Inès Moreau"}
    assert data["mainEntityOfPage"] == full_edition().stories[0].url
    assert (data["datePublished"], data["dateModified"]) == ("2026-11-20T09:00:00+00:00", "2026-11-20T09:00:00+00:00")
    descriptions = [
        article.find("meta", attrs={"name": "description"}),
        article.find("meta", property="og:description"),
    ]
    assert {d["content"] for d in descriptions} == {"Which step can go? See the full study first."}
    assert article.find("meta", property="og:image")["content"] == "https://cdn.example.org/serum.jpg"
    assert json.loads(edition.find("script", type="application/ld+json").string)["@type"] == "CollectionPage"


def test_pages_have_titles_of_their_own(site: Path) -> None:
    titles = {p: page(site, p).title.get_text() for p in ("index.html", "archive/2026.html", "topics/skin-care.html")}

    assert titles == {
        "index.html": "The Quiet Shelf",
        "archive/2026.html": "2026 – The Quiet Shelf",
        "topics/skin-care.html": "Skin care – The Quiet Shelf",
    }


def test_the_list_of_feeds_names_newsletters_only_where_there_are_several(tmp_path: Path, site: Path) -> None:
    write_site(tmp_path / "two", [full_edition(), replace(full_edition(), newsletter="hair")], LOOK)

    one = [h.get_text() for h in page(site, "feeds/index.html").find_all("h2")]
    two = [h.get_text() for h in page(tmp_path / "two", "feeds/index.html").find_all("h2")]
    assert one == ["The Quiet Shelf", "Skin care", "Treatments"]
    assert two == [*one[:1], "The Quiet Shelf (beauty)", "The Quiet Shelf (hair)", *one[1:]]


def test_a_second_build_changes_nothing(site: Path) -> None:
    editions = [at_week(make_edition(make_story("old", "Older")), 47, 18), full_edition()]
    before = {p: p.stat().st_mtime_ns for p in site.rglob("*") if p.is_file()}

    assert write_site(site, editions, LOOK) == ()
    assert {p: p.stat().st_mtime_ns for p in site.rglob("*") if p.is_file()} == before


def test_a_changed_edition_rewrites_its_pages_and_what_shows_them(tmp_path: Path) -> None:
    older = at_week(make_edition(make_story("old", "Older")), 47, 18)
    write_site(tmp_path, [full_edition(), older], LOOK)

    changed = write_site(tmp_path, [replace(full_edition(), title="Another title"), older], LOOK)

    assert "editions/beauty-weekly-2026-W48.html" in changed
    assert "index.html" in changed
    assert "editions/beauty-weekly-2026-W47.html" not in changed
    assert "style.css" not in changed


def test_pages_are_written_before_whatever_leads_to_them(tmp_path: Path) -> None:
    written = list(write_site(tmp_path, [full_edition()], LOOK))

    article = written.index(f"articles/{full_edition().stories[0].slug}.html")
    edition = written.index("editions/beauty-weekly-2026-W48.html")
    assert article < edition < written.index("index.html") < written.index("feeds/all.rss")


def test_a_site_without_editions_says_so(tmp_path: Path) -> None:
    write_site(tmp_path, [], LOOK)

    assert "Nothing has been published yet." in page(tmp_path, "index.html").get_text()


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    write(tmp_path / "a.html", b"old")
    (tmp_path / "a.html").unlink()
    (tmp_path / "a.html").mkdir()

    with pytest.raises(OSError):
        write(tmp_path / "a.html", b"new")

    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


def test_files_may_be_read_by_a_web_server(tmp_path: Path) -> None:
    write(tmp_path / "a.html", b"x")

    assert stat.S_IMODE((tmp_path / "a.html").stat().st_mode) == 0o644


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    nasty = '"><img src=x onerror=1></script><script>1</script>'
    story = make_story("n", nasty, author=nasty, topics=(nasty,), correction=nasty, url="javascript:alert(1)")

    write_site(tmp_path, [make_edition(story, title=nasty, preheader=nasty, label=nasty)], LOOK)

    ours = ({"type": "application/ld+json"}, {"src": "search.js", "defer": None})

    class Watch(HTMLParser):
        scripts = 0
        images = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.images += tag == "img"
            self.scripts += tag == "script" and dict(attrs) not in ours

    for path in tmp_path.rglob("*.html"):
        watch = Watch()
        watch.feed(path.read_text())
        assert (watch.images, watch.scripts) == (0, 0), path


def test_a_site_below_a_path_keeps_its_addresses(tmp_path: Path) -> None:
    look = Look(name="x", site_url="https://example.org/news/")
    write_site(tmp_path, [full_edition()], look)

    assert page(tmp_path, "index.html").find("link", rel="canonical")["href"] == "https://example.org/news/"
