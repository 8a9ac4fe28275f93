"""People come, choose and leave: every act of a subscriber, each in one transaction and on the record."""

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from newsletter.storage.enrolments import Desk, EnrolmentStore
from subscribers.addresses import Address
from subscribers.consent import Act, Consent, Door
from subscribers.letters import Letter, LetterKind
from subscribers.people import Reason, Subscriber, SubscriptionState, Suppression
from subscribers.preferences import Preferences, Rhythm, Subscription
from subscribers.tokens import Claims, Keyring

#: What a person can take back by confirming once more. A complaint stands for ever, a mailbox that does not exist
#: gets nothing, and what staff decided is staff's to take back.
LIFTED_BY_CONFIRMING = (Reason.UNSUBSCRIBED, Reason.ERASED)

#: Letters of one kind to one address: one a day, three a month. Whoever types in a stranger's address a thousand
#: times sends them one letter.
LIMITS = ((1, timedelta(hours=24)), (3, timedelta(days=30)))


class EnrollingError(Exception):
    """What was asked cannot be done; the message says what would do."""


class Answer(Enum):
    """What became of a person's act."""

    DONE = "done"
    ALREADY = "already"  #: it was so before
    GONE = "gone"  #: there is nobody, or nothing, that it could concern


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """What somebody typed into a sign-up form, checked, and the words they had before them."""

    address: Address
    mailing_list: str
    name: str = ""
    language: str = "en"
    topics: frozenset[str] = frozenset()
    rhythm: Rhythm = Rhythm.EACH
    door: Door = Door.FORM
    wording: str = ""
    form: str = ""
    network: str = ""


def sign_up(store: EnrolmentStore, keys: Keyring, asked: SignUp, now: datetime) -> None:
    """Ask the address to confirm. Nothing that the asker can see tells whether we knew the address.

    Raises:
        EnrollingError: There is no such list, or the public may not sign up to it.
    """
    with store.writing() as desk:
        mailing_list = desk.mailing_list(asked.mailing_list)
        if mailing_list is None or not mailing_list.is_open:
            raise EnrollingError("This list does not take sign-ups.")
        person = desk.person_at(asked.address.text)
        fresh = person is None
        if person is None:
            person = Subscriber(
                id=new_id(),
                address=asked.address.text,
                name=asked.name,
                language=asked.language,
                zone=mailing_list.zone,
            )
        if not _may_ask(desk, keys, person.key, now):
            return
        stands = desk.subscription(asked.mailing_list, person.id)
        if stands and stands.state is SubscriptionState.CONFIRMED:
            _write(desk, person, LetterKind.ALREADY, asked.mailing_list, now)
            return
        if fresh:
            desk.add(person, now)
        desk.put(
            Subscription(
                mailing_list=asked.mailing_list,
                subscriber=person.id,
                state=SubscriptionState.PENDING,
                since=now,
                preferences=Preferences(topics=asked.topics, rhythm=asked.rhythm),
            )
        )
        desk.record(
            Consent(
                subscriber=person.id,
                mailing_list=asked.mailing_list,
                act=Act.ASKED,
                door=asked.door,
                at=now,
                wording=asked.wording,
                form=asked.form,
                network=asked.network,
            )
        )
        _write(desk, person, LetterKind.CONFIRM, asked.mailing_list, now)


def confirm(store: EnrolmentStore, keys: Keyring, claims: Claims, now: datetime) -> Answer:
    """Confirm a subscription: the act that makes it lawful to write to a person."""
    with store.writing() as desk:
        person, stands = desk.person(claims.subject), desk.subscription(claims.scope, claims.subject)
        if person is None or stands is None or stands.state is SubscriptionState.UNSUBSCRIBED:
            return Answer.GONE
        if stands.state is SubscriptionState.CONFIRMED:
            return Answer.ALREADY
        desk.put(replace(stands, state=SubscriptionState.CONFIRMED, since=now, confirmed_at=now))
        desk.lift([person.key, *keys.pseudonyms(person.key)], LIFTED_BY_CONFIRMING)
        desk.record(_line(claims.subject, claims.scope, Act.CONFIRMED, Door.LINK, now))
    return Answer.DONE


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
        line, person = desk.line(int(claims.scope)), desk.person(claims.subject)
        if line is None or person is None or line.subscriber != person.id:
            return Answer.GONE
        before = json.loads(line.detail)["before"]
        current = {s.mailing_list: s for s in desk.subscriptions(person.id)}
        wanted = {slug: _restored(current[slug], kept, now) for slug, kept in before.items() if slug in current}
        if all(_kept(current[slug]) == _kept(stands) for slug, stands in wanted.items()):
            return Answer.ALREADY
        for stands in wanted.values():
            desk.put(stands)
        desk.lift([person.key], [Reason.UNSUBSCRIBED])
        desk.record(_line(person.id, line.mailing_list, Act.PUT_BACK, Door.LINK, now))
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
            replace(_line(person.id, claims.scope, Act.CHANGED, Door.LINK, now), detail=_before((stands,)))
        )
        _write(desk, moved, LetterKind.CHANGED, claims.scope, now, detail=str(number))
    return Answer.DONE


def send_link(store: EnrolmentStore, keys: Keyring, address: Address, mailing_list: str, now: datetime) -> None:
    """Mail the owner of `address` a fresh link to their page, if we know them. The asker learns nothing."""
    with store.writing() as desk:
        person = desk.person_at(address.text)
        if person and desk.subscriptions(person.id) and _may_ask(desk, keys, person.key, now):
            _write(desk, person, LetterKind.LINK, mailing_list, now)


def new_id() -> str:
    """Return an id for a new person: 72 bits that say nothing about them and fit into a short link."""
    return secrets.token_urlsafe(9)


def _may_ask(desk: Desk, keys: Keyring, key: str, now: datetime) -> bool:
    held = [s for s in desk.suppressions([key, *keys.pseudonyms(key)]) if s.holds_at(now)]
    return all(s.reason in LIFTED_BY_CONFIRMING for s in held)


def _write(
    desk: Desk, person: Subscriber, kind: LetterKind, mailing_list: str, now: datetime, detail: str = ""
) -> None:
    if any(desk.written_since(person.key, (kind,), now - span) >= most for most, span in LIMITS):
        return
    desk.queue(
        Letter(
            kind=kind,
            subscriber=person.id,
            address=person.address,
            language=person.language,
            at=now,
            mailing_list=mailing_list,
            detail=detail,
        )
    )


def _leave(
    desk: Desk, subscriber: str, stands: tuple[Subscription, ...], scope: str, door: Door, now: datetime
) -> Answer:
    leaving = tuple(s for s in stands if s.state is not SubscriptionState.UNSUBSCRIBED)
    if not leaving:
        return Answer.ALREADY
    for subscription in leaving:
        desk.put(replace(subscription, state=SubscriptionState.UNSUBSCRIBED, since=now))
    number = desk.record(replace(_line(subscriber, scope, Act.LEFT, door, now), detail=_before(leaving)))
    person = desk.person(subscriber)
    if person and any(s.confirmed_at for s in leaving):
        _write(desk, person, LetterKind.GOODBYE, scope, now, detail=str(number))
    return Answer.DONE


def _line(subscriber: str, mailing_list: str, act: Act, door: Door, now: datetime) -> Consent:
    return Consent(subscriber=subscriber, mailing_list=mailing_list, act=act, door=door, at=now)


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
