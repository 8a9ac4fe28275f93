"""Makes one edition of the approved articles: fold, render, hold or approve, release to feeds, archive and ledger."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from content.approvals import Decision
from content.assembly import assemble
from content.clusters import Ruling, cluster
from content.editions import Edition
from content.embeddings import Vectors
from content.folding import fold
from content.looks import DARK, LIGHT, Look, recoloured
from content.matching import Mapper
from content.periods import Period, Rhythm, period_of
from content.reports import as_json
from content.sections import Section, split
from newsletter.ports import Rendering
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Finding, Severity, check
from newsletter.semantics.loading import choose_vectors
from newsletter.settings import Settings
from newsletter.storage.articles import ArticleStore, Standing
from newsletter.storage.editions import EditionRecord, EditionState, EditionStore
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.similarity import SimilarityIndex, Told
from newsletter.templating import template_hashes
from subscribers.deliveries import Recipient, Tally

#: The rendering of the edition as a whole: what previews show and what the archive holds.
EVERYBODY = "everybody"

#: After so long an explainer is printed again as if it were new, and is not looked for any more.
REMEMBERED = timedelta(days=180)

#: Who approves an edition that nothing holds, when `edition_approval` is automatic.
BY_RULE = "rule: every article approved, nothing held"

#: States in which an edition counts: its articles are told, and its page stands in the archive.
TOLD = frozenset({EditionState.APPROVED, EditionState.SENT})


class PublishingError(Exception):
    """An edition cannot be made or moved; the message says what would do."""


class Desk(Protocol):
    """What publishing works with; the house has it all."""

    @property
    def settings(self) -> Settings:
        """Return the settings."""

    @property
    def articles(self) -> ArticleStore:
        """Return where articles and approvals are."""

    @property
    def editions(self) -> EditionStore:
        """Return where editions are."""

    @property
    def rulings(self) -> RulingStore:
        """Return where editors' rulings are."""

    @property
    def explained(self) -> SimilarityIndex:
        """Return the index of what editions have explained."""

    @property
    def people(self) -> PeopleStore:
        """Return where subscribers are."""

    @property
    def ledger(self) -> Ledger:
        """Return where deliveries are."""


def edition_key(settings: Settings, now: datetime) -> str:
    """Return the key of the edition that is due at `now`."""
    return f"{settings.newsletter}-{settings.rhythm}-{_period(settings, now).name}"


def look_of(settings: Settings) -> Look:
    """Return how the newsletter presents itself."""
    return Look(
        name=settings.title,
        site_url=settings.public_url,
        postal_address=settings.postal_address,
        contact=settings.from_address,
        tagline=settings.tagline,
        hub_url=settings.hub_url,
        logo_text=settings.logo_text,
        logo_image=settings.logo_image,
        logo_width=settings.logo_width,
        light=recoloured(LIGHT, settings.light_colours),
        dark=recoloured(DARK, settings.dark_colours),
        display_font=settings.display_font,
        text_font=settings.text_font,
    )


def draft(desk: Desk, now: datetime, *, again: bool = False) -> EditionRecord | None:
    """Make this period's edition unless it is there; return it. None when no approved article is left to tell.

    Args:
        desk: The stores and settings.
        now: The time; it decides the period.
        again: Make it anew if it is only a draft or held, for instance after a ruling.
    """
    key = edition_key(desk.settings, now)
    known = desk.editions.find(key)
    if known and not (again and known.state in {EditionState.DRAFT, EditionState.HELD}):
        return known
    fresh = _fresh(desk, key)[: desk.settings.maximum_stories]
    if not fresh:
        return known
    record, rendering = _compose(desk, fresh, now)
    desk.editions.create(record, {EVERYBODY: rendering}, replace_draft=again)
    return desk.editions.find(key)


def approve(desk: Desk, key: str, *, by: str, now: datetime) -> EditionRecord:
    """Approve a draft or held edition, which an editor may do although something held it.

    Raises:
        PublishingError: There is no such edition, it has moved on, or what it was made of has changed.
    """
    record = find(desk, key)
    if record.state is EditionState.APPROVED:
        return record
    changed = what_changed(desk, record)
    if changed:
        raise PublishingError(f"{key} needs 'newsletter edition draft --again' first: {'; '.join(changed)}")
    if not by.strip():
        raise PublishingError("an approval needs the name of who gives it: --by NAME")
    _move(desk, key, EditionState.APPROVED, by=by.strip(), now=now)
    return find(desk, key)


def cancel(desk: Desk, key: str, *, reason: str) -> int:
    """Stop an edition for good; return how many people will not get it who were still to. Its articles are free again.

    Raises:
        PublishingError: There is no such edition, or it has gone out.
    """
    find(desk, key)
    _move(desk, key, EditionState.CANCELLED, reason=reason)
    return desk.ledger.stop(key, reason or "cancelled") if desk.ledger.mailing(key) else 0


def ready(desk: Desk, key: str) -> EditionRecord:
    """Return an edition that may go out now.

    Raises:
        PublishingError: It is not approved, or what was approved has changed since; it is held then.
    """
    record = find(desk, key)
    if record.state not in TOLD:
        raise PublishingError(f"{key} is {record.state.value}, not approved. {record.reason}".strip())
    if desk.ledger.mailing(key) is None:
        changed = what_changed(desk, record)
        if changed:
            _move(desk, key, EditionState.HELD, reason="; ".join(changed))
            raise PublishingError(f"{key} is held: {'; '.join(changed)}")
    return record


def freeze(desk: Desk, key: str, recipients: Iterable[Recipient], hold: timedelta | None = None) -> Tally:
    """Freeze the audience of an edition that is ready; return the sum. The second time changes nothing.

    Nothing leaves before `hold` has passed; None: before `hold_minutes` have.
    """
    hold = timedelta(minutes=desk.settings.hold_minutes) if hold is None else hold
    tally = desk.ledger.freeze(key, recipients, mailing_list=desk.settings.newsletter, hold=hold)
    if find(desk, key).state is EditionState.CANCELLED:  # while its audience was being written down
        desk.ledger.stop(key, "cancelled")
        tally = desk.ledger.tally(key)
    return tally


def told(desk: Desk) -> tuple[Edition, ...]:
    """Return the editions that count, the newest first: those that the archive and the feeds show."""
    return tuple(r.edition for r in desk.editions.all(desk.settings.newsletter) if r.state in TOLD)


def finish(desk: Desk, key: str) -> bool:
    """Note that an edition has reached everybody it could; tell whether it has."""
    if desk.ledger.mailing(key) is None or not desk.ledger.tally(key).is_done:
        return False
    return desk.editions.move(key, EditionState.SENT)


def examine(desk: Desk, record: EditionRecord) -> tuple[Finding, ...]:
    """Return everything wrong with an edition's mail as it would leave, blockers first."""
    rendering = desk.editions.rendering(record.edition.key, EVERYBODY)
    return check(record.edition, rendering, look_of(desk.settings)) if rendering else ()


def find(desk: Desk, key: str) -> EditionRecord:
    """Return the edition of this key, or the newest for an empty key.

    Raises:
        PublishingError: There is none.
    """
    if key:
        record = desk.editions.find(key)
        if record is None:
            raise PublishingError(f"there is no edition {key!r}; 'newsletter edition list' shows them")
        return record
    everything = desk.editions.all(desk.settings.newsletter)
    if not everything:
        raise PublishingError("there is no edition yet; 'newsletter edition draft' makes one")
    return everything[0]


def what_changed(desk: Desk, record: EditionRecord) -> tuple[str, ...]:
    """Return in words what is no longer as it was when the edition was made; nothing when all is."""
    manifest = record.edition.manifest
    approved = {s.article.id: s.article.revision for s in desk.articles.approved()}
    articles = [
        f"{article!r} was withdrawn or edited since"
        for article, revision in manifest.revisions
        if approved.get(article) != revision
    ]
    templates = dict(template_hashes("email/digest"))
    changed = [name for name, hash_ in manifest.templates if templates.get(name) != hash_]
    return (*articles, *(f"the template {name} changed since" for name in changed))


def _period(settings: Settings, now: datetime) -> Period:
    return period_of(Rhythm(settings.rhythm), now.astimezone(ZoneInfo(settings.zone)).date())


def _fresh(desk: Desk, key: str) -> tuple[Standing, ...]:
    """Return the approved articles that no other edition has told."""
    told = {
        article
        for record in desk.editions.all(desk.settings.newsletter)
        if record.edition.key != key and record.state is not EditionState.CANCELLED
        for article, _ in record.edition.manifest.revisions
    }
    return tuple(s for s in desk.articles.approved() if s.article.id not in told)


def sections_of(standing: Iterable[Standing]) -> list[Section]:
    """Return the sections of those articles that are approved."""
    return [section for s in standing if s.approval for section in split(s.article, approved_at=s.approval.at)]


def _compose(desk: Desk, fresh: tuple[Standing, ...], now: datetime) -> tuple[EditionRecord, Rendering]:
    settings = desk.settings
    sections = sections_of(fresh)
    rulings = desk.rulings.in_force()
    vectors = choose_vectors(settings.similarity)
    folding = fold(sections, cluster(sections, rulings, vectors), rulings, vectors)
    period = _period(settings, now)
    edition = assemble(
        folding,
        [s.article for s in fresh],
        newsletter=settings.newsletter,
        period=period,
        title=settings.title,
        language=settings.language,
        published_at=now.replace(microsecond=0),
        templates=template_hashes("email/digest"),
        explained=_explained(desk, sections, rulings, vectors, now),
    )
    rendering = render_email(edition, look_of(settings))
    reason = _why_held(settings, edition, rendering, len(folding.contradictions))
    record = EditionRecord(
        edition=edition,
        state=EditionState.HELD if reason else EditionState.APPROVED,
        reason=reason,
        folding=json.dumps(as_json(folding), ensure_ascii=False),
        created_at=now,
    )
    return (record if reason else replace(record, approved_by=BY_RULE, approved_at=now)), rendering


def _why_held(settings: Settings, edition: Edition, rendering: Rendering, contradictions: int) -> str:
    stories = len(edition.stories)
    pairs = "1 pair of sentences contradicts itself" if contradictions == 1 else f"{contradictions} pairs contradict"
    reasons = (
        (contradictions > 0, f"{pairs}: both stand, marked, until an editor has chosen"),
        (
            stories < settings.minimum_stories,
            f"it has {stories} {'story' if stories == 1 else 'stories'}, minimum_stories is {settings.minimum_stories}",
        ),
        (settings.edition_approval == "person", "it waits for a person's approval, as edition_approval says"),
    )
    found = check(edition, rendering, look_of(settings))
    blockers = [f.message for f in found if f.severity is Severity.BLOCKER]
    return "; ".join([reason for holds, reason in reasons if holds] + blockers)


def _explained(
    desk: Desk, sections: Sequence[Section], rulings: Sequence[Ruling], vectors: Vectors | None, now: datetime
) -> dict[str, str]:
    """Return, by section id, the explainer of an earlier edition that says the same as a section of this one."""
    remember(desk)
    earlier: dict[str, str] = {}
    texts: list[Section] = []
    for revision, named in _looked_back(desk, sections, since=now - REMEMBERED).items():
        article = desk.articles.revision(revision)
        for section in split(article, approved_at=named.told_at) if article else ():
            explainer = named.explainers.get(section.position)
            if explainer:
                earlier[section.id] = explainer
                texts.append(section)
    found: dict[str, str] = {}
    fresh = {section.id for section in sections}
    # An explainer of an earlier edition names the cluster, whichever of its sections is the canonical one here.
    for group in cluster([*texts, *sections], rulings, vectors) if texts else ():
        known = next((earlier[m.id] for m in group.members if m.id in earlier), None)
        if known:
            found |= {m.id: known for m in group.members if m.id in fresh}
    return found


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What an edition has told of one revision of an article."""

    told_at: datetime
    explainers: dict[int, str]  #: by the positions of its sections


def _looked_back(desk: Desk, sections: Sequence[Section], since: datetime) -> dict[str, _Earlier]:
    """Return what was told since, by revision, of articles that are near to some of `sections`: all of each.

    The sections around one that is near tell its subject.
    """
    near = desk.explained.near(sections, since=since)
    decided = desk.articles.decisions({n.revision for n in near})
    editions = {key: desk.editions.find(key) for key in sorted({n.edition for n in near})}
    found: dict[str, _Earlier] = {}
    for n in sorted(near, key=lambda n: (n.told_at, n.edition)):
        decision, record = decided.get(n.revision), editions[n.edition]
        if decision and decision.decision is Decision.WITHDRAWN:
            desk.explained.forget(n.article)  # nobody is sent there any more
        elif record:
            explainers = {x.position: x.explainer for s in record.edition.stories if s.revision == n.revision
                          for x in s.sections if x.explainer}  # fmt: skip
            found[n.revision] = _Earlier(n.told_at, explainers)
    return found


def remember(
    desk: Desk, mapper: Mapper = map, watch: Callable[[Sequence[str]], Iterable[str]] = lambda keys: keys
) -> int:
    """Index what editions have told since the last time, forget those that told nothing after all; count what is new.

    It looks at the keys of all editions, and reads only those that changed. An edition is noted last: who stops in
    between loses nothing.

    Args:
        desk: The stores and settings.
        mapper: Reads the sections; that of several processes indexes the same.
        watch: Sees the keys of the editions go by: a progress bar.
    """
    newsletter = desk.settings.newsletter
    telling = {key for key, state in desk.editions.states(newsletter).items() if state in TOLD}
    known = desk.explained.editions(newsletter)
    for key in sorted(known - telling):
        desk.explained.forget_edition(key)
    new = sorted(telling - known)
    records = (record for key in watch(new) if (record := desk.editions.find(key)))
    added = desk.explained.add((told for r in records for told in _told_in(desk, r.edition)), mapper)
    for key in new:
        desk.explained.note(key, newsletter)
    return added


def _told_in(desk: Desk, edition: Edition) -> Iterator[Told]:
    """Yield the sections of an edition that explain something."""
    for story in edition.stories:
        names = {x.position: x.explainer for x in story.sections if x.explainer}
        article = desk.articles.revision(story.revision) if names else None
        for section in split(article, approved_at=edition.published_at) if article else ():
            if section.position in names:
                yield Told(
                    section=section,
                    edition=edition.key,
                    explainer=names[section.position],
                    told_at=edition.published_at,
                )


def _move(
    desk: Desk, key: str, to: EditionState, *, reason: str = "", by: str = "", now: datetime | None = None
) -> None:
    if not desk.editions.move(key, to, reason=reason, by=by, at=now):
        state = find(desk, key).state.value
        raise PublishingError(f"{key} is {state} and cannot become {to.value}")
