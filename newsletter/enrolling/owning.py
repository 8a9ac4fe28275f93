"""What people do with what we keep about them: read all of it, move to another address, have it erased."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.enrolling.rules import Answer, forbidden, line, write
from newsletter.storage.enrolments import EnrolmentStore
from subscribers.addresses import Address
from subscribers.consent import NETWORK_KEPT, Act, Door
from subscribers.letters import Letter, LetterKind
from subscribers.people import Subscriber
from subscribers.tokens import Claims, Keyring

#: How long each kind of thing is kept once it has served its purpose.
KEPT: Mapping[str, timedelta] = {
    "networks": NETWORK_KEPT,
    "attempts": timedelta(days=1),  # the longest span in which they are counted
    "letters": timedelta(days=30),  # the same
    "pending": timedelta(days=30),  # a sign-up that nobody confirmed
    "clicks": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much of each kind was removed."""

    counts: Mapping[str, int]


def send_data_link(store: EnrolmentStore, claims: Claims, now: datetime) -> Answer:
    """Mail the owner a link to their data: whoever holds an old mail must not get at it."""
    with store.writing() as desk:
        person = desk.person(claims.subject)
        if person is None:
            return Answer.GONE
        write(desk, person, LetterKind.DATA, "", now)
    return Answer.DONE


def export(store: EnrolmentStore, claims: Claims) -> str:
    """Return everything we keep about a person as JSON; nothing for nobody."""
    with store.reading() as desk:
        found = desk.gather(claims.subject) if desk.person(claims.subject) else {}
    return json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True, default=_plain)


def ask_new_address(store: EnrolmentStore, keys: Keyring, claims: Claims, address: Address, now: datetime) -> Answer:
    """Mail a link to a new address; nothing changes until its owner presses the button there.

    The answer is the same for an address that is taken or must not be written to: nobody learns about others here.
    """
    with store.writing() as desk:
        person = desk.person(claims.subject)
        if person is None:
            return Answer.GONE
        moved = replace(person, address=address.text)
        if moved.address == person.address:
            return Answer.ALREADY
        if desk.person_at(address.text) not in {None, person} or forbidden(desk, keys, moved.key, now):
            return Answer.DONE
        asked = replace(line(person.id, "", Act.CHANGED, Door.LINK, now), detail=json.dumps({"asked": address.text}))
        write(desk, moved, LetterKind.NEW_ADDRESS, "", now, detail=str(desk.record(asked)))
    return Answer.DONE


def take_new_address(store: EnrolmentStore, claims: Claims, now: datetime) -> Answer:
    """Write to the new address from now on, and tell the old one, with a link that puts it back."""
    with store.writing() as desk:
        person, asked = desk.person(claims.subject), desk.line(int(claims.scope))
        if person is None or asked is None or asked.subscriber != person.id:
            return Answer.GONE
        moved = replace(person, address=str(json.loads(asked.detail)["asked"]))
        if moved == person:
            return Answer.ALREADY
        if desk.person_at(moved.address) not in {None, person}:
            return Answer.GONE
        desk.amend(moved)
        before = json.dumps({"before": {}, "address": person.address})
        number = desk.record(replace(line(person.id, "", Act.CHANGED, Door.LINK, now), detail=before))
        write(desk, person, LetterKind.MOVED, "", now, detail=str(number))
    return Answer.DONE


def erase(store: EnrolmentStore, keys: Keyring, claims: Claims, now: datetime) -> Answer:
    """Erase a person at once, and tell them, with the last letter they get."""
    with store.writing() as desk:
        person = desk.person(claims.subject)
        if person is None:
            return Answer.GONE
        desk.erase(person.id, keys.pseudonyms(person.key)[0], now)
        desk.queue(_farewell(person, now))
    return Answer.DONE


def forget_old(store: EnrolmentStore, now: datetime) -> Forgotten:
    """Remove everything that has served its purpose."""
    with store.writing() as desk:
        return Forgotten(desk.forget({kind: now - kept for kind, kept in KEPT.items()}))


def _farewell(person: Subscriber, now: datetime) -> Letter:
    # About nobody: the person it could be about is not there any more.
    return Letter(kind=LetterKind.ERASED, subscriber="", address=person.address, language=person.language, at=now)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
