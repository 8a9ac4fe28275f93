"""Results: what became of each digest, as surely as we know it, and what folding saved."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from content.editions import WORDS_PER_MINUTE
from newsletter.staffing import Permission
from newsletter.storage.breakdowns import Breakdowns, DomainRow, Reply
from newsletter.storage.clicks import ClickStore, Followed
from newsletter.storage.editions import TOLD, EditionRecord
from newsletter.storage.feed_fetches import FeedFetchStore, Fetched
from newsletter.storage.overviews import EditionRow
from newsletter.storage.returns import ReturnStore
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.charts import Bar, bars
from newsletter.web.console.digests import edition_of
from newsletter.web.console.sends import LENIENT, Shown, send_of
from subscribers.sheets import safe_cell

#: Digests in the overview, and those of them that a chart has room for.
SHOWN, CHARTED = 26, 10

#: Who leaves within this time after a digest began to leave is counted with it.
ATTRIBUTED = timedelta(days=3)

#: Days of which fetches of feeds are shown.
FETCHED = timedelta(days=7)

#: How old a breakdown may be while a send moves.
BROKEN_DOWN = timedelta(minutes=1)

#: People up to whom a breakdown takes no time that anybody notices.
WAITED_FOR = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What folding one digest came to."""

    sections: int  #: printed elsewhere, so not printed again
    sentences: int
    words: int
    kept: int  #: sentences of repeats that said something new, and are printed

    @property
    def minutes(self) -> float:
        """Return the minutes of reading that a reader is spared."""
        return self.words / WORDS_PER_MINUTE


def show_results(ask: Ask) -> Response:
    """Show every digest that is out, with its numbers."""
    rows = _rows(ask)
    rows_of_charts = rows[:CHARTED]
    people = [Bar(e.key.rpartition("-")[2], s.tally.accepted, f"{e.subject}") for e, s, _ in rows_of_charts if s.tally]
    saved = [Bar(e.key.rpartition("-")[2], x.words, e.subject) for e, _, x in rows_of_charts]
    return ask.show(
        "results",
        rows=rows,
        accepted_chart=bars("Messages accepted by digest", list(reversed(people)), is_narrow=True),
        saved_chart=bars("Repeated words not sent, by digest", list(reversed(saved)), is_narrow=True),
        words_saved=sum(x.words for _, _, x in rows),
        facts_kept=sum(x.kept for _, _, x in rows),
        folded=sum(x.sections for _, _, x in rows),
        minutes_spared=round(sum(x.minutes for _, _, x in rows)),
        fetched=_fetched(ask),
    )


def export_results(ask: Ask) -> Response:
    """Return the numbers of every digest as CSV."""
    head = ["digest", "subject", "state", "candidates", "accepted", "deferred", "refused", "uncertain",
            "excluded", "withdrawn", "words not repeated", "sentences kept",
            "people who followed a link", "mails whose links scanners followed"]  # fmt: skip
    rows = _rows(ask)
    clicks = _clicks(ask).totals([row.key for row, _, _ in rows])
    written = []
    for row, send, saved in rows:
        t = send.tally
        sums = (
            [t.candidates, t.accepted, t.deferred, t.refused, t.uncertain, sum(t.excluded.values()), t.withdrawn]
            if t
            else [0] * 7
        )
        written.append([row.key, safe_cell(row.subject), send.word, *sums, saved.words, saved.kept, *clicks[row.key]])
    return _csv("results.csv", head, written)


def export_links(ask: Ask) -> Response:
    """Return as CSV how many people followed each link of one digest."""
    key = edition_of(ask).edition.key
    rows = [[safe_cell(row.target), row.people, row.scanners] for row in _clicks(ask).of_edition(key).links]
    return _csv(f"links-{key}.csv", ["link", "people", "mails in which scanners followed it"], rows)


def export_fetches(ask: Ask) -> Response:
    """Return as CSV how often each feed was fetched by which program in the last days."""
    rows = [[safe_cell(f.feed), safe_cell(f.reader), f.fetches, f.subscribers or ""] for f in _fetched(ask)]
    return _csv("feeds.csv", ["feed", "program", "fetches", "people it says it reads for"], rows)


def _fetched(ask: Ask) -> tuple[Fetched, ...]:
    return FeedFetchStore(ask.console.house.engine).since((ask.now - FETCHED).date())


def _csv(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _clicks(ask: Ask) -> ClickStore:
    return ClickStore(ask.console.house.engine)


def show_result(ask: Ask) -> Response:
    """Show what became of one digest, and every drop with its reason."""
    record = edition_of(ask)
    key, send = record.edition.key, send_of(ask, record)
    reports = ReturnStore(ask.console.house.engine).of_edition(key)
    tally = send.tally
    parts = (
        [
            Bar("accepted", tally.accepted, "a mail server took them"),
            Bar("deferred", tally.deferred, "will be tried again"),
            Bar("refused", tally.refused, "for good"),
            Bar("uncertain", tally.uncertain, "the reply never came"),
            Bar("waiting", tally.pending, "not tried yet"),
            Bar("withdrawn", tally.withdrawn, "stopped before"),
            Bar("left out", sum(tally.excluded.values()), "by their own choice or ours"),
        ]
        if tally
        else []
    )
    folding = json.loads(record.folding)
    more = broken_down(ask, send)
    return ask.show(
        "result",
        record=record,
        edition=record.edition,
        send=send,
        tally=tally,
        began=began.frozen_at if (began := ask.console.house.ledger.mailing(key)) else None,
        chart=bars("Where everybody stands", parts, is_narrow=True) if parts else "",
        parts=parts,
        reports={kind.value: n for kind, n in reports.items()},
        more=more,
        hours=bars("Accepted by hour", _hours(ask, more)) if more else "",
        followed=_followed(ask, key),
        counts_clicks=ask.console.house.settings.count_clicks,
        saved=_saved(record),
        drops=folding.get("dropped", [])[:200],
        contradictions=folding["contradictions"],
        titles={a["id"]: a["title"] for a in folding.get("articles", ())},
    )


def _followed(ask: Ask, key: str) -> Followed:
    def load() -> Followed:
        return _clicks(ask).of_edition(key)

    # As old as a breakdown may be: every click is a row, and a digest of a million may have many.
    return ask.console.cache.get(("followed", key), load, now=ask.now, kept=BROKEN_DOWN, lenient=LENIENT)


@dataclass(frozen=True, slots=True)
class Broken:
    """The messages of one digest, broken down."""

    hours: tuple[tuple[datetime, int], ...]
    domains: tuple[DomainRow, ...]
    replies: tuple[Reply, ...]
    left: int  #: people who left within `ATTRIBUTED` of its beginning


def broken_down(ask: Ask, send: Shown, *, may_wait: bool = True) -> Broken | None:
    """Return the messages of a send broken down, a minute old at most while it moves; None before there are any.

    With many people that takes seconds: who may not wait gets None while it is being made beside.
    """
    if send.tally is None:
        return None
    house, key = ask.console.house, send.send.edition
    mailing = house.ledger.mailing(key)
    began = mailing.frozen_at if mailing else ask.now
    is_settled = send.is_over and ask.now > began + ATTRIBUTED

    def load() -> Broken:
        found = Breakdowns(house.engine)
        left = found.left(house.settings.newsletter, began, began + ATTRIBUTED)
        return Broken(found.hours(key), found.domains(key), found.replies(key), left)

    kept, cache = (timedelta(days=7), ask.console.lasting) if is_settled else (BROKEN_DOWN, ask.console.cache)
    name = ("breakdown", key, send.word)
    if not may_wait and send.tally.candidates > WAITED_FOR and cache.find(name, ask.now) is None:
        cache.make_beside(name, load, now=ask.now, kept=kept)
        return None
    return cache.get(name, load, now=ask.now, kept=kept, lenient=LENIENT)


def _hours(ask: Ask, broken: Broken) -> list[Bar]:
    local = [(hour.astimezone(ask.zone), n) for hour, n in broken.hours[-24:]]
    return [Bar(f"{hour:%H:%M}", n, f"{hour:%a} {hour.day} {hour:%b}") for hour, n in local]


def _rows(ask: Ask) -> list[tuple[EditionRow, Shown, Saved]]:
    newsletter = ask.console.house.settings.newsletter
    found = [e for e in ask.console.overviews.editions(newsletter) if e.state in TOLD][:SHOWN]
    return [(e, send_of(ask, e), _saved_of(ask, e.key, str(e.approved_at))) for e in found]


def _saved_of(ask: Ask, key: str, version: str) -> Saved:
    def load() -> Saved:
        record = ask.console.house.editions.find(key)
        return _saved(record) if record else Saved(sections=0, sentences=0, words=0, kept=0)

    return ask.console.lasting.get(("saved", key, version), load, now=ask.now, kept=timedelta(days=7))


def _saved(record: EditionRecord) -> Saved:
    folding = json.loads(record.folding)
    dropped = folding.get("dropped", [])
    return Saved(
        sections=len(record.edition.manifest.decisions),
        sentences=len(dropped),
        words=sum(len(d["sentence"].split()) for d in dropped),
        kept=folding.get("summary", {}).get("kept", 0),
    )


DOORS = (
    Door(path="/results", view=show_results, may=Permission.SEE),
    Door(path="/results.csv", view=export_results, may=Permission.SEE),
    Door(path="/results/feeds.csv", view=export_fetches, may=Permission.SEE),
    Door(path="/results/{key}/links.csv", view=export_links, may=Permission.SEE),
    Door(path="/results/{key}", view=show_result, may=Permission.SEE),
)
