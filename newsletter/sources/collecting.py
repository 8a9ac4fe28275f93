"""Collects what one pull brings: each article once, and a line for everything that was left out or looks odd."""

from collections.abc import Iterable, Iterator, Mapping

from content.approvals import Approval, Decision
from content.articles import Article
from newsletter.ports import Problem, Pull
from newsletter.sources.documents import Document
from newsletter.sources.facts import Facts
from newsletter.sources.notes import doubts_on, notes_on

#: Articles that are handed on together: so many fit into one short transaction, whatever a source holds.
BATCH = 200


class Collector:
    """What a source has brought so far. Ids begin with the source's name, so that two sources never mix."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._articles: list[Article] = []
        self._items: dict[str, str] = {}
        self._approvals: list[Approval] = []
        self._problems: list[Problem] = []
        self._notes: list[Problem] = []
        self._remarks: dict[str, tuple[str, ...]] = {}
        self._doubtful: list[str] = []

    def leave_out(self, item: str, reason: str) -> None:
        """Say why `item` is not among the articles; `reason` follows its name."""
        self._problems.append(Problem(item, f"{item} {reason}"))

    def note(self, item: str, remark: str) -> None:
        """Say what is odd about `item`, which is among the articles."""
        self._notes.append(Problem(item, f"{item} {remark}"))

    def keep(self, document: Document, id: str, item: str) -> None:
        """Keep one article under `id`, which is distinct within the source; `item` is its name for people."""
        if lacking := _lacking(document):
            self.leave_out(item, lacking)
            return
        article = _article(document, f"{self._source}:{id}" if self._source else id, self._source)
        if other := self._items.get(article.id):
            self.leave_out(item, f"has the same id as {other} ({id}): give one of them another id")
            return
        self._items[article.id] = item
        self._articles.append(article)
        if remarks := notes_on(article, document.removed):
            self._remarks[article.id] = remarks
        for remark in remarks:
            self.note(item, remark)
        if doubts_on(article):
            self._doubtful.append(article.id)
        self._approve(article, document.facts, item)

    def full_batches(self) -> Iterator[Pull]:
        """Yield what was collected since the last time, once it is a batch; only ids are remembered of it."""
        if len(self._articles) >= BATCH:
            yield self.result()

    def result(self, memory: Mapping[str, str] | None = None, gone: Iterable[str] = ()) -> Pull:
        """Return what was collected since the last time.

        Args:
            memory: What the source wants to be told next time.
            gone: Ids, as given to `keep`, of articles that it no longer shows.
        """
        pull = Pull(
            articles=tuple(self._articles),
            approvals=tuple(self._approvals),
            problems=tuple(self._problems),
            notes=tuple(self._notes),
            remarks=self._remarks,
            doubtful=tuple(self._doubtful),
            gone=tuple(f"{self._source}:{id}" if self._source else id for id in gone),
            memory=dict(memory or {}),
        )
        self._articles, self._approvals, self._problems, self._notes = [], [], [], []
        self._remarks, self._doubtful = {}, []
        return pull

    def _approve(self, article: Article, facts: Facts, item: str) -> None:
        if facts.approved_by and facts.approved_at:
            approval = Approval(
                revision=article.revision, decision=Decision.APPROVED, by=facts.approved_by, at=facts.approved_at
            )
            self._approvals.append(approval)
        elif facts.approved_by or facts.approved_at:
            missing = "approved_at" if facts.approved_by else "approved_by"
            self.leave_out(item, f"is read, but not approved: `{missing}` is missing beside it")


def merged(pulls: Iterable[Pull]) -> Pull:
    """Return the parts of one pull as one; the last part carries the memory."""
    parts = tuple(pulls)
    return Pull(
        articles=tuple(article for part in parts for article in part.articles),
        approvals=tuple(approval for part in parts for approval in part.approvals),
        problems=tuple(problem for part in parts for problem in part.problems),
        notes=tuple(note for part in parts for note in part.notes),
        remarks={id: told for part in parts for id, told in part.remarks.items()},
        doubtful=tuple(id for part in parts for id in part.doubtful),
        gone=tuple(id for part in parts for id in part.gone),
        memory=parts[-1].memory,
    )


def _lacking(document: Document) -> str:
    if not document.title:
        return "has no title: begin it with a heading, or say `title:` in its front matter"
    if not document.blocks:
        return "has a title and no text: write the article or remove the file"
    return ""


def _article(document: Document, id: str, source: str) -> Article:
    facts = document.facts
    return Article(
        id=id,
        title=document.title,
        blocks=document.blocks,
        url=facts.url,
        author=facts.author,
        language=facts.language or "en",
        topics=facts.topics,
        published_at=facts.published_at,
        source=source,
    )
