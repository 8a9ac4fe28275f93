"""`newsletter edition ...` and `newsletter send`: from approved articles to delivered mail."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.cli.console import Exit, JsonOption, err, now, out, print_json, print_table, settings
from newsletter.publishing import Published, approve, cancel, look_of, preview, publish
from newsletter.sending import Sent, deliver_due
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.wiring import House, open_house
from subscribers.deliveries import Tally

edition = typer.Typer(no_args_is_help=True, help="Draft, check, approve, send and follow editions.")

Key = Annotated[str, typer.Argument(help="The edition's key, such as beauty-weekly-2026-W48; the newest if left out.")]
