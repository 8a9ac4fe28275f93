"""The command line: `newsletter --help` teaches it."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from newsletter.approving import ApprovingError
from newsletter.cli import (
    articles,
    backups,
    bills,
    care,
    demo,
    deploying,
    editions,
    index,
    keys,
    near_duplicates,
    people,
    schedules,
    sends,
    serving,
    sources,
    staff,
    stores,
    tokens,
    up,
    webhooks,
)
from newsletter.cli.console import Exit, err
from newsletter.correcting import CorrectingError
from newsletter.enrolling.joining import EnrollingError
from newsletter.hooking import HookingError
from newsletter.notifying import NotifyingError
from newsletter.orchestration import OrchestrationError
from newsletter.ports import FetchError, SourceError
from newsletter.preserving import PreservingError
from newsletter.publishing import PublishingError
from newsletter.ruling import RulingError
from newsletter.scheduling import SchedulingError
from newsletter.semantics import SemanticsError
from newsletter.settings import SettingsError
from newsletter.staffing import StaffingError
from newsletter.storage.errors import DatabaseFailure, StoreError, say
from newsletter.transports.imap import MailboxError
from newsletter.transports.journal import JournalError

#: What a person can mend. Each is one clear line; anything else is our mistake and shows its traceback.
EXPECTED = (
    ApprovingError,
    CorrectingError,
    NotifyingError,
    EnrollingError,
    FetchError,
    HookingError,
    JournalError,
    MailboxError,
    OrchestrationError,
    PreservingError,
    PublishingError,
    RulingError,
    SchedulingError,
    SemanticsError,
    SettingsError,
    SourceError,
    StaffingError,
    StoreError,
)

#: What a disk says that is full, worn out or not ours to write.
DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fold overlapping articles into one edition; deliver it as email, feeds and a web archive.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held for a person.",
)


@app.callback()
def _common(
    config: Annotated[Path | None, typer.Option(help="Settings file; newsletter.toml unless named.")] = None,
) -> None:
    """Read the settings; every command sees them."""


app.command()(care.init)
app.command()(care.doctor)
app.command()(demo.demo)
app.add_typer(sources.source, name="source")
app.command("ingest")(sources.ingest_command)
app.add_typer(articles.article, name="article")
app.command()(near_duplicates.fold)
app.command()(near_duplicates.duplicates)
app.add_typer(editions.edition, name="edition")
app.add_typer(index.index, name="index")
app.command("send")(sends.send)
app.command("dispatch")(schedules.dispatch)
app.add_typer(sends.returns, name="returns")
app.add_typer(editions.feeds, name="feeds")
app.add_typer(editions.site, name="site")
app.add_typer(people.subscriber, name="subscriber")
app.add_typer(people.lists, name="list")
app.command()(backups.backup)
app.command()(backups.restore)
app.add_typer(stores.store, name="store")
app.add_typer(keys.key, name="key")
app.command()(serving.serve)
app.command()(serving.console)
app.add_typer(staff.staff, name="staff")
app.add_typer(tokens.token, name="token")
app.add_typer(webhooks.webhook, name="webhook")
app.command()(serving.metrics)
app.command()(bills.sbom)
app.command()(up.up)
app.command()(deploying.deploy)


def main() -> None:
    """Run the command line; end with its exit code."""
    try:
        app()
    except EXPECTED as error:
        err.print(f"newsletter: {error}", style="red", markup=False)
        sys.exit(Exit.FAILED)
    except DatabaseFailure as failure:
        err.print(f"newsletter: {say(failure)}", style="red", markup=False)
        sys.exit(Exit.FAILED)
    except OSError as error:
        if error.errno not in DISK:
            raise
        where = f" ({error.filename})" if error.filename else ""
        said = f"nothing can be written here{where}: {error.strerror}. Make room, or mend its rights, and say it again"
        err.print(f"newsletter: {said}", style="red", markup=False)
        sys.exit(Exit.FAILED)
