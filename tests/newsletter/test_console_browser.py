"""Every page of the console in a real browser: everybody can use it, and nothing from outside runs in it."""

from datetime import timedelta
from typing import Any

import pytest

from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.storage.clicks import ClickStore
from newsletter.storage.outbox import Event, OutboxStore, PostState
from newsletter.storage.sources import SourceRecord
from newsletter.storage.staff import Role
from newsletter.web.console.doors import DOORS
from subscribers.clicks import Click, Follower
from subscribers.people import SubscriptionState
from tests.builders import heading, make_subscriber, paragraph
from tests.newsletter.browsers import needs_chromium
from tests.newsletter.desks import KEY, OLD, Desk, outcome_of, press, type_into
from tests.newsletter.office import AT_HOME, NEEDLING, needling

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytest.importorskip("playwright.sync_api")
pytestmark = needs_chromium


HOSTILE = '"><img src=x onerror=window.PWN=1><script>window.PWN=1</script>{{7*7}}'


def test_words_that_were_not_saved_are_not_lost_by_a_wrong_press(desk: Desk) -> None:
    desk.office.hire("Ines", Role.ADMIN)
    desk.office.bring(NEEDLING, approved=True)
    draft(desk.office.house, desk.office.now)
    page = desk.sign_in("Ines")
    asked: list[str] = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.goto(f"/digests/{KEY}")

    type_into(page, "Subject", "Half a thought")
    page.get_by_role("link", name="Articles").press("Enter")
    assert page.get_by_label("Subject").input_value() == "Half a thought"
    assert asked == ["beforeunload"]

    press(page, "button", "Save", exact=True)
    press(page, "link", "Articles")
    assert asked == ["beforeunload"]


def pages_of(desk: Desk) -> dict[str, str]:
    """Return every page of the console with something on it."""
    page = desk.sign_in("Ines")
    page.goto("/duplicates")
    group = page.locator("tbody a").first.get_attribute("href")
    places = {"{revision}": NEEDLING.revision, "{key}": KEY, "{person}": "id-ada"}
    found = {"group": group, "no such page": "/nothing", "all articles": "/articles?state=all"}
    for door in DOORS:
        if (
            door.act
            or "{group}" in door.path
            or "images" in door.path
            or door.path.endswith((".csv", "/mail", "/text"))
        ):
            continue
        path = door.path
        for place, value in places.items():
            path = path.replace(place, value)
        found[path] = path
    found["phone"] = f"/digests/{KEY}/preview?view=phone"
    found["found"] = "/audience?q=ada"
    found["sent"] = f"/results/{OLD}"
    found["sending"] = f"/digests/{OLD}/send"
    found["segment"] = "/audience/segments?language=en"
    found["checked log"] = "/settings/audit?verify=yes"
    return found


def fill(desk: Desk, title: str = "", name: str = "Ada") -> None:
    """Put something into every part of the store."""
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    joined = office.now - timedelta(days=30)
    office.house.people.add([make_subscriber("ada", name=name)], "beauty", joined, SubscriptionState.CONFIRMED)
    third = needling(
        "third.md", f"Needles {title}", heading(f"More {title}"), paragraph(f"It does not help everybody. {title}")
    )
    office.now -= timedelta(days=7)
    office.bring(needling("old.md", f"Old {title}", heading(f"Old {title}")), approved=True)
    draft(office.house, office.now)
    release(office.house, OLD, office.now, hold=timedelta(0))
    outcome_of(office, OLD, 0, kind="refused", reply=f"550 no such user {title}")
    click = Click(f"https://shop.example/{title}", office.now + timedelta(days=1))
    ClickStore(office.house.engine).record(OLD, "id-ada", click, Follower.PERSON)
    office.now += timedelta(days=7)
    office.bring(NEEDLING, AT_HOME, third, approved=True)
    office.bring(needling("new.md", f"New {title}", paragraph(f"Words {title}")))
    office.house.sources.add(
        SourceRecord(name="magazine", kind="feed", location=f"https://a.example/{title}", added_at=office.now)
    )
    office.house.sources.failed("magazine", f"timeout {title}", office.now)
    browser = office.sign_in("Ines")
    browser.post("/digests")
    browser.post("/settings/tokens", name=f"Shop {title}", days="30", scope="sends:read")
    browser.post("/settings/webhooks", name=f"Shop {title}", url="http://127.0.0.1:9/")
    told = OutboxStore(office.house.engine)
    (hook,) = told.hooks()
    told.put(hook.id, Event.ARTICLE_APPROVED, f"an article {title}", office.now)
    (post,) = told.posts(hook.id, 1)
    told.note(post, PostState.PARKED, due_at=office.now, status=500, said=f"no {title}", now=office.now)
    browser.post(f"/digests/{KEY}", version="0", do="save", subject=f"Subject {title}", preheader=title, intro=title)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_small_screen(desk: Desk, scheme: str) -> None:
    fill(desk)
    pages = pages_of(desk)
    page = desk.sign_in("Ines", color_scheme=scheme, viewport={"width": 320, "height": 640}, bypass_csp=True)
    found: dict[str, object] = {}
    for name, path in pages.items():
        page.goto(path)
        if wrong := axe.Axe().run(page).response["violations"]:
            found[name] = [(v["id"], v["nodes"][0]["html"][:300]) for v in wrong]
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            found[f"{name}, width"] = page.evaluate("document.documentElement.scrollWidth")

    assert found == {}


@pytest.mark.parametrize("without_policy", [False, True], ids=["with the policy", "without it"])
def test_words_from_outside_never_run(desk: Desk, without_policy: bool) -> None:
    fill(desk, HOSTILE, f"Ada {HOSTILE}")
    pages = pages_of(desk)
    page = desk.sign_in("Ines", bypass_csp=without_policy)
    reports: list[str] = []
    page.on("console", lambda m: reports.append(m.text) if "Content Security Policy" in m.text else None)
    ran = []
    for path in pages.values():
        page.goto(path)
        if page.evaluate("window.PWN") is not None:
            ran.append(path)
        assert "49" not in page.title()
    page.goto("/audience")
    sheet = f'email,name\n"{HOSTILE}",x\neve@example.org,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'
    page.get_by_label("File", exact=True).set_input_files(
        {"name": f"{HOSTILE.replace('/', '')}.csv", "mimeType": "text/csv", "buffer": sheet.encode()}
    )
    page.get_by_label("Why we may write to them").fill(HOSTILE)
    for button in ("Show what would happen", "Import them"):
        press(page, "button", button)
        if page.evaluate("window.PWN") is not None:
            ran.append(button)

    assert ran == []
    assert [r for r in reports if "sandbox" not in r.lower()] == []


def test_pages_load_nothing_from_elsewhere_and_stay_small(desk: Desk) -> None:
    fill(desk)
    pages = pages_of(desk)
    page = desk.sign_in("Ines")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    weights = {}
    for name, path in pages.items():
        answer = page.goto(path)
        weights[name] = len(answer.body())

    assert {url for url in asked if not url.startswith((desk.address, "data:"))} == set()
    assert {n: w for n, w in weights.items() if w > 100_000} == {}


def test_typed_words_are_kept_by_themselves(desk: Desk) -> None:
    desk.office.hire("Ines", Role.ADMIN)
    desk.office.bring(NEEDLING, approved=True)
    draft(desk.office.house, desk.office.now)
    page = desk.sign_in("Ines")
    page.goto(f"/digests/{KEY}")

    type_into(page, "Before the stories", "Two of us tried it.")
    page.wait_for_selector("#saved >> text=Saved 09:0")
    assert page.evaluate("document.activeElement.id") == "intro"
    press(page, "link", "Articles")  # nothing is lost, so nobody is asked
    page.goto(f"/digests/{KEY}")

    assert page.get_by_label("Before the stories").input_value() == "Two of us tried it."
    press(page, "button", "Throw them away")
    assert page.get_by_label("Before the stories").input_value() == ""
