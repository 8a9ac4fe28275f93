"""Keeps the sources that staff added, and how each one does."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Column, Engine, Integer, Row, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.schema import Instant, metadata

sources = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("location", Text, nullable=False),
    Column("policy", String(16), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("pulled_at", Instant),
    Column("succeeded_at", Instant),
    #: Why the last pull failed; empty when it did not.
    Column("error", Text, nullable=False),
    #: What the source wants to be told at its next pull, as JSON.
    Column("memory", Text, nullable=False),
    #: What the last pull brought, as JSON.
    Column("counts", Text, nullable=False),
    #: Why the last pull left something out, as JSON; the first of them.
    Column("left_out", Text, nullable=False),
    #: How often, one after the other, the site said that the source is gone for good (410).
    Column("gone_in_a_row", Integer, nullable=False),
    #: Why it is pulled no more; empty while it is.
    Column("disabled", Text, nullable=False),
    #: Whether an edition waits while it fails.
    Column("holds", Boolean, nullable=False),
)

#: So many reasons for leaving something out are kept; more of them nobody reads.
REASONS = 20

#: A site may err once; who says it again means it.
GONE_FOR_GOOD = 2


class Policy(StrEnum):
    """What the articles of a source need before they may go out."""

    REVIEW = "review"  #: a person approves each revision here, whatever the source says
    FLAG = "flag"  #: what the source shows as approved is: a tag in Ghost, a line beside a file
    TRUSTED = "trusted"  #: approved on arrival, and recorded as such


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one pull brought."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0


NOTHING = Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One source as staff added it, with how its last pull went."""

    name: str
    kind: str
    location: str
    policy: Policy = Policy.FLAG
    added_at: datetime
    pulled_at: datetime | None = None
    succeeded_at: datetime | None = None
    error: str = ""
    memory: dict[str, str] = field(default_factory=dict)
    counts: Counts = NOTHING  #: of the last pull that went well
    left_out: tuple[str, ...] = ()  #: why it left something out
    gone_in_a_row: int = 0
    disabled: str = ""  #: why it is pulled no more; "" while it is
    holds: bool = False  #: an edition waits while it fails

    @property
    def is_failing(self) -> bool:
        """Tell whether the last pull failed, or no pull takes place any more."""
        return bool(self.error or self.disabled)


class SourceStore:
    """Sources on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, record: SourceRecord) -> None:
        """Keep a new source.

        Raises:
            StoreError: The name is taken.
        """
        with self._engine.begin() as connection:
            known = connection.execute(select(sources.c.location).where(sources.c.name == record.name)).scalar()
            if known is not None:
                raise StoreError(
                    f"a source named {record.name!r} is there already ({known}); remove it or take another"
                )
            connection.execute(
                sources.insert().values(
                    name=record.name,
                    kind=record.kind,
                    location=record.location,
                    policy=record.policy.value,
                    added_at=record.added_at,
                    error="",
                    memory="{}",
                    counts="{}",
                    left_out="[]",
                    gone_in_a_row=0,
                    disabled="",
                    holds=record.holds,
                )
            )

    def remove(self, name: str) -> bool:
        """Forget a source; its articles stay. Tell whether there was one."""
        with self._engine.begin() as connection:
            return connection.execute(sources.delete().where(sources.c.name == name)).rowcount == 1

    def all(self) -> tuple[SourceRecord, ...]:
        """Return every source, by name."""
        with reading(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(select(sources).order_by(sources.c.name)))

    def find(self, name: str) -> SourceRecord | None:
        """Return the source of this name."""
        with reading(self._engine) as connection:
            row = connection.execute(select(sources).where(sources.c.name == name)).first()
        return _record(row) if row else None

    def succeeded(
        self,
        name: str,
        memory: Mapping[str, str],
        now: datetime,
        counts: Counts = NOTHING,
        left_out: Sequence[str] = (),
    ) -> None:
        """Note that a pull went well: what the source wants to be told next time, what came, what was left out."""
        values = {
            "pulled_at": now,
            "succeeded_at": now,
            "error": "",
            "memory": json.dumps(memory, sort_keys=True),
            "counts": json.dumps(asdict(counts)),
            "left_out": json.dumps(list(left_out[:REASONS]), ensure_ascii=False),
            "gone_in_a_row": 0,
        }
        self._update(name, values)

    def failed(self, name: str, error: str, now: datetime, *, is_gone: bool = False) -> None:
        """Note that a pull failed, and why; a source that is gone for good the second time is pulled no more.

        Args:
            name: The source's.
            error: Why, in plain words.
            now: When.
            is_gone: The site says that the source is gone and will not come back.
        """
        known = self.find(name)
        gone = (known.gone_in_a_row + 1 if known else 1) if is_gone else 0
        values: dict[str, object] = {"pulled_at": now, "error": error, "gone_in_a_row": gone}
        if gone >= GONE_FOR_GOOD:
            values["disabled"] = f"its site said {gone} times that it is gone for good"
        self._update(name, values)

    def disable(self, name: str, reason: str) -> bool:
        """Pull a source no more; tell whether there is one of this name."""
        return self._update(name, {"disabled": reason})

    def enable(self, name: str) -> bool:
        """Pull a source again; tell whether there is one of this name."""
        return self._update(name, {"disabled": "", "gone_in_a_row": 0})

    def set_policy(self, name: str, policy: Policy) -> bool:
        """Change what the articles of a source need from now on; tell whether there is one of this name."""
        return self._update(name, {"policy": policy.value})

    def set_holds(self, name: str, holds: bool) -> bool:
        """Say whether editions wait while a source fails; tell whether there is one of this name."""
        return self._update(name, {"holds": holds})

    def _update(self, name: str, values: dict[str, object]) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(sources.update().where(sources.c.name == name).values(**values)).rowcount == 1


def _record(row: Row[tuple[object, ...]]) -> SourceRecord:
    return SourceRecord(
        name=row.name,
        kind=row.kind,
        location=row.location,
        policy=Policy(row.policy),
        added_at=row.added_at,
        pulled_at=row.pulled_at,
        succeeded_at=row.succeeded_at,
        error=row.error,
        memory=json.loads(row.memory),
        counts=Counts(**json.loads(row.counts)),
        left_out=tuple(json.loads(row.left_out)),
        gone_in_a_row=row.gone_in_a_row,
        disabled=row.disabled,
        holds=row.holds,
    )
