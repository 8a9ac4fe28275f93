"""People choose and leave, and take it back."""

import json
from dataclasses import replace
from datetime import datetime

from newsletter.enrolling.rules import Answer, line, write
from newsletter.storage.enrolments import Desk, EnrolmentStore
from subscribers.consent import Act, Door
from subscribers.letters import LetterKind
from subscribers.people import Reason, SubscriptionState, Suppression
from subscribers.preferences import Preferences, Rhythm, Subscription
from subscribers.tokens import Claims


def leave(store: EnrolmentStore, claims: Claims, door: Door, now: datetime) -> Answer:
    """Unsubscribe one person from the list that the link names. The second time changes nothing."""
    with store.writing() as desk:
        stands = desk.subscription(claims.scope, claims.subject)
        if stands is None:
            return Answer.GONE
        return _leave(desk, claims.subject, (stands,), claims.scope, door, now)


def leave_all(store: EnrolmentStore, claims: Claims, door: Door, now: datetime) -> Answer:
    """Unsubscribe one person from every list, and never write to the address again unless they come back."""
    with store.writing() as desk:
        person = desk.person(claims.subject)
        if person is None:
            return Answer.GONE
        desk.suppress(Suppression(person.key, Reason.UNSUBSCRIBED, now))
        return _leave(desk, claims.subject, desk.subscriptions(claims.subject), "", door, now)


def put_back(store: EnrolmentStore, claims: Claims, now: datetime) -> Answer:
    """Take back a leaving or a change that the link names, as the owner of the mailbox."""
    with store.writing() as desk:
        change, person = desk.line(int(claims.scope)), desk.person(claims.subject)
        if change is None or person is None or change.subscriber != person.id:
            return Answer.GONE
        was = json.loads(change.detail)
        before, address = was["before"], was.get("address", person.address)
        current = {s.mailing_list: s for s in desk.subscriptions(person.id)}
        wanted = {slug: _restored(current[slug], kept, now) for slug, kept in before.items() if slug in current}
        if address == person.address and all(_kept(current[s]) == _kept(stands) for s, stands in wanted.items()):
            return Answer.ALREADY
        if desk.person_at(address) not in {None, person}:
            return Answer.GONE
        desk.amend(replace(person, address=address))
        for stands in wanted.values():
            desk.put(stands)
        desk.lift([person.key], [Reason.UNSUBSCRIBED])
        desk.record(line(person.id, change.mailing_list, Act.PUT_BACK, Door.LINK, now))
    return Answer.DONE


def choose(
    store: EnrolmentStore, claims: Claims, chosen: Preferences, *, zone: str, language: str, now: datetime
) -> Answer:
    """Keep what a person chose for one list, and tell the mailbox, with a link that puts it back."""
    with store.writing() as desk:
        person, stands = desk.person(claims.subject), desk.subscription(claims.scope, claims.subject)
        if person is None or stands is None:
            return Answer.GONE
        moved = replace(person, zone=zone, language=language)
        if stands.preferences == chosen and moved == person:
            return Answer.ALREADY
        desk.amend(moved)
        desk.put(replace(stands, preferences=chosen))
        number = desk.record(
            replace(line(person.id, claims.scope, Act.CHANGED, Door.LINK, now), detail=_before((stands,)))
        )
        write(desk, moved, LetterKind.CHANGED, claims.scope, now, detail=str(number))
    return Answer.DONE


def _leave(
    desk: Desk, subscriber: str, stands: tuple[Subscription, ...], scope: str, door: Door, now: datetime
) -> Answer:
    leaving = tuple(s for s in stands if s.state is not SubscriptionState.UNSUBSCRIBED)
    if not leaving:
        return Answer.ALREADY
    for subscription in leaving:
        desk.put(replace(subscription, state=SubscriptionState.UNSUBSCRIBED, since=now))
    number = desk.record(replace(line(subscriber, scope, Act.LEFT, door, now), detail=_before(leaving)))
    person = desk.person(subscriber)
    if person and any(s.confirmed_at for s in leaving):
        write(desk, person, LetterKind.GOODBYE, scope, now, detail=str(number))
    return Answer.DONE


def _before(stands: tuple[Subscription, ...]) -> str:
    return json.dumps({"before": {s.mailing_list: _kept(s) for s in stands}}, sort_keys=True)


def _kept(stands: Subscription) -> dict[str, object]:
    chosen = stands.preferences
    return {
        "state": stands.state.value,
        "topics": sorted(chosen.topics),
        "rhythm": chosen.rhythm.value,
        "hour": chosen.hour,
        "paused_until": chosen.paused_until.isoformat() if chosen.paused_until else None,
    }


def _restored(stands: Subscription, kept: dict[str, object], now: datetime) -> Subscription:
    until = kept["paused_until"]
    return replace(
        stands,
        state=SubscriptionState(str(kept["state"])),
        since=now,
        preferences=Preferences(
            topics=frozenset(kept["topics"]),  # type: ignore[call-overload]
            rhythm=Rhythm(str(kept["rhythm"])),
            hour=kept["hour"],  # type: ignore[arg-type]
            paused_until=datetime.fromisoformat(str(until)) if until else None,
        ),
    )
