"""Pulls articles from their sources into the store. A source that fails harms no other."""

from dataclasses import dataclass
from datetime import datetime

from content.approvals import Approval, Decision
from newsletter.ports import Problem, Pull, Source, SourceError
from newsletter.storage.articles import NO_CHANGE, ArticleStore, Change
from newsletter.storage.sources import Policy, SourceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one source's pull went. `error` is empty unless the source as a whole could not be read."""

    source: str
    change: Change = NO_CHANGE
    approved: int = 0
    problems: tuple[Problem, ...] = ()
    error: str = ""


def ingest(source: Source, sources: SourceStore, articles: ArticleStore, now: datetime) -> Report:
    """Pull `source` once and keep what it shows, with the approvals that came along.

    Raises:
        SourceError: The source cannot be read now, but trying again may help. What failed for good is reported.
    """
    record = sources.find(source.name)
    try:
        pull = source.pull(record.memory if record else {})
    except SourceError as error:
        sources.failed(source.name, str(error), now)
        if error.transient:
            raise
        return Report(source=source.name, error=str(error))
    change = articles.record(pull.articles, now)
    approved = articles.decide(_approvals(pull, record.policy if record else Policy.REVIEW, source.name, now))
    sources.succeeded(source.name, pull.memory, now)
    return Report(source=source.name, change=change, approved=approved, problems=pull.problems)


def _approvals(pull: Pull, policy: Policy, source: str, now: datetime) -> tuple[Approval, ...]:
    if policy is Policy.REVIEW:
        return pull.approvals
    named = {approval.revision for approval in pull.approvals}
    by_rule = (
        Approval(
            revision=article.revision,
            decision=Decision.APPROVED,
            by=f"rule: {source} is trusted",
            at=now,
            note="approved on arrival",
        )
        for article in pull.articles
        if article.revision not in named
    )
    return (*pull.approvals, *by_rule)
