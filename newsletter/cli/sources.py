"""`newsletter source ...` and `newsletter ingest`: where articles come from."""

import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from newsletter.cli.console import Exit, JsonOption, NoteOption, err, now, out, print_json, print_table, settings
from newsletter.ingesting import Report, ingest
from newsletter.ports import SourceError
from newsletter.storage.sources import Policy, SourceRecord
from newsletter.wiring import SOURCE_KINDS, House, make_source, open_house

source = typer.Typer(no_args_is_help=True, help="Add, check and remove the places that articles come from.")

PolicyOption = Annotated[
    Policy,
    typer.Option(
        help="What its articles need: review, a person here; flag, what the source itself shows as approved is; "
        "trusted, nothing: they are approved on arrival, by rule."
    ),
]

Name = Annotated[str, typer.Argument(help="Short name: small letters, digits, hyphens.")]


@source.command()
def add(
    context: typer.Context,
    name: Name,
    location: Annotated[str, typer.Argument(help="Folder or file, or the address of a feed or site.")],
    kind: Annotated[str, typer.Option(help=f"One of: {', '.join(SOURCE_KINDS)}.")] = "folder",
    policy: PolicyOption = Policy.FLAG,
    trusted: Annotated[bool, typer.Option("--trusted", help="The same as --policy trusted.")] = False,
    holds: Annotated[bool, typer.Option("--holds", help="Editions wait while it fails.")] = False,
) -> None:
    """Add a source. It is looked at once, so that a wrong address shows now and not next week.

    Example: newsletter source add magazine content/articles
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise typer.BadParameter(f"a source's name has small letters, digits and hyphens, got {name!r}")
    if kind not in SOURCE_KINDS:
        raise typer.BadParameter(f"--kind takes one of {', '.join(SOURCE_KINDS)}, got {kind!r}")
    policy = Policy.TRUSTED if trusted else policy
    if Path(location).exists():  # workers pull it too, from another working directory
        location = str(Path(location).absolute())
    record = SourceRecord(name=name, kind=kind, location=location, policy=policy, added_at=now(), holds=holds)
    with open_house(settings(context)) as house:
        pull = make_source(record, house.settings).pull({})
        house.sources.add(record)
    out.print(f"Added {name}: {len(pull.articles)} articles there now. 'newsletter ingest {name}' pulls them.")


@source.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every source and how it does: its last success, what came, and in plain words what is wrong."""
    with open_house(settings(context)) as house:
        records = house.sources.all()
    if as_json:
        return print_json([_record_as_json(r) for r in records])
    columns = ("Source", "Kind", "Policy", "Last success", "Brought", "Now")
    rows = [(r.name, r.kind, r.policy.value, _day(r.succeeded_at), _brought(r), _now(r)) for r in records]
    print_table(columns, rows, "There is no source yet. Add one: newsletter source add NAME FOLDER")
    return None


@source.command()
def show(context: typer.Context, name: Name, as_json: JsonOption = False) -> None:
    """Show one source: where it is, what its articles need, how it does, and what its last pull left out and why."""
    with open_house(settings(context)) as house:
        r = _known(house, name)
    if as_json:
        return print_json(_record_as_json(r))
    waits = "editions wait while it fails" if r.holds else "editions do not wait for it"
    lines = (
        f"{r.name}: {r.kind} at {r.location}",
        f"policy {r.policy.value}; {waits}",
        f"last looked at {_day(r.pulled_at)}, last success {_day(r.succeeded_at)}: {_brought(r) or 'nothing yet'}",
        _now(r),
    )
    for line in lines:
        out.print(line, markup=False)
    for reason in r.left_out:
        err.print(f"  left out {reason}", style="yellow", markup=False)
    return None


@source.command("set")
def set_(
    context: typer.Context,
    name: Name,
    policy: Annotated[Policy | None, typer.Option(help="What its articles need from now on.")] = None,
    holds: Annotated[bool | None, typer.Option("--holds/--no-holds", help="Editions wait while it fails.")] = None,
) -> None:
    """Change what the articles of a source need from now on, or whether editions wait while it fails.

    What was decided about an article stays decided.
    """
    if policy is None and holds is None:
        raise typer.BadParameter("name what to change: --policy, --holds or --no-holds")
    with open_house(settings(context)) as house:
        _known(house, name)
        if policy is not None:
            house.sources.set_policy(name, policy)
        if holds is not None:
            house.sources.set_holds(name, holds)
        r = _known(house, name)
    out.print(f"{name}: policy {r.policy.value}; {'editions wait' if r.holds else 'editions do not wait'} for it")


@source.command()
def disable(context: typer.Context, name: Name, note: NoteOption = "a person said so") -> None:
    """Pull a source no more until it is enabled; its articles stay."""
    with open_house(settings(context)) as house:
        _known(house, name)
        house.sources.disable(name, note)
    out.print(f"{name} is not pulled any more. 'newsletter source enable {name}' takes that back.", markup=False)


@source.command()
def enable(context: typer.Context, name: Name) -> None:
    """Pull a source again that was disabled, by a person or because its site said twice that it is gone (410)."""
    with open_house(settings(context)) as house:
        _known(house, name)
        house.sources.enable(name)
    out.print(f"{name} is pulled again: 'newsletter ingest {name}' tries it now.", markup=False)


def _day(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M}" if moment else "never"


def _brought(record: SourceRecord) -> str:
    """Return in words what the last good pull brought."""
    return ", ".join(f"{n} {word}" for word, n in asdict(record.counts).items() if n)


def _now(record: SourceRecord) -> str:
    """Return in plain words how a source does now."""
    if record.disabled:
        return f"disabled: {record.disabled}"
    if record.error:
        return f"fails{', editions wait' if record.holds else ''}: {record.error}"
    return "well" if record.succeeded_at else "not pulled yet"


def _record_as_json(record: SourceRecord) -> dict[str, object]:
    """Return how a source does as plain values; what it keeps for its next pull is its own matter."""
    values = asdict(record)
    del values["memory"]
    return values | {"policy": record.policy.value, "now": _now(record)}


@source.command()
def check(context: typer.Context, name: Name) -> None:
    """Look at a source without keeping anything: what it shows, and what cannot be read."""
    with open_house(settings(context)) as house:
        pull = make_source(_known(house, name), house.settings).pull({})
    for article in pull.articles:
        out.print(f"  {article.id}: {article.title}", markup=False)
    for problem in pull.problems:
        err.print(f"  left out {problem.item}: {problem.reason}", markup=False)
    for note in pull.notes:
        err.print(f"  look at {note.item}: {note.reason}", markup=False)
    out.print(f"{len(pull.articles)} articles, {len(pull.problems)} left out")


@source.command()
def remove(context: typer.Context, name: Name) -> None:
    """Forget a source. Its articles stay."""
    with open_house(settings(context)) as house:
        _known(house, name)
        house.sources.remove(name)
    out.print(f"Removed {name}. Its articles stay; 'newsletter article withdraw' takes one out.")


def ingest_command(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Sources to pull; all when none is named.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Pull the sources into the store. Unchanged articles write nothing; a failing source harms no other."""
    with open_house(settings(context)) as house:
        records = [_known(house, name) for name in names] if names else list(house.sources.all())
        if not records:
            raise SourceError("there is no source yet; add one: newsletter source add NAME FOLDER")
        reports = _pull(house, records)
    if as_json:
        print_json([_as_json(report) for report in reports])
    else:
        for report in reports:
            _say(report)
    if any(report.error for report in reports):
        raise typer.Exit(Exit.FAILED)


def _known(house: House, name: str) -> SourceRecord:
    record = house.sources.find(name)
    if record is None:
        raise SourceError(f"there is no source {name!r}; 'newsletter source list' shows them")
    return record


def _pull(house: House, records: list[SourceRecord]) -> list[Report]:
    reports = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        for record in records:
            task = progress.add_task(f"Pulling {record.name}", total=None)
            try:
                reports.append(ingest(make_source(record, house.settings), house.sources, house.articles, now()))
            except SourceError as error:
                reports.append(Report(source=record.name, error=str(error)))
            progress.remove_task(task)
    return reports


def _as_json(report: Report) -> dict[str, object]:
    return {
        "source": report.source,
        "new": report.change.new,
        "changed": report.change.changed,
        "unchanged": report.change.unchanged,
        "approved": report.approved,
        "problems": [{"item": p.item, "reason": p.reason} for p in report.problems],
        "notes": [{"item": n.item, "reason": n.reason} for n in report.notes],
        "gone": list(report.gone),
        "error": report.error,
        "disabled": report.disabled,
    }


def _say(report: Report) -> None:
    if report.disabled:
        err.print(f"{report.source}: {report.disabled}", style="yellow", markup=False)
        return
    if report.error:
        err.print(f"{report.source}: {report.error}", style="red", markup=False)
        return
    c = report.change
    out.print(
        f"{report.source}: {c.new} new, {c.changed} changed, {c.unchanged} unchanged, {report.approved} approvals",
        markup=False,
    )
    for problem in report.problems:
        err.print(f"  left out {problem.item}: {problem.reason}", style="yellow", markup=False)
    for note in report.notes:
        err.print(f"  look at {note.item}: {note.reason}", style="cyan", markup=False)
    for id in report.gone:
        err.print(f"  {id} is no longer at its source; 'newsletter article withdraw' takes it out", markup=False)
