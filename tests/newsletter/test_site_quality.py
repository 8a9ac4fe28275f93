"""What a page audit asks of a site: it is light, described, accessible on every screen, and nothing in it jumps."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsletter.rendering.web import feed_style_sheet
from newsletter.syndicating import write_site
from tests.editions import LOOK, at_week, full_edition, make_edition, make_story
from tests.newsletter.browsers import needs_chromium
from tests.newsletter.test_rendering_awkward import AWKWARD
from tests.newsletter.test_site_serving import served

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = needs_chromium

EDITION = full_edition()
PAGES = {
    "front": "/",
    "edition": f"/editions/{EDITION.key}.html",
    "article": f"/articles/{EDITION.stories[0].slug}.html",
    "awkward": "/editions/beauty-weekly-2026-W47.html",
    "topic": "/topics/skin-care.html",
    "year": "/archive/2026.html",
    "feeds": "/feeds/",
    "search": "/search.html",
}

#: Those of them that show an image from elsewhere.
PICTURED = {PAGES[name] for name in ("front", "edition", "article", "topic", "year")}

#: What a phone on a slow line loads before it can read: page, style sheet and script together, packed.
LIGHT_BYTES = 60_000

#: Of a large image, as an article's source may send it.
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="2400"><rect width="1600" height="2400"/></svg>'

#: Sums up how far what was already shown has moved (web.dev/cls): 0 is nothing, from 0.1 on it annoys.
SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; })
    .observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    story = make_story("old", "Older", topics=("Skin care",))
    write_site(folder, [EDITION, at_week(make_edition(story, *AWKWARD.values()), 47, 18)], LOOK)
    with served(folder) as (address, _asked):
        yield address


@pytest.fixture(params=PAGES.values(), ids=list(PAGES))
def path(request: pytest.FixtureRequest) -> str:
    return request.param


def opened(chromium: Any, site: str, path: str, **more: object) -> Any:
    page = chromium.new_context(base_url=site, **more).new_page()
    page.set_default_timeout(10_000)
    page.route("https://**/*", lambda route: route.fulfill(body=SVG, content_type="image/svg+xml"))
    page.goto(path)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible_on_a_phone_and_on_a_desk(chromium: Any, site: str, path: str, scheme: str) -> None:
    found: dict[str, object] = {}
    for width in (320, 1280):
        more = {"viewport": {"width": width, "height": 700}, "color_scheme": scheme, "bypass_csp": True}
        page = opened(chromium, site, path, **more)
        if wrong := axe.Axe().run(page).response["violations"]:
            found[f"{width}"] = [(v["id"], v["nodes"][0]["html"]) for v in wrong]
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found[f"{width}, wide"] = wide
        page.context.close()

    assert found == {}


def test_nothing_on_a_page_jumps_when_its_images_come(chromium: Any, site: str, path: str) -> None:
    page = chromium.new_context(base_url=site, viewport={"width": 390, "height": 800}).new_page()
    waiting: list[Any] = []
    page.route("https://**/*", lambda route: waiting.append(route))
    asking = page.expect_request("https://**/*") if path in PICTURED else nullcontext()
    with asking:
        page.goto(path, wait_until="domcontentloaded")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    assert bool(waiting) is (path in PICTURED)
    for route in waiting:
        route.fulfill(body=SVG, content_type="image/svg+xml")
    page.wait_for_load_state("load")

    assert page.evaluate(SHIFTS) == 0
    page.context.close()


def test_a_page_is_light_and_asks_nobody_else(chromium: Any, site: str, path: str) -> None:
    page = chromium.new_context(base_url=site).new_page()
    loaded: dict[str, int] = {}
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("response", lambda r: loaded.update({r.url: int(r.headers.get("content-length", 0))}))
    page.route("https://**/*", lambda route: route.fulfill(body=SVG, content_type="image/svg+xml"))

    page.goto(path, wait_until="load")

    ours = {url: size for url, size in loaded.items() if url.startswith(site)}
    assert sum(ours.values()) <= LIGHT_BYTES
    assert {url for url in loaded if url not in ours} <= {"https://cdn.example.org/serum.jpg"}
    assert complaints == []
    page.context.close()


def test_a_page_says_what_it_is_to_machines(chromium: Any, site: str, path: str) -> None:
    page = opened(chromium, site, path)

    def content(selector: str, attribute: str = "content") -> str:
        (one,) = page.locator(selector).all()
        return one.get_attribute(attribute) or ""

    assert 10 <= len(content('meta[name="description"]')) <= 300
    assert content('link[rel="canonical"]', "href").startswith("https://")
    assert content('meta[name="viewport"]') == "width=device-width,initial-scale=1"
    assert {content(f'meta[property="og:{name}"]') != "" for name in ("title", "type", "url", "site_name")} == {True}
    assert content("html", "lang") == "en"
    assert 0 < len(page.title()) <= 400
    data = json.loads(page.locator('script[type="application/ld+json"]').inner_text())
    assert (data == {}) is (path in {"/feeds/", "/search.html"})
    assert page.locator("h1").count() == 1
    page.context.close()


def test_images_tell_the_browser_their_shape_and_the_reader_what_they_show(chromium: Any, site: str, path: str) -> None:
    page = opened(chromium, site, path)

    shapes = page.evaluate("() => [...document.images].map(i => [i.alt, getComputedStyle(i).aspectRatio])")

    assert [shape for alt, shape in shapes if shape == "auto"] == []
    if path == PAGES["article"]:  # so that there is an image at all
        assert [alt for alt, _ in shapes] == ["A glass bottle on linen"]
    page.context.close()


def test_a_page_prints_on_white_without_what_only_a_screen_needs(chromium: Any, site: str) -> None:
    page = opened(chromium, site, PAGES["edition"], color_scheme="dark")
    page.emulate_media(media="print")

    shown = page.evaluate("() => [...document.querySelectorAll('nav')].filter(n => n.offsetParent !== null).length")

    assert shown == 0
    assert page.get_by_text(f"{LOOK.site_url.rstrip('/')}{PAGES['edition']}").is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.context.close()


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_a_feed_that_a_person_opens_is_a_page_and_not_its_source(chromium: Any, site: str, form: str) -> None:
    page = chromium.new_context(base_url=site, bypass_csp=True).new_page()
    sheet = feed_style_sheet(LOOK)
    page.route("https://**/feeds/feed.css", lambda route: route.fulfill(body=sheet, content_type="text/css"))

    page.goto(f"/feeds/all.{form}")

    parts = ["channel > title, feed > title", "guid, id"]
    shown = page.evaluate("parts => parts.map(p => getComputedStyle(document.querySelector(p)).display)", parts)
    assert shown == ["block", "none"]
    page.context.close()


def test_a_site_in_another_language_says_so(tmp_path: Path, chromium: Any) -> None:
    write_site(tmp_path, [replace(EDITION, language="de")], LOOK)
    with served(tmp_path) as (address, _asked):
        page = opened(chromium, address, "/")

        assert page.locator("html").get_attribute("lang") == "de"
        assert page.get_by_role("link", name="Alle Ausgaben").count() == 1
        page.context.close()
