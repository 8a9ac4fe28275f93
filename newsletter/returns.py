"""Takes in what comes back, from a mailbox of bounces or from a provider, and lets addresses rest by it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from subscribers.bounces import REPORT_BYTES, DeliveryEvent, EventKind, is_genuine, read_report, suppression_after
from subscribers.deliveries import Cause, sign


class Taken(StrEnum):
    """What became of one report."""

    NEW = "new"
    KNOWN = "known"  #: it came before
    FORGED = "forged"  #: it names a delivery that is none of ours
    UNREADABLE = "unreadable"  #: an auto-reply, a bounce without its machine-readable part, something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What one reading brought."""

    new: int = 0
    known: int = 0
    forged: int = 0
    unreadable: int = 0
    resting: int = 0  #: addresses that are written to no more
    alarms: tuple[str, ...] = ()  #: what receivers hold against us, in their words

    def __add__(self, other: "Harvest") -> "Harvest":
        """Return what both readings brought."""
        return Harvest(
            new=self.new + other.new,
            known=self.known + other.known,
            forged=self.forged + other.forged,
            unreadable=self.unreadable + other.unreadable,
            resting=self.resting + other.resting,
            alarms=tuple(dict.fromkeys(self.alarms + other.alarms)),
        )


class Returns:
    """Takes in reports about deliveries."""

    def __init__(self, returns: ReturnStore, people: PeopleStore, key: bytes) -> None:
        """Use the keys by which delivery numbers were signed: one a line, whichever of them it was."""
        self._returns = returns
        self._people = people
        self._keys = tuple(key.split())

    def take(self, events: Iterable[DeliveryEvent | None], now: datetime) -> Harvest:
        """Keep reports that are ours and new, and let addresses rest as they ask for. Taking them twice is harmless."""
        counts: Counter[Taken] = Counter()
        resting, alarms = 0, dict[str, None]()
        for event in events:
            taken, rests = self._take(event, now)
            counts[taken] += 1
            resting += rests
            if event is not None and taken is Taken.NEW and _is_about_us(event):
                alarms[f"{event.status} {event.said}".strip()] = None
        return Harvest(
            new=counts[Taken.NEW],
            known=counts[Taken.KNOWN],
            forged=counts[Taken.FORGED],
            unreadable=counts[Taken.UNREADABLE],
            resting=resting,
            alarms=tuple(alarms),
        )

    def read_maildir(self, folder: Path, now: datetime) -> Harvest:
        """Take in every new mail of a Maildir; each is moved to `cur` when it has been dealt with, whatever it was."""
        return self.take(self._mails(folder, now), now)

    def read_mails(self, mails: Iterable[bytes], now: datetime) -> Harvest:
        """Take in mails that came to a mailbox; each is asked for when the one before has been dealt with."""
        return self.take((read_report(mail, now) for mail in mails), now)

    def _mails(self, folder: Path, now: datetime) -> Iterator[DeliveryEvent | None]:
        (folder / "cur").mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "new").glob("*")):
            with path.open("rb") as file:
                content = file.read(REPORT_BYTES)
            yield read_report(content, now)
            # After it was taken: a process that dies in between reads it again, and knows it then.
            path.rename(folder / "cur" / f"{path.name}:2,S")

    def _take(self, event: DeliveryEvent | None, now: datetime) -> tuple[Taken, bool]:
        if event is None:
            return Taken.UNREADABLE, False
        whose = self._returns.addressee(event.place)
        if whose is None or not any(
            is_genuine(event.place.signature, sign(whose.edition, whose.subscriber, key)) for key in self._keys
        ):
            return Taken.FORGED, False
        if not self._returns.add(event, whose.subscriber):
            return Taken.KNOWN, False
        rest = suppression_after(whose.key, event, self._returns.soft_bounces(whose.subscriber), now)
        if rest is not None:
            self._people.suppress(rest)
        return Taken.NEW, rest is not None


def _is_about_us(event: DeliveryEvent) -> bool:
    return event.kind is EventKind.BOUNCED and event.cause in {Cause.POLICY, Cause.US, Cause.CONTENT}
