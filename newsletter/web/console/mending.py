"""Mending what went out: withdraw or correct an article, write to those who have it, make a held digest again."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from content.approvals import Decision
from content.articles import Article
from newsletter.approving import ApprovingError, Seen
from newsletter.correcting import CorrectingError, Travelled, correct, mark_again, remake, withdraw
from newsletter.notifying import NotifyingError, notify
from newsletter.publishing import is_partly_out
from newsletter.staffing import Permission
from newsletter.storage.corrections import CorrectionStore
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.digests import edition_of
from newsletter.web.console.groups import told_articles
from newsletter.web.console.words import count, digest, number
from newsletter.wiring import announce, publish_site

#: Characters of a reason at most.
REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far an article has come."""

    editions: tuple[str, ...]  #: keys of those that print one of its wordings
    is_old: bool  #: some edition prints another wording than the source shows now
    can_notify: bool  #: something was corrected or withdrawn that an edition printed


def spread_of(ask: Ask, article: Article) -> Spread | None:
    """Return how far an article has come: what can be mended, and how; None while no digest has told it."""
    house = ask.console.house
    corrected = bool(CorrectionStore(house.engine).about(article.id))
    if not corrected and article.id not in told_articles(ask):
        return None
    printing = {r: house.editions.printing(r) for r, _ in house.articles.history(article.id)}
    keys = sorted({key for found in printing.values() for key in found})
    return Spread(
        editions=tuple(keys),
        is_old=any(found for r, found in printing.items() if r != article.revision),
        can_notify=bool(keys) and corrected,
    )


def withdraw_article(ask: Ask) -> Response:
    """Take an article back: unsent copies stop, archive and feeds say so."""
    article, back = _current(ask)
    note, public = _reason(ask, "note"), _reason(ask, "public")
    if not note or ask.form.one("certain") != "yes":
        return ask.go(back, "Say why, and tick that you are sure. Nothing was withdrawn.", is_problem=True)
    (travelled,) = withdraw(
        ask.console.house, [article.revision], by=ask.me.name, note=note, public=public, now=ask.now
    )
    ask.did(article.id, held=list(travelled.held), marked=list(travelled.marked))
    return ask.go(back, f"Withdrawn. {_travelled(ask, travelled)}")


def correct_article(ask: Ask) -> Response:
    """Approve the present wording in place of the one that went out, and tell readers what was wrong."""
    article, back = _current(ask)
    words = _reason(ask, "words")
    if not words:
        return ask.go(back, "Say what was wrong, in words that readers see. Nothing was corrected.", is_problem=True)
    travelled = correct(ask.console.house, article.revision, by=ask.me.name, note=words, now=ask.now)
    ask.did(article.id, held=list(travelled.held), marked=list(travelled.marked))
    return ask.go(back, f"Corrected. {_travelled(ask, travelled)}")


def notify_readers(ask: Ask) -> Response:
    """Write to everybody who received the wording that was corrected or withdrawn last, and to nobody else."""
    article, back = _current(ask)
    if ask.form.one("certain") != "yes":
        return ask.go(back, "Tick that you are sure. Nobody was written to.", is_problem=True)
    try:
        notice = notify(ask.console.house, article.revision, by=ask.me.name, now=ask.now)
    except NotifyingError as error:
        return ask.go(back, str(error), is_problem=True)
    ask.did(article.id, notice=notice.key, people=notice.tally.candidates)
    ask.console.cache.forget()
    left_out = sum(notice.tally.excluded.values())
    said = f"{count(notice.tally.candidates, 'person', 'people')} received it; one letter goes to each"
    but = f", but for {number(left_out)} who may not be written to" if left_out else ""
    return ask.go(f"/digests/{notice.key}/send", f"{said}{but}.")


def remake_digest(ask: Ask) -> Response:
    """Make a digest that is held on its way again, of what is approved now, for those who have not received it."""
    record = edition_of(ask)
    try:
        made = remake(ask.console.house, record.edition.key, by=ask.me.name, now=ask.now)
    except CorrectingError as error:
        return ask.go(f"/digests/{record.edition.key}/send", str(error), is_problem=True)
    ask.did(record.edition.key, made=made.edition.key)
    ask.console.cache.forget()
    said = f"Made again as {digest(made.edition.key)}, for those who have not received it. It needs an approval."
    return ask.go(f"/digests/{made.edition.key}/review", said)


def unmark(ask: Ask, approved: Iterable[Seen]) -> None:
    """Let archive and feeds show what holds of articles whose withdrawal was just taken back."""
    house = ask.console.house
    found = (house.articles.revision(s.revision) for s in approved if s.word == Decision.WITHDRAWN.value)
    if [key for article in found if article for key in mark_again(house, article.id)]:
        announce(house, publish_site(house))


def can_remake(ask: Ask, record: EditionRecord) -> bool:
    """Tell whether a digest is held on its way, so that it can be made again."""
    held = record.state is EditionState.HELD
    return held and (bool(record.remakes) or is_partly_out(ask.console.house, record))


def _current(ask: Ask) -> tuple[Article, str]:
    """Return the article whose present wording the address names, and the address of its page."""
    articles, revision = ask.console.house.articles, ask.part("revision")
    article = articles.revision(revision) if len(revision) == 64 else None
    standing = next((s for s in articles.find(article.id) if s.article.id == article.id), None) if article else None
    if standing is None:
        raise HTTPException(404)
    if standing.article.revision != revision:
        raise ApprovingError("Its source shows another wording since. Look at that one first; nothing was done.")
    return standing.article, f"/articles/{revision}"


def _reason(ask: Ask, field: str) -> str:
    return " ".join(ask.form.one(field).split())[:REASON]


def _travelled(ask: Ask, travelled: Travelled) -> str:
    """Put the note on the site, and return how far the correction came."""
    house = ask.console.house
    ask.console.cache.forget()
    if travelled.marked:
        announce(house, publish_site(house))
    held = [f"{digest(key)} is held: nothing more of it leaves." for key in travelled.held]
    marked = [f"{digest(key)} says so on the site and in feeds." for key in travelled.marked]
    return " ".join(held + marked) or "No digest had printed it."


_ARTICLE = "/articles/{revision}"
DOORS = (
    Door(path=f"{_ARTICLE}/withdraw", view=withdraw_article, may=Permission.APPROVE, act="article.withdraw"),
    Door(path=f"{_ARTICLE}/correct", view=correct_article, may=Permission.APPROVE, act="article.correct"),
    Door(path=f"{_ARTICLE}/notify", view=notify_readers, may=Permission.SCHEDULE, act="article.notify"),
    Door(path="/digests/{key}/remake", view=remake_digest, may=Permission.APPROVE, act="digest.remake"),
)
