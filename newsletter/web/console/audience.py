"""Audience: people, how each stands and what they agreed to, segments, suppression, and imports with their undo."""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from newsletter.enrolling import owning
from newsletter.enrolling.choosing import leave_all
from newsletter.enrolling.joining import EnrollingError, SignUp, sign_up
from newsletter.exporting import Format, write_people
from newsletter.importing import Mode, Order, Report, bring_in
from newsletter.releasing import mailing_list_of
from newsletter.staffing import Permission
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.imports import UNDO_WITHIN, ImportState, ImportStore
from newsletter.storage.lists import ListStore
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.today import people_counts
from newsletter.web.console.words import count
from subscribers.addresses import AddressError, read_address
from subscribers.consent import Door as Way
from subscribers.importing import DateOrder, Reading
from subscribers.names import clean_name
from subscribers.people import Reason, Suppression, address_key
from subscribers.preferences import MailingList
from subscribers.tokens import Claims

#: Octets of a file of people at most: about a million rows.
LARGEST_FILE = 50 * 1024 * 1024

#: An uploaded file that nobody applied is removed after so long.
UPLOAD_KEPT = timedelta(hours=24)


def show_audience(ask: Ask) -> Response:
    """Show how many people there are, and those that a search finds."""
    text = ask.query("q").strip()
    overviews = ask.console.overviews
    return ask.show(
        "audience",
        counts=people_counts(ask),
        text=text,
        people=overviews.people(text),
        suppressed=overviews.suppressed(),
        imports=ImportStore(ask.console.house.engine).all()[:20],
        undo_within=UNDO_WITHIN,
        running=ImportState.DONE,
        list=list_of(ask),
    )


def add_person(ask: Ask) -> Response:
    """Ask a person by mail to confirm; nobody is subscribed before they press the button there."""
    house = ask.console.house
    try:
        address = read_address(ask.form.one("address"))
        asked = SignUp(
            address=address,
            mailing_list=mailing_list_of(house).slug,
            name=clean_name(ask.form.one("name")),
            door=Way.STAFF,
        )
        sign_up(EnrolmentStore(house.engine), ask.console.keys, asked, ask.now)
    except (AddressError, EnrollingError) as error:
        return ask.go("/audience", str(error), is_problem=True)
    ask.did("one person")
    return ask.go("/audience", "A letter that asks to confirm is on its way. Until then nothing else is sent there.")


def show_person(ask: Ask) -> Response:
    """Show one person: how they stand, what they agreed to, what was sent."""
    house = ask.console.house
    with EnrolmentStore(house.engine).reading() as desk:
        person = desk.person(ask.part("person"))
        if person is None:
            raise HTTPException(404)
        subscriptions, record = desk.subscriptions(person.id), desk.record_of(person.id)
        suppressions = desk.suppressions([person.key])
        gathered = desk.gather(person.id)
    return ask.show(
        "person",
        person=person,
        subscriptions=subscriptions,
        record=record,
        suppressions=suppressions,
        mail=_mail(gathered),
        titles={list_of(ask).slug: list_of(ask).title},
    )


def suppress_person(ask: Ask) -> Response:
    """Unsubscribe a person from everything, or never write to them again."""
    house, store = ask.console.house, EnrolmentStore(ask.console.house.engine)
    with store.reading() as desk:
        person = desk.person(ask.part("person"))
    if person is None:
        raise HTTPException(404)
    if ask.form.one("do") == "unsubscribe":
        leave_all(store, Claims(person.id), Way.STAFF, ask.now)
        said = "Unsubscribed from everything. The goodbye letter has a link that puts them back."
    else:
        house.people.suppress(Suppression(person.key, Reason.MANUAL, ask.now))
        said = "Nothing is sent there any more, from this moment, also of what is being sent."
    ask.did(person.id, how=ask.form.one("do"))
    ask.console.cache.forget()
    return ask.go(f"/audience/people/{person.id}", said)


def export_person(ask: Ask) -> Response:
    """Return everything we keep about one person."""
    store = EnrolmentStore(ask.console.house.engine)
    body = owning.export(store, Claims(ask.part("person")))
    ask.did(ask.part("person"))
    headers = {"Content-Disposition": 'attachment; filename="person.json"'}
    return Response(body, media_type="application/json", headers=headers)


def erase_person(ask: Ask) -> Response:
    """Erase a person for good, once the word was typed."""
    person = ask.part("person")
    if ask.form.one("word").strip().casefold() != "erase":
        back = f"/audience/people/{person}"
        return ask.go(back, "Type the word ERASE to do it. Nothing was erased.", is_problem=True)
    owning.erase(EnrolmentStore(ask.console.house.engine), ask.console.keys, Claims(person), ask.now)
    ask.did(person)
    ask.console.cache.forget()
    return ask.go("/audience", "Erased. A keyed hash stays, so that no import brings them back.")


def export_people(ask: Ask) -> Response:
    """Return everybody on the list, as a file that spreadsheets open safely."""
    house = ask.console.house
    ask.did(house.settings.newsletter)
    pages = write_people(house.people, house.settings.newsletter, Format.CSV)
    headers = {"Content-Disposition": f'attachment; filename="{house.settings.newsletter}-people.csv"'}
    return StreamingResponse(pages, media_type="text/csv; charset=utf-8", headers=headers)


def show_suppressed(ask: Ask) -> Response:
    """Show the addresses that nothing is sent to."""
    text = ask.query("q").strip()
    return ask.show("suppressed", text=text, rows=ask.console.overviews.suppressions(text))


def suppress_address(ask: Ask) -> Response:
    """Never write to an address again, known or not."""
    try:
        address = read_address(ask.form.one("address"))
    except AddressError as error:
        return ask.go("/audience/suppressed", str(error), is_problem=True)
    ask.console.house.people.suppress(Suppression(address_key(address.text), Reason.MANUAL, ask.now))
    ask.did("one address")
    return ask.go("/audience/suppressed", "Nothing is sent there any more.")


def allow_address(ask: Ask) -> Response:
    """Write again to an address that staff suppressed by hand; what a reader or a server decided stays."""
    key = ask.form.one("key")[:320]
    if not ask.console.house.people.allow(key):
        said = "Only what staff suppressed by hand can be taken back here. Nothing was changed."
        return ask.go("/audience/suppressed", said, is_problem=True)
    ask.did("one address")
    ask.console.cache.forget()
    return ask.go(
        "/audience/suppressed", "They may be written to again, unless they have left or another reason stands."
    )


def try_import(ask: Ask) -> Response:
    """Say what an import would do; nothing is changed."""
    if not ask.upload:
        return ask.go("/audience", "Choose a file first: a CSV, or the ZIP of a Mailchimp export.", is_problem=True)
    folder = _uploads(ask)
    name = secrets.token_urlsafe(16)
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(ask.upload)
    basis, dates = ask.form.one("basis").strip()[:300], ask.form.one("dates")
    shown = Path(ask.upload_name.replace("\\", "/")).name[:80] or "people.csv"
    (folder / f"{name}.json").write_text(json.dumps({"name": shown, "basis": basis, "dates": dates}))
    report = _run(ask, name, apply=False)
    ask.did(name, rows=report.total)
    return ask.show("import", report=report, upload=name, file=shown, basis=basis, size=len(ask.upload))


def apply_import(ask: Ask) -> Response:
    """Do what the report said."""
    name, folder = ask.form.one("upload"), _uploads(ask)
    taken = f"{name}-taken"
    try:
        if not _is_name(name):
            raise FileNotFoundError(name)
        # Renamed first: of a double click, or of two people, one finds the file.
        (folder / name).rename(folder / taken)
    except FileNotFoundError:
        said = "That file was imported already, or is not here any more. The imports below say which."
        return ask.go("/audience", said, is_problem=True)
    (folder / f"{name}.json").rename(folder / f"{taken}.json")
    try:
        report = _run(ask, taken, apply=True)
    finally:
        for ending in ("", ".json"):
            (folder / f"{taken}{ending}").unlink(missing_ok=True)
    ask.did(str(report.number), rows=report.total)
    ask.console.cache.forget()
    added = {v.value: n for v, n in report.verdicts.items()}.get("added", 0)
    said = f"Import {report.number} is done: {count(added, 'person', 'people')} added. It can be undone for 24 hours."
    return ask.go("/audience", said)


def undo_import(ask: Ask) -> Response:
    """Take an import back."""
    text = ask.form.one("import")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400)
    gone, stayed = ImportStore(ask.console.house.engine).undo(int(text), ask.now)
    ask.did(text, gone=gone, stayed=stayed)
    ask.console.cache.forget()
    said = f"{count(gone, 'person', 'people')} gone again; {stayed} stay, because they acted themselves since."
    return ask.go("/audience", said)


def _run(ask: Ask, name: str, *, apply: bool) -> Report:
    house, path = ask.console.house, _uploads(ask) / name
    asked = json.loads((_uploads(ask) / f"{name}.json").read_text())
    dates = asked["dates"] if asked["dates"] in {d.value for d in DateOrder} else DateOrder.ISO.value
    reading = Reading(mailing_list=mailing_list_of(house), now=ask.now, dates=DateOrder(dates))
    mode = Mode.SUBSCRIBE
    order = Order(path=path, reading=reading, by=ask.me.name, basis=asked["basis"], mode=mode)
    return bring_in(ImportStore(house.engine), ask.console.keys, order, apply=apply)


def list_of(ask: Ask) -> MailingList:
    """Return the list as it is, or as it will be made: looking makes nothing."""
    settings = ask.console.house.settings
    found = ListStore(ask.console.house.engine).find(settings.newsletter)
    return found or MailingList(slug=settings.newsletter, title=settings.title, zone=settings.zone)


def _uploads(ask: Ask) -> Path:
    """Return the private folder of uploads, without those that nobody applied in time."""
    folder = ask.console.house.settings.home / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = (ask.now - UPLOAD_KEPT).timestamp()
    for old in folder.iterdir():
        if old.stat().st_mtime < before:
            old.unlink(missing_ok=True)
    return folder


def _is_name(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) < 40


def _mail(gathered: Mapping[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    """Return what was sent to a person and what became of it, the newest first."""
    return list(reversed(gathered.get("deliveries", [])))


_PERSON = "/audience/people/{person}"
DOORS = (
    Door(path="/audience", view=show_audience, may=Permission.PEOPLE),
    Door(path="/audience", view=add_person, may=Permission.PEOPLE, act="person.add"),
    Door(path="/audience/suppressed", view=show_suppressed, may=Permission.PEOPLE),
    Door(path="/audience/suppressed", view=suppress_address, may=Permission.PEOPLE, act="address.suppress"),
    Door(path="/audience/suppressed/allow", view=allow_address, may=Permission.PEOPLE, act="address.allow"),
    Door(path=_PERSON, view=show_person, may=Permission.PEOPLE),
    Door(path=_PERSON, view=suppress_person, may=Permission.PEOPLE, act="person.suppress"),
    Door(path=f"{_PERSON}/export", view=export_person, may=Permission.CROWD, act="person.export", fresh=True),
    Door(path=f"{_PERSON}/erase", view=erase_person, may=Permission.CROWD, act="person.erase", fresh=True),
    Door(path="/audience/export", view=export_people, may=Permission.CROWD, act="people.export", fresh=True),
    Door(
        path="/audience/import",
        view=try_import,
        may=Permission.CROWD,
        act="import.try",
        fresh=True,
        largest=LARGEST_FILE,
    ),
    Door(path="/audience/import/apply", view=apply_import, may=Permission.CROWD, act="import.apply", fresh=True),
    Door(path="/audience/import/undo", view=undo_import, may=Permission.CROWD, act="import.undo", fresh=True),
)
