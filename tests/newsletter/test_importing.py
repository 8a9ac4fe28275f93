"""An import says first what it would do, brings back nobody who left, and can be taken back for a day."""

import zipfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.importing import Mode, Order, Report, bring_in
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.errors import StoreError
from newsletter.storage.imports import ImportState, ImportStore
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from subscribers.consent import Act, Consent, Door
from subscribers.deliveries import Recipient
from subscribers.importing import DateOrder, Reading, Verdict
from subscribers.people import Reason, SubscriptionState, Suppression
from subscribers.preferences import MailingList, Preferences, Rhythm, Topic
from subscribers.sheets import SheetError
from subscribers.tokens import Keyring
from tests.builders import MONDAY, make_subscriber

KEYS = Keyring((b"k" * 32,))
BEAUTY = MailingList(
    slug="beauty",
    title="Beauty",
    topics=(Topic("skin", "Skin"), Topic("hair", "Hair")),
    rhythms=(Rhythm.WEEKLY, Rhythm.DAILY),
    zone="Europe/Paris",
)
HOUR = timedelta(hours=1)


class Registry:
    """An import desk on a real database."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.imports = ImportStore(engine)
        self.people = PeopleStore(engine)
        self.enrolments = EnrolmentStore(engine)
        self.ledger = Ledger(engine)
        self.folder = folder

    def bring_in(self, lines: Iterable[str] | Path, *, apply: bool = True, **more: object) -> Report:
        path = lines if isinstance(lines, Path) else self.folder / "people.csv"
        if not isinstance(lines, Path):
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        dates = more.pop("dates", DateOrder.ISO)
        reading = Reading(mailing_list=BEAUTY, now=MONDAY, dates=dates)  # type: ignore[arg-type]
        values: dict[str, object] = {"path": path, "reading": reading, "by": "Ines", "basis": "Signed up at the fair"}
        return bring_in(self.imports, KEYS, Order(**(values | more)), apply=apply)  # type: ignore[arg-type]

    def state(self, who: str) -> SubscriptionState | None:
        with self.enrolments.reading() as desk:
            person = desk.person_at(f"{who}@example.org")
            stands = desk.subscription("beauty", person.id) if person else None
        return stands.state if stands else None

    def id_of(self, who: str) -> str:
        with self.enrolments.reading() as desk:
            person = desk.person_at(f"{who}@example.org")
        assert person
        return person.id


CONFIRMED, PENDING, LEFT = SubscriptionState.CONFIRMED, SubscriptionState.PENDING, SubscriptionState.UNSUBSCRIBED


@pytest.fixture
def registry(engine: Engine, tmp_path: Path) -> Registry:
    return Registry(engine, tmp_path)


def test_people_come_in_with_their_choices_and_the_proof(registry: Registry) -> None:
    report = registry.bring_in(
        [
            "email,first name,last name,topics,rhythm,hour,zone,language,tags,score",
            'ada@example.org,Ada,Lovelace,skin,daily,7,Asia/Tokyo,de,"vip, Spring",3',
            "bea@example.org,,,nails,hourly,99,Mars/Olympus,??,,",
        ]
    )

    assert report.verdicts == {Verdict.ADD: 2}
    assert report.shape
    assert report.shape.unused == ("score",)
    with registry.enrolments.reading() as desk:
        ada, bea = desk.person_at("ada@example.org"), desk.person_at("bea@example.org")
        assert ada
        assert bea
        chosen = desk.subscription("beauty", ada.id)
        other = desk.subscription("beauty", bea.id)
        (line,) = desk.record_of(ada.id)
    assert (ada.name, ada.zone, ada.language) == ("Ada Lovelace", "Asia/Tokyo", "de")
    assert (bea.name, bea.zone, bea.language) == ("", "Europe/Paris", "en")
    assert chosen
    assert other
    assert chosen.preferences == Preferences(topics=frozenset({"skin"}), rhythm=Rhythm.DAILY, hour=7)
    assert other.preferences == Preferences()
    assert (line.act, line.door, line.wording) == (Act.IMPORTED, Door.IMPORT, "Signed up at the fair")


def test_a_dry_run_says_the_same_and_changes_nothing(registry: Registry) -> None:
    lines = ["email", "ada@example.org", "nobody", "ADA@example.org", "info@example.org", "a.da+x@example.org"]

    dry = registry.bring_in(lines, apply=False)

    assert registry.state("ada") is None
    assert registry.imports.all() == ()
    wet = registry.bring_in(lines)
    assert (dry.verdicts, dry.refused, dry.doubts, dry.similar) == (wet.verdicts, wet.refused, wet.doubts, wet.similar)
    assert dry.verdicts == {Verdict.ADD: 3, Verdict.REFUSED: 1, Verdict.TWICE: 1}
    assert dry.examples["An email address has an @ in it."] == [3]
    assert (dry.similar, sum(dry.doubts.values())) == (1, 1)


def test_nobody_is_brought_back_and_nobody_is_changed(registry: Registry) -> None:
    for who, state in (("here", CONFIRMED), ("left", LEFT), ("asked", PENDING)):
        registry.people.add([make_subscriber(who)], "beauty", MONDAY, state)
    with registry.enrolments.writing() as desk:
        desk.suppress(Suppression("complained@example.org", Reason.COMPLAINED, MONDAY))
        desk.suppress(Suppression(KEYS.pseudonyms("erased@example.org")[0], Reason.ERASED, MONDAY))

    everybody = ("here", "left", "asked", "complained", "erased", "new")
    report = registry.bring_in(["email", *(f"{who}@example.org" for who in everybody)])

    assert report.verdicts == {Verdict.KNOWN: 2, Verdict.LEFT: 1, Verdict.SUPPRESSED: 2, Verdict.ADD: 1}
    states = [registry.state(who) for who in everybody]
    assert states == [CONFIRMED, LEFT, PENDING, None, None, CONFIRMED]


def test_without_a_basis_people_stay_pending_unless_the_file_proves_consent(registry: Registry) -> None:
    report = registry.bring_in(
        ["email,confirm_time", "ada@example.org,2024-01-31 10:00:00", "bea@example.org,"], basis=""
    )

    assert (registry.state("ada"), registry.state("bea"), report.pending) == (CONFIRMED, PENDING, 1)


@pytest.mark.parametrize(
    ("written", "order", "is_refused"),
    [
        ("2024-01-31", DateOrder.ISO, False),
        ("2024-01-31T10:00:00+02:00", DateOrder.ISO, False),
        ("31/01/2024", DateOrder.DAY_FIRST, False),
        ("01/31/2024 9:05", DateOrder.MONTH_FIRST, False),
        ("03/04/2024", DateOrder.ISO, True),
        ("31/02/2024", DateOrder.DAY_FIRST, True),
        ("2999-01-01", DateOrder.ISO, True),
        ("45292", DateOrder.ISO, True),
        ("1706700000", DateOrder.ISO, True),
        ("soon", DateOrder.ISO, True),
    ],
)
def test_a_time_of_consent_is_read_as_written_and_never_guessed(
    registry: Registry, written: str, order: DateOrder, is_refused: bool
) -> None:
    report = registry.bring_in(["email,consent_at", f"ada@example.org,{written}"], apply=False, dates=order)

    assert report.verdicts == ({Verdict.REFUSED: 1} if is_refused else {Verdict.ADD: 1})


def test_a_mailchimp_export_suppresses_first_and_adds_then(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        header = '"Email Address","First Name",OPTIN_TIME,CONFIRM_TIME,CONFIRM_IP,TAGS'
        row = '{0}@example.org,{0},"2024-01-01 10:00:00","2024-01-01 10:05:00",192.0.2.1,"""vip"",""spring"""'
        archive.writestr("subscribed_members_export_1.csv", "\n".join([header, row.format("ada"), row.format("gone")]))
        archive.writestr(
            "unsubscribed_members_export_1.csv", "\n".join([header, row.format("bea"), row.format("gone")])
        )
        archive.writestr("cleaned_members_export_1.csv", "\n".join([header, row.format("cyd")]))
        archive.writestr("../../evil.csv", "email\nevil@example.org\n")

    report = registry.bring_in(path, basis="")

    assert report.verdicts == {Verdict.STOP: 3, Verdict.TWICE: 1, Verdict.ADD: 1}
    assert [registry.state(who) for who in ("ada", "bea", "cyd", "gone")] == [CONFIRMED, None, None, None]
    assert {s.key: s.reason for s in registry.people.suppressions()} == {
        "bea@example.org": Reason.UNSUBSCRIBED,
        "gone@example.org": Reason.UNSUBSCRIBED,
        "cyd@example.org": Reason.HARD_BOUNCE,
    }


def test_a_listmonk_export_keeps_its_blocklist(registry: Registry) -> None:
    report = registry.bring_in(
        [
            "uuid,email,name,attributes,status,created_at",
            '1,ada@example.org,Ada,"{""city"": ""Lyon""}",enabled,2024-01-01',
            "2,bea@example.org,Bea,{},blocklisted,2024-01-01",
        ]
    )

    assert report.verdicts == {Verdict.ADD: 1, Verdict.STOP: 1}
    assert [s.key for s in registry.people.suppressions()] == ["bea@example.org"]


@pytest.mark.parametrize("name", ["people.xlsx", "people.csv"])
def test_another_zip_file_is_refused_by_name(registry: Registry, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")

    with pytest.raises(SheetError, match="no Mailchimp export"):
        registry.bring_in(tmp_path / name)
    assert registry.imports.all() == () or registry.imports.all()[0].state is ImportState.STOPPED


def test_a_list_of_people_to_leave_alone_suppresses_and_unsubscribes_them(registry: Registry) -> None:
    registry.people.add([make_subscriber("ada")], "beauty", MONDAY, CONFIRMED)
    lines = ["email", "ada@example.org", "bea@example.org", "ada@example.org"]

    report = registry.bring_in(lines, mode=Mode.SUPPRESS, reason=Reason.COMPLAINED)

    assert report.verdicts == {Verdict.STOP: 2, Verdict.TWICE: 1}
    assert registry.state("ada") is LEFT
    assert {s.reason for s in registry.people.suppressions()} == {Reason.COMPLAINED}


def test_an_import_is_taken_back_but_for_those_who_acted_since(registry: Registry) -> None:
    registry.people.add([make_subscriber("known")], "other", MONDAY, CONFIRMED)
    report = registry.bring_in(["email", *(f"{who}@example.org" for who in ("known", "ada", "bea", "cyd", "mailed"))])
    with registry.enrolments.writing() as desk:
        for who, act in (("ada", Act.LEFT), ("bea", Act.CHANGED)):
            desk.record(
                Consent(subscriber=registry.id_of(who), mailing_list="beauty", act=act, door=Door.LINK, at=MONDAY)
            )
    mailed = Recipient(subscriber=registry.id_of("mailed"), address="mailed@example.org")
    registry.ledger.freeze("beauty-weekly-1", [mailed], "beauty")

    assert registry.imports.undo(report.number, MONDAY + 23 * HOUR) == (3, 2)

    states = {who: registry.state(who) for who in ("known", "ada", "bea", "cyd", "mailed")}
    assert states == {"known": None, "ada": CONFIRMED, "bea": CONFIRMED, "cyd": None, "mailed": LEFT}
    assert registry.people.find("known@example.org") is not None
    assert registry.people.find("cyd@example.org") is None
    with pytest.raises(StoreError, match="is undone"):
        registry.imports.undo(report.number, MONDAY)


def test_after_a_day_it_is_too_late_and_what_is_not_there_cannot_be_undone(registry: Registry) -> None:
    report = registry.bring_in(["email", "ada@example.org"])

    with pytest.raises(StoreError, match="older than 24 hours"):
        registry.imports.undo(report.number, MONDAY + 25 * HOUR)
    with pytest.raises(StoreError, match="no import 99"):
        registry.imports.undo(99, MONDAY)


def test_a_second_import_of_the_same_file_adds_nobody(registry: Registry) -> None:
    lines = ["email", "ada@example.org", "bea@example.org"]
    registry.bring_in(lines)

    assert registry.bring_in(lines).verdicts == {Verdict.KNOWN: 2}


def test_two_imports_do_not_run_at_once_unless_one_was_abandoned(registry: Registry) -> None:
    registry.imports.begin("beauty", "x.csv", "Ines", MONDAY)

    with pytest.raises(StoreError, match="still running"):
        registry.imports.begin("beauty", "y.csv", "Ines", MONDAY + HOUR)
    assert registry.imports.begin("beauty", "y.csv", "Ines", MONDAY + 7 * HOUR)


def test_an_import_that_breaks_off_keeps_what_it_did_and_can_be_undone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.importing.BATCH", 2)
    lines = ["email", "ada@example.org", "bea@example.org", "cyd@example.org", '"never closed']

    with pytest.raises(SheetError, match="line 5"):
        registry.bring_in(lines)

    (record,) = registry.imports.all()
    assert (record.state, record.counts) == (ImportState.STOPPED, {"added": 2})
    assert registry.imports.undo(record.number, MONDAY) == (2, 0)


def test_progress_is_told_in_octets(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("email\nada@example.org\n")
    told: list[tuple[int, int]] = []
    order = Order(path=tmp_path / "p.csv", reading=Reading(mailing_list=BEAUTY, now=MONDAY), by="Ines")

    bring_in(registry.imports, KEYS, order, apply=False, progress=lambda *at: told.append(at))

    assert told == [(22, 22)]
