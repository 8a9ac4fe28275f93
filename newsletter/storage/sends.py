"""Keeps when editions leave: one row each, moved by compare-and-set, and a log that only grows."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, Index, Integer, Row, String, Table, Text, select, update
from sqlalchemy.exc import IntegrityError

from content.sends import ENDED, Change, Press, Send, SendState
from newsletter.storage.editions import NEXT, TELLS, EditionState, editions
from newsletter.storage.engine import reading
from newsletter.storage.ledger_queries import MailingState, find_mailing, withdraw
from newsletter.storage.ledger_tables import mailings
from newsletter.storage.outbox import Event, tell
from newsletter.storage.schema import Instant, metadata

sends = Table(
    "sends",
    metadata,
    # No foreign key: a draft that is made anew is removed for a moment, and its send outlives that.
    Column("edition", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant),
    Column("hold_until", Instant),
    Column("zone", String(64), nullable=False),
    Column("wall", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_sends_state", "state"),
)

send_changes = Table(
    "send_changes",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("press", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
)


class SendStore:
    """Sends on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, edition: str) -> Send | None:
        """Return the send of this edition; None when nobody has pressed anything yet."""
        with reading(self._engine) as connection:
            row = connection.execute(select(sends).where(sends.c.edition == edition)).first()
        return read_send(row) if row else None

    def open(self) -> tuple[Send, ...]:
        """Return every send that is not over, the one due first leading; those without a time come last."""
        over = [state.value for state in ENDED]
        query = select(sends).where(sends.c.state.not_in(over))
        with reading(self._engine) as connection:
            found = [read_send(row) for row in connection.execute(query)]
        return tuple(sorted(found, key=lambda s: (s.due_at is None, s.due_at or s.at, s.edition)))

    def changes(self, edition: str) -> tuple[Change, ...]:
        """Return every move of this edition's send, the oldest first."""
        query = select(send_changes).where(send_changes.c.edition == edition).order_by(send_changes.c.version)
        with reading(self._engine) as connection:
            return tuple(_change(row) for row in connection.execute(query))

    def changes_since(self, at: datetime) -> tuple[Change, ...]:
        """Return every move of any send after `at`, the oldest first."""
        query = select(send_changes).where(send_changes.c.at > at).order_by(send_changes.c.at, send_changes.c.version)
        with reading(self._engine) as connection:
            return tuple(_change(row) for row in connection.execute(query))

    def move(self, before: Send, after: Send, press: Press) -> bool:
        """Write one move down, its entry in the log, what it means for ledger and edition: all of it or nothing.

        Returns False, and writes nothing, when somebody else moved the send since `before` was read.
        """
        try:
            with self._engine.begin() as connection:
                if not _compare_and_set(connection, before, after):
                    return False
                change = {"edition": after.edition, "version": after.version, "press": press.value}
                change |= {"before": before.state.value, "after": after.state.value}
                change |= {"reason": after.reason, "by": after.by, "at": after.at}
                connection.execute(send_changes.insert().values(change))
                _tell_ledger(connection, after)
                _tell_edition(connection, after)
                _tell_hooks(connection, before, after, press)
        except IntegrityError:  # two wrote the first row at once
            return False
        return True

    def let_go(self, edition: str, at: datetime) -> bool:
        """Let senders begin a mailing that was frozen under a hold, as its send says now; tell whether one was held.

        Whoever pressed pause or stop since the freeze, or holds the edition, is obeyed here, before the first message.
        """
        with self._engine.begin() as connection:
            row = connection.execute(select(sends).where(sends.c.edition == edition).with_for_update()).first()
            mailing = find_mailing(connection, edition)
            if row is None or mailing is None or mailing.hold_until is None:
                return False
            state = connection.execute(select(editions.c.state).where(editions.c.key == edition)).scalar()
            if state == EditionState.HELD.value:
                return False
            here = mailings.c.id == mailing.number
            connection.execute(update(mailings).where(here).values(hold_until=None))
            _tell_ledger(connection, read_send(row))
        return True


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing the dispatcher remembers, and since when."""

    text: str
    at: datetime


class MarkStore:
    """What the dispatcher remembers, on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, name: str) -> Mark | None:
        """Return what is remembered under this name."""
        with reading(self._engine) as connection:
            row = connection.execute(select(marks.c.text, marks.c.at).where(marks.c.name == name)).first()
        return Mark(row.text, row.at) if row else None

    def named(self, beginning: str) -> dict[str, Mark]:
        """Return everything that is remembered under a name that begins so."""
        query = select(marks).where(marks.c.name.startswith(beginning, autoescape=True)).order_by(marks.c.name)
        with reading(self._engine) as connection:
            return {row.name: Mark(row.text, row.at) for row in connection.execute(query)}

    def put(self, name: str, text: str, at: datetime) -> None:
        """Remember this under the name instead of what was there; of two at once one wins."""
        with suppress(IntegrityError), self._engine.begin() as connection:
            known = connection.execute(update(marks).where(marks.c.name == name).values(text=text, at=at))
            if known.rowcount == 0:
                connection.execute(marks.insert().values(name=name, text=text, at=at))

    def forget(self, name: str) -> None:
        """Remember nothing under this name."""
        with self._engine.begin() as connection:
            connection.execute(marks.delete().where(marks.c.name == name))


def database_identity(engine: Engine) -> str:
    """Return what tells this database from every copy of it: a restored one has another."""
    if engine.dialect.name == "postgresql":
        query = "SELECT (SELECT system_identifier FROM pg_control_system()), oid FROM pg_database"
        with reading(engine) as connection:
            row = connection.exec_driver_sql(f"{query} WHERE datname = current_database()").one()
        return f"{row[0]}/{row[1]}"
    file = Path(engine.url.database or "")
    return str(file.stat().st_ino) if file.is_file() else ""


def _compare_and_set(connection: Connection, before: Send, after: Send) -> bool:
    values = {
        "state": after.state.value,
        "due_at": after.due_at,
        "hold_until": after.hold_until,
        "zone": after.zone,
        "wall": after.wall,
        "version": after.version,
        "reason": after.reason,
        "by": after.by,
        "at": after.at,
    }
    if before.version == 0:
        connection.execute(sends.insert().values(edition=after.edition, **values))
        return True
    here = (sends.c.edition == before.edition, sends.c.version == before.version)
    return connection.execute(update(sends).where(*here).values(values)).rowcount == 1


def _tell_ledger(connection: Connection, send: Send) -> None:
    """Let the mailing of a send follow it: what is paused here begins no further message there."""
    mailing = find_mailing(connection, send.edition)
    if mailing is None or mailing.state is MailingState.STOPPED or send.at is None:
        return
    follows = {
        SendState.SENDING: MailingState.SENDING,
        SendState.PAUSED: MailingState.PAUSED,
        SendState.STOPPED: MailingState.STOPPED,
    }
    state = follows.get(send.state)
    if state is None:
        return
    values: dict[str, object] = {"state": state.value}
    if state is not mailing.state:
        values["reason"] = "" if state is MailingState.SENDING else send.reason
    connection.execute(update(mailings).where(mailings.c.id == mailing.number).values(values))
    if state is MailingState.STOPPED:
        withdraw(connection, mailing.number, send.at)


def _tell_edition(connection: Connection, send: Send) -> None:
    """Let an edition end with its send."""
    ends = {SendState.STOPPED: EditionState.CANCELLED, SendState.SENT: EditionState.SENT}
    state = ends.get(send.state)
    if state is None:
        return
    sources = [source.value for source, targets in NEXT.items() if state in targets]
    here = (editions.c.key == send.edition, editions.c.state.in_(sources))
    moved = connection.execute(update(editions).where(*here).values(state=state.value, reason=send.reason))
    if moved.rowcount == 1 and send.at is not None:
        tell(connection, TELLS[state], send.edition, send.at, reason=send.reason)


def _tell_hooks(connection: Connection, before: Send, after: Send, press: Press) -> None:
    said = {"press": press.value, "before": before.state.value, "after": after.state.value, "by": after.by}
    due_at = after.due_at.isoformat() if after.due_at else None
    if after.at is not None:
        tell(connection, Event.SEND_MOVED, after.edition, after.at, **said, due_at=due_at, reason=after.reason)


def read_send(row: Row[tuple[object, ...]]) -> Send:
    """Return the send of a row."""
    return Send(
        edition=row.edition,
        state=SendState(row.state),
        due_at=row.due_at,
        hold_until=row.hold_until,
        zone=row.zone,
        wall=row.wall,
        version=row.version,
        reason=row.reason,
        by=row.by,
        at=row.at,
    )


def _change(row: Row[tuple[object, ...]]) -> Change:
    return Change(
        edition=row.edition,
        version=row.version,
        before=SendState(row.before),
        after=SendState(row.after),
        press=Press(row.press),
        reason=row.reason,
        by=row.by,
        at=row.at,
    )
