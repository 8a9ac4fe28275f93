"""The whole week of those who make a newsletter, in a real browser, by keyboard alone, with scripts and without."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.storage.staff import Role
from tests.newsletter.browsers import needs_chromium
from tests.newsletter.desks import (
    KEY,
    Desk,
    notice,
    outcome_of,
    press,
    serving_feed,
    type_into,
)
from tests.newsletter.office import NEEDLING, PASSWORD

pytest.importorskip("playwright.sync_api")
pytestmark = needs_chromium


@pytest.fixture
def feed() -> Iterator[str]:
    with serving_feed() as address:
        yield address


def open_account(desk: Desk, name: str, code: str, **more: object) -> Any:
    """Open an account with the code of an invitation, by keyboard: password, authenticator, recovery codes."""
    page = desk.page(**more)
    page.goto("/welcome")
    type_into(page, "Code", code)
    type_into(page, "New password", PASSWORD)
    type_into(page, "The same password again", PASSWORD)
    press(page, "button", "Open my account")
    desk.office.secrets[name] = page.locator("input[name=secret]").get_attribute("value")
    type_into(page, "Code", desk.office.code(name))
    press(page, "button", "Set it up")
    assert page.locator("main li").count() >= 10
    press(page, "link", "I have kept them")
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_week_by_keyboard_alone(desk: Desk, feed: str, scripts: bool) -> None:
    office = desk.office
    office.subscribe("ada", "bob", "eve")
    page = desk.page()
    page.goto("/")
    assert "newsletter staff add" in page.inner_text("main")
    _, code = office.staffing.invite("ines@example.org", "Ines", [Role.ADMIN], by="test", now=office.now)
    page = open_account(desk, "Ines", code, java_script_enabled=scripts)

    page.goto("/settings/staff")
    type_into(page, "Address", "paul@example.org")
    type_into(page, "Name", "Paul")
    page.get_by_role("group", name="Roles", exact=True).get_by_label("approver").focus()
    page.keyboard.press("Space")
    press(page, "button", "Invite")
    other = open_account(desk, "Paul", page.locator("main .mono").inner_text(), java_script_enabled=scripts)

    page.goto("/health")
    type_into(page, "Short name", "magazine")
    type_into(page, "Address", feed)
    press(page, "button", "Add it")
    assert notice(page) == "Added magazine: 2 articles there now. Pull it to bring them in."
    press(page, "button", "Pull magazine")
    assert notice(page) == "2 new articles, 0 edited."

    (triage if scripts else tick)(page)

    page.goto("/duplicates")
    press(page, "link", "How microneedling works")
    assert page.locator("ins, del").count() == 0  # the very same words
    press(page, "button", "Print it once")
    assert "printed once" in notice(page)

    page.goto("/digests")
    press(page, "button", "New digest from approved articles")
    type_into(page, "Before the stories", "Two of us tried it.")
    type_into(page, "Subject", "Needles, tested")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert notice(page).startswith("Saved.")
    assert page.get_by_role("heading", level=1).inner_text() == "Needles, tested"
    press(page, "button", "Move down")
    press(page, "link", "Preview", exact=True)
    frame = page.frame_locator("iframe")
    assert "Two of us tried it." in frame.locator("body").inner_text()
    press(page, "button", "Send the test")
    assert "on its way to Ines" in notice(page)
    (test,) = desk.mails()
    assert (test["Subject"], test["To"]) == ("[TEST] Needles, tested", "Ines <ines@example.org>")

    press(page, "link", "Review and schedule", exact=True)
    assert "somebody else has to approve it" in page.inner_text("main")
    other.goto(f"/digests/{KEY}/review")
    for box in other.locator("input[name=accept]").all():
        box.focus()
        other.keyboard.press("Space")
    press(other, "button", "Approve this digest")
    assert notice(other) == "Approved. Now say when it leaves."

    press(other, "button", "Schedule", exact=True)
    assert notice(other) == "It leaves Tue 24 Nov 2026, 09:00 GMT."
    page.goto(f"/digests/{KEY}/send")
    press(page, "button", "Cancel and go back to draft")
    assert notice(page).startswith("Nothing was sent. You cancelled with")
    press(page, "button", "Send after the 5 minutes hold")
    assert "holding" in page.inner_text("main")
    press(page, "button", "Cancel and go back to draft")
    assert re.match("Nothing was sent. You cancelled with [45] min .* left", notice(page))
    press(page, "button", "Schedule", exact=True)
    assert notice(page) == "It leaves Tue 24 Nov 2026, 09:00 GMT."

    due = datetime(2026, 11, 24, 9, tzinfo=UTC)
    office.now = due - timedelta(minutes=30)  # the next morning: the page that was left open asks who is there
    look_again(page, scripts)
    type_into(page, "Your email address", "ines@example.org")
    type_into(page, "Password", PASSWORD)
    press(page, "button", "Sign in")
    type_into(page, "Code", office.code("Ines"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith(f"/digests/{KEY}/send")
    for moment, shown in ((due - timedelta(minutes=4), "It leaves in"), (due, "0 of 3 accepted")):
        office.now = moment
        advance(office.house, moment)
        look_again(page, scripts)
        page.wait_for_selector(f"#watch >> text={shown}")
    with ThreadPoolExecutor(1) as beside:  # the browser has a loop of its own in this thread
        sent = beside.submit(lambda: asyncio.run(deliver(office.house, office.now))).result(60)
    office.now += timedelta(seconds=90)
    advance(office.house, office.now)
    look_again(page, scripts)
    page.wait_for_selector("#watch >> text=3 of 3 accepted")
    assert sent.trouble == ""
    got = sorted((m["To"], m["Subject"]) for m in desk.mails() if m["To"] != test["To"])
    assert got == [(f"{n} <{n.lower()}@example.org>", "Needles, tested") for n in ("Ada", "Bob", "Eve")]
    page.wait_for_selector("text=Results >> nth=1")
    page.locator("main").get_by_role("link", name="Results").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.get_by_role("group").filter(has_text="Show numbers").locator("summary").focus()
    page.keyboard.press("Enter")
    assert "100.0" in page.get_by_role("row", name="accepted").first.inner_text()

    page.goto("/audience")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,name\nzoe@example.org,Zoe\n"}
    )
    press(page, "button", "Show what would happen")
    if page.get_by_label("Code").count():  # who imports has proved within a quarter of an hour who they are
        type_into(page, "Code", office.code("Ines"))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.get_by_label("File", exact=True).set_input_files(
            {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,name\nzoe@example.org,Zoe\n"}
        )
        press(page, "button", "Show what would happen")
    press(page, "button", "Import them")
    assert notice(page).startswith("Import 1 is done: 1 person added.")
    press(page, "button", "Undo import 1")
    assert notice(page).startswith("1 person gone again")
    assert office.staffing.audit.verify() is None


def triage(page: Any) -> None:
    """Approve two articles with single keys, one of them twice, because the first time is taken back."""
    page.goto("/articles")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")
    type_into(page, "Title has", "ajar")
    assert page.get_by_label("Title has").input_value() == "ajar"
    page.goto("/articles")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")
    press(page, "button", "Undo", exact=True)
    assert notice(page) == "Taken back: 1 article waiting again."
    page.locator("tbody tr").first.focus()
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")


def tick(page: Any) -> None:
    """Approve two articles in bulk, as a browser without scripts can; take it back once."""
    for is_last in (False, True):
        page.goto("/articles")
        for box in page.locator("input[name=chosen]").all():
            box.focus()
            page.keyboard.press("Space")
        press(page, "button", "Approve ticked")
        assert notice(page).startswith("2 articles approved.")
        if not is_last:
            press(page, "button", "Undo", exact=True)
            assert notice(page) == "Taken back: 2 articles waiting again."


def look_again(page: Any, scripts: bool) -> None:
    """Load a page anew where it does not look again by itself."""
    if not scripts:
        page.reload()


def test_a_watched_send_speaks_at_tenths_and_keeps_the_focus(desk: Desk) -> None:
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    office.subscribe(*(f"reader{n}" for n in range(40)))
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now, hold=timedelta(0))
    page = desk.sign_in("Ines")
    page.clock.install()
    page.goto(f"/digests/{KEY}/send")
    page.evaluate(
        """() => { window.said = []; const live = document.getElementById("live");
        new MutationObserver(() => window.said.push(live.textContent)).observe(live, {childList: true}) }"""
    )
    page.locator("#watch-numbers").focus()

    office.now += timedelta(minutes=5)
    for done in range(0, 40):
        outcome_of(office, KEY, done)
        office.now += timedelta(minutes=5)  # older than any sum that is kept
        with page.expect_response(f"**/digests/{KEY}/send"):
            page.clock.run_for(2000)
        page.wait_for_selector(f"#watch >> text={done + 1} of 40 accepted")
        assert page.evaluate("document.activeElement.id") == "watch-numbers"

    said = page.evaluate("window.said")
    assert said == [f"sending, {tenth} %" for tenth in range(10, 101, 10)]
    assert page.title().startswith("100 % – Sending – ")
