"""Keeps the letters that are due until a mail server took them: the page that caused one never waits for mail."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Engine, Index, Integer, Row, String, Table, Text, func, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata
from subscribers.letters import Letter, LetterKind
from subscribers.people import address_key

letters = Table(
    "letters",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subscriber", String(36), nullable=False),
    Column("address", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("list", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Instant, nullable=False),
    #: When to try next; a letter that cannot be sent is tried again later, and later still.
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", Instant),
    Column("failed", Boolean, nullable=False),
    Column("problem", Text, nullable=False),
    Index("ix_letters_due", "sent_at", "due_at"),
    Index("ix_letters_key_kind", "key", "kind"),
    Index("ix_letters_subscriber", "subscriber"),
)


class LetterStore:
    """Letters on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, now: datetime, until: datetime) -> Letter | None:
        """Return one letter that is due, and keep it from everybody else until `until`."""
        due = letters.c.sent_at.is_(None) & (letters.c.due_at <= now) & ~letters.c.failed
        with self._engine.begin() as connection:
            row = connection.execute(select(letters).where(due).order_by(letters.c.due_at).limit(1)).first()
            if row is None:
                return None
            mine = letters.update().where(letters.c.number == row.number, letters.c.due_at == row.due_at)
            claimed = connection.execute(mine.values(due_at=until))
        return _letter(row) if claimed.rowcount == 1 else None

    def settle(self, letter: Letter, now: datetime) -> None:
        """Remember that a mail server took the letter; of somebody who was erased not even that."""
        this = letters.c.number == letter.number
        with self._engine.begin() as connection:
            if letter.kind is LetterKind.ERASED:
                connection.execute(letters.delete().where(this))
            else:
                connection.execute(letters.update().where(this).values(sent_at=now))

    def postpone(self, number: int, until: datetime, reason: str) -> None:
        """Try the letter again at `until`, because of `reason`."""
        again = {"due_at": until, "attempts": letters.c.attempts + 1, "problem": reason[:300]}
        with self._engine.begin() as connection:
            connection.execute(letters.update().where(letters.c.number == number).values(again))

    def give_up(self, number: int, reason: str) -> None:
        """Remember that the letter cannot be sent, and why."""
        lost = {"failed": True, "problem": reason[:300]}
        with self._engine.begin() as connection:
            connection.execute(letters.update().where(letters.c.number == number).values(lost))

    def waiting(self) -> int:
        """Return how many letters are not sent yet."""
        query = select(func.count()).where(letters.c.sent_at.is_(None), ~letters.c.failed)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())


def queue(connection: Connection, letter: Letter, *, pretend: bool = False) -> None:
    """Keep a letter until it is sent; if it is only pretended, for nobody."""
    connection.execute(
        letters.insert().values(
            kind=letter.kind.value,
            subscriber=letter.subscriber,
            address=letter.address,
            key=address_key(letter.address),
            language=letter.language,
            list=letter.mailing_list,
            detail=letter.detail,
            at=letter.at,
            due_at=letter.at,
            attempts=0,
            failed=pretend,
            problem="",
        )
    )


def written_since(connection: Connection, key: str, kinds: tuple[LetterKind, ...], since: datetime) -> int:
    """Return how many letters of these kinds went, or will go, to an address since a time."""
    query = select(func.count()).where(
        letters.c.key == key, letters.c.kind.in_([k.value for k in kinds]), letters.c.at > since
    )
    return int(connection.execute(query).scalar_one())


def _letter(row: Row[tuple[object, ...]]) -> Letter:
    return Letter(
        kind=LetterKind(row.kind),
        subscriber=row.subscriber,
        address=row.address,
        language=row.language,
        at=row.at,
        mailing_list=row.list,
        detail=row.detail,
        number=row.number,
        attempts=row.attempts,
    )
