"""What holds for every act of a subscriber: how often we write, to whom never, and how it ends."""

from datetime import datetime, timedelta
from enum import Enum

from newsletter.storage.enrolments import Desk
from subscribers.consent import Act, Consent, Door
from subscribers.letters import Letter, LetterKind
from subscribers.people import Reason, Subscriber
from subscribers.tokens import Keyring

#: What a person can take back by confirming once more. A complaint stands for ever, a mailbox that does not exist
#: gets nothing, and what staff decided is staff's to take back.
LIFTED_BY_CONFIRMING = (Reason.UNSUBSCRIBED, Reason.ERASED)

#: Letters of one kind to one address, in how long. Whoever types in a stranger's address a thousand times sends them
#: one letter. Somebody who lost a mail may ask again, and whoever changes things hears of it more often.
STRANGERS = ((1, timedelta(hours=24)), (3, timedelta(days=30)))
OWNERS = ((5, timedelta(hours=24)), (30, timedelta(days=30)))
LIMITS = {
    LetterKind.CONFIRM: STRANGERS,
    LetterKind.ALREADY: STRANGERS,
    LetterKind.NEW_ADDRESS: STRANGERS,
    LetterKind.LINK: ((3, timedelta(hours=24)), (10, timedelta(days=30))),
    LetterKind.DATA: OWNERS,
    LetterKind.GOODBYE: OWNERS,
    LetterKind.CHANGED: OWNERS,
    LetterKind.MOVED: OWNERS,
    LetterKind.WELCOME: STRANGERS,
}

#: Sign-ups and questions for a link from one network: in ten minutes, and in a day. A school or an office fits in.
NETWORK_LIMITS = ((20, timedelta(minutes=10)), (200, timedelta(days=1)))

#: The same from everywhere together. More is an attack, and then nobody gets a letter until it is over.
EVERYWHERE_LIMITS = ((1000, timedelta(minutes=10)), (20_000, timedelta(days=1)))


class TooManyError(Exception):
    """A network, or the world, asks for more letters than people would."""


class Answer(Enum):
    """What became of a person's act."""

    DONE = "done"
    ALREADY = "already"  #: it was so before
    GONE = "gone"  #: there is nobody, or nothing, that it could concern


def admit(desk: Desk, network: str, now: datetime) -> None:
    """Let a request pass, and count it.

    Raises:
        TooManyError: Its network, or the world, asks too often.
    """
    theirs, everywhere = desk.knock(network, [span for _, span in NETWORK_LIMITS], now)
    counted = (*zip(NETWORK_LIMITS, theirs, strict=True), *zip(EVERYWHERE_LIMITS, everywhere, strict=True))
    if any(count >= most for (most, _), count in counted):
        raise TooManyError


def forbidden(desk: Desk, keys: Keyring, key: str, now: datetime) -> bool:
    """Tell whether an address must get nothing, not even a letter that asks."""
    held = [s for s in desk.suppressions([key, *keys.pseudonyms(key)]) if s.holds_at(now)]
    return any(s.reason not in LIFTED_BY_CONFIRMING for s in held)


def write(desk: Desk, person: Subscriber, kind: LetterKind, mailing_list: str, now: datetime, detail: str = "") -> None:
    """Queue a letter, unless its owner has had enough of the kind lately."""
    if any(desk.written_since(person.key, (kind,), now - span) >= most for most, span in LIMITS[kind]):
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


def line(subscriber: str, mailing_list: str, act: Act, door: Door, now: datetime) -> Consent:
    """Return a line for the record."""
    return Consent(subscriber=subscriber, mailing_list=mailing_list, act=act, door=door, at=now)
