"""Makes one edition of the approved articles: fold, render, hold or approve, release to feeds, archive and ledger."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from content import plain
from content.approvals import Decision
from content.assembly import assemble
from content.clusters import Ruling, cluster
from content.compositions import Composition
from content.editions import Edition, fingerprint
from content.embeddings import Vectors
from content.folding import fold
from content.looks import DARK, LIGHT, Look, recoloured
from content.matching import Mapper
from content.periods import Period, Rhythm, period_of
from content.pins import BESIDE_THE_TEXT, changed_parts, pin
from content.reports import as_json
from content.sections import Section, split
from newsletter.ports import Rendering
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Finding, Observed
from newsletter.rendering.mime import Identity
from newsletter.rendering.vetting import RULES, blockers, unaccepted, vet
from newsletter.semantics import choose_vectors
from newsletter.settings import Settings
from newsletter.storage.acceptances import Acceptance, AcceptanceStore
from newsletter.storage.articles import ArticleStore, Standing
from newsletter.storage.compositions import CompositionStore
from newsletter.storage.editions import EditionRecord, EditionState, EditionStore, hash_of
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger import Ledger
from newsletter.storage.lists import ListStore
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.similarity import SimilarityIndex, Told
from newsletter.templating import template_hashes
from subscribers.deliveries import Recipient, Tally
from subscribers.preferences import MailingList
from subscribers.preferences import Rhythm as Wish

#: The rendering of the edition as a whole: what previews show and what the archive holds.
EVERYBODY = "everybody"

#: After so long an explainer is printed again as if it were new, and is not looked for any more.
REMEMBERED = timedelta(days=180)

#: Who approves an edition that nothing holds, when `edition_approval` is automatic.
BY_RULE = "rule: every article approved, nothing held"

#: Objections that a reason spells out; more of them nobody reads.
SAID = 5

#: States in which an edition counts: its articles are told, and its page stands in the archive.
TOLD = frozenset({EditionState.APPROVED, EditionState.SENT})


class PublishingError(Exception):
    """An edition cannot be made or moved; the message says what would do."""


class ComposedElsewhereError(PublishingError):
    """Somebody else has composed the edition since it was read."""


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
    def compositions(self) -> CompositionStore:
        """Return where is kept what editors composed by hand."""

    @property
    def explained(self) -> SimilarityIndex:
        """Return the index of what editions have explained."""

    @property
    def people(self) -> PeopleStore:
        """Return where subscribers are."""

    @property
    def lists(self) -> ListStore:
        """Return where mailing lists are."""

    @property
    def ledger(self) -> Ledger:
        """Return where deliveries are."""

    @property
    def acceptances(self) -> AcceptanceStore:
        """Return where accepted warnings are."""

    def observe(self, rendering: Rendering) -> Observed:
        """Return what a look at a mail's links and images finds; nothing where nobody is to look."""


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
    """
    key = edition_key(desk.settings, now)
    known = desk.editions.find(key)
    if known and not (again and known.state in {EditionState.DRAFT, EditionState.HELD}):
        return known
    version = desk.compositions.latest(key)
    fresh = {s.article.id: s for s in available(desk, key)}
    chosen = version.composition.choose(fresh, desk.settings.maximum_stories)
    if not chosen:
        return known
    by_hand = by_hand or version.number > 0
    made = tuple(fresh[id_] for id_ in chosen)
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
    if not wish.choose([s.article.id for s in available(desk, key)], desk.settings.maximum_stories):
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
        raise PublishingError(f"{key} needs 'newsletter edition draft --again' first: {'; '.join(changed)}")
    if not by.strip():
        raise PublishingError("an approval needs the name of who gives it: --by NAME")
    if unknown := sorted(set(accept) - set(RULES)):
        raise PublishingError(f"there is no rule {unknown[0]!r}; 'newsletter edition check' names those that warn")
    found = examine(desk, record)
    if reasons := _objections(desk.settings, found, accept):
        raise PublishingError(f"{key} cannot be approved: {'; '.join(reasons)}")
    _move(desk, key, EditionState.APPROVED, by=by.strip(), now=now, pins=pins_now(desk, record))
    desk.acceptances.add(key, _acceptances(found, by.strip(), now))
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


def finish(desk: Desk, key: str) -> bool:
    """Note that an edition has reached everybody it could; tell whether it has."""
    if desk.ledger.mailing(key) is None or not desk.ledger.tally(key).is_done:
        return False
    return desk.editions.move(key, EditionState.SENT)


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
    return changed_parts(record.pins or _content_pins(record.edition), pins_now(desk, record), but=but)


def pins_now(desk: Desk, record: EditionRecord) -> dict[str, str]:
    """Return each part that an approval of this edition covers, with its hash as it is now."""
    manifest, key = record.edition.manifest, record.edition.key
    approved = {s.article.id: s.article.revision for s in desk.articles.approved()}
    templates = dict(template_hashes("email/digest"))
    try:
        mail = desk.editions.rendering(key, EVERYBODY)
    except StoreError:  # its row was changed by hand
        mail = None
    return {
        **{f"article {id_}": approved.get(id_, "") for id_, _ in manifest.revisions},
        **{f"template {name}": templates.get(name, "") for name, _ in manifest.templates},
        "mail": hash_of(mail) if mail else "",
        **_other_pins(desk, record),
    }


def _pins(desk: Desk, record: EditionRecord, mail: Rendering) -> dict[str, str]:
    """Return the pins of an edition that has just been made."""
    return {**_content_pins(record.edition), "mail": hash_of(mail), **_other_pins(desk, record)}


def _content_pins(edition: Edition) -> dict[str, str]:
    """Return the parts that the manifest names. Editions from before there were pins have these alone."""
    return {
        **{f"article {id_}": revision for id_, revision in edition.manifest.revisions},
        **{f"template {name}": hash_ for name, hash_ in edition.manifest.templates},
    }


def _other_pins(desk: Desk, record: EditionRecord) -> dict[str, str]:
    audience = list_of(desk)
    rule = [sorted(audience.topic_slugs), audience.rhythms, audience.hour, audience.zone, desk.settings.local_hours]
    return {
        "text": fingerprint(record.edition),
        "folding": pin(record.folding),
        "look": pin(plain.dump(look_of(desk.settings))),
        f"audience {audience.slug}": pin(json.dumps(rule)),
    }


def list_of(desk: Desk) -> MailingList:
    """Return the list of the settings' newsletter; as it would be made, if staff have not made and shaped it."""
    settings = desk.settings
    return desk.lists.find(settings.newsletter) or MailingList(
        slug=settings.newsletter, title=settings.title, zone=settings.zone, rhythms=(Wish(settings.rhythm),)
    )


def _period(settings: Settings, now: datetime) -> Period:
    return period_of(Rhythm(settings.rhythm), now.astimezone(ZoneInfo(settings.zone)).date())


def available(desk: Desk, key: str) -> tuple[Standing, ...]:
    """Return the approved articles that no other edition has told, the oldest approval first."""
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
        explained=_explained(desk, sections, rulings, vectors, now),
    )
    subject = wish.subject or edition.subject
    edition = replace(edition, subject=subject, title=subject, preheader=wish.preheader, intro=wish.intro)
    rendering = render_email(edition, look_of(settings))
    found = _vet(desk, edition, rendering)
    reason = _why_held(settings, edition, found, len(folding.contradictions), by_hand=by_hand)
    record = EditionRecord(
        edition=edition,
        state=EditionState.HELD if reason else EditionState.APPROVED,
        reason=reason,
        folding=json.dumps(as_json(folding), ensure_ascii=False),
        created_at=now,
    )
    record = replace(record, pins=_pins(desk, record, rendering))
    if reason:
        return record, rendering, ()
    return replace(record, approved_by=BY_RULE, approved_at=now), rendering, _acceptances(found, BY_RULE, now)


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
