"""Editors' decisions about articles, each pinned to the revision they saw."""

from collections.abc import Iterable
from datetime import datetime

from content.approvals import Approval, Decision
from newsletter.storage.articles import ArticleStore, Standing


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
    if not by.strip():
        raise ApprovingError("a decision needs the name of who takes it: --by NAME")
    if decision is not Decision.APPROVED and not note.strip():
        raise ApprovingError(f"{decision.value} needs a reason that the others can read: --note TEXT")
    chosen = [_only(store, name) for name in wanted]
    new = [s for s in chosen if s.approval is None or s.approval.decision is not decision]
    store.decide(
        Approval(revision=s.article.revision, decision=decision, by=by.strip(), at=now, note=note.strip()) for s in new
    )
    return tuple(new)


def _only(store: ArticleStore, wanted: str) -> Standing:
    found = store.find(wanted)
    if not found:
        raise ApprovingError(f"there is no article {wanted!r}; 'newsletter article list' shows them")
    if len(found) > 1:
        raise ApprovingError(f"{wanted!r} could be {', '.join(repr(s.article.id) for s in found[:5])}; say more of it")
    return found[0]
