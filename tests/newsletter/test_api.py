"""Over the API a program does staff's week by the use cases of the console, and loses no race without being told."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from content.sends import SendState
from newsletter.scheduling import standing
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.staff import Role
from subscribers.consent import Act, Door
from tests.newsletter.office import AT_HOME, NEEDLING, Office
from tests.newsletter.programs import Program, program_of

KEY = "beauty-weekly-2026-W48"


@pytest.fixture
def office(store: Engine, tmp_path: Path) -> Office:
    made = Office(store, tmp_path, second_person_above=1)
    made.hire("Ines", Role.ADMIN)
    made.hire("Omar", Role.APPROVER)
    made.subscribe("ada", "bea", "cleo")
    made.bring(NEEDLING, AT_HOME)
    return made


@pytest.fixture
def ines(office: Office) -> Program:
    return program_of(office, "Ines")


def approve_both(program: Program) -> None:
    for article in (NEEDLING, AT_HOME):
        assert program.post(f"/articles/{article.revision}/approve").json()["state"] == "approved"


def test_a_program_does_the_week(office: Office, ines: Program) -> None:
    omar = program_of(office, "Omar")

    pending = ines.get("/articles?state=pending").json()["items"]
    for row in pending:
        ines.post(f"/articles/{row['revision']}/approve")
    made = ines.post("/editions")
    again = ines.post("/editions")
    composed = ines.post(f"/editions/{KEY}/compose", {"subject": "Needles", "order": [AT_HOME.id, NEEDLING.id]})
    own = ines.post(f"/editions/{KEY}/approve")
    approved = omar.post(f"/editions/{KEY}/approve")
    scheduled = ines.post(f"/sends/{KEY}/schedule", {"at": "2026-12-01T09:00", "zone": "America/New_York"})
    cancelled = ines.post(f"/sends/{KEY}/cancel", {"reason": "a mistake"})
    now = ines.post(f"/sends/{KEY}/now")

    assert {row["id"] for row in pending} == {NEEDLING.id, AT_HOME.id}
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert composed.json()["subject"] == "Needles"
    assert composed.json()["version"] == 1
    assert [s["article"] for s in composed.json()["stories"]] == [AT_HOME.id, NEEDLING.id]
    assert (own.status_code, own.json()["detail"]) == (
        403,
        "Ines edited it last, so somebody else has to approve it",
    )
    assert (approved.json()["state"], approved.json()["approved_by"]) == ("approved", "Omar")
    assert (scheduled.json()["state"], scheduled.json()["due_at"]) == ("scheduled", "2026-12-01T14:00:00Z")
    assert (cancelled.json()["state"], cancelled.json()["due_at"]) == ("draft", None)
    assert now.json()["state"] == "holding"
    assert standing(office.house, KEY).state is SendState.HOLDING
    assert "Needles" in ines.get("/editions").json()["items"][0]["subject"]


def test_what_a_program_did_stands_in_the_log_with_its_token_and_can_be_undone_in_the_console(
    office: Office, ines: Program
) -> None:
    ines.post(f"/articles/{NEEDLING.revision}/reject", {"note": "an advertisement"})

    (line,) = office.staffing.audit.page(act="article.decide")
    token = office.staffing.audit.page(act="token.new")[0].about
    owner = office.staffing.staff.at("ines@example.org")
    assert owner
    assert (line.actor, line.detail) == (
        owner.id,
        {"choice": "reject", "decided": [NEEDLING.revision], "token": token},
    )
    office.sign_in("Ines").post("/undo", line=str(line.number))
    assert ines.get(f"/articles/{NEEDLING.revision}").json()["state"] == "pending"
    assert office.staffing.audit.verify() is None


def test_previews_are_the_bytes_that_leave_with_a_sample_reader_in_them(office: Office, ines: Program) -> None:
    approve_both(ines)
    ines.post("/editions")

    html, plain = ines.get(f"/editions/{KEY}/html"), ines.get(f"/editions/{KEY}/text")
    check = ines.get(f"/editions/{KEY}/check")

    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "Microneedling" in html.text
    assert "Microneedling" in plain.text
    assert "unsubscribe_url" not in html.text + plain.text
    assert [f for f in check.json()["findings"] if f["severity"] == "blocker"] == []


def test_a_decision_counts_for_what_was_read(office: Office, ines: Program) -> None:
    path = f"/articles/{NEEDLING.revision}"
    etag = ines.get(path).headers["etag"]
    program_of(office, "Omar").post(f"{path}/reject", {"note": "an advertisement"})

    late = ines.post(f"{path}/approve", If_Match=etag)
    looked_again = ines.post(f"{path}/approve", If_Match=ines.get(path).headers["etag"])

    assert late.status_code == 412
    assert looked_again.json()["state"] == "approved"


def test_a_send_that_moved_on_is_left_as_it_is(office: Office, ines: Program) -> None:
    approve_both(ines)
    ines.post("/editions")
    program_of(office, "Omar").post(f"/editions/{KEY}/approve")
    read = ines.get(f"/sends/{KEY}")
    ines.post(f"/sends/{KEY}/schedule", {"at": "2026-12-01T09:00"})

    by_no_number = ines.post(f"/sends/{KEY}/stop", {"version": False})
    by_version = ines.post(f"/sends/{KEY}/stop", {"version": read.json()["version"]})
    by_etag = ines.post(f"/sends/{KEY}/stop", If_Match=read.headers["etag"])

    assert (by_no_number.status_code, by_version.status_code, by_etag.status_code) == (422, 409, 412)
    assert "somebody else was faster" in by_version.json()["detail"]
    assert standing(office.house, KEY).state is SendState.SCHEDULED


def test_two_who_compose_are_told(office: Office, ines: Program) -> None:
    approve_both(ines)
    ines.post("/editions")
    ines.post(f"/editions/{KEY}/compose", {"subject": "First", "version": 0})

    second = ines.post(f"/editions/{KEY}/compose", {"subject": "Second", "version": 0})
    unknown = ines.post(f"/editions/{KEY}/compose", {"order": ["elsewhere.md"]})

    assert second.status_code == 409
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "order")
    assert ines.get(f"/editions/{KEY}").json()["subject"] == "First"


def test_what_is_known_already_is_not_sent_again(office: Office, ines: Program) -> None:
    path = f"/articles/{NEEDLING.revision}"
    etag = ines.get(path).headers["etag"]

    same, weak, other = (ines.get(path, If_None_Match=v) for v in (etag, f"W/{etag}", '"x"'))
    ines.post(f"{path}/approve")
    changed = ines.get(path, If_None_Match=etag)

    assert [a.status_code for a in (same, weak, other, changed)] == [304, 304, 200, 200]
    assert same.content == b""


def test_the_same_key_creates_once(office: Office, ines: Program) -> None:
    new = {"address": "dora@example.org", "wording": "Yes, send me the letter."}

    first = ines.post("/subscribers", new, Idempotency_Key="k1")
    again = ines.post("/subscribers", new, Idempotency_Key="k1")
    other = ines.post("/subscribers", new | {"name": "Dora"}, Idempotency_Key="k1")
    hers = program_of(office, "Omar").post("/subscribers", new, Idempotency_Key="k1")

    assert [a.status_code for a in (first, again, other, hers)] == [202, 202, 422, 202]
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(office.staffing.audit.page(act="person.add")) == 2


def test_what_was_refused_may_be_asked_again_under_the_same_key(office: Office, ines: Program) -> None:
    refused = ines.post("/editions", Idempotency_Key="k2")
    approve_both(ines)

    made = ines.post("/editions", Idempotency_Key="k2")

    assert (refused.status_code, made.status_code) == (409, 201)


def test_a_person_is_asked_and_what_they_agreed_to_is_kept(office: Office, ines: Program) -> None:
    wording = "Yes, I want the beauty letter each week."
    body = {"address": "dora@example.org", "name": "Dora", "wording": wording, "form": "checkout 3"}

    added = ines.post("/subscribers", body)
    found = ines.post("/subscribers/find", {"address": "DORA@example.org"}).json()

    assert (added.status_code, added.json()) == (202, {"asked": True})
    assert (found["state"], found["confirmed_at"], found["name"]) == ("pending", None, "Dora")
    with EnrolmentStore(office.house.engine).reading() as desk:
        (line,) = desk.record_of(found["id"])
    assert (line.act, line.door, line.wording, line.form) == (Act.ASKED, Door.API, wording, "checkout 3")
    assert "dora" not in str([(d.about, d.detail) for d in office.staffing.audit.page()])


def test_adding_tells_nothing_of_whom_we_know(office: Office, ines: Program) -> None:
    known = ines.post("/subscribers", {"address": "ada@example.org", "wording": "Yes."})
    wrong = ines.post("/subscribers", {"address": "ada", "wording": "Yes."})
    topic = ines.post("/subscribers", {"address": "ada@example.org", "wording": "Yes.", "topics": ["cars"]})

    assert (known.status_code, known.json()) == (202, {"asked": True})
    assert [(a.status_code, a.json()["errors"][0]["field"]) for a in (wrong, topic)] == [
        (422, "address"),
        (422, "topics"),
    ]


def test_a_person_leaves_and_is_erased(office: Office, ines: Program) -> None:
    left = ines.post("/subscribers/id-ada/unsubscribe")
    gone = ines.post("/subscribers/id-bea/erase", {"word": "erase"})
    not_meant = ines.post("/subscribers/id-cleo/erase", {"word": "yes"})

    assert left.json()["state"] == "unsubscribed"
    assert (gone.status_code, gone.json()) == (200, {"erased": True})
    assert not_meant.status_code == 422
    assert ines.get("/subscribers/id-bea").status_code == 404
    assert [(i["id"], i["state"]) for i in ines.get("/subscribers").json()["items"]] == [
        ("id-ada", "unsubscribed"),
        ("id-cleo", "confirmed"),
    ]


@pytest.mark.parametrize("what", ["articles", "subscribers"])
def test_a_cursor_walks_the_list_once_whatever_is_added_meanwhile(office: Office, ines: Program, what: str) -> None:
    from tests.newsletter.office import REWORDED

    whole = [i["id"] for i in ines.get(f"/{what}").json()["items"]]
    first = ines.get(f"/{what}?limit=1").json()
    walked, cursor = [i["id"] for i in first["items"]], first["next"]
    office.now += timedelta(minutes=1)
    office.bring(REWORDED)
    office.subscribe("aaa")
    while cursor:
        page = ines.get(f"/{what}?limit=1&cursor={cursor}").json()
        walked += [i["id"] for i in page["items"]]
        cursor = page["next"]

    assert len(whole) > 1
    assert walked == whole


def test_editions_are_walked_by_cursor(office: Office, ines: Program) -> None:
    approve_both(ines)
    ines.post("/editions")

    one = ines.get("/editions?limit=1").json()

    assert [i["key"] for i in one["items"]] == [KEY]
    assert one["next"] is None


def test_withdrawing_stops_unsent_copies(office: Office, ines: Program) -> None:
    approve_both(ines)
    ines.post("/editions")
    program_of(office, "Omar").post(f"/editions/{KEY}/approve")

    taken = ines.post(f"/articles/{NEEDLING.revision}/withdraw", {"note": "the study was retracted"})

    assert taken.json()["state"] == "withdrawn"
    assert ines.post(f"/sends/{KEY}/now").status_code == 409
    assert ines.get(f"/editions/{KEY}").json()["state"] == "held"


def test_a_store_that_is_gone_is_said_and_nothing_else(office: Office, ines: Program) -> None:
    with office.house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE tokens RENAME TO gone"))

    answer = ines.get("/editions")

    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "tokens" not in answer.text
