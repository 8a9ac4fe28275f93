"""Brings people in from a file: first a report of what would happen, then the import, then, if need be, its undoing."""

import io
import re
import secrets
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import IO

from newsletter.storage.imports import ImportState, ImportStore
from newsletter.storage.pages import pages
from subscribers.addresses import looks_alike
from subscribers.consent import Act, Consent, Door
from subscribers.importing import Imported, Reading, Refusal, Verdict, decide, doubts, read_person
from subscribers.people import Reason, SubscriptionState
from subscribers.sheets import Shape, SheetError, rows, sniff
from subscribers.tokens import Keyring

#: People looked up and added in one transaction.
BATCH = 5_000

#: Octets from which the shape of a file is told.
_START = 65_536

#: Examples that the report shows of each kind of problem.
EXAMPLES = 10

#: Files of a Mailchimp export, in the order in which they are read: who must not be written to comes first.
_MAILCHIMP: tuple[tuple[str, Reason | None], ...] = (
    ("unsubscribed", Reason.UNSUBSCRIBED),
    ("cleaned", Reason.HARD_BOUNCE),
    ("subscribed", None),
)


#: Is told the octets read and those there are.
Progress = Callable[[int, int], None]


class Mode(StrEnum):
    """What a file is for."""

    SUBSCRIBE = "subscribe"
    SUPPRESS = "suppress"  #: nobody in it is written to any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What staff want done with a file."""

    path: Path
    reading: Reading
    by: str
    basis: str = ""  #: why we may write to people whose row has no time of consent; without it they stay pending
    mode: Mode = Mode.SUBSCRIBE
    columns: Mapping[str, str] = field(default_factory=dict)
    reason: Reason = Reason.MANUAL  #: of a file of people who are to be suppressed


@dataclass(slots=True)
class Report:
    """What an import does, or would do. Every row is counted once."""

    shape: Shape | None = None
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    pending: int = 0  #: of those added, who must confirm first
    doubts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)  #: lines, by problem
    similar: int = 0  #: addresses that differ from another one in the file only by dots or a +tag
    first: list[Imported] = field(default_factory=list)  #: to look at before anything happens
    number: int = 0  #: of the import; 0 for a dry run

    @property
    def total(self) -> int:
        """Return how many rows there were."""
        return sum(self.verdicts.values())

    def refuse(self, refusal: Refusal) -> None:
        """Count a row that cannot be read."""
        self.verdicts[Verdict.REFUSED] += 1
        self._example(self.refused, refusal.reason, refusal.line)

    def count(self, person: Imported, verdict: Verdict) -> None:
        """Count a person."""
        self.verdicts[verdict] += 1
        if len(self.first) < 5:
            self.first.append(person)
        for doubt in doubts(person):
            self._example(self.doubts, doubt, person.line)

    def _example(self, counter: Counter[str], about: str, line: int) -> None:
        about = about if len(counter) < 200 or about in counter else "something else"
        counter[about] += 1
        lines = self.examples.setdefault(about, [])
        if len(lines) < EXAMPLES:
            lines.append(line)


def bring_in(
    store: ImportStore, keys: Keyring, order: Order, *, apply: bool, progress: Progress = lambda *_: None
) -> Report:
    """Read a file and, if `apply` is set, do what the report says; else only say it.

    Args:
        store: Where people are kept.
        keys: Under which erased addresses are remembered.
        order: What to do.
        apply: False for a dry run, which changes nothing.
        progress: Called now and then with the octets read and those there are.

    Raises:
        SheetError: The file cannot be read at all. What was added before a broken place stays, and can be undone.
        StoreError: Another import is running.
    """
    report, seen = Report(), _Seen()
    now, slug = order.reading.now, order.reading.mailing_list.slug
    with _opened(order.path) as parts:
        if apply:
            report.number = store.begin(slug, order.path.name, order.by, now)
        state = ImportState.STOPPED
        try:
            for part in parts:
                how = replace(order, reading=replace(order.reading, stopped=_stopped(order, part)))
                for batch in _batches(part, how, report, progress):
                    _take(store, keys, how, batch, report, seen, apply)
            state = ImportState.DONE
        finally:
            if apply:
                store.finish(report.number, state, {v.value: n for v, n in report.verdicts.items()})
    return report


def _stopped(order: Order, part: "_Part") -> Reason | None:
    return order.reason if order.mode is Mode.SUPPRESS else part.stopped


def _take(
    store: ImportStore, keys: Keyring, order: Order, batch: list[Imported], report: Report, seen: "_Seen", apply: bool
) -> None:
    now, slug = order.reading.now, order.reading.mailing_list.slug
    every = {form: p.key for p in batch for form in (p.key, *keys.pseudonyms(p.key))}
    standings = store.standings(slug, every, now)
    added: list[tuple[str, Imported, bool, SubscriptionState]] = []
    stopped: dict[str, Reason] = {}
    for person in batch:
        verdict = decide(person, standings[person.key], is_first=seen.is_first(person.key))
        report.count(person, verdict)
        report.similar += seen.is_similar(person.key)
        if verdict is Verdict.STOP and person.stopped:
            stopped[person.key] = person.stopped
        elif verdict is Verdict.ADD:
            known = standings[person.key].subscriber
            state = SubscriptionState.CONFIRMED if order.basis or person.consent_at else SubscriptionState.PENDING
            report.pending += state is SubscriptionState.PENDING
            added.append((known or secrets.token_urlsafe(9), person, not known, state))
    if apply:
        store.suppress(stopped, slug, now)
        store.add(report.number, slug, added, [_consent(id_, person, order) for id_, person, _, _ in added], now)


def _consent(subscriber: str, person: Imported, order: Order) -> Consent:
    given = f"consent given {person.consent_at.isoformat()}" if person.consent_at else ""
    return Consent(
        subscriber=subscriber,
        mailing_list=order.reading.mailing_list.slug,
        act=Act.IMPORTED,
        door=Door.IMPORT,
        at=order.reading.now,
        wording=order.basis,
        form=order.path.name[-32:],
        detail=given,
    )


class _Seen:
    """Which addresses a file has shown already; eight octets each, so that a million need no database."""

    def __init__(self) -> None:
        self._keys: set[int] = set()
        self._alike: set[int] = set()

    def is_first(self, key: str) -> bool:
        known = len(self._keys)
        self._keys.add(_short(key))
        return len(self._keys) > known

    def is_similar(self, key: str) -> bool:
        alike = looks_alike(key)
        if alike == key:
            return False
        known = _short(alike) in self._keys or _short(alike) in self._alike
        self._alike.add(_short(alike))
        return known


def _short(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of people, open."""

    name: str
    stream: IO[bytes]
    size: int
    stopped: Reason | None = None


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[_Part]]:
    """Yield the files of people at `path`: the one, or those of a Mailchimp export in the right order."""
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            stream.seek(0)
            yield iter([_Part(path.name, stream, path.stat().st_size)])
            return
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            yield _parts_of(archive)


def _parts_of(archive: zipfile.ZipFile) -> Iterator[_Part]:
    found: list[tuple[zipfile.ZipInfo, Reason | None]] = []
    for word, reason in _MAILCHIMP:
        pattern = re.compile(rf"(?:^|/){word}[^/]*\.csv$")
        found += [(info, reason) for info in archive.infolist() if pattern.search(info.filename)]
    if not any(reason is None for _, reason in found):
        raise SheetError(
            "this ZIP file is no Mailchimp export: it holds no subscribed_….csv. Unpack it and import a CSV"
        )
    for info, reason in found:
        with archive.open(info) as stream:  # read in place: nothing is ever unpacked onto the disk
            yield _Part(info.filename, stream, info.file_size, reason)


def _batches(part: _Part, order: Order, report: Report, progress: Progress) -> Iterator[list[Imported]]:
    start = part.stream.read(_START)
    shape = sniff(start, order.columns)
    report.shape = shape
    stream = _Counted(start, part.stream)
    text = io.TextIOWrapper(io.BufferedReader(stream), encoding=shape.encoding, errors="replace", newline="")
    found = rows(text, shape)
    for page in pages(found, BATCH):
        people = [read_person(row, order.reading) for row in page]
        for person in people:
            if isinstance(person, Refusal):
                report.refuse(person)
        yield [p for p in people if isinstance(p, Imported)]
        progress(stream.count, part.size)


class _Counted(io.RawIOBase):
    """The whole of a stream whose start was read already, counting what passes."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest, self.count = start, rest, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        octets, self._start = self._start[: len(buffer)], self._start[len(buffer) :]
        octets = octets or self._rest.read(len(buffer))
        buffer[: len(octets)] = octets
        self.count += len(octets)
        return len(octets)
