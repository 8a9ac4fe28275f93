"""`newsletter demo`: the whole job on sample articles and people, with a mail server of its own."""

import asyncio
import csv
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from content.approvals import Decision
from newsletter.approving import decide
from newsletter.cli.console import Exit, err, now, out, print_table
from newsletter.cli.trial_site import GHOST_KEY, trial_site
from newsletter.ports import SourceError
from newsletter.publishing import approve, examine, find
from newsletter.settings import load
from newsletter.storage.editions import EditionState
from newsletter.storage.sources import SourceRecord
from newsletter.wiring import House, open_house
from subscribers.people import Subscriber, SubscriptionState

EXAMPLES = Path(__file__).parents[2] / "examples"

#: Whoever approves what came without an approval. It stands in the record, so that nobody mistakes it for a person.
EDITOR = "demo editor"


def demo(
    source: Annotated[Path | None, typer.Option(help="A file or folder of your own instead of the samples.")] = None,
    home: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("var/demo"),
    every_kind: Annotated[
        bool, typer.Option("--every-kind", help="Pull from a source of every kind, and from one that fails.")
    ] = False,
) -> None:
    """Run the whole job once: pull, approve, fold, render, publish, deliver. Starts afresh every time.

    Nothing leaves this machine: the mails go to a mail server of the demo's own, which keeps them in a Maildir.
    """
    from newsletter.transports.capture import capture_server  # only the demo needs a mail server of its own

    if source and every_kind:
        raise typer.BadParameter("--source and --every-kind exclude each other; name one")
    where = source or EXAMPLES / "articles"
    if not where.exists():
        raise SourceError(f"there is nothing at {str(where)!r}; name a file or folder of articles")
    started = time.monotonic()
    _clear(home)
    with ExitStack() as stack:
        _configure(home, stack.enter_context(capture_server(home / "mail")))
        records = _of_every_kind(home, stack) if every_kind else [_record("demo", "folder", str(where))]
        house = stack.enter_context(open_house(load()))
        rows = asyncio.run(_run(house, records))
        summary = _summarise(house)
        if every_kind:
            _say_sources(house, records, rows)
    (home / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    _say(summary, home, time.monotonic() - started)
    if summary["edition"]["state"] != EditionState.SENT.value:
        raise typer.Exit(Exit.HELD)


def _clear(home: Path) -> None:
    """Forget the last demo, but not Prefect's own database: making that anew takes a quarter of a minute."""
    for name in ("mail", "site", "journals", "desk"):
        shutil.rmtree(home / name, ignore_errors=True)
    for file in (*home.glob("store.db*"), home / "summary.json"):
        file.unlink(missing_ok=True)
    home.mkdir(parents=True, exist_ok=True)


def _configure(home: Path, port: int) -> None:
    """Point this process, and every flow it runs, to the demo's own folder, mail server and Prefect."""
    for name in [n for n in os.environ if n.startswith("NEWSLETTER_")]:
        del os.environ[name]
    os.environ.pop("PREFECT_API_URL", None)
    os.environ.update(
        NEWSLETTER_HOME=str(home),
        NEWSLETTER_SMTP_HOST="127.0.0.1",
        NEWSLETTER_SMTP_PORT=str(port),
        NEWSLETTER_LOCAL_HOURS="false",  # nobody's morning is waited for
        NEWSLETTER_POSTAL_ADDRESS="Beauty News, 1 Example Street, London",
        PREFECT_HOME=str((home / "prefect").absolute()),
        PREFECT_LOGGING_LEVEL="WARNING",
        PREFECT_SERVER_LOGGING_LEVEL="WARNING",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180",  # a busy machine needs more than the usual 20
        DO_NOT_TRACK="1",
    )


def _record(name: str, kind: str, location: str) -> SourceRecord:
    return SourceRecord(name=name, kind=kind, location=location, added_at=now())


def _of_every_kind(home: Path, stack: ExitStack) -> list[SourceRecord]:
    """Start a site of the demo's own, as long as `stack` lasts; return a source of each kind and one that fails."""
    samples = EXAMPLES / "articles"
    site = stack.enter_context(trial_site(samples))
    shutil.copytree(samples / "skin", home / "desk", ignore=shutil.ignore_patterns("after-microneedling.html"))
    os.environ.update(
        NEWSLETTER_FETCH_LOOPBACK="true",
        NEWSLETTER_SOURCE_SECRETS=json.dumps({"magazine": GHOST_KEY}),
        NEWSLETTER_MAXIMUM_STORIES="40",
    )
    return [
        _record("desk", "folder", str(home / "desk")),
        _record("salon", "feed", f"{site}/feed.xml"),
        _record("blog", "wordpress", site),
        _record("magazine", "ghost", site),
        _record("page", "web", f"{site}/after-microneedling.html"),
        _record("retired", "feed", f"{site}/retired.xml"),
    ]


async def _run(house: House, records: list[SourceRecord]) -> list[dict[str, object]]:
    """Run the three flows, with the demo editor's decisions between them; return what each source brought."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        with _step(progress, "Loading the flows"):
            from flows.digest import publish
            from flows.ingest import ingest
            from flows.send import send
        with _step(progress, "Starting Prefect, pulling articles (the first time takes a while)"):
            for record in records:
                house.sources.add(record)
            _enrol(house)
            pulled = await ingest()
        with _step(progress, "Approving, folding, rendering, publishing"):
            _approve_rest(house)
            row = await publish()
            if row["state"] == EditionState.HELD.value:
                _approve_edition(house, str(row["edition"]))
                await publish()
        with _step(progress, "Delivering"):
            await send()
    return pulled


@contextmanager
def _step(progress: Progress, words: str) -> Iterator[None]:
    task = progress.add_task(words, total=1)
    yield
    progress.update(task, completed=1)
    progress.stop_task(task)


def _enrol(house: House) -> None:
    with (EXAMPLES / "people.csv").open(encoding="utf-8", newline="") as file:
        people = [
            Subscriber(id=f"sample-{n:03}", address=row["address"], name=row["name"], zone=row["zone"])
            for n, row in enumerate(csv.DictReader(file), start=1)
        ]
    # As of yesterday: who joins after an edition was due waits for the next.
    house.people.add(people, house.settings.newsletter, now() - timedelta(days=1), SubscriptionState.CONFIRMED)


def _approve_rest(house: House) -> None:
    pending = [s.article.id for s in house.articles.standings() if s.approval is None]
    decide(house.articles, pending, Decision.APPROVED, by=EDITOR, note="approved by the demo itself", now=now())


def _approve_edition(house: House, key: str) -> None:
    """Let both sides of every contradiction stand, and whatever else the mail is warned of, under the demo's name."""
    warned = {finding.rule for finding in examine(house, find(house, key))}
    approve(house, key, by=EDITOR, now=now(), accept=warned)


def _summarise(house: House) -> dict[str, Any]:
    record = find(house, "")
    folded = json.loads(record.folding)["summary"]
    tally = house.ledger.tally(record.edition.key).as_row() if house.ledger.mailing(record.edition.key) else {}
    return {
        "articles": folded["articles"],
        "sections": folded["sections"],
        "clusters": folded["clusters"],
        "sentences": folded["sentences"],
        "sentences_printed": folded["printed"],
        "repeats_dropped": folded["dropped"],
        "facts_added": folded["kept"],
        "contradictions": folded["contradictions"],
        "edition": {
            "key": record.edition.key,
            "state": record.state.value,
            "subject": record.edition.subject,
            "stories": len(record.edition.stories),
            "approved_by": record.approved_by,
        },
        "messages": tally,
    }


def _say_sources(house: House, records: list[SourceRecord], rows: list[dict[str, object]]) -> None:
    """Print what happened to each source, and how many stories of the one edition came from it."""
    stories = Counter(story.article.partition(":")[0] for story in find(house, "").edition.stories)
    pulled = {str(row["source"]): row for row in rows}
    table = [
        (r.name, r.kind, pulled[r.name].get("new", 0), stories[r.name], str(pulled[r.name]["error"]) or "well")
        for r in records
    ]
    print_table(("Source", "Kind", "Articles", "Stories in the edition", "What happened"), table, "")


def _say(summary: dict[str, Any], home: Path, seconds: float) -> None:
    edition, messages = summary["edition"], summary["messages"]
    lines = [
        ("Pulled", f"{summary['articles']} articles, {summary['sections']} sections"),
        (
            "Folded",
            f"{summary['clusters']} explainers that repeat: {summary['repeats_dropped']} of {summary['sentences']} "
            f"sentences dropped as repeats, {summary['facts_added']} kept because they add something",
        ),
        ("Rendered", f"{edition['key']}: “{edition['subject']}”, {edition['stories']} stories"),
        ("Delivered", f"{messages.get('accepted', 0)} of {messages.get('candidates', 0)} messages accepted"),
        ("Mail", f"{home / 'mail'} (a Maildir; the files in new/ open in a mail reader)"),
        ("Archive", f"{home / 'site' / 'index.html'}"),
        ("Feeds", ", ".join(f"{home / 'site' / 'feeds' / name}" for name in ("all.rss", "all.atom", "all.json"))),
        ("Counts", f"{home / 'summary.json'}"),
    ]
    if summary["contradictions"]:
        lines.insert(
            2,
            (
                "Marked",
                f"{summary['contradictions']} pairs of sentences contradict each other: both stand, side by side. "
                f"An edition of yours would wait for an editor here; the {EDITOR} let both stand",
            ),
        )
    for name, words in lines:
        out.print(f"[bold]{name:10}[/]", end="")
        out.print(words, markup=False)
    out.print(f"Done in {seconds:.0f} s. Nothing left this machine.", style="dim")
