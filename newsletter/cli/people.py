"""`newsletter subscriber ...` and `newsletter list ...`: everything about people, without the web."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.cli.console import ByOption, Exit, JsonOption, err, now, out, print_json, print_table, settings
from newsletter.enrolling import owning
from newsletter.enrolling.choosing import leave, leave_all
from newsletter.enrolling.joining import EnrollingError, SignUp, sign_up
from newsletter.exporting import Format, write_people
from newsletter.importing import Mode, Order, Report, bring_in
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.errors import StoreError
from newsletter.storage.imports import ImportStore
from newsletter.storage.lists import ListStore
from newsletter.storage.people import PeopleStore
from newsletter.storage.segments import SegmentStore
from newsletter.wiring import House, open_house
from subscribers.addresses import Address, AddressError, read_address
from subscribers.calendar import is_zone
from subscribers.consent import Door
from subscribers.importing import DateOrder, Reading
from subscribers.names import clean_name
from subscribers.people import Reason, Subscriber, Suppression, address_key
from subscribers.preferences import MailingList, Rhythm, Topic
from subscribers.segments import SegmentError, parse_segment
from subscribers.sheets import SheetError
from subscribers.tokens import Claims, Keyring

subscriber = typer.Typer(no_args_is_help=True, help="Add, import, show, export, suppress and erase people.")
lists = typer.Typer(no_args_is_help=True, help="Make mailing lists, and count who is on them.")

ListOption = Annotated[str, typer.Option("--list", help="Which list; the newsletter's own unless named.")]
Who = Annotated[str, typer.Argument(help="An address, or the id of a person.")]


@subscriber.command()
def add(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Where to write to.")],
    name: Annotated[str, typer.Option(help="What to call them.")] = "",
    on: ListOption = "",
) -> None:
    """Ask a person to confirm a subscription. Nobody is subscribed until they press the button in the letter.

    Example: newsletter subscriber add ada@example.org --name Ada
    """
    with _people(context) as (house, mailing_list, keys):
        asked = SignUp(
            address=_address(address), mailing_list=on or mailing_list.slug, name=clean_name(name), door=Door.STAFF
        )
        try:
            sign_up(EnrolmentStore(house.engine), keys, asked, now())
        except EnrollingError as error:
            _fail(str(error))
    out.print("A letter that asks to confirm is due. 'newsletter serve' posts it, 'newsletter up' does too.")


@subscriber.command()
def show(context: typer.Context, who: Who, as_json: JsonOption = False) -> None:
    """Show a person: how they stand to every list, what they chose, what they agreed to and when."""
    with _people(context) as (house, _, _keys), EnrolmentStore(house.engine).reading() as desk:
        person = _find(house, who)
        if as_json:
            return print_json(json.loads(owning.export(EnrolmentStore(house.engine), Claims(person.id))))
        stands, record = desk.subscriptions(person.id), desk.record_of(person.id)
        suppressions = desk.suppressions([person.key])
    out.print(f"{person.address}  {person.name}  {person.language}, {person.zone}, id {person.id}", markup=False)
    for s in suppressions:
        out.print(f"  must not be written to: {s.reason.value}, since {s.since:%d %b %Y}", style="red")
    print_table(
        ("List", "State", "Since", "Topics", "Rhythm", "Hour", "Paused until"),
        [
            (
                s.mailing_list,
                s.state_at(now()).value,
                f"{s.since:%d %b %Y}",
                " ".join(sorted(s.preferences.topics)) or "all",
                s.preferences.rhythm.value,
                "usual" if s.preferences.hour is None else s.preferences.hour,
                f"{s.preferences.paused_until:%d %b %Y}" if s.preferences.paused_until else "",
            )
            for s in stands
        ],
        "On no list.",
    )
    print_table(
        ("When", "List", "Did", "By"),
        [(f"{c.at:%d %b %Y %H:%M}", c.mailing_list, c.act.value, c.door.value) for c in record],
        "Nothing on record.",
    )
    return None


@subscriber.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, or the ZIP of a Mailchimp export.")],
    on: ListOption = "",
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without it you only see what would happen.")] = False,
    basis: Annotated[str, typer.Option(help="Why you may write to them; without it they must confirm.")] = "",
    column: Annotated[list[str] | None, typer.Option(help="Where a column is: address=HEADING. Repeatable.")] = None,
    dates: Annotated[DateOrder, typer.Option(help="How the file writes days.")] = DateOrder.ISO,
    mode: Annotated[Mode, typer.Option(help="suppress: never write to anybody in it.")] = Mode.SUBSCRIBE,
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Import people from a file: first a report, then, with --apply, the import. It can be taken back for 24 hours.

    Example: newsletter subscriber import people.csv --basis "Signed up at our shop" --apply
    """
    columns = dict(_pair(text) for text in column or [])
    with _people(context, on) as (house, mailing_list, keys), _progress(as_json) as told:
        reading = Reading(mailing_list=mailing_list, now=now(), dates=dates)
        order = Order(path=file, reading=reading, by=by, basis=basis, mode=mode, columns=columns)
        try:
            report = bring_in(ImportStore(house.engine), keys, order, apply=apply, progress=told)
        except SheetError as error:
            _fail(f"{file.name}: {error}")
    if as_json:
        return print_json(_as_json(report))
    _print_report(report, applied=apply)
    return None


@subscriber.command("undo-import")
def undo_import(context: typer.Context, number: Annotated[int, typer.Argument(help="Of the import.")]) -> None:
    """Take an import back. Whoever confirmed, changed or left since stays as they chose."""
    with _people(context) as (house, _, _keys):
        gone, stayed = ImportStore(house.engine).undo(number, now())
    out.print(f"{gone} people are gone again; {stayed} stay, because they acted themselves since.")


@subscriber.command()
def imports(context: typer.Context) -> None:
    """Show every import."""
    with _people(context) as (house, _, _keys):
        records = ImportStore(house.engine).all()
    print_table(
        ("Import", "When", "By", "File", "List", "State", "Added"),
        [
            (r.number, f"{r.at:%d %b %Y %H:%M}", r.by, r.file, r.mailing_list, r.state.value, r.counts.get("added", 0))
            for r in records
        ],
        "Nothing was imported yet.",
    )


@subscriber.command()
def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write; standard output unless named.")] = None,
    on: ListOption = "",
    how: Annotated[Format, typer.Option("--format", help="csv opens safely in spreadsheets.")] = Format.CSV,
) -> None:
    """Write everybody on a list into a file, whatever their state."""
    with _people(context, on) as (house, mailing_list, _keys):
        pages = write_people(PeopleStore(house.engine), mailing_list.slug, how)
        if file is None:
            sys.stdout.writelines(pages)
            return
        file.touch(mode=0o600)  # other people's addresses: for the owner of the file alone
        with file.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(pages)
    out.print(f"Wrote {file}.")


@subscriber.command()
def suppress(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Whom not to write to any more.")],
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.MANUAL,
) -> None:
    """Never write to an address again, whoever asks for it. It counts at once, also for what is being sent."""
    key = address_key(_address(address).text)
    with _people(context) as (house, _, _keys):
        PeopleStore(house.engine).suppress(Suppression(key, reason, now()))
    out.print(f"{address} gets nothing any more.", markup=False)


@subscriber.command()
def unsubscribe(context: typer.Context, who: Who, on: ListOption = "", everything: bool = False) -> None:
    """Unsubscribe a person from a list, or with --everything from all of them."""
    with _people(context, on) as (house, mailing_list, _keys):
        person, store = _find(house, who), EnrolmentStore(house.engine)
        act = leave_all if everything else leave
        answer = act(store, Claims(person.id, mailing_list.slug), Door.STAFF, now())
    out.print(f"{person.address}: {answer.value}", markup=False)


@subscriber.command()
def erase(
    context: typer.Context,
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person for good. A keyed hash stays, so that no import brings them back."""
    with _people(context) as (house, _, keys):
        person = _find(house, who)
        if not yes:
            typer.confirm(f"Erase everything about {person.address}? Nobody can undo it.", abort=True)
        owning.erase(EnrolmentStore(house.engine), keys, Claims(person.id), now())
    out.print("Erased.")


@subscriber.command()
def forget(context: typer.Context, as_json: JsonOption = False) -> None:
    """Remove what has served its purpose: networks of sign-ups, sent letters, sign-ups that nobody confirmed."""
    with _people(context) as (house, _, _keys):
        counts = dict(owning.forget_old(EnrolmentStore(house.engine), now()).counts)
    if as_json:
        return print_json(counts)
    out.print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return None


@lists.command("add")
def add_list(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="Short name: small letters, digits, hyphens.")],
    title: Annotated[str, typer.Argument(help="What people read.")],
    topic: Annotated[list[str] | None, typer.Option(help="A topic: skin='Skin care'. Repeatable.")] = None,
    rhythm: Annotated[list[Rhythm] | None, typer.Option(help="What people may choose, the usual first.")] = None,
    hour: Annotated[int, typer.Option(min=0, max=23, help="When it is usual, on the reader's clock.")] = 9,
    zone: Annotated[str, typer.Option(help="For readers whose time zone is not known.")] = "",
    closed: Annotated[bool, typer.Option("--closed", help="The public may not sign up.")] = False,
) -> None:
    """Make a mailing list, or change the one of that name.

    Example: newsletter list add beauty "Beauty News" --topic skin="Skin care" --rhythm weekly --rhythm daily
    """
    given = settings(context)
    if zone and not is_zone(zone):
        raise typer.BadParameter(f"--zone takes an IANA time zone such as Europe/London, got {zone!r}")
    made = MailingList(
        slug=_slug(slug),
        title=clean_name(title),
        topics=tuple(Topic(_slug(name), clean_name(words)) for name, words in map(_pair, topic or [])),
        rhythms=tuple(dict.fromkeys(rhythm or [Rhythm(given.rhythm)])),
        hour=hour,
        zone=zone or given.zone,
        is_open=not closed,
    )
    with open_house(given) as house:
        ListStore(house.engine).put(made)
    out.print(f"The list {made.slug} is there.")


@lists.command("list")
def list_lists(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every list and how many people stand how to it."""
    with open_house(settings(context)) as house:
        found = [(one, house.people.count(one.slug)) for one in ListStore(house.engine).all()]
    if as_json:
        return print_json([{"list": one.slug, **{state.value: n for state, n in c.items()}} for one, c in found])
    print_table(
        ("List", "Title", "Confirmed", "Pending", "Unsubscribed", "Topics", "Rhythms"),
        [
            (
                *(one.slug, one.title, *(counts[state] for state in counts if state.value != "paused")),
                *(" ".join(t.slug for t in one.topics), " ".join(r.value for r in one.rhythms)),
            )
            for one, counts in found
        ],
        "There is no list yet. Make one: newsletter list add NAME TITLE",
    )
    return None


@lists.command()
def segment(
    context: typer.Context,
    said: Annotated[str, typer.Argument(help='As JSON: {"all": [{"topic": ["skin"]}], "but": [{"tag": ["staff"]}]}.')],
    on: ListOption = "",
    as_json: JsonOption = False,
) -> None:
    """Count the people of a segment as it is now, and show ten of them."""
    try:
        wanted = parse_segment(json.loads(said))
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(str(error) if isinstance(error, SegmentError) else "this is no JSON") from error
    with _people(context, on) as (house, mailing_list, _keys):
        look = SegmentStore(house.engine).look(mailing_list.slug, wanted)
    if as_json:
        return print_json({"count": look.count, "samples": [p.address for p in look.samples]})
    out.print(f"{look.count} people")
    for person in look.samples:
        out.print(f"  {person.address}  {person.name}", markup=False)
    return None


@contextmanager
def _people(context: typer.Context, wanted: str = "") -> Iterator[tuple[House, MailingList, Keyring]]:
    """Yield the house, the list that is meant, and the keys."""
    given = settings(context)
    with open_house(given) as house:
        slug = wanted or given.newsletter
        mailing_list = ListStore(house.engine).find(slug)
        if mailing_list is None:
            if wanted:
                raise StoreError(f"there is no list {wanted!r}; 'newsletter list list' shows them")
            mailing_list = MailingList(slug=slug, title=given.title, rhythms=(Rhythm(given.rhythm),), zone=given.zone)
            ListStore(house.engine).put(mailing_list)
        yield house, mailing_list, Keyring.parse(given.key())


@contextmanager
def _progress(is_quiet: bool) -> Iterator["_Told"]:
    columns = (TextColumn("Reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=is_quiet) as bar:
        yield _Told(bar)


class _Told:
    """Moves the bar as far as the file is read."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)


def _print_report(report: Report, *, applied: bool) -> None:
    if report.shape:
        found = ", ".join(f"{column.value} = {report.shape.header[n]}" for column, n in report.shape.columns.items())
        out.print(f"Columns: {found}", markup=False)
        if report.shape.unused:
            out.print(f"Left alone: {', '.join(report.shape.unused)}", markup=False)
    for person in report.first:
        out.print(f"  line {person.line}: {person.address}  {person.name}", markup=False)
    rows = [(v.value, n) for v, n in report.verdicts.items()] + [("of those added, must confirm", report.pending)]
    print_table(("What", "People"), rows, "There is nobody in it.")
    for about, count in (report.refused + report.doubts).most_common():
        lines = ", ".join(map(str, report.examples[about]))
        more = ", …" if count > len(report.examples[about]) else ""
        out.print(f"  {count} x {about} (line {lines}{more})", markup=False)
    if report.similar:
        out.print(f"  {report.similar} addresses differ from another one only by dots or a +tag")
    if applied:
        out.print(f"Import {report.number} is done. For 24 hours this takes it back:")
        out.print(f"  newsletter subscriber undo-import {report.number}")
    else:
        out.print("Nothing was changed. Add --apply to do it.")


def _as_json(report: Report) -> dict[str, object]:
    return {
        "import": report.number,
        "rows": report.total,
        "verdicts": {v.value: n for v, n in report.verdicts.items()},
        "pending": report.pending,
        "refused": dict(report.refused),
        "doubts": dict(report.doubts),
        "similar": report.similar,
        "lines": report.examples,
    }


def _find(house: House, who: str) -> Subscriber:
    person = PeopleStore(house.engine).find(who)
    if person is None:
        raise StoreError(f"nobody is known as {who!r}")
    return person


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except AddressError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise typer.BadParameter(f"it takes NAME=VALUE, got {text!r}")
    return name.strip(), value.strip()


def _slug(text: str) -> str:
    if not (text.isascii() and text.replace("-", "a").isalnum() and text == text.lower() and len(text) <= 41):
        raise typer.BadParameter(f"a short name has small letters, digits and hyphens, got {text!r}")
    return text


def _fail(message: str) -> NoReturn:
    err.print(f"newsletter: {message}", style="red", markup=False)
    raise typer.Exit(Exit.FAILED)
