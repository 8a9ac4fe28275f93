"""People come: they ask, confirm, lose their link and come back."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.enrolling.rules import LIFTED_BY_CONFIRMING, Answer, admit, forbidden, line, write
from newsletter.storage.enrolments import EnrolmentStore
from subscribers.addresses import Address
from subscribers.consent import Act, Consent, Door
from subscribers.letters import LetterKind
from subscribers.people import Subscriber, SubscriptionState, address_key
from subscribers.preferences import Preferences, Rhythm, Subscription
from subscribers.tokens import Claims, Keyring


class EnrollingError(Exception):
    """What was asked cannot be done; the message says what would do."""


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
        TooManyError: The network asks too often.
    """
    with store.writing() as desk:
        admit(desk, asked.network, now)
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
        if forbidden(desk, keys, person.key, now):
            desk.pretend(LetterKind.CONFIRM, now)
            return
        stands = desk.subscription(asked.mailing_list, person.id)
        if stands and stands.state is SubscriptionState.CONFIRMED:
            write(desk, person, LetterKind.ALREADY, asked.mailing_list, now)
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
        write(desk, person, LetterKind.CONFIRM, asked.mailing_list, now)


def confirm(store: EnrolmentStore, keys: Keyring, claims: Claims, now: datetime, *, welcome: bool = False) -> Answer:
    """Confirm a subscription: the act that makes it lawful to write to a person. With `welcome` we do so at once."""
    with store.writing() as desk:
        person, stands = desk.person(claims.subject), desk.subscription(claims.scope, claims.subject)
        if person is None or stands is None or stands.state is SubscriptionState.UNSUBSCRIBED:
            return Answer.GONE
        if stands.state is SubscriptionState.CONFIRMED:
            return Answer.ALREADY
        desk.put(replace(stands, state=SubscriptionState.CONFIRMED, since=now, confirmed_at=now))
        desk.lift([person.key, *keys.pseudonyms(person.key)], LIFTED_BY_CONFIRMING)
        desk.record(line(claims.subject, claims.scope, Act.CONFIRMED, Door.LINK, now))
        if welcome:
            write(desk, person, LetterKind.WELCOME, claims.scope, now)
    return Answer.DONE


def send_link(
    store: EnrolmentStore, keys: Keyring, address: Address, mailing_list: str, *, network: str = "", now: datetime
) -> None:
    """Mail the owner of `address` a fresh link, if we know them: to confirm, or to their page.

    Raises:
        TooManyError: The network asks too often.
    """
    with store.writing() as desk:
        admit(desk, network, now)
        person = desk.person_at(address.text)
        stands = desk.subscription(mailing_list, person.id) if person else None
        key = person.key if person else address_key(address.text)
        if forbidden(desk, keys, key, now) or person is None or stands is None:
            desk.pretend(LetterKind.LINK, now)
            return
        is_pending = stands.state is SubscriptionState.PENDING
        write(desk, person, LetterKind.CONFIRM if is_pending else LetterKind.LINK, mailing_list, now)


def come_back(store: EnrolmentStore, keys: Keyring, claims: Claims, now: datetime) -> Answer:
    """Mail a letter to somebody who left and wants to come back: the button in it brings them back, not this one."""
    with store.writing() as desk:
        person, stands = desk.person(claims.subject), desk.subscription(claims.scope, claims.subject)
        if person is None or stands is None or forbidden(desk, keys, person.key, now):
            return Answer.GONE
        if stands.state is SubscriptionState.CONFIRMED:
            return Answer.ALREADY
        desk.put(replace(stands, state=SubscriptionState.PENDING, since=now))
        desk.record(line(person.id, claims.scope, Act.ASKED, Door.LINK, now))
        write(desk, person, LetterKind.CONFIRM, claims.scope, now)
    return Answer.DONE


def new_id() -> str:
    """Return an id for a new person: 72 bits that say nothing about them and fit into a short link."""
    return secrets.token_urlsafe(9)
