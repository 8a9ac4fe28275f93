"""What every command shares: how it prints, asks who acts, and ends."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from content.mapping import In, Mapper, Out, Work
from newsletter.settings import Settings, load

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class Exit(IntEnum):
    """How a command ended, as its exit code."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    HELD = 3  #: a person has to decide something first


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of words.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides; recorded with the decision.", envvar="USER")]
ProcessesOption = Annotated[
    int, typer.Option("--processes", min=1, help="Processes that share the work; the result is the same.")
]
NoteOption = Annotated[str, typer.Option("--note", help="Why; recorded with the decision.")]


def settings(context: typer.Context) -> Settings:
    """Return the settings that the command line points to."""
    file: Path | None = context.find_root().params.get("config")
    return load(file)


def now() -> datetime:
    """Return the time: commands are among the few who may read the clock."""
    return datetime.now(UTC)


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under their columns, or the words in `empty` when there is none."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    if table.row_count:
        out.print(table)
    else:
        out.print(empty)


def watched(mapper: Mapper) -> Mapper:
    """Return what maps as `mapper` does, and shows on standard error how many parts are done."""

    def watch(work: Work[In, Out], parts: Iterable[In], /) -> Iterator[Out]:
        name = {"read": "Reading", "liken": "Comparing"}.get(getattr(work, "__name__", ""), "Working")
        yield from track(mapper(work, parts), description=name, console=err, transient=True)

    return watch
