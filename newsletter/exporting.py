"""Takes people out: as a spreadsheet that is safe to open, or as JSON Lines that keep every letter."""

import csv
import io
import json
from collections.abc import Iterator
from enum import StrEnum

from newsletter.storage.people import PeopleStore
from subscribers.people import Subscriber
from subscribers.preferences import Subscription
from subscribers.sheets import safe_cell


class Format(StrEnum):
    """How people are written down."""

    CSV = "csv"  #: for spreadsheets: a cell that would be a formula begins with an apostrophe
    JSON = "jsonl"  #: for programs: every value as it is


def write_people(people: PeopleStore, mailing_list: str, how: Format = Format.CSV) -> Iterator[str]:
    """Yield the text of an export page by page: everybody on the list, whatever their state, in bounded memory.

    An import of a CSV export gives the same people: the headings are the ones it knows, and it takes back the
    apostrophes.
    """
    is_first = True
    for page in people.everybody(mailing_list):
        rows = [_row(person, stands) for person, stands in page]
        if how is Format.JSON:
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            continue
        text = io.StringIO()
        writer = csv.DictWriter(text, HEADINGS, lineterminator="\r\n")  # RFC 4180
        if is_first:
            writer.writeheader()
            is_first = False
        writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
        yield text.getvalue()
    if is_first and how is Format.CSV:
        yield ",".join(HEADINGS) + "\r\n"


#: The columns of an export.
HEADINGS = (
    *("email", "name", "state", "topics", "rhythm", "hour", "zone", "language"),
    *("since", "confirmed_at", "paused_until"),
)


def _row(person: Subscriber, stands: Subscription) -> dict[str, str]:
    chosen = stands.preferences
    return {
        "email": person.address,
        "name": person.name,
        "state": stands.state.value,
        "topics": " ".join(sorted(chosen.topics)),
        "rhythm": chosen.rhythm.value,
        "hour": "" if chosen.hour is None else str(chosen.hour),
        "zone": person.zone,
        "language": person.language,
        "since": stands.since.isoformat(),
        "confirmed_at": stands.confirmed_at.isoformat() if stands.confirmed_at else "",
        "paused_until": chosen.paused_until.isoformat() if chosen.paused_until else "",
    }
