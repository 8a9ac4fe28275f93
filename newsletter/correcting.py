"""Corrections and withdrawals travel: unsent copies stop, and archive and feeds tell what was wrong."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from content.approvals import Approval, Decision
from content.editions import Edition, Story
from newsletter.approving import ApprovingError, choose
from newsletter.publishing import EVERYBODY, find, is_partly_out, look_of, retell
from newsletter.rendering.email import render_email
from newsletter.scheduling import Desk, SchedulingError, finish, pause
from newsletter.storage.corrections import Correction, CorrectionStore, in_force
from newsletter.storage.editions import EditionRecord, EditionState, Kind
from newsletter.templating import catalogue, template_hashes


class CorrectingError(Exception):
    """An edition cannot be made again; the message says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelled:
    """How far a correction came: the editions by key."""

    article: str
    wrong: tuple[str, ...]  #: the wordings, by revision, that some edition prints
    held: tuple[str, ...] = ()  #: nothing of them leaves any more
    marked: tuple[str, ...] = ()  #: archive and feeds show the note


def withdraw(
    desk: Desk, wanted: Iterable[str], *, by: str, note: str, public: str = "", now: datetime
) -> tuple[Travelled, ...]:
    """Take articles back, in every wording that an edition prints. Unsent copies stop first of all.

    Args:
        desk: The stores and settings.
        wanted: Ids, or the unambiguous beginning of an id or of a revision.
        by: Who withdraws.
        note: Why, for the record.
        public: Why, in words that readers see; "" for none.
        now: The time.

    Raises:
        ApprovingError: An article is not there, or a name or a reason is missing; nothing was done then.
    """
    chosen = choose(desk.articles, wanted, Decision.WITHDRAWN, by=by, note=note)
    return tuple(_withdraw(desk, s.article.id, s.article.revision, by, note, public, now) for s in chosen)


def correct(desk: Desk, wanted: str, *, by: str, note: str, now: datetime) -> Travelled:
    """Approve an article's present wording in place of those that editions print. Unsent copies of these stop first.

    Args:
        desk: The stores and settings.
        wanted: An id, or its unambiguous beginning.
        by: Who corrects.
        note: What was wrong, in words that readers see.
        now: The time.

    Raises:
        ApprovingError: There is no such article, no edition prints another wording, or a name or words are missing.
    """
    (standing,) = choose(desk.articles, [wanted], Decision.APPROVED, by=by, note=note)
    if not note.strip():
        raise ApprovingError("a correction needs the words that readers see: --note TEXT")
    article, revision = standing.article.id, standing.article.revision
    wrong = tuple(r for r in _printed(desk, article) if r != revision)
    if not wrong:
        raise ApprovingError(
            f"no edition prints another wording of {article!r}; 'newsletter article approve' is enough"
        )
    held = _hold(desk, wrong, f"{article!r} was corrected by {by}: {note}", by, now)
    desk.articles.decide([Approval(revision=revision, decision=Decision.APPROVED, by=by, at=now, note=note)])
    _remember(desk, article, wrong, revision, note, by, now)
    return Travelled(article=article, wrong=wrong, held=held, marked=_mark(desk, wrong))


def hold_unapproved(desk: Desk, by: str, now: datetime) -> dict[str, str]:
    """Hold every edition on its way of which an article was withdrawn or rejected, through whichever door.

    Args:
        desk: The stores and settings.
        by: Who holds it.
        now: The time.

    Returns:
        The reason of each that was held now, by key.
    """
    held: dict[str, str] = {}
    for key in desk.ledger.unfinished():
        record = desk.editions.find(key)
        if record and record.state is EditionState.APPROVED and record.kind is Kind.EDITION:
            reason = _why_unapproved(desk, record)
            if reason and _hold_one(desk, key, reason, by, now):
                held[key] = reason
    return held


def _why_unapproved(desk: Desk, record: EditionRecord) -> str:
    printed = {revision: article for article, revision in record.edition.manifest.revisions}
    decided = desk.articles.decisions(printed)
    taken_back = {Decision.WITHDRAWN, Decision.REJECTED}
    return "; ".join(
        f"{printed[revision]!r} was {d.decision.value} by {d.by}: {d.note}"
        for revision, d in decided.items()
        if d.decision in taken_back
    )


def mark_again(desk: Desk, article: str) -> tuple[str, ...]:
    """Let archive and feeds show what holds of an article now: a withdrawal may be taken back. Return the keys."""
    wrong = dict.fromkeys(c.revision for c in CorrectionStore(desk.engine).about(article))
    return _mark(desk, wrong)


def remake(desk: Desk, key: str, *, by: str, now: datetime) -> EditionRecord:
    """End an edition that is held on its way, and make it anew for those who have not received it; return the new one.

    It prints what is approved now, and waits for an approval. Said of the new one, it makes that anew while it is held.

    Raises:
        PublishingError: There is no such edition.
        CorrectingError: It is not held on its way, a sender still holds people of it, or nothing is left to tell.
    """
    if not by.strip():
        raise CorrectingError("making an edition again needs the name of who does it: --by NAME")
    record = find(desk, key)
    if record.remakes and record.state is EditionState.HELD and not is_partly_out(desk, record):
        return _make_again(desk, find(desk, record.remakes), by, now)
    key = record.edition.key
    if not is_partly_out(desk, record):
        raise CorrectingError(f"{key} is {record.state.value}; only what is held on its way is made again")
    if leased := desk.ledger.tally(key).leased:
        raise CorrectingError(f"a sender holds {leased} people of {key}: wait a second, or run 'newsletter send'")
    made = _make_again(desk, record, by, now)
    # Only now: whoever is killed before has lost nobody, and says it again.
    desk.ledger.stop(key, f"made again as {made.edition.key}")
    finish(desk, key, now)
    return made


def _make_again(desk: Desk, record: EditionRecord, by: str, now: datetime) -> EditionRecord:
    """Make what is approved now of an edition's articles into another one, for whoever has not received the first."""
    key, tally = record.edition.key, desk.ledger.tally(record.edition.key)
    people = tally.pending + tally.deferred + tally.withdrawn
    if not people:
        finish(desk, key, now)
        raise CorrectingError(f"everybody has received {key} by now; 'newsletter article notify' writes to them")
    ids = [article for article, _ in record.edition.manifest.revisions]
    approved = {s.article.id: s.article.revision for s in desk.articles.approved(ids)}
    edition = retell(desk, record.edition, [approved[article] for article in ids if article in approved])
    if not edition.stories:
        raise CorrectingError(f"nothing is left to tell of {key}; 'newsletter edition stop' ends it")
    again = _numbered(desk, edition, record)
    whom = f"the {people} people who have not received {key}"
    made = EditionRecord(
        edition=again,
        state=EditionState.HELD,
        reason=f"made again by {by.strip()} for {whom}; it waits for an approval",
        folding=record.folding,
        created_at=now,
        remakes=key,
    )
    desk.editions.create(made, {EVERYBODY: render_email(again, look_of(desk.settings))}, replace_draft=True)
    return find(desk, again.key)


def _numbered(desk: Desk, edition: Edition, record: EditionRecord) -> Edition:
    """Return the edition under the next free key: of W48, W48-2."""
    period = edition.period.rpartition("-")[0] if record.remakes else edition.period
    label = edition.label.partition(" (")[0]
    manifest = replace(edition.manifest, templates=template_hashes("email/digest"))  # it is rendered now
    for number in count(2):
        again = replace(edition, period=f"{period}-{number}", label=f"{label} ({number})", manifest=manifest)
        known = desk.editions.find(again.key)
        if known is None or known.remakes == record.edition.key:
            return again
    raise AssertionError("there is always another number")


def _withdraw(desk: Desk, article: str, current: str, by: str, note: str, public: str, now: datetime) -> Travelled:
    wrong = _printed(desk, article)
    held = _hold(desk, wrong, f"{article!r} was withdrawn by {by}: {note}", by, now)
    desk.articles.decide(
        Approval(revision=revision, decision=Decision.WITHDRAWN, by=by, at=now, note=note)
        for revision in dict.fromkeys((*wrong, current))
    )
    _remember(desk, article, wrong, "", public, by, now)
    return Travelled(article=article, wrong=wrong, held=held, marked=_mark(desk, wrong))


def _printed(desk: Desk, article: str) -> tuple[str, ...]:
    """Return the wordings of an article that some edition prints, the oldest first."""
    return tuple(revision for revision, _ in desk.articles.history(article) if desk.editions.printing(revision))


def _hold(desk: Desk, wrong: Iterable[str], reason: str, by: str, now: datetime) -> tuple[str, ...]:
    """Hold every edition that prints one of these wordings and has not reached everybody; return the keys."""
    keys = sorted({key for revision in wrong for key in desk.editions.printing(revision)})
    return tuple(key for key in keys if _hold_one(desk, key, reason, by, now))


def _hold_one(desk: Desk, key: str, reason: str, by: str, now: datetime) -> bool:
    if finish(desk, key, now):
        return False
    moved = desk.editions.move(key, EditionState.HELD, reason=reason, at=now)
    partly_out = is_partly_out(desk, find(desk, key))
    if partly_out:
        try:
            pause(desk, key, by=by, now=now, reason=reason)
        except SchedulingError:  # another press was faster; whatever it was, no further message begins
            desk.ledger.pause(key, reason)
    return moved or partly_out


def _remember(
    desk: Desk, article: str, wrong: Iterable[str], replaced_by: str, words: str, by: str, now: datetime
) -> None:
    store = CorrectionStore(desk.engine)
    for revision in wrong:
        store.add(Correction(article=article, revision=revision, replaced_by=replaced_by, words=words, by=by, at=now))


def _mark(desk: Desk, wrong: Iterable[str]) -> tuple[str, ...]:
    """Let archive and feeds show what is right now in every edition of which somebody has one of these wordings."""
    keys = sorted({key for revision in wrong for key in desk.editions.printing(revision)})
    corrections = _in_force(desk)
    marked = []
    for key in keys:
        record = find(desk, key)
        if record.kind is Kind.EDITION and (record.state is EditionState.SENT or is_partly_out(desk, record)):
            _, notes = _standing(record, corrections)
            desk.editions.show(key, _corrected(desk, record, corrections) if notes else None)
            marked.append(key)
    return tuple(marked)


def _in_force(desk: Desk) -> tuple[Correction, ...]:
    made = CorrectionStore(desk.engine).about()
    return in_force(made, desk.articles.decisions({r for c in made for r in (c.revision, c.replaced_by)}))


def _corrected(desk: Desk, record: EditionRecord, corrections: Iterable[Correction]) -> Edition:
    """Return the edition of the wordings that hold now, each corrected or withdrawn story with a visible note."""
    standing, notes = _standing(record, corrections)
    again = retell(desk, record.edition, [revision for revision in standing.values() if revision])
    before = {story.article: story for story in record.edition.stories}
    return replace(again, stories=_noted(desk, again, standing, before, notes))


def _standing(record: EditionRecord, corrections: Iterable[Correction]) -> tuple[dict[str, str], dict[str, Correction]]:
    """Return the wording of each article that holds now, "" for none, and what was corrected last of some."""
    latest = {c.revision: c for c in corrections}
    chains = {article: _chain(first, latest) for article, first in record.edition.manifest.revisions}
    standing = {
        article: chains[article][-1].replaced_by if chains[article] else first
        for article, first in record.edition.manifest.revisions
    }
    return standing, {article: chain[-1] for article, chain in chains.items() if chain}


def _chain(first: str, latest: Mapping[str, Correction]) -> tuple[Correction, ...]:
    """Return what was corrected of a wording, and of the one in its place, and so on."""
    chain: list[Correction] = []
    revision = first
    while (correction := latest.get(revision)) and correction not in chain:
        chain.append(correction)
        revision = correction.replaced_by
    return tuple(chain)


def _noted(
    desk: Desk,
    edition: Edition,
    articles: Collection[str],
    before: Mapping[str, Story],
    notes: Mapping[str, Correction],
) -> tuple[Story, ...]:
    """Return the stories in their order; one of which nothing is printed any more keeps its title and the note."""
    told = {story.article: story for story in edition.stories}
    stories = []
    for article in articles:
        story, note = told.get(article), notes.get(article)
        if note:
            story = story or _stub(desk, article, note, before.get(article))
            story = replace(story, correction=_words(note, edition.language), updated_at=note.at)
        if story:
            stories.append(story)
    return tuple(stories)


def _stub(desk: Desk, article: str, note: Correction, before: Story | None) -> Story:
    if before:
        return replace(before, url="" if note.is_withdrawal else before.url, sections=(), references=())
    text = desk.articles.revision(note.revision)
    return Story(article=article, revision=note.revision, title=text.title if text else article)


def _words(note: Correction, language: str) -> str:
    if not note.is_withdrawal:
        return note.words
    _ = catalogue(language).gettext
    said = _("We have withdrawn this article.")
    return f"{said} {note.words}".strip()
