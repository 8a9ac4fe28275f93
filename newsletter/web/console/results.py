"""Results: what became of each digest, as surely as we know it, and what folding saved."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from content.editions import WORDS_PER_MINUTE
from newsletter.publishing import TOLD
from newsletter.staffing import Permission
from newsletter.storage.editions import EditionRecord
from newsletter.storage.overviews import EditionRow
from newsletter.storage.returns import ReturnStore
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.charts import Bar, bars
from newsletter.web.console.digests import edition_of
from newsletter.web.console.sends import Shown, send_of
from subscribers.bounces import EventKind
from subscribers.sheets import safe_cell

#: Digests in the overview.
SHOWN = 26


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
    people = [Bar(e.key.rpartition("-")[2], s.tally.accepted, f"{e.subject}") for e, s, _ in rows if s.tally]
    saved = [Bar(e.key.rpartition("-")[2], x.words, e.subject) for e, _, x in rows]
    return ask.show(
        "results",
        rows=rows,
        accepted_chart=bars("Messages accepted by digest", list(reversed(people))),
        saved_chart=bars("Repeated words not sent, by digest", list(reversed(saved))),
        words_saved=sum(x.words for _, _, x in rows),
        facts_kept=sum(x.kept for _, _, x in rows),
        folded=sum(x.sections for _, _, x in rows),
    )


def export_results(ask: Ask) -> Response:
    """Return the numbers of every digest as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["digest", "subject", "state", "candidates", "accepted", "deferred", "refused", "uncertain",
                     "excluded", "withdrawn", "words not repeated", "sentences kept"])  # fmt: skip
    for row, send, saved in _rows(ask):
        t = send.tally
        sums = (
            [t.candidates, t.accepted, t.deferred, t.refused, t.uncertain, sum(t.excluded.values()), t.withdrawn]
            if t
            else [0] * 7
        )
        writer.writerow([row.key, safe_cell(row.subject), send.word, *sums, saved.words, saved.kept])
    headers = {"Content-Disposition": 'attachment; filename="results.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


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
    return ask.show(
        "result",
        record=record,
        edition=record.edition,
        send=send,
        tally=tally,
        chart=bars("Where everybody stands", parts) if parts else "",
        parts=parts,
        reports={kind.value: n for kind, n in reports.items()},
        bounced=reports.get(EventKind.BOUNCED, 0),
        saved=_saved(record),
        drops=folding["dropped"][:200],
        contradictions=folding["contradictions"],
        titles={a["id"]: a["title"] for a in folding["articles"]},
    )


def _rows(ask: Ask) -> list[tuple[EditionRow, Shown, Saved]]:
    newsletter = ask.console.house.settings.newsletter
    found = [e for e in ask.console.overviews.editions(newsletter) if e.state in TOLD][:SHOWN]
    return [(e, send_of(ask, e), _saved_of(ask, e.key, str(e.approved_at))) for e in found]


def _saved_of(ask: Ask, key: str, version: str) -> Saved:
    def load() -> Saved:
        record = ask.console.house.editions.find(key)
        return _saved(record) if record else Saved(sections=0, sentences=0, words=0, kept=0)

    return ask.console.cache.get(("saved", key, version), load, now=ask.now, kept=timedelta(days=7))


def _saved(record: EditionRecord) -> Saved:
    folding = json.loads(record.folding)
    dropped = folding["dropped"]
    return Saved(
        sections=len(record.edition.manifest.decisions),
        sentences=len(dropped),
        words=sum(len(d["sentence"].split()) for d in dropped),
        kept=folding["summary"]["kept"],
    )


DOORS = (
    Door(path="/results", view=show_results, may=Permission.SEE),
    Door(path="/results.csv", view=export_results, may=Permission.SEE),
    Door(path="/results/{key}", view=show_result, may=Permission.SEE),
)
