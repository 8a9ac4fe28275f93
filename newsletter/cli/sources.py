"""`newsletter source ...` and `newsletter ingest`: where articles come from."""

import re
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from newsletter.cli.console import Exit, JsonOption, err, now, out, print_json, print_table, settings
from newsletter.ingesting import Report, ingest
from newsletter.ports import SourceError
from newsletter.storage.sources import Policy, SourceRecord
from newsletter.wiring import SOURCE_KINDS, House, make_source, open_house

source = typer.Typer(no_args_is_help=True, help="Add, check and remove the places that articles come from.")

Name = Annotated[str, typer.Argument(help="Short name: small letters, digits, hyphens.")]


@source.command()
def add(
    context: typer.Context,
    name: Name,
    location: Annotated[str, typer.Argument(help="Folder or file, or the address of a feed or site.")],
    kind: Annotated[str, typer.Option(help=f"One of: {', '.join(SOURCE_KINDS)}.")] = "folder",
    trusted: Annotated[bool, typer.Option("--trusted", help="Approve its articles on arrival, by rule.")] = False,
) -> None:
    """Add a source. It is looked at once, so that a wrong address shows now and not next week.

    Example: newsletter source add magazine content/articles
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise typer.BadParameter(f"a source's name has small letters, digits and hyphens, got {name!r}")
    if kind not in SOURCE_KINDS:
        raise typer.BadParameter(f"--kind takes one of {', '.join(SOURCE_KINDS)}, got {kind!r}")
    policy = Policy.TRUSTED if trusted else Policy.REVIEW
    record = SourceRecord(name=name, kind=kind, location=location, policy=policy, added_at=now())
    with open_house(settings(context)) as house:
        pull = make_source(record, house.settings).pull({})
        house.sources.add(record)
    out.print(f"Added {name}: {len(pull.articles)} articles there now. 'newsletter ingest {name}' pulls them.")


@source.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every source and how its last pull went."""
    with open_house(settings(context)) as house:
        records = house.sources.all()
    rows = [
        (
            r.name,
            r.kind,
            r.policy.value,
            r.location,
            r.error or (f"{r.pulled_at:%d %b %H:%M}" if r.pulled_at else "never"),
        )
        for r in records
    ]
    if as_json:
        return print_json(
            [dict(zip(("name", "kind", "policy", "location", "last_pull"), r, strict=True)) for r in rows]
        )
    print_table(
        ("Source", "Kind", "Policy", "Location", "Last pull"),
        rows,
        "There is no source yet. Add one: newsletter source add NAME FOLDER",
    )
    return None


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
    }


def _say(report: Report) -> None:
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
