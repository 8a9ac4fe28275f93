"""Make an edition of the approved articles: fold, assemble, render, and hold it or approve it by rule."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from content.assembly import assemble
from content.clusters import cluster
from content.compositions import Composition
from content.editions import Edition, without_pictures
from content.folding import Folding, fold
from content.periods import Period, Rhythm
from content.reports import as_json
from content.sections import Section, split
from newsletter.pinning import first_pins
from newsletter.ports import Rendering
from newsletter.publishing.approval import BY_RULE, acceptances_of, objections, vet_mail
from newsletter.publishing.desk import (
    EVERYBODY,
    ComposedElsewhereError,
    Desk,
    PublishingError,
    edition_key,
    find,
    is_partly_out,
    look_of,
    move,
    period_at,
)
from newsletter.remembering import explained_before
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Finding
from newsletter.semantics import choose_vectors
from newsletter.settings import Settings
from newsletter.storage.acceptances import Acceptance
from newsletter.storage.articles import Brief, Standing
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.templating import template_hashes


def draft(desk: Desk, now: datetime, *, again: bool = False, by_hand: bool = False) -> EditionRecord | None:
    """Make this period's edition unless it is there; return it. None when no approved article is left to tell.

    Args:
        desk: The stores and settings.
        now: The time; it decides the period.
        again: Make it anew if it is only a draft or held, for instance after a ruling.
        by_hand: A person makes it, so that a person has to approve it, whatever the settings say.

    Raises:
        PublishingError: It is to be made anew, and some people have it already.
    """
    key = edition_key(desk.settings, now)
    known = desk.editions.find(key)
    if known and again and is_partly_out(desk, known):
        raise PublishingError(f"{key} is on its way; 'newsletter edition remake' makes it anew for the others")
    if known and not (again and known.state in {EditionState.DRAFT, EditionState.HELD}):
        return known
    version = desk.compositions.latest(key)
    chosen = version.composition.choose([a.id for a in available(desk, key)], desk.settings.maximum_stories)
    if not chosen:
        return known
    by_hand = by_hand or version.number > 0
    found = {s.article.id: s for s in desk.articles.approved(chosen)}
    made = tuple(found[id_] for id_ in chosen if id_ in found)  # one may have been edited in this moment
    record, rendering, accepted = _compose(desk, made, now, version.composition, by_hand=by_hand)
    desk.acceptances.forget(key)
    desk.acceptances.add(key, accepted)
    desk.editions.create(record, {EVERYBODY: rendering}, replace_draft=again)
    return desk.editions.find(key)


def compose(desk: Desk, key: str, wish: Composition, *, after: int, by: str, now: datetime) -> EditionRecord:
    """Compose an edition by hand and fold it anew; it needs another approval then.

    Args:
        desk: The stores and settings.
        key: The edition's.
        wish: What the editor wants.
        after: Number of the version that the editor saw.
        by: Who composes.
        now: The time.

    Raises:
        ComposedElsewhereError: Somebody else was faster; nothing of theirs is lost.
        PublishingError: It is on its way, or nothing would be left of it.
    """
    record = find(desk, key)
    if desk.ledger.mailing(key) is not None or record.state in {EditionState.SENT, EditionState.CANCELLED}:
        raise PublishingError(f"{key} is on its way or over; it stays as it is")
    if not wish.choose([a.id for a in available(desk, key)], desk.settings.maximum_stories):
        raise PublishingError("nothing would be left to tell; keep at least one article")
    if not desk.compositions.add(key, wish, after=after, by=by, now=now):
        raise ComposedElsewhereError(f"{desk.compositions.latest(key).by} has changed {key} meanwhile")
    if record.state is EditionState.APPROVED:
        move(desk, key, EditionState.HELD, reason=f"{by} changed it after its approval", now=now)
    draft(desk, record.created_at, again=True, by_hand=True)
    return find(desk, key)


def available(desk: Desk, key: str) -> tuple[Brief, ...]:
    """Return the approved articles that no other edition has told, the oldest approval first."""
    told = {
        article
        for record in desk.editions.all(desk.settings.newsletter)
        if record.edition.key != key and record.state is not EditionState.CANCELLED
        for article, _ in record.edition.manifest.revisions
    }
    return tuple(a for a in desk.articles.approved_briefly() if a.id not in told)


def sections_of(standing: Iterable[Standing]) -> list[Section]:
    """Return the sections of those articles that are approved."""
    return [section for s in standing if s.approval for section in split(s.article, approved_at=s.approval.at)]


def retell(desk: Desk, edition: Edition, revisions: Iterable[str]) -> Edition:
    """Return an edition as it is told by other wordings of its articles: folded anew, everything else as it was.

    Args:
        desk: The stores and settings.
        edition: As it was made.
        revisions: The wordings, in the order in which their stories stand.
    """
    articles = [article for r in revisions if (article := desk.articles.revision(r))]
    decided = desk.articles.decisions(a.revision for a in articles)
    at = {a.revision: decided[a.revision].at if a.revision in decided else edition.published_at for a in articles}
    sections = [s for a in articles for s in split(a, approved_at=at[a.revision])]
    folding, explained = _fold(desk, sections, edition.published_at)
    again = assemble(
        folding,
        articles,
        newsletter=edition.newsletter,
        period=Period(Rhythm(edition.rhythm), edition.period, edition.label),
        title=edition.title,
        language=edition.language,
        published_at=edition.published_at,
        templates=edition.manifest.templates,
        explained=explained,
    )
    told = replace(edition, stories=again.stories, manifest=again.manifest)
    return without_pictures(told, desk.look_at_pictures(told))


def _fold(desk: Desk, sections: Sequence[Section], at: datetime) -> tuple[Folding, dict[str, str]]:
    """Return sections folded as editors rule, and by id what earlier editions have explained of them."""
    rulings, vectors = desk.rulings.in_force(), choose_vectors(desk.settings.similarity)
    folding = fold(sections, cluster(sections, rulings, vectors), rulings, vectors)
    return folding, explained_before(desk, sections, rulings, vectors, at)


def _compose(
    desk: Desk, fresh: tuple[Standing, ...], now: datetime, wish: Composition, *, by_hand: bool
) -> tuple[EditionRecord, Rendering, tuple[Acceptance, ...]]:
    settings = desk.settings
    sections = sections_of(fresh)
    folding, explained = _fold(desk, sections, now)
    period = period_at(settings, now)
    edition = assemble(
        folding,
        [s.article for s in fresh],
        newsletter=settings.newsletter,
        period=period,
        title=settings.title,
        language=settings.language,
        published_at=now.replace(microsecond=0),
        templates=template_hashes("email/digest"),
        explained=explained,
    )
    unshown = desk.look_at_pictures(edition)
    edition = without_pictures(edition, unshown)
    subject = wish.subject or edition.subject
    edition = replace(edition, subject=subject, title=subject, preheader=wish.preheader, intro=wish.intro)
    rendering = render_email(edition, look_of(settings))
    found = vet_mail(desk, edition, rendering)
    held = (
        _why_held(settings, edition, found, len(folding.contradictions), by_hand=by_hand),
        _why_sources_hold(desk),
    )
    reason = "; ".join(filter(None, held))
    record = EditionRecord(
        edition=edition,
        state=EditionState.HELD if reason else EditionState.APPROVED,
        reason=reason,
        folding=json.dumps(as_json(folding) | {"pictures": unshown}, ensure_ascii=False),
        created_at=now,
    )
    record = replace(record, pins=first_pins(desk, record, look_of(settings), rendering))
    if reason:
        return record, rendering, ()
    return replace(record, approved_by=BY_RULE, approved_at=now), rendering, acceptances_of(found, BY_RULE, now)


def _why_held(
    settings: Settings, edition: Edition, found: Sequence[Finding], contradictions: int, *, by_hand: bool
) -> str:
    stories = len(edition.stories)
    pairs = "1 pair of sentences contradicts itself" if contradictions == 1 else f"{contradictions} pairs contradict"
    reasons = (
        (contradictions > 0, f"{pairs}: both stand, marked, until an editor has chosen"),
        (
            stories < settings.minimum_stories,
            f"it has {stories} {'story' if stories == 1 else 'stories'}, minimum_stories is {settings.minimum_stories}",
        ),
        (settings.edition_approval == "person", "it waits for a person's approval, as edition_approval says"),
        (
            settings.four_eyes and settings.edition_approval != "person",
            "it waits for a person who has approved none of its articles, as four_eyes says",
        ),
        (by_hand and settings.edition_approval != "person", "it was composed by hand and waits for an approval"),
    )
    # Contradictions are named already.
    against = objections(settings, found, accept=("contradictions",))
    return "; ".join([*(reason for holds, reason in reasons if holds), *against])


def _why_sources_hold(desk: Desk) -> str:
    """Return why an edition waits for sources, in words; "" when none that it would wait for fails."""
    failing = [s for s in desk.sources.all() if s.holds and s.is_failing]
    return "; ".join(f"the source {s.name!r} fails, and editions wait for it: {s.disabled or s.error}" for s in failing)
