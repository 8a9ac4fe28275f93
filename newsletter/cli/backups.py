"""`newsletter backup` and `newsletter restore`: keep everything, and bring it back elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli.console import err, now, out, settings
from newsletter.preserving import back_up
from newsletter.preserving import restore as bring_back

File = Annotated[
    Path, typer.Argument(help="The backup, such as backup.tar.gz. It holds addresses and the signing key.")
]


def backup(context: typer.Context, file: File) -> None:
    """Write store, journals and signing key to a new file, while everything goes on. It is read back and checked."""
    made = back_up(settings(context), file, now())
    out.print(f"{file}: {made.rows} rows, {made.journals} journals, read back and checked. Only its owner may read it.")


def restore(context: typer.Context, file: File) -> None:
    """Fill a new, empty database and home from a backup. Nothing leaves until 'newsletter dispatch --accept'."""
    done = bring_back(settings(context), file, now())
    out.print(f"Restored {done.backup.rows} rows as of {done.backup.taken_at:%Y-%m-%d %H:%M} UTC.")
    for edition, people in done.uncertain.items():
        err.print(
            f"{edition}: {people} people are uncertain, since the original may have gone on. "
            f"'newsletter edition status {edition}' names them; 'edition resolve' settles it.",
            style="yellow",
            markup=False,
        )
    out.print(
        "Stop the original for good, build the site ('newsletter site build'), then 'newsletter dispatch --accept'."
    )
