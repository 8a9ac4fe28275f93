"""Makes one edition of the approved articles: fold, render, hold or approve, release to feeds, archive and ledger."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from content.assembly import assemble
from content.clusters import cluster
from content.compositions import Composition
from content.editions import Edition, without_pictures
from content.folding import fold
from content.looks import DARK, LIGHT, Look, recoloured
from content.periods import Period, Rhythm, period_of
from content.pins import BESIDE_THE_TEXT, changed_parts
from content.reports import as_json
from content.sections import Section, split
from newsletter import pinning, remembering
from newsletter.pinning import content_pins, first_pins, pins_now
from newsletter.ports import Rendering
from newsletter.remembering import explained_before
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Finding, Observed
from newsletter.rendering.mime import Identity
from newsletter.rendering.vetting import RULES, blockers, unaccepted, vet
from newsletter.semantics import choose_vectors
from newsletter.settings import Settings
from newsletter.storage.acceptances import Acceptance, AcceptanceStore
from newsletter.storage.articles import GONE, Brief, Standing
from newsletter.storage.compositions import CompositionStore
from newsletter.storage.editions import TOLD, EditionRecord, EditionState
from newsletter.storage.errors import StoreError
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.sources import SourceStore
from newsletter.templating import template_hashes
from subscribers.deliveries import Recipient, Tally

#: The rendering of the edition as a whole: what previews show and what the archive holds.
EVERYBODY = "everybody"

#: Who approves an edition that nothing holds, when `edition_approval` is automatic.
BY_RULE = "rule: every article approved, nothing held"

#: Objections that a reason spells out; more of them nobody reads.
SAID = 5


class PublishingError(Exception):
    """An edition cannot be made or moved; the message says what would do."""


class ComposedElsewhereError(PublishingError):
    """Somebody else has composed the edition since it was read."""


class Desk(pinning.Desk, remembering.Desk, Protocol):
    """What publishing works with, beside what it hands on; the house has it all."""

    @property
    def sources(self) -> SourceStore:
        """Return where sources are, and how they do."""

    @property
    def rulings(self) -> RulingStore:
        """Return where editors' rulings are."""

    @property
    def compositions(self) -> CompositionStore:
        """Return where is kept what editors composed by hand."""

    @property
    def people(self) -> PeopleStore:
        """Return where subscribers are."""

    @property
    def acceptances(self) -> AcceptanceStore:
        """Return where accepted warnings are."""

    def observe(self, rendering: Rendering) -> Observed:
        """Return what a look at a mail's links and images finds; nothing where nobody is to look."""

    def look_at_pictures(self, edition: Edition) -> Mapping[str, str]:
        """Return the pictures that a mail could not show, by address, with why; none when nobody may look."""


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
        feed_content=settings.feed_content,
        zone=settings.zone,
        logo_text=settings.logo_text,
        logo_image=settings.logo_image,
        logo_width=settings.logo_width,
        light=recoloured(LIGHT, settings.light_colours),
        dark=recoloured(DARK, settings.dark_colours),
        display_font=settings.display_font,
        text_font=settings.text_font,
    )


def identity_of(settings: Settings, edition: Edition) -> Identity:
    """Return who an edition's mail comes from."""
    return Identity(
        from_name=settings.from_name,
        from_address=settings.from_address,
        list_id=f"{edition.newsletter}.{settings.sending_domain}",
        list_name=settings.title,
        feedback_id=f"{edition.period}:{edition.newsletter}:{edition.rhythm}:newsletter",
    )


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
        _move(desk, key, EditionState.HELD, reason=f"{by} changed it after its approval")
    draft(desk, record.created_at, again=True, by_hand=True)
    return find(desk, key)


def approve(desk: Desk, key: str, *, by: str, now: datetime, accept: Collection[str] = ()) -> EditionRecord:
    """Approve a draft or held edition, which an editor may do although something held it, unless it is a blocker.

    Args:
        desk: The stores and settings.
        key: Of the edition.
        by: Who approves; recorded, also as whoever accepts the warnings.
        now: When.
        accept: Rules whose warnings are accepted, beside those that `accepted_warnings` names.

    Raises:
        PublishingError: There is no such edition, it has moved on, what it was made of has changed, a blocker stands
            against it, or a warning that nobody has accepted.
    """
    record = find(desk, key)
    if record.state is EditionState.APPROVED:
        return record
    changed = what_changed(desk, record, but=BESIDE_THE_TEXT)
    if changed:
        raise PublishingError(f"{key} needs 'newsletter edition {_anew(desk, record)}' first: {'; '.join(changed)}")
    if not by.strip():
        raise PublishingError("an approval needs the name of who gives it: --by NAME")
    if desk.settings.four_eyes and (own := _approved_by(desk, record, by)):
        raise PublishingError(f"{by.strip()} has approved {own!r} in it; with four_eyes somebody else approves {key}")
    if unknown := sorted(set(accept) - set(RULES)):
        raise PublishingError(f"there is no rule {unknown[0]!r}; 'newsletter edition check' names those that warn")
    found = examine(desk, record)
    if reasons := _objections(desk.settings, found, accept):
        raise PublishingError(f"{key} cannot be approved: {'; '.join(reasons)}")
    _move(desk, key, EditionState.APPROVED, by=by.strip(), now=now, pins=_pins_now(desk, record))
    desk.acceptances.add(key, _acceptances(found, by.strip(), now))
    return find(desk, key)


def _anew(desk: Desk, record: EditionRecord) -> str:
    """Return the command that makes an edition anew."""
    return "remake" if record.remakes or is_partly_out(desk, record) else "draft --again"


def _approved_by(desk: Desk, record: EditionRecord, by: str) -> str:
    """Return the first article of an edition that this person has approved; "" for none."""
    decided = desk.articles.decisions(revision for _, revision in record.edition.manifest.revisions)
    who = by.strip().casefold()
    own = (id_ for id_, r in record.edition.manifest.revisions if r in decided and decided[r].by.casefold() == who)
    return next(own, "")


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
    record = find(desk, key)
    if record.state is EditionState.CANCELLED:  # while its audience was being written down
        desk.ledger.stop(key, "cancelled")
        return desk.ledger.tally(key)
    if record.state is EditionState.HELD:
        desk.ledger.pause(key, record.reason)
    return tally


def told(desk: Desk) -> tuple[Edition, ...]:
    """Return the editions that archive and feeds show, the newest first, with what was corrected since.

    One that is held while it is being sent is among them: some people have it.
    """
    records = desk.editions.all(desk.settings.newsletter)
    return tuple(r.public for r in records if r.state in TOLD or is_partly_out(desk, r))


def is_partly_out(desk: Desk, record: EditionRecord) -> bool:
    """Tell whether an edition is held that has begun to leave."""
    return record.state is EditionState.HELD and desk.ledger.mailing(record.edition.key) is not None


def examine(desk: Desk, record: EditionRecord) -> tuple[Finding, ...]:
    """Return everything wrong with an edition's mail as it would leave, blockers first."""
    rendering = desk.editions.rendering(record.edition.key, EVERYBODY)
    return _vet(desk, record.edition, rendering) if rendering else ()


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


def what_changed(desk: Desk, record: EditionRecord, but: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return in words what is no longer as it was pinned when the edition was approved; nothing when all is.

    Args:
        desk: The stores and settings.
        record: The edition.
        but: Kinds of parts that are not looked at.
    """
    return changed_parts(record.pins or content_pins(record.edition), _pins_now(desk, record), but=but)


def _pins_now(desk: Desk, record: EditionRecord) -> dict[str, str]:
    try:
        mail = desk.editions.rendering(record.edition.key, EVERYBODY)
    except StoreError:  # its row was changed by hand
        mail = None
    return pins_now(desk, record, look_of(desk.settings), mail)


def flags(desk: Desk, record: EditionRecord) -> tuple[str, ...]:
    """Return in words what somebody who looks at an edition should know of its articles, though nothing stops it yet.

    What changed since the approval is among it, before anything has left.
    """
    manifest = record.edition.manifest
    disabled = {s.name: s.disabled for s in desk.sources.all() if s.disabled}
    standing = {id_: desk.articles.find(id_) for id_, _ in manifest.revisions}
    found = {id_: next((s for s in all_ if s.article.id == id_), None) for id_, all_ in standing.items()}
    gone = [f"{id_!r} {r}" for id_, s in found.items() if s for r in s.remarks if r.startswith(GONE)]
    off = [
        f"the source {s.article.source!r} of {id_!r} is disabled: {disabled[s.article.source]}"
        for id_, s in found.items()
        if s and s.article.source in disabled
    ]
    is_open = record.state not in {EditionState.SENT, EditionState.CANCELLED}
    changed = what_changed(desk, record) if is_open and desk.ledger.mailing(record.edition.key) is None else ()
    return (*changed, *gone, *off)


def _period(settings: Settings, now: datetime) -> Period:
    return period_of(Rhythm(settings.rhythm), now.astimezone(ZoneInfo(settings.zone)).date())


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


def _compose(
    desk: Desk, fresh: tuple[Standing, ...], now: datetime, wish: Composition, *, by_hand: bool
) -> tuple[EditionRecord, Rendering, tuple[Acceptance, ...]]:
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
        explained=explained_before(desk, sections, rulings, vectors, now),
    )
    unshown = desk.look_at_pictures(edition)
    edition = without_pictures(edition, unshown)
    subject = wish.subject or edition.subject
    edition = replace(edition, subject=subject, title=subject, preheader=wish.preheader, intro=wish.intro)
    rendering = render_email(edition, look_of(settings))
    found = _vet(desk, edition, rendering)
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
    return replace(record, approved_by=BY_RULE, approved_at=now), rendering, _acceptances(found, BY_RULE, now)


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
    rulings, vectors = desk.rulings.in_force(), choose_vectors(desk.settings.similarity)
    again = assemble(
        fold(sections, cluster(sections, rulings, vectors), rulings, vectors),
        articles,
        newsletter=edition.newsletter,
        period=Period(Rhythm(edition.rhythm), edition.period, edition.label),
        title=edition.title,
        language=edition.language,
        published_at=edition.published_at,
        templates=edition.manifest.templates,
        explained=explained_before(desk, sections, rulings, vectors, edition.published_at),
    )
    return replace(edition, stories=again.stories, manifest=again.manifest)


def _vet(desk: Desk, edition: Edition, rendering: Rendering) -> tuple[Finding, ...]:
    settings = desk.settings
    sender, observed = identity_of(settings, edition), desk.observe(rendering)
    return vet(edition, rendering, look_of(settings), sender, settings.spam_filter, observed)


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
    objections = _objections(settings, found, accept=("contradictions",))
    return "; ".join([*(reason for holds, reason in reasons if holds), *objections])


def _objections(settings: Settings, found: Sequence[Finding], accept: Collection[str]) -> list[str]:
    """Return in words what stands against an approval: blockers, and warnings that nobody has accepted."""
    open_ = unaccepted(found, {*settings.accepted_warnings, *accept})
    names = " ".join(f"--accept {rule}" for rule in dict.fromkeys(f.rule for f in open_))
    said = [*(f.message for f in blockers(found)), *(f"{f.rule} warns: {f.message}" for f in open_)]
    more = [f"and {len(said) - SAID} more, which 'newsletter edition check' names"] if len(said) > SAID else []
    return said[:SAID] + more + ([f"to accept what warns: {names}"] if open_ else [])


def _acceptances(found: Sequence[Finding], by: str, now: datetime) -> tuple[Acceptance, ...]:
    return tuple(Acceptance(rule=f.rule, message=f.message, by=by, at=now) for f in found)


def _why_sources_hold(desk: Desk) -> str:
    """Return why an edition waits for sources, in words; "" when none that it would wait for fails."""
    failing = [s for s in desk.sources.all() if s.holds and s.is_failing]
    return "; ".join(f"the source {s.name!r} fails, and editions wait for it: {s.disabled or s.error}" for s in failing)


def _move(
    desk: Desk,
    key: str,
    to: EditionState,
    *,
    reason: str = "",
    by: str = "",
    now: datetime | None = None,
    pins: dict[str, str] | None = None,
) -> None:
    if not desk.editions.move(key, to, reason=reason, by=by, at=now, pins=pins):
        state = find(desk, key).state.value
        raise PublishingError(f"{key} is {state} and cannot become {to.value}")
