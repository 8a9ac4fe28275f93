"""`newsletter store`: what only those who own the database do."""

import os
from typing import Annotated

import typer

from newsletter.cli.console import Exit, err, out, settings
from newsletter.storage.engine import migrate as bring_up_to_date
from newsletter.storage.engine import open_engine, pending
from newsletter.storage.roles import apply, statements

store = typer.Typer(no_args_is_help=True, help="The database: migrate it, and who may do what in it.")


@store.command()
def migrate(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Bring the tables up to the newest version. Every other command does so too when it opens the store.

    With --dry-run it ends with 3 when there is something to do.
    """
    engine = open_engine(settings(context).store_url)
    try:
        steps = pending(engine)
        for step in steps:
            out.print(f"{step.number}  {step.brings}", markup=False)
        if not dry_run:
            bring_up_to_date(engine)
    finally:
        engine.dispose()
    where = engine.url.render_as_string()
    if steps and dry_run:
        err.print(f"{len(steps)} to do in {where}; nothing was changed. First 'newsletter backup FILE'.", markup=False)
        raise typer.Exit(Exit.HELD)
    out.print(f"{where} is up to date.", markup=False)


@store.command()
def roles(
    context: typer.Context,
    now: Annotated[bool, typer.Option("--apply", help="Migrate, then run it, as the owner in database_url.")] = False,
) -> None:
    """Print the SQL that makes the logins of site, senders and console, each with what it needs. PostgreSQL only.

    With --apply their passwords are those of NEWSLETTER_WEB_PASSWORD, NEWSLETTER_SENDER_PASSWORD and
    NEWSLETTER_CONSOLE_PASSWORD in the environment; one that is not set stays as it is.
    """
    if not now:
        for statement in statements():
            out.print(f"{statement};", markup=False)
        return
    engine = open_engine(settings(context).store_url)
    try:
        bring_up_to_date(engine)
        named = apply(engine, os.environ)
    finally:
        engine.dispose()
    out.print(f"The tables are up to date, the logins have their rights; passwords set: {', '.join(named) or 'none'}.")
