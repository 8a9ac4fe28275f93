"""Every address of the API lets in whom its scope and its owner's roles let in, and acts for nobody else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from newsletter.publishing import draft
from newsletter.staffing import GRANTS
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.staff import Role
from newsletter.storage.tokens import Scope
from newsletter.web.api.app import ROOT, api_of
from newsletter.web.api.calling import Operation
from newsletter.web.api.metering import Meter
from newsletter.web.api.operations import OPERATIONS
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber
from tests.newsletter.office import AT_HOME, NEEDLING, Office
from tests.newsletter.programs import Program, program_of
from tests.newsletter.test_console_doors import everything

KEY = "beauty-weekly-2026-W48"

#: A body that each operation takes.
BODIES = {
    "rejectArticle": {"note": "no"},
    "withdrawArticle": {"note": "no"},
    "addSubscriber": {"address": "new@example.org", "wording": "Yes."},
    "findSubscriber": {"address": "ada@example.org"},
    "eraseSubscriber": {"word": "erase"},
    "scheduleSend": {"at": "2026-12-01T09:00"},
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home: Path = tmp_path_factory.mktemp("office")
    engine = open_engine(f"sqlite:///{home}/store.db")
    migrate(engine)
    made = Office(engine, home)
    for role in Role:
        made.hire(role.value.title(), role)
    made.subscribe("ada")
    made.bring(NEEDLING, AT_HOME, approved=True)
    draft(made.house, made.now, by_hand=True)
    yield made
    engine.dispose()


def path_of(operation: Operation, **places: str) -> str:
    places = {"revision": NEEDLING.revision, "key": KEY, "person": "id-ada"} | places
    return re.sub(r"\{(\w+)\}", lambda m: places[m[1]], operation.path)


def ask(program: Program, operation: Operation, **places: str):
    path = path_of(operation, **places)
    return program.get(path) if operation.method == "GET" else program.post(path, BODIES.get(operation.name))


def test_nobody_passes_without_a_token_and_a_cookie_is_none(office: Office) -> None:
    browser = office.sign_in("Admin")
    cookie = f"__Host-sid={browser.client.cookies.get('__Host-sid', path='/')}"
    before = everything(office.house.engine)
    found = {}

    for operation in OPERATIONS:
        for secret in ("", "nl_" + "x" * 43):
            program = Program(office, secret)
            program.client.headers["Cookie"] = cookie
            answer = ask(program, operation)
            found[operation.name, secret[:3]] = (answer.status_code, answer.headers.get("content-type"))
            assert answer.headers["www-authenticate"].startswith("Bearer")
        with office.house.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM sign_in_failures")

    assert set(found.values()) == {(401, "application/problem+json")}
    before["sign_in_failures"] = []
    assert everything(office.house.engine) == before


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_its_own_addresses_and_no_other(office: Office, scope: Scope) -> None:
    program, wrong = program_of(office, "Admin", scope), []

    for operation in OPERATIONS:
        if operation.scope is scope:
            continue
        answer = ask(program, operation)
        if answer.status_code != 403 or f'scope="{operation.scope.value}"' not in answer.headers["www-authenticate"]:
            wrong.append((operation.name, answer.status_code))

    assert wrong == []


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.ADMIN])
def test_a_token_never_does_what_its_owner_may_not(office: Office, role: Role) -> None:
    # Made when they were an administrator, who may have any.
    name = role.value.title()
    member = office.staffing.staff.at(f"{name.lower()}@example.org")
    assert member
    office.staffing.staff.set_factor(member.id, "A" * 32, ())
    office.staffing.staff.set_roles(member.id, [Role.ADMIN])
    program = program_of(office, name, *Scope)
    office.staffing.staff.set_roles(member.id, [role])
    refused = [o for o in OPERATIONS if o.may not in GRANTS[role]]
    before = everything(office.house.engine)

    answers = {o.name: ask(program, o).status_code for o in refused}

    assert refused
    assert set(answers.values()) == {403}
    after = everything(office.house.engine)
    assert {t: r for t, r in after.items() if t != "tokens"} == {t: r for t, r in before.items() if t != "tokens"}


def test_what_belongs_to_another_newsletter_is_not_there(office: Office) -> None:
    settings = office.settings.model_copy(update={"newsletter": "hair"})
    record = draft(replace(office.house, settings=settings), office.now, by_hand=True)
    office.house.people.add([make_subscriber("eve")], "hair", office.now, SubscriptionState.CONFIRMED)
    assert record
    program = program_of(office, "Admin")
    theirs = {"key": record.edition.key, "person": "id-eve"}
    asked = [o for o in OPERATIONS if "{key}" in o.path or "{person}" in o.path]
    before = everything(office.house.engine)

    answers = {o.name: ask(program, o, **theirs).status_code for o in asked}
    found = program.post("/subscribers/find", {"address": "eve@example.org"})

    assert len(answers) > 12
    assert {*answers.values(), found.status_code} == {404}
    listed = [i["id"] for i in program.get("/subscribers").json()["items"]]
    assert "id-eve" not in listed
    assert [i["key"] for i in program.get("/editions").json()["items"]] == [KEY]
    after = everything(office.house.engine)
    assert {t: r for t, r in after.items() if t != "tokens"} == {t: r for t, r in before.items() if t != "tokens"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/articles/%00", 404),
        ("GET", f"/editions/{'k' * 129}", 404),
        ("GET", "/editions/", 404),
        ("DELETE", "/editions", 405),
        ("PUT", f"/editions/{KEY}", 405),
        ("OPTIONS", "/editions", 405),
    ],
)
def test_no_other_address_or_method_is_there(office: Office, method: str, path: str, status: int) -> None:
    program = program_of(office, "Admin")

    answer = program.client.request(method, path, headers=program._headers({"Origin": "https://desk.example.org"}))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_page_of_another_site_is_refused_even_with_a_token(office: Office) -> None:
    program = program_of(office, "Admin")

    answer = program.post("/editions", Origin="https://evil.example", Sec_Fetch_Site="cross-site")

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"note": "a", "note": "b"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"note": "a", "by": "Eve"}', "application/json", 422),
        (b'{"note": 5}', "application/json", 422),
        (b'{"note": true}', "application/json", 422),
        (b'{"note": "a\\u0000"}', "application/json", 422),
        (b'{"note": "\\ud800"}', "application/json", 422),
        (b'{"note": " "}', "application/json", 422),
        (b"", "application/json", 422),
        (b"note=a", "application/x-www-form-urlencoded", 415),
        (b'{"note": "a"}', "text/plain", 415),
        (b"x" * 300_000, "application/json", 413),
    ],
    ids=lambda v: str(v)[:24],
)
def test_a_body_that_is_none_of_ours_is_refused_and_says_why(
    office: Office, content: bytes, kind: str, status: int
) -> None:
    program, before = program_of(office, "Admin"), everything(office.house.engine)["approvals"]

    answer = program.client.post(
        f"/articles/{NEEDLING.revision}/reject", content=content, headers=program._headers({"Content-Type": kind})
    )

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert everything(office.house.engine)["approvals"] == before


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "state=lost", "q=%00", "cursor=x", "other=1"]
)
def test_a_query_that_is_none_of_ours_names_the_field(office: Office, query: str) -> None:
    answer = program_of(office, "Admin").get(f"/articles?{query}")

    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [query.partition("=")[0]]


def test_a_program_that_asks_without_end_waits(office: Office) -> None:
    program = program_of(office, "Admin")
    app = Starlette(routes=[api_of(office.console, Meter(most=2))])
    program.client = TestClient(app, base_url=office.settings.console_url + ROOT)
    other = program_of(office, "Admin")
    other.client = program.client

    answers = [program.get("/editions") for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert answers[-1].headers["ratelimit"] == '"token";r=0;t=60'
    assert other.get("/editions").status_code == 200


def test_after_a_minute_a_program_may_ask_again() -> None:
    meter = Meter(most=1)

    waits = [meter.wait("a", MONDAY + timedelta(seconds=s)) for s in (0, 0, 59.5, 60, 61)]

    assert waits == [0, 60, 1, 0, 59]
