"""Judges the rows of an import: who is added, who stays as they are, and who must not be written to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum

from subscribers.addresses import Address, AddressError, Note, read_address
from subscribers.calendar import is_zone
from subscribers.names import clean_name
from subscribers.people import Reason, SubscriptionState, address_key
from subscribers.preferences import MailingList, Preferences, Rhythm
from subscribers.sheets import Column, Row

#: Tags of one person at most, and letters of one.
MOST_TAGS, LONGEST_TAG = 50, 40


class DateOrder(Enum):
    """How the file writes days. Nothing is guessed: 03/04 is a day in March somewhere, and in April elsewhere."""

    ISO = "iso"
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class Verdict(StrEnum):
    """What becomes of a row."""

    ADD = "added"
    KNOWN = "already on the list, stays as it is"
    LEFT = "unsubscribed, stays so"
    SUPPRESSED = "must not be written to"
    STOP = "said to be unsubscribed or cleaned, will not be written to"
    TWICE = "twice in the file"
    REFUSED = "refused"


#: What the known programs say of people who must not be written to, in lower case.
STOPPED: Mapping[str, Reason] = {
    "unsubscribed": Reason.UNSUBSCRIBED,
    "disabled": Reason.UNSUBSCRIBED,
    "blocklisted": Reason.MANUAL,
    "cleaned": Reason.HARD_BOUNCE,
    "bounced": Reason.HARD_BOUNCE,
    "complained": Reason.COMPLAINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One row that names a person."""

    line: int
    address: Address
    key: str
    name: str
    language: str
    zone: str
    preferences: Preferences
    tags: tuple[str, ...] = ()
    consent_at: datetime | None = None
    stopped: Reason | None = None  #: the file itself says that they must not be written to


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be imported, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows about an address before the import."""

    subscriber: str = ""  #: the person's id, if they are known
    state: SubscriptionState | None = None
    suppressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How rows are to be read."""

    mailing_list: MailingList
    now: datetime
    dates: DateOrder = DateOrder.ISO
    language: str = "en"
    stopped: Reason | None = None  #: of every row: the file holds people who left, or whose mailbox is gone


def read_person(row: Row, how: Reading) -> Imported | Refusal:
    """Return the person in a row, or why there is none."""
    if row.problem:
        return Refusal(row.line, row.problem)
    cell = row.cells.get
    try:
        address = read_address(cell(Column.ADDRESS, ""))
        consent_at = _moment(cell(Column.CONSENT_AT, ""), how.dates, how.now)
    except AddressError as error:
        return Refusal(row.line, str(error))
    except ValueError as error:
        return Refusal(row.line, f"its time of consent {error}")
    name = cell(Column.NAME) or f"{cell(Column.FIRST_NAME, '')} {cell(Column.LAST_NAME, '')}"
    zone = cell(Column.ZONE, "")
    return Imported(
        line=row.line,
        address=address,
        key=address_key(address.text),
        name=clean_name(name),
        language=_language(cell(Column.LANGUAGE, "")) or how.language,
        zone=zone if zone and is_zone(zone) else how.mailing_list.zone,
        preferences=_preferences(row.cells, how.mailing_list),
        tags=_tags(cell(Column.TAGS, "")),
        consent_at=consent_at,
        stopped=how.stopped or STOPPED.get(cell(Column.STATE, "").casefold()),
    )


def decide(person: Imported, standing: Standing, *, is_first: bool) -> Verdict:
    """Return what becomes of a person. An import never brings back who left, and never changes who is there."""
    if not is_first:
        return Verdict.TWICE
    if person.stopped:
        return Verdict.STOP
    if standing.suppressed:
        return Verdict.SUPPRESSED
    if standing.state is SubscriptionState.UNSUBSCRIBED:
        return Verdict.LEFT
    return Verdict.ADD if standing.state is None else Verdict.KNOWN


def doubts(person: Imported) -> tuple[str, ...]:
    """Return what deserves a second look about a person, in words for the report."""
    return tuple(note.value for note in Note if note in person.address.notes)


def _moment(text: str, order: DateOrder, now: datetime) -> datetime | None:
    text = text.strip()
    if not text:
        return None
    slashed = re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?", text)
    if slashed and order is DateOrder.ISO:
        raise ValueError(f"{text!r} may begin with the day or the month; say which with --dates")
    try:
        if slashed:
            one, two, year, clock = slashed.groups()
            day, month = (one, two) if order is DateOrder.DAY_FIRST else (two, one)
            text = f"{year}-{int(month):02d}-{int(day):02d} {(clock or '00:00').zfill(5)}"
        elif not re.match(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError  # a plain number is a day to Excel, and a second to Unix
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no day; write 2024-01-31") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now:
        raise ValueError(f"{text[:40]!r} is in the future")
    return moment.astimezone(UTC)


def _preferences(cells: Mapping[Column, str], offered: MailingList) -> Preferences:
    """Return the choices in a row; what the list does not offer is left out."""
    topics, rhythm, hour = (cells.get(c, "").casefold() for c in (Column.TOPICS, Column.RHYTHM, Column.HOUR))
    if not (topics or rhythm or hour):
        return Preferences()
    all_of_them = offered.topic_slugs
    wanted = frozenset(re.split(r"[\s,;]+", topics)) & all_of_them
    return Preferences(
        topics=frozenset() if wanted == all_of_them else wanted,
        rhythm=Rhythm(rhythm) if rhythm in {r.value for r in offered.rhythms} else Rhythm.EACH,
        hour=int(hour) if re.fullmatch(r"1?[0-9]|2[0-3]", hour) else None,
    )


def _language(text: str) -> str:
    return text.lower() if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?", text) else ""


def _tags(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    # Mailchimp writes "vip","spring" into one cell.
    found = (re.sub(r"[^\w -]", "", tag).strip().casefold() for tag in re.split("[,;]", text[:5000]))
    return tuple(dict.fromkeys(tag[:LONGEST_TAG] for tag in found if tag))[:MOST_TAGS]
