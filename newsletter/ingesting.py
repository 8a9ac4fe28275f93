"""Pulls articles from their sources into the store. A source that fails harms no other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from content.approvals import Approval, Decision
from newsletter.ports import Problem, Pull, Source, SourceError
from newsletter.storage.articles import NO_CHANGE, ArticleStore, Change
from newsletter.storage.sources import Counts, Policy, SourceRecord, SourceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one source's pull went. `error` is empty unless the source as a whole could not be read."""

    source: str
    change: Change = NO_CHANGE
    approved: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  #: what was read, but looks odd
    gone: tuple[str, ...] = ()  #: ids of articles that the source shows no longer; they stay with us
    error: str = ""
    disabled: str = ""  #: why it was not pulled at all; "" when it was


def ingest(source: Source, sources: SourceStore, articles: ArticleStore, now: datetime) -> Report:
    """Pull `source` once and keep what it shows, part by part, with the approvals that its policy lets count.

    A source that is disabled is not pulled, and the report says why.

    Args:
        source: The source.
        sources: Where it and its health are known.
        articles: Where its articles go.
        now: The time.

    Raises:
        SourceError: The source cannot be read now, but trying again may help. What failed for good is reported.
    """
    record = sources.find(source.name)
    report = Report(source=source.name)
    if record and record.disabled:
        return replace(report, disabled=not_pulled(record))
    policy = record.policy if record else Policy.FLAG
    try:
        for part in source.pulls(record.memory if record else {}):
            report = _keep(part, report, policy, articles, now)
            memory = part.memory
    except SourceError as error:
        sources.failed(source.name, str(error), now, is_gone=error.is_gone)
        if error.transient:
            raise
        return replace(report, error=str(error))
    sources.succeeded(source.name, memory, now, _counts(report), [problem.reason for problem in report.problems])
    return report


def not_pulled(record: SourceRecord) -> str:
    """Return in words why a disabled source is not pulled, and what would do."""
    return f"not pulled: {record.disabled}. 'newsletter source enable {record.name}' tries it again"


def _counts(report: Report) -> Counts:
    change = report.change
    return Counts(new=change.new, changed=change.changed, unchanged=change.unchanged, skipped=len(report.problems))


def _keep(part: Pull, report: Report, policy: Policy, articles: ArticleStore, now: datetime) -> Report:
    """Keep one part of a pull and return the report with it."""
    change = articles.record(part.articles, now, remarks=part.remarks)
    fresh, stale = _fresh(part, articles) if policy is not Policy.REVIEW else ((), ())
    by_rule = _by_rule(part, fresh, report.source, articles, now) if policy is Policy.TRUSTED else ()
    approved = articles.decide((*fresh, *by_rule))
    articles.note_gone(part.gone, now)
    return replace(
        report,
        change=report.change + change,
        approved=report.approved + approved,
        problems=report.problems + part.problems,
        notes=report.notes + part.notes + stale,
        gone=report.gone + part.gone,
    )


def _fresh(part: Pull, articles: ArticleStore) -> tuple[tuple[Approval, ...], tuple[Problem, ...]]:
    """Return the approvals that count, and a note for each that speaks of an earlier wording.

    An approval that stands beside a text stays there when the text is edited, or when an editor here decides
    otherwise. So it counts only while nobody has decided about this wording, and only when it was given after the
    wording before was seen.
    """
    decided = articles.decisions(approval.revision for approval in part.approvals)
    ids = {article.revision: article.id for article in part.articles}
    fresh, stale = [], []
    for approval in part.approvals:
        if approval.revision in decided:
            continue
        seen = (at for revision, at in articles.history(ids[approval.revision]) if revision != approval.revision)
        if approval.at < max(seen, default=approval.at):
            id = ids[approval.revision]
            stale.append(Problem(id, f"{id} was edited after its approval of {approval.at:%d %b %Y}: approve it again"))
        else:
            fresh.append(approval)
    return tuple(fresh), tuple(stale)


def _by_rule(
    part: Pull, fresh: tuple[Approval, ...], source: str, articles: ArticleStore, now: datetime
) -> Iterator[Approval]:
    """Yield approvals by rule for what a trusted source brought, unless it is doubtful or somebody has decided."""
    doubtful = frozenset(part.doubtful)
    named = {approval.revision for approval in fresh}
    named |= articles.decisions(article.revision for article in part.articles).keys()
    for article in part.articles:
        if article.revision not in named and article.id not in doubtful:
            by = f"rule: {source} is trusted"
            note = "approved on arrival"
            yield Approval(revision=article.revision, decision=Decision.APPROVED, by=by, at=now, note=note)
