"""The archive and its feeds are served whole, packed, and only to those who have not got them yet."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import reader as lemon
import uvicorn
from httpx2 import Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from newsletter.syndicating import write_site
from newsletter.web.site import Site
from tests.editions import LOOK, at_week, full_edition, make_edition, make_story
from tests.newsletter.browsers import chromium, needs_chromium

HUB = replace(LOOK, hub_url="https://hub.example.org/")
FORMS = ("rss", "atom", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path, [full_edition(), at_week(make_edition(make_story("old", "Older")), 47, 18)], HUB)
    return tmp_path


def serving(folder: Path, asked: list[tuple[str, int]] | None = None) -> Starlette:
    site = Site(folder, HUB)

    async def serve(request: Request) -> Any:
        answer = await site.serve(request)
        if asked is not None:
            asked.append((request.url.path, answer.status_code))
        return answer

    return Starlette(routes=[Route("/", serve), Route("/{path:path}", serve)])


@pytest.fixture
def client(folder: Path) -> TestClient:
    return TestClient(serving(folder), headers={"Accept-Encoding": "identity"})


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """A real server; yield its address, and what was asked of it and answered."""
    asked: list[tuple[str, int]] = []
    config = uvicorn.Config(serving(folder, asked), port=0, log_level="error", lifespan="off", ws="none")
    running, socket = uvicorn.Server(config), config.bind_socket()
    thread = threading.Thread(target=running.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}", asked
    running.should_exit = running.force_exit = True
    thread.join(timeout=10)


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    with served(folder) as running:
        yield running


def essential(answer: Response) -> tuple[object, ...]:
    return answer.status_code, answer.content, answer.headers.get("content-encoding", "")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/search.js", "text/javascript; charset=utf-8"),
        ("/search/index.json", "application/json"),
        ("/feeds/all.json", "application/feed+json"),
        ("/feeds/all.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/all.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/feeds.opml", "text/x-opml; charset=utf-8"),
        ("/sitemap.xml", "application/xml; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_everything_that_is_written_is_served_as_what_it_is(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
READER = "application/atom+xml,application/rss+xml,application/xml;q=0.9,text/html;q=0.5,*/*;q=0.1"


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_a_browser_is_told_that_a_feed_is_plain_xml_and_a_reader_what_it_is(client: TestClient, form: str) -> None:
    answers = [client.get(f"/feeds/all.{form}", headers={"Accept": a}) for a in (CHROMIUM, READER, "*/*")]

    assert [a.headers["content-type"].partition(";")[0] for a in answers] == [
        "application/xml", f"application/{form}+xml", f"application/{form}+xml"
    ]  # fmt: skip
    assert len({a.content for a in answers}) == 1


def test_every_file_of_a_site_is_served(client: TestClient, folder: Path) -> None:
    paths = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    shown = [p for p in paths if not any(part.startswith(".") for part in p.parts)]

    assert {str(p): client.get(f"/{p}").status_code for p in shown} == {str(p): 200 for p in shown}


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_is_sent_once_and_then_only_when_it_has_changed(client: TestClient, folder: Path, form: str) -> None:
    url = f"/feeds/all.{form}"
    first = client.get(url)
    tag, day = first.headers["etag"], first.headers["last-modified"]

    assert first.content == (folder / url[1:]).read_bytes()
    assert parsedate_to_datetime(day).timestamp() == int((folder / url[1:]).stat().st_mtime)
    assert essential(client.get(url, headers={"If-None-Match": tag})) == (304, b"", "")
    assert essential(client.get(url, headers={"If-Modified-Since": day})) == (304, b"", "")
    assert essential(client.get(url, headers={"If-None-Match": '"old"', "If-Modified-Since": day}))[0] == 200
    write_site(folder, [at_week(make_edition(make_story("new", "New")), 49, 30)], HUB)
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_is_packed_for_whoever_takes_it_so(client: TestClient, form: str) -> None:
    url = f"/feeds/all.{form}"
    plain = client.get(url)
    packed = client.get(url, headers={"Accept-Encoding": "gzip;q=0.5, br"})  # the client unpacks it

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) * 0.6
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Accept"
    assert packed.headers["etag"] != plain.headers["etag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    assert client.get(url, headers=again).status_code == 304


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br", "gzip; q=0.000", ""])
def test_nobody_gets_what_they_do_not_take(client: TestClient, accepted: str) -> None:
    answer = client.get("/feeds/all.rss", headers={"Accept-Encoding": accepted})

    assert "content-encoding" not in answer.headers
    assert answer.content.startswith(b"<?xml")


def test_packing_a_page_gives_the_same_bytes_each_time(folder: Path) -> None:
    raw = TestClient(serving(folder), headers={"Accept-Encoding": "gzip"})
    with raw.stream("GET", "/feeds/all.atom") as answer:
        packed = b"".join(answer.iter_raw())

    assert packed == gzip.compress((folder / "feeds/all.atom").read_bytes(), mtime=0)


def test_a_feed_names_itself_and_its_hub_in_the_header_and_an_archive_page_only_itself(client: TestClient) -> None:
    live, archived = (client.get(f"/feeds/{name}.atom").headers for name in ("all", "archive/2026-11"))

    assert live["link"] == (
        '<https://hub.example.org/>; rel="hub", <https://news.example.org/feeds/all.atom>; rel="self"'
    )
    assert archived["link"] == '<https://news.example.org/feeds/archive/2026-11.atom>; rel="self"'
    assert live["access-control-allow-origin"] == "*"
    assert "link" not in client.get("/").headers


def test_a_feed_reader_asks_again_and_is_told_that_nothing_has_changed(
    server: tuple[str, list[tuple[str, int]]],
) -> None:
    address, asked = server
    with lemon.make_reader(":memory:") as library:
        for form in FORMS:
            library.add_feed(f"{address}/feeds/all.{form}")

        library.update_feeds(scheduled=False)
        library.update_feeds(scheduled=False)

        assert [library.get_entry_counts(feed=f"{address}/feeds/all.{form}").total for form in FORMS] == [3, 3, 3]
    assert sorted(asked) == sorted((f"/feeds/all.{form}", status) for form in FORMS for status in (200, 304))


@needs_chromium
def test_the_search_finds_a_story_on_the_served_site_under_its_policy(
    server: tuple[str, list[tuple[str, int]]],
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with chromium() as browser:
        page = browser.new_context(base_url=server[0]).new_page()
        page.set_default_timeout(10_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.route("https://**/*", lambda route: route.abort())

        page.goto("/search.html?q=rollers home")
        page.get_by_label("What are you looking for?").press("Enter")

        playwright.expect(page.locator("#found h2")).to_have_text(["Rollers at home"])
    assert [c for c in complaints if "Content Security Policy" in c] == []
