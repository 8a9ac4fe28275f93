"""Every door of the console lets in whom it names, acts only on POST from our own pages, and says so in its headers."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from newsletter.publishing import draft
from newsletter.staffing import GRANTS, Permission
from newsletter.storage.engine import open_engine
from newsletter.storage.staff import Role
from newsletter.web.console.asking import Door, safe_next
from newsletter.web.console.doors import DOORS
from newsletter.web.console.guards import POLICY
from tests.newsletter.office import AT_HOME, NEEDLING, PASSWORD, URL, Browser, Office, said

#: The only doors that ask for nothing. A new one that forgets its permission fails here.
PUBLIC = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/welcome"),
    ("POST", "/welcome"),
    ("GET", "/images/{key}/{place}/{seal}"),
    ("GET", "/sign-in/oidc"),
    ("GET", "/sign-in/oidc/back"),
}

#: What changes by looking: nothing but this.
SEEN = {"sessions"}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Office]:
    """One console with somebody, two articles and a digest, for tests that prove that nothing changed."""
    folder = tmp_path_factory.mktemp("untouched")
    shutil.copy(sqlite_template, folder / "store.db")
    engine = open_engine(f"sqlite:///{folder}/store.db")
    made = Office(engine, folder)
    made.hire("Ines", Role.ADMIN)
    made.subscribe("ada")
    made.bring(NEEDLING, AT_HOME, approved=True)
    made.sign_in("Ines").post("/digests")
    yield made
    engine.dispose()


@pytest.fixture
def office(tmp_path: Path, untouched: Office) -> Iterator[Office]:
    """Return a copy of that console."""
    with (
        closing(sqlite3.connect(f"{untouched.settings.home}/store.db")) as known,
        closing(sqlite3.connect(f"{tmp_path}/store.db")) as copy,
    ):
        known.backup(copy)
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    made = Office(engine, tmp_path)
    made.secrets, made.now = dict(untouched.secrets), untouched.now
    yield made
    engine.dispose()


def path_of(door: Door) -> str:
    """Return the address of a door with something in each of its places."""
    places = {
        "revision": NEEDLING.revision,
        "key": "beauty-weekly-2026-W48",
        "person": "id-ada",
        "member": "nobody",
        "group": "0" * 16,
        "place": "0",
        "seal": "x",
        "hook": "nobody",
    }
    return re.sub(r"\{(\w+)\}", lambda m: places[m[1]], door.path)


def everything(engine: Engine) -> dict[str, list[object]]:
    """Return every row of the store."""
    tables = sorted(set(inspect(engine).get_table_names()) - SEEN)
    with engine.connect() as connection:
        return {t: [tuple(r) for r in connection.execute(text(f'SELECT * FROM "{t}"'))] for t in tables}


def test_every_door_names_its_permission_and_every_post_what_it_does() -> None:
    assert {(d.method, d.path) for d in DOORS if d.may is None} == PUBLIC
    assert len({(d.method, d.path) for d in DOORS}) == len(DOORS)


@pytest.mark.parametrize("door", DOORS, ids=lambda d: f"{d.method} {d.path}")
def test_nobody_passes_without_signing_in(untouched: Office, door: Door) -> None:
    if door.may is None:
        return
    before = everything(untouched.house.engine)
    browser = untouched.browser()
    browser.client.follow_redirects = False

    answer = browser.post(path_of(door)) if door.act else browser.get(path_of(door))

    assert answer.status_code == (401 if door.act else 303)
    assert everything(untouched.house.engine) == before


@pytest.mark.parametrize("role", Role)
def test_each_role_passes_the_doors_of_its_permissions_and_no_other(office: Office, role: Role) -> None:
    office.hire("Mia", role)
    wrong = []
    for door in DOORS:
        if door.may in {None, Permission.OWN} or door.path == "/sign-out":
            continue
        browser = office.sign_in("Mia")
        answer = browser.post(path_of(door)) if door.act else browser.get(path_of(door))
        if (answer.status_code == 403) is (door.may in GRANTS[role]):
            wrong.append((door.method, door.path, answer.status_code))

    assert wrong == []


def test_an_edition_of_another_newsletter_is_not_there(office: Office) -> None:
    settings = office.settings.model_copy(update={"newsletter": "hair"})
    record = draft(replace(office.house, settings=settings), office.now, by_hand=True)
    assert record
    assert record.edition.key == "hair-weekly-2026-W48"
    ines, found = office.sign_in("Ines"), {}
    before = everything(office.house.engine)

    for door in DOORS:
        if "{key}" in door.path and door.may is not None:
            path = door.path.replace("{key}", record.edition.key)
            answer = ines.post(path, do="save", version="0") if door.act else ines.get(path)
            found[f"{door.method} {door.path}"] = answer.status_code

    assert len(found) > 10
    assert set(found.values()) == {404}
    assert everything(office.house.engine) == before


@pytest.mark.parametrize("path", ["/articles/" + "0" * 64, "/audience/people/nobody", "/digests/none", "/results/none"])
def test_what_is_not_there_is_said_the_same_way_whatever_was_asked_for(office: Office, path: str) -> None:
    answer = office.sign_in("Ines").get(path)

    assert answer.status_code == 404
    assert path.rpartition("/")[2] not in answer.text


def test_half_signed_in_passes_nothing_but_the_code(office: Office) -> None:
    browser = office.browser()
    browser.post("/sign-in", address="ines@example.org", password=PASSWORD)
    browser.client.follow_redirects = False

    led = {
        browser.get(path_of(d)).headers.get("location")
        for d in DOORS
        if d.method == "GET" and d.level.value == "full" and d.may
    }

    assert led == {"/code"}


def test_who_holds_only_the_password_cannot_put_another_authenticator_in_place(office: Office) -> None:
    browser = office.browser()
    browser.post("/sign-in", address="ines@example.org", password=PASSWORD)
    secret = "A" * 32

    browser.post("/factor", secret=secret, code="000000")

    assert office.staffing.staff.factor(office.staffing.staff.at("ines@example.org").id) != secret  # type: ignore[union-attr]


def test_looking_changes_nothing(office: Office) -> None:
    browser = office.sign_in("Ines")
    before = everything(office.house.engine)

    for door in DOORS:
        if not door.act:
            browser.get(path_of(door))
            browser.client.head(path_of(door))

    assert everything(office.house.engine) == before


SITES = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
    ({"Origin": URL}, True),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "https://desk.example.org.evil.example"}, False),
    ({}, True),
]


@pytest.mark.parametrize("path", ["/articles", "/digests", "/sign-out"])
@pytest.mark.parametrize(("headers", "is_ours"), SITES)
def test_what_acts_comes_from_our_own_pages(office: Office, path: str, headers: dict[str, str], is_ours: bool) -> None:
    browser = office.sign_in("Ines")
    browser.client.follow_redirects = False
    before = everything(office.house.engine)

    answer = browser.client.post(path, data={}, headers=headers)

    assert (answer.status_code != 403) is is_ours
    assert is_ours or everything(office.house.engine) == before


@pytest.mark.parametrize("door", [d for d in DOORS if not d.act], ids=lambda d: d.path)
def test_every_page_carries_the_guards(office: Office, door: Door) -> None:
    answer = office.sign_in("Ines").get(path_of(door))

    policy = answer.headers["content-security-policy"]
    assert policy == POLICY or policy.startswith("sandbox; default-src 'none'")
    assert "unsafe-inline" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] in {"no-store", "private, max-age=3600"}
    assert "access-control-allow-origin" not in answer.headers
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:", answer.text) or "/mail" in door.path


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https:evil.example", "/\t/evil.example", "/../x", "evil", "/é", ""]
)
def test_signing_in_leads_to_our_own_pages_only(office: Office, path: str) -> None:
    assert safe_next(path) == "/"
    office.hire("Mia", Role.EDITOR)
    browser = office.browser()
    browser.client.follow_redirects = False

    answer = browser.post("/sign-in", address="mia@example.org", password=PASSWORD, next=path)

    assert answer.headers["location"] == "/"


def test_a_chosen_session_id_is_never_taken_over(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)
    browser = office.browser()
    browser.client.cookies.set("__Host-sid", "chosen-by-eve", domain="desk.example.org", path="/")

    browser.sign_in("Mia")

    assert browser.client.cookies.get("__Host-sid", path="/") != "chosen-by-eve"
    eve = office.browser()
    eve.client.cookies.set("__Host-sid", "chosen-by-eve", domain="desk.example.org", path="/")
    assert "Sign in" in eve.get("/").text


@pytest.mark.parametrize("value", ["", "x", "é" * 50, "a" * 9000, "../../etc", "%00"])
def test_a_cookie_that_is_none_of_ours_is_nobody(office: Office, value: str) -> None:
    browser = office.browser()
    answer = browser.client.get("/", headers={b"Cookie": f"__Host-sid={value}; __Host-said={value}".encode()})

    assert answer.status_code == 200
    assert "Sign in" in answer.text


def test_the_session_cookie_is_out_of_reach(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)
    browser = office.browser()
    browser.client.follow_redirects = False

    cookie = browser.post("/sign-in", address="mia@example.org", password=PASSWORD).headers["set-cookie"]

    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "desk.example.org.evil.example", "a/healthz?"])
def test_another_host_is_refused(office: Office, host: str) -> None:
    assert office.browser().client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "//healthz",
        "/x/healthz",
        "/assets/..%2fbase.html.jinja",
        "/assets/console.css",
        "/.env",
        "/articles/../settings",
        "/%00",
    ],
)
def test_no_other_address_opens_anything(office: Office, path: str) -> None:
    browser = office.browser()
    browser.client.follow_redirects = False

    assert browser.get(path).status_code in {303, 404}


def test_nothing_is_there_before_the_first_administrator(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "other.db")
    engine = open_engine(f"sqlite:///{tmp_path}/other.db")
    browser = Office(engine, tmp_path).browser()

    answers = {(d.method, d.path): (browser.post(path_of(d)) if d.act else browser.get(path_of(d))) for d in DOORS}

    assert {a.status_code for (m, p), a in answers.items() if p != "/welcome"} == {503}
    assert answers["GET", "/welcome"].status_code == 200
    engine.dispose()


def test_forms_are_bounded(office: Office) -> None:
    browser = office.sign_in("Ines")

    assert browser.post("/digests", x="a" * 300_000).status_code == 413
    assert browser.client.post("/articles", content="a=1&" * 1100).status_code in {400, 415}
    assert browser.client.post("/articles", json={"a": 1}).status_code == 415
    assert browser.client.post("/articles", content=b"\xff\xfe").status_code == 400


def test_fields_that_a_form_does_not_have_change_nothing(office: Office) -> None:
    mia = office.hire("Mia", Role.EDITOR)
    browser = office.sign_in("Mia")

    browser.post("/account/profile", shortcuts="yes", roles="admin", role="admin", id="other", left_at="x")

    assert office.staffing.staff.find(mia.id) == mia


def test_one_cannot_end_the_session_of_another(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)
    ines, mia = office.sign_in("Ines"), office.sign_in("Mia")
    (hers,) = office.staffing.sessions.of(office.staffing.staff.at("ines@example.org").id, office.now)[:1]  # type: ignore[union-attr]

    mia.post("/account/sessions", session=hers.hash[:16])

    assert ines.get("/account").status_code == 200
    assert "My account" in ines.get("/account").text


def test_a_notice_cannot_be_planted(office: Office) -> None:
    browser: Browser = office.sign_in("Ines")
    browser.client.cookies.set("__Host-said", "WyJDYWxsIDU1NSIsMCxmYWxzZV0.forged", domain="desk.example.org", path="/")

    answer = browser.get("/?msg=Call+555&error=Call+555")

    assert "Call 555" not in answer.text
    assert said(answer) == ""


def test_the_documents_name_every_role() -> None:
    page = (Path(__file__).parents[2] / "docs" / "console.md").read_text()

    assert [role for role in Role if role.value not in page] == []


def test_what_delicate_things_ask_for_is_a_proof_that_is_fresh(office: Office) -> None:
    from datetime import timedelta

    browser = office.sign_in("Ines")
    office.now += timedelta(minutes=16)
    browser.client.follow_redirects = False

    led = {browser.post(path_of(d)).headers.get("location", "").partition("?")[0] for d in DOORS if d.fresh}

    assert led == {"/again"}
