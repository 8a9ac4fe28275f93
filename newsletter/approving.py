"""Editors' decisions about articles, each pinned to the revision they saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from content.approvals import Approval, Decision
from content.articles import Article
from newsletter.storage.articles import ArticleStore, Standing, word_of


class ApprovingError(Exception):
    """A decision cannot be taken; the message says what would do."""


def decide(
    store: ArticleStore, wanted: Iterable[str], decision: Decision, *, by: str, note: str, now: datetime
) -> tuple[Standing, ...]:
    """Take `decision` about the current revision of each wanted article; return the articles it was new for.

    Args:
        store: Where the articles are.
        wanted: Ids, or the unambiguous beginning of an id or of a revision.
        decision: What the editor decided.
        by: Who decides; recorded with the decision.
        note: Why; a rejection or a withdrawal needs one.
        now: When.

    Raises:
        ApprovingError: An article is not there, or more than one begins so; nothing was decided then.
    """
    chosen = choose(store, wanted, decision, by=by, note=note)
    new = [s for s in chosen if s.approval is None or s.approval.decision is not decision]
    store.decide(
        Approval(revision=s.article.revision, decision=decision, by=by.strip(), at=now, note=note.strip()) for s in new
    )
    return tuple(new)


def choose(
    store: ArticleStore, wanted: Iterable[str], decision: Decision, *, by: str, note: str
) -> tuple[Standing, ...]:
    """Return the wanted articles, about which this decision can be taken.

    Raises:
        ApprovingError: An article is not there, more than one begins so, or a name or a reason is missing.
    """
    if not by.strip():
        raise ApprovingError("a decision needs the name of who takes it: --by NAME")
    if decision is not Decision.APPROVED and not note.strip():
        raise ApprovingError(f"{decision.value} needs a reason that the others can read: --note TEXT")
    return tuple(find_one(store, name) for name in wanted)


def two_revisions(store: ArticleStore, wanted: str, before: str = "", after: str = "") -> tuple[Article, Article]:
    """Return two wordings of one article, the older first as they were named.

    Args:
        store: Where the articles are.
        wanted: An id, or its unambiguous beginning.
        before: Beginning of a revision. "": the one that was approved last before `after`, else the one before it.
        after: Beginning of a revision; "" for the current one.

    Raises:
        ApprovingError: There is no such article or revision, or none before it.
    """
    article = find_one(store, wanted).article
    known = [revision for revision, _ in store.history(article.id)]
    new = _named(known, after, article.id) if after else article.revision
    old = _named(known, before, article.id) if before else _last_before(store, article.id, known, new)
    found = [store.revision(revision) for revision in (old, new)]
    return found[0] or article, found[1] or article


def _named(known: Sequence[str], beginning: str, article: str) -> str:
    found = [revision for revision in known if revision.startswith(beginning)]
    if len(found) != 1:
        raise ApprovingError(f"{beginning!r} begins {len(found)} revisions of {article!r}; 'article show' names them")
    return found[0]


def _last_before(store: ArticleStore, article: str, known: Sequence[str], new: str) -> str:
    approved = [d.revision for d in store.record_of(article) if d.decision is Decision.APPROVED and d.revision != new]
    earlier = approved or [revision for revision in known if revision != new]
    if not earlier:
        raise ApprovingError(f"{article!r} has one wording only; there is nothing to compare it with")
    return earlier[-1]


def find_one(store: ArticleStore, wanted: str) -> Standing:
    """Return the article of this id, or the only one whose id or current revision begins so.

    Raises:
        ApprovingError: There is none, or more than one.
    """
    found = store.find(wanted)
    if not found:
        raise ApprovingError(f"there is no article {wanted!r}; 'newsletter article list' shows them")
    if len(found) > 1:
        raise ApprovingError(f"{wanted!r} could be {', '.join(repr(s.article.id) for s in found[:5])}; say more of it")
    return found[0]


class Choice(StrEnum):
    """What an editor may do about a wording they have before them."""

    APPROVE = "approve"
    REJECT = "reject"
    REOPEN = "reopen"  #: take a decision back


_DECISIONS = {
    Choice.APPROVE: Decision.APPROVED,
    Choice.REJECT: Decision.REJECTED,
    Choice.REOPEN: Decision.REOPENED,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One wording, and how it stood when the editor looked: a decision counts for exactly that."""

    revision: str
    word: str  #: pending, approved, rejected or withdrawn

    @property
    def text(self) -> str:
        """Return it as one word for a form."""
        return f"{self.revision}:{self.word}"

    @classmethod
    def parse(cls, text: str) -> "Seen":
        """Return what `text` wrote down; a wording that is not there for anything else."""
        revision, _, word = text.partition(":")
        return cls(revision[:64], word[:16])


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of several decisions: those that count, and why the others do not."""

    new: tuple[Seen, ...]
    refused: tuple[str, ...]


def decide_seen(
    store: ArticleStore, seen: Iterable[Seen], choice: Choice, *, by: str, note: str, now: datetime
) -> Decided:
    """Decide about wordings as an editor saw them. What somebody else decided, or changed, meanwhile stays."""
    wanted = list(dict.fromkeys(seen))
    held = store.decisions([s.revision for s in wanted])
    new: dict[Seen, str] = {}
    refused = []
    for one in wanted:
        article = store.revision(one.revision)
        standing = next((s for s in store.find(article.id) if s.article.id == article.id), None) if article else None
        approval = held.get(one.revision)
        if article is None or standing is None:
            refused.append("One article is not there any more.")
        elif standing.article.revision != one.revision and choice is not Choice.REOPEN:
            refused.append(f"“{article.title}” was edited at its source since; look at the new wording first.")
        elif word_of(approval) != one.word:
            refused.append(_left_alone(article.title, approval))
        else:
            new[one] = article.title
    decision, why = _DECISIONS[choice], "" if choice is Choice.APPROVE else note
    made = [Approval(revision=s.revision, decision=decision, by=by, at=now, note=why) for s in new]
    decided = store.decide_as_seen(made, {s.revision: s.word for s in new})
    late = [s for s in new if s.revision not in decided]  # somebody was faster between our look and our writing
    faster = store.decisions([s.revision for s in late])
    refused += [_left_alone(new[s], faster.get(s.revision)) for s in late]
    return Decided(tuple(s for s in new if s.revision in decided), tuple(refused))


def _left_alone(title: str, approval: Approval | None) -> str:
    who = f"{approval.by} has {approval.decision.value} it" if approval else "it is open again"
    return f"“{title}” was left as it is: {who} since."
