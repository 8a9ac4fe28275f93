"""Keeps the people who work here: who they are, what they may do, and what proves that it is them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    select,
)

from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.schema import Instant, metadata
from newsletter.storage.sessions import sessions

staff = Table(
    "staff",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("address", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    #: Decisions are signed with it, so two people never share one.
    Column("name", String(80), nullable=False, unique=True),
    #: Short names with a space between.
    Column("roles", Text, nullable=False),
    #: argon2id; empty until the person has chosen one.
    Column("password", Text, nullable=False),
    #: The secret of the authenticator; empty: none is set up.
    Column("factor", Text, nullable=False),
    #: The last time step that was used: a code works once (RFC 6238, 5.2).
    Column("factor_step", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("shortcuts", Boolean, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("left_at", Instant),
)

#: Codes that open an account once: an invitation, or a way back in. Only a hash is kept.
staff_codes = Table(
    "staff_codes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("staff", String(36), ForeignKey("staff.id"), nullable=False),
    Column("until", Instant, nullable=False),
)

#: Codes that stand in for the authenticator, each once.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("staff", String(36), ForeignKey("staff.id"), primary_key=True),
    Column("hash", String(64), primary_key=True),
)

#: Failed sign-ins, by account and by network, for a day.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("about", String(80), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_sign_in_failures_about_at", "about", "at"),
)


class Role(StrEnum):
    """What a person is here for. Roles add up."""

    EDITOR = "editor"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person who works here. What proves that it is them stays in the store."""

    id: str
    address: str
    name: str
    roles: frozenset[Role]
    zone: str = "UTC"  #: an IANA name
    shortcuts: bool = True  #: whether single keys act in lists
    has_password: bool = False
    has_factor: bool = False
    added_at: datetime
    left_at: datetime | None = None


class StaffStore:
    """Staff on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, member: Member, key: str) -> None:
        """Keep a new person, without a password yet.

        Raises:
            StoreError: The address or the name is taken.
        """
        taken = select(staff.c.name).where((staff.c.key == key) | (staff.c.name == member.name))
        with self._engine.begin() as connection:
            if connection.execute(taken).first() is not None:
                raise StoreError(f"somebody with the address or the name of {member.name!r} is there already")
            connection.execute(
                staff.insert().values(
                    id=member.id,
                    address=member.address,
                    key=key,
                    name=member.name,
                    roles=_roles(member.roles),
                    password="",
                    factor="",
                    factor_step=0,
                    zone=member.zone,
                    shortcuts=member.shortcuts,
                    added_at=member.added_at,
                )
            )

    def is_empty(self) -> bool:
        """Tell whether nobody has a password yet, so that nobody can sign in."""
        with reading(self._engine) as connection:
            return connection.execute(select(staff.c.id).where(staff.c.password != "").limit(1)).first() is None

    def find(self, id_: str) -> Member | None:
        """Return the person with this id."""
        with reading(self._engine) as connection:
            row = connection.execute(select(staff).where(staff.c.id == id_)).first()
        return _member(row) if row else None

    def at(self, key: str) -> Member | None:
        """Return the person with this address, as `address_key` writes it."""
        with reading(self._engine) as connection:
            row = connection.execute(select(staff).where(staff.c.key == key)).first()
        return _member(row) if row else None

    def all(self) -> tuple[Member, ...]:
        """Return everybody, also those who left, by name."""
        with reading(self._engine) as connection:
            return tuple(_member(row) for row in connection.execute(select(staff).order_by(staff.c.name)))

    def password(self, id_: str) -> str:
        """Return the hash of a person's password; empty when there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(staff.c.password).where(staff.c.id == id_)).scalar() or ""

    def set_password(self, id_: str, password: str, *, ends_sessions: bool = True) -> None:
        """Keep the hash of a new password, and end every session that the old one opened."""
        with self._engine.begin() as connection:
            connection.execute(staff.update().where(staff.c.id == id_).values(password=password))
            if ends_sessions:
                connection.execute(sessions.delete().where(sessions.c.staff == id_))

    def set_roles(self, id_: str, roles: Collection[Role]) -> None:
        """Change what a person may do, and end their sessions, so that it counts at once.

        Raises:
            StoreError: It would leave nobody who may manage staff.
        """
        with self._engine.begin() as connection:
            if Role.ADMIN not in roles:
                _keep_an_admin(connection, id_)
            connection.execute(staff.update().where(staff.c.id == id_).values(roles=_roles(roles)))
            connection.execute(sessions.delete().where(sessions.c.staff == id_))

    def set_left(self, id_: str, at: datetime | None) -> None:
        """Let a person in no more, and end their sessions; None lets them in again.

        Raises:
            StoreError: It would leave nobody who may manage staff.
        """
        with self._engine.begin() as connection:
            if at is not None:
                _keep_an_admin(connection, id_)
                connection.execute(staff_codes.delete().where(staff_codes.c.staff == id_))
            connection.execute(staff.update().where(staff.c.id == id_).values(left_at=at))
            connection.execute(sessions.delete().where(sessions.c.staff == id_))

    def set_profile(self, id_: str, *, zone: str, shortcuts: bool) -> None:
        """Keep how a person wants to see times, and whether single keys act."""
        with self._engine.begin() as connection:
            connection.execute(staff.update().where(staff.c.id == id_).values(zone=zone, shortcuts=shortcuts))

    def factor(self, id_: str) -> str:
        """Return the secret of a person's authenticator; empty when there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(staff.c.factor).where(staff.c.id == id_)).scalar() or ""

    def set_factor(self, id_: str, secret: str, recovery: Collection[str]) -> None:
        """Keep an authenticator's secret and the hashes of its recovery codes, in place of the old ones."""
        with self._engine.begin() as connection:
            connection.execute(staff.update().where(staff.c.id == id_).values(factor=secret, factor_step=0))
            connection.execute(recovery_codes.delete().where(recovery_codes.c.staff == id_))
            if recovery:
                connection.execute(recovery_codes.insert(), [{"staff": id_, "hash": h} for h in recovery])

    def use_step(self, id_: str, step: int) -> bool:
        """Use a code's time step up; False when it, or a later one, was used before."""
        mine = staff.update().where(staff.c.id == id_, staff.c.factor_step < step)
        with self._engine.begin() as connection:
            return connection.execute(mine.values(factor_step=step)).rowcount == 1

    def use_recovery(self, id_: str, hash_: str) -> bool:
        """Use a recovery code up; False when there is none."""
        mine = recovery_codes.delete().where(recovery_codes.c.staff == id_, recovery_codes.c.hash == hash_)
        with self._engine.begin() as connection:
            return connection.execute(mine).rowcount == 1

    def recovery_left(self, id_: str) -> int:
        """Return how many recovery codes a person has left."""
        query = select(func.count()).where(recovery_codes.c.staff == id_)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def add_code(self, id_: str, hash_: str, until: datetime) -> None:
        """Keep a code that opens an account once, in place of the one before."""
        with self._engine.begin() as connection:
            connection.execute(staff_codes.delete().where(staff_codes.c.staff == id_))
            connection.execute(staff_codes.insert().values(hash=hash_, staff=id_, until=until))

    def owner_of_code(self, hash_: str, now: datetime) -> str:
        """Return whose account a code opens; empty when it opens none."""
        query = select(staff_codes.c.staff).where(staff_codes.c.hash == hash_, staff_codes.c.until > now)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or ""

    def use_code(self, hash_: str, now: datetime) -> bool:
        """Use a code up; of two who try at once one wins."""
        mine = staff_codes.delete().where(staff_codes.c.hash == hash_, staff_codes.c.until > now)
        with self._engine.begin() as connection:
            return connection.execute(mine).rowcount == 1

    def failed(self, about: Collection[str], now: datetime, before: datetime) -> None:
        """Remember a failed sign-in, and forget those before a time."""
        with self._engine.begin() as connection:
            connection.execute(sign_in_failures.delete().where(sign_in_failures.c.at < before))
            connection.execute(sign_in_failures.insert(), [{"about": a, "at": now} for a in about])

    def failures(self, about: str, since: datetime) -> int:
        """Return how often signing in has failed since a time."""
        query = select(func.count()).where(sign_in_failures.c.about == about, sign_in_failures.c.at > since)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()


def _keep_an_admin(connection: Connection, without: str) -> None:
    everybody = select(staff.c.id, staff.c.roles).where(staff.c.left_at.is_(None)).with_for_update()
    admins = {row.id for row in connection.execute(everybody) if Role.ADMIN.value in row.roles.split()}
    if admins <= {without}:
        raise StoreError("this is the only administrator; make somebody else one first")


def _roles(roles: Collection[Role]) -> str:
    return " ".join(role.value for role in Role if role in roles)


def _member(row: Row[tuple[object, ...]]) -> Member:
    return Member(
        id=row.id,
        address=row.address,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles.split()),
        zone=row.zone,
        shortcuts=row.shortcuts,
        has_password=bool(row.password),
        has_factor=bool(row.factor),
        added_at=row.added_at,
        left_at=row.left_at,
    )
