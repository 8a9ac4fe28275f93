"""Sends an approved edition on its way: a plan for each person, every variant rendered once, the audience frozen."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from content.editions import Edition, Story, printed_revisions
from content.places import edition_path
from content.variants import Earlier, personalise
from newsletter import publishing
from newsletter.pinning import list_of
from newsletter.planning import foresee, plan_issue
from newsletter.ports import Rendering
from newsletter.publishing import PublishingError, freeze, look_of, ready, told
from newsletter.rendering.email import render_email
from newsletter.storage.editions import EditionRecord
from newsletter.storage.history import HistoryStore
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.segments import SegmentStore
from subscribers.calendar import Late
from subscribers.deliveries import Outcome, Recipient, Tally
from subscribers.issues import Explainer, Issue, StoryRef, Variant
from subscribers.people import address_key
from subscribers.planning import Planned, Rules
from subscribers.preferences import MailingList, Rhythm
from subscribers.segments import Segment, load_segment


class Desk(publishing.Desk, Protocol):
    """What releasing works with; the house has it all."""

    @property
    def engine(self) -> Engine:
        """Return the database."""


def release(desk: Desk, key: str, now: datetime, hold: timedelta | None = None) -> Tally:
    """Plan an approved edition for each person, render every variant once, freeze the audience; return the sum.

    The second time changes nothing. Nothing leaves before `hold` has passed; None: before `hold_minutes` have.

    Raises:
        PublishingError: It is not approved, or what was approved has changed since; it is held then.
    """
    record = ready(desk, key)
    if desk.ledger.mailing(key) is not None:
        return desk.ledger.tally(key)
    history, mailing_list = HistoryStore(desk.engine), mailing_list_of(desk)
    issue = _issue(record.edition, now.astimezone(ZoneInfo(desk.settings.zone)).date())
    rules = _rules(desk, mailing_list)
    with plan_issue(desk.people, history, mailing_list, issue, rules, now) as planned:
        rendered, printed = render_variants(desk, record.edition, history.variants(key))
        desk.editions.add_renderings(key, rendered, printed)
        suppressed = {s.key: s.reason.value for s in desk.people.suppressions() if s.holds_at(now)}
        at_their_hour = desk.settings.local_hours
        wanted, segment = _wanted(desk, record), _segment(desk, record.edition)
        chosen = frozenset(SegmentStore(desk.engine).ids(mailing_list.slug, segment)) if segment else None
        everybody = (
            _recipient(p, suppressed, at_their_hour) for p in planned.everybody() if _is_in(p, chosen) and wanted(p)
        )
        return freeze(desk, key, everybody, hold)


def foresee_for(desk: Desk, edition: Edition, subscriber: str, now: datetime) -> tuple[Rendering | None, str]:
    """Return what one person would get of an edition if it were released now, or None and why they get nothing."""
    history, mailing_list = HistoryStore(desk.engine), mailing_list_of(desk)
    issue = _issue(edition, now.astimezone(ZoneInfo(desk.settings.zone)).date())
    found = foresee(desk.people, history, mailing_list, issue, _rules(desk, mailing_list), now, subscriber)
    if found is None:
        return None, "they get no editions of this rhythm"
    planned, variant = found
    segment = _segment(desk, edition)
    if segment and not SegmentStore(desk.engine).holds(mailing_list.slug, segment, subscriber):
        return None, "they are not in the segment that it is for"
    key = address_key(planned.address)
    suppressed = next((s.reason.value for s in desk.people.suppressions() if s.key == key and s.holds_at(now)), "")
    if variant is None or suppressed or planned.excluded:
        return None, suppressed or planned.excluded
    rendered, _ = render_variants(desk, edition, [variant])
    return rendered[variant.key], ""


def _rules(desk: Desk, mailing_list: MailingList) -> Rules:
    return Rules(
        hour=mailing_list.hour,
        zone=desk.settings.zone,
        most=desk.settings.maximum_stories,
        # Whoever releases an edition late wants it to arrive.
        late=Late.SEND,
    )


def _wanted(desk: Desk, record: EditionRecord) -> Callable[[Planned], bool]:
    """Return what tells whether an edition is for somebody: one that was made again only for who has not received it.

    Raises:
        PublishingError: The edition that it was made again of may still go out.
    """
    if not record.remakes:
        return lambda _: True
    mailing = desk.ledger.mailing(record.remakes)
    if mailing is None or mailing.state is not MailingState.STOPPED:
        raise PublishingError(f"{record.remakes} is not over; 'newsletter edition remake' ends it")
    left = {recipient.subscriber for recipient, _ in desk.ledger.who(record.remakes, Outcome.WITHDRAWN)}
    return lambda person: person.subscriber in left


def render_variants(
    desk: Desk, edition: Edition, variants: Iterable[Variant]
) -> tuple[dict[str, Rendering], dict[str, tuple[str, ...]]]:
    """Render what each kind of reader gets; people who get the same share one. Say which revisions each prints.

    Only what was told before counts, so that it comes out the same whenever it is rendered.
    """
    others = [e for e in told(desk) if e.key != edition.key and e.published_at <= edition.published_at]
    pool = {story.article: story for e in reversed([edition, *others]) for story in e.stories}
    look = look_of(desk.settings)
    read: dict[str, Earlier] = {}
    for e in sorted(others, key=lambda e: e.published_at):
        for x in (x for story in e.stories for x in story.sections if x.explainer):
            day = e.published_at.astimezone(ZoneInfo(look.zone)).date()
            read[x.explainer] = Earlier(look.url(edition_path(e.key)), day)
    revisions = {id_: revision for e in reversed([edition, *others]) for id_, revision in e.manifest.revisions}
    rendered, printed = {}, {}
    for variant in variants:
        folded = {e.id: read[e.id] for e in variant.folded if e.id in read}
        mine = personalise(replace(edition, language=variant.language), pool, variant.stories, folded)
        rendered[variant.key] = render_email(mine, look)
        printed[variant.key] = printed_revisions(mine, revisions)
    return rendered, printed


def _issue(edition: Edition, day: date) -> Issue:
    """Return the edition as planning sees it."""
    stories = tuple(
        StoryRef(
            id=story.article,
            topics=frozenset("-".join(topic.casefold().split()) for topic in story.topics),
            explainers=tuple(Explainer(name) for name in _explainers(story)),
        )
        for story in edition.stories
    )
    return Issue(edition=edition.key, rhythm=Rhythm(edition.rhythm), day=day, stories=stories)


def _explainers(story: Story) -> tuple[str, ...]:
    """Return every explainer that a story prints or refers to, once."""
    names = [x.explainer for x in story.sections] + [x.explainer for x in story.references]
    return tuple(dict.fromkeys(name for name in names if name))


def _segment(desk: Desk, edition: Edition) -> Segment | None:
    """Return the segment that an edition was composed for; None when it is for everybody.

    Its rules stand in the composition, so that what was approved stays whatever becomes of the segment of that name.
    """
    rules = desk.compositions.latest(edition.key).composition.audience
    return load_segment(rules) if rules else None


def _is_in(person: Planned, chosen: frozenset[str] | None) -> bool:
    return chosen is None or person.subscriber in chosen


def _recipient(person: Planned, suppressed: Mapping[str, str], at_their_hour: bool) -> Recipient:
    return Recipient(
        subscriber=person.subscriber,
        address=person.address,
        name=person.name,
        variant=person.variant,
        excluded=suppressed.get(address_key(person.address), "") or person.excluded,
        due=person.due if at_their_hour else None,
    )


def mailing_list_of(desk: Desk) -> MailingList:
    """Return the list of the settings' newsletter; keep it, unless staff have made and shaped it already."""
    mailing_list = list_of(desk)
    if desk.lists.find(mailing_list.slug) is None:
        desk.lists.put(mailing_list)
    return mailing_list
