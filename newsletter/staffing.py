"""Lets staff in and nobody else: invitations, passwords, authenticators, sessions, and what each role may do."""

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum

import pyotp
from pwdlib import PasswordHash
from sqlalchemy import Engine

from newsletter.storage.audit import AuditStore, Deed
from newsletter.storage.errors import StoreError
from newsletter.storage.sessions import Level, Session, SessionStore
from newsletter.storage.staff import Member, Role, StaffStore
from subscribers.addresses import AddressError, read_address
from subscribers.names import clean_name
from subscribers.people import address_key


class StaffingError(Exception):
    """Something about staff cannot be done; the message says what would do."""


class Permission(StrEnum):
    """What one may do in the console. Every route names the one it takes."""

    OWN = "own account"
    SEE = "see articles, digests and totals"
    COMPOSE = "compose, preview, send tests"
    APPROVE = "approve articles and digests, decide duplicates"
    PAUSE = "pause a send"
    STOP = "stop a send"
    SCHEDULE = "schedule, cancel, resume"
    PEOPLE = "see people, add and suppress one"
    CROWD = "import, export, erase people"
    OPERATE = "sources and health"
    MANAGE = "staff, audit log, settings"


_EVERYBODY = frozenset({Permission.OWN, Permission.SEE})

#: What each role may do; a person with several may do all of it.
GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.EDITOR: _EVERYBODY | {Permission.COMPOSE, Permission.PAUSE},
    Role.APPROVER: _EVERYBODY
    | {Permission.COMPOSE, Permission.APPROVE, Permission.PAUSE, Permission.STOP, Permission.SCHEDULE}
    | {Permission.PEOPLE},
    Role.OPERATOR: _EVERYBODY | {Permission.PAUSE, Permission.STOP, Permission.OPERATE},
    Role.ADMIN: frozenset(Permission),
}

#: Who decides over what leaves, and over people, proves it twice.
NEEDS_FACTOR = frozenset({Role.APPROVER, Role.ADMIN})

#: Characters of a password at least (NIST SP 800-63B-4: 15 alone, 8 with a second factor); octets at most.
PASSWORD_LEAST, PASSWORD_MOST = 12, 1024

#: How long a code from the command line, and one for a colleague, opens an account.
CODE_KEPT, INVITATION_KEPT = timedelta(minutes=30), timedelta(hours=24)

#: Failed sign-ins within this time, of one account and from one network, until nobody is asked any more.
THROTTLED_WITHIN, MOST_OF_ACCOUNT, MOST_OF_NETWORK = timedelta(minutes=15), 10, 40

#: How long after a proof the delicate things need no other one.
FRESH = timedelta(minutes=15)

RECOVERY_CODES = 10

#: What a hash takes: 64 MiB. More at a time would let strangers fill the memory.
_HASHES_AT_ONCE = 4


def may(member: Member, permission: Permission) -> bool:
    """Tell whether a person may do something."""
    return any(permission in GRANTS[role] for role in member.roles)


def needs_factor(member: Member) -> bool:
    """Tell whether a person must prove who they are twice."""
    return member.has_factor or bool(member.roles & NEEDS_FACTOR)


class Denied(Enum):
    """Why somebody is not let in. The page says the same for every wrong name and password."""

    WRONG = "That did not match. Check your address and password and try again."
    THROTTLED = "Too many attempts. Wait a quarter of an hour, then try again."


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, and the id that goes into the cookie and is kept nowhere else."""

    session: Session
    id: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from."""

    network: str = ""  #: such as 192.0.2.0/24
    agent: str = ""


class Passwords:
    """Hashes and checks passwords, a few at a time."""

    def __init__(self, hasher: PasswordHash | None = None) -> None:
        self._hasher = hasher or PasswordHash.recommended()
        self._turn = threading.BoundedSemaphore(_HASHES_AT_ONCE)
        # What an unknown person's password is compared with, so that it costs what a known one's costs.
        self._decoy = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str) -> str:
        """Return the hash to keep.

        Raises:
            StaffingError: The password is too short, too long, or nothing but a few characters again and again.
        """
        if len(password) < PASSWORD_LEAST:
            raise StaffingError(f"Take at least {PASSWORD_LEAST} characters; a sentence is easy to remember.")
        if len(password.encode()) > PASSWORD_MOST:
            raise StaffingError(f"Take at most {PASSWORD_MOST} characters.")
        if len(set(password)) < 5:
            raise StaffingError("Take a password with at least five different characters.")
        with self._turn:
            return self._hasher.hash(_normal(password))

    def verify(self, password: str, known: str) -> bool:
        """Tell whether the password is the one that was hashed; `known` is empty for a person we do not know."""
        if len(password.encode()) > PASSWORD_MOST:
            password = ""
        with self._turn:
            matches = self._hasher.verify(_normal(password), known or self._decoy)
        return matches and bool(known)


@dataclass(frozen=True, slots=True)
class Staffing:
    """Staff, sessions and the log on one database."""

    engine: Engine
    passwords: Passwords = field(default_factory=Passwords)

    @property
    def staff(self) -> StaffStore:
        """Return where staff are kept."""
        return StaffStore(self.engine)

    @property
    def sessions(self) -> SessionStore:
        """Return where sessions are kept."""
        return SessionStore(self.engine)

    @property
    def audit(self) -> AuditStore:
        """Return the log."""
        return AuditStore(self.engine)

    def invite(
        self, address: str, name: str, roles: Collection[Role], *, by: str, now: datetime, kept: timedelta = CODE_KEPT
    ) -> tuple[Member, str]:
        """Add a person; return them and the code that opens their account once.

        Raises:
            StaffingError: The address or name is none, is taken, or no role was named.
        """
        if not roles:
            raise StaffingError("A person needs a role: editor, approver, operator or admin.")
        try:
            where = read_address(address).text
        except AddressError as error:
            raise StaffingError(str(error)) from error
        called = clean_name(name)
        if not called:
            raise StaffingError("A person needs a name; decisions are signed with it.")
        member = Member(
            id=secrets.token_urlsafe(9), address=where, name=called, roles=frozenset(roles), zone="UTC", added_at=now
        )
        try:
            self.staff.add(member, address_key(where))
        except StoreError as error:
            raise StaffingError(str(error)) from error
        self.audit.add(Deed(at=now, actor=by, act="staff.add", about=member.id, detail={"roles": sorted(roles)}))
        return member, self.make_code(member, by=by, now=now, kept=kept)

    def make_code(self, member: Member, *, by: str, now: datetime, kept: timedelta = CODE_KEPT) -> str:
        """Return a code that opens a person's account once: to set a password, and an authenticator anew."""
        code = "-".join(_word() for _ in range(4))
        self.staff.add_code(member.id, digest(code), now + kept)
        self.audit.add(Deed(at=now, actor=by, act="staff.code", about=member.id))
        return code

    def welcome(self, code: str, password: str, visitor: Visitor, now: datetime) -> Opened | Denied:
        """Open the account of a code with a new password; sign the person in as far as the password goes.

        The old authenticator, if any, is forgotten: who has lost it asks for a code.

        Raises:
            StaffingError: The password will not do.
        """
        about = [f"net {visitor.network}"]
        if self.staff.failures(about[0], now - THROTTLED_WITHIN) >= MOST_OF_NETWORK:
            return Denied.THROTTLED
        hash_ = digest(code.strip().lower())
        owner = self.staff.owner_of_code(hash_, now)
        if not owner:
            self.staff.failed(about, now, now - timedelta(days=1))
            return Denied.WRONG
        kept = self.passwords.hash(password)
        if not self.staff.use_code(hash_, now):
            return Denied.WRONG
        self.staff.set_password(owner, kept)
        self.staff.set_factor(owner, "", ())
        self.audit.add(Deed(at=now, actor=owner, act="staff.welcome", about=owner, network=visitor.network))
        return self._open(owner, visitor, now)

    def sign_in(self, address: str, password: str, visitor: Visitor, now: datetime) -> Opened | Denied:
        """Check address and password. The answer, and the time it takes, is the same for whom we do not know."""
        key = address_key(address)
        about = [f"who {digest(key)}", f"net {visitor.network}"]
        since = now - THROTTLED_WITHIN
        if (
            self.staff.failures(about[0], since) >= MOST_OF_ACCOUNT
            or self.staff.failures(about[1], since) >= MOST_OF_NETWORK
        ):
            return Denied.THROTTLED
        member = self.staff.at(key)
        known = self.staff.password(member.id) if member and member.left_at is None else ""
        if not self.passwords.verify(password, known) or member is None:
            self.staff.failed(about, now, now - timedelta(days=1))
            actor = member.id if member else "unknown"
            self.audit.add(Deed(at=now, actor=actor, act="sign-in.failed", network=visitor.network))
            return Denied.WRONG
        return self._open(member.id, visitor, now)

    def sign_in_as(self, address: str, visitor: Visitor, now: datetime, *, twice: bool) -> Opened | Denied:
        """Sign in the one of the staff whose address a provider has verified; nobody gets an account by that.

        Args:
            address: As the provider says.
            visitor: Where the request comes from.
            now: The time.
            twice: Whether the provider's proof stands for the authenticator too.
        """
        member = self.staff.at(address_key(address)) if address else None
        if member is None or member.left_at is not None:
            actor = member.id if member else "unknown"
            self.audit.add(Deed(at=now, actor=actor, act="sign-in.failed", network=visitor.network))
            return Denied.WRONG
        detail = {"twice": twice}
        self.audit.add(Deed(at=now, actor=member.id, act="sign-in.oidc", network=visitor.network, detail=detail))
        opened = self._open(member.id, visitor, now)
        return self.complete(opened.session, visitor, now) if twice and not opened.session.is_full else opened

    def check_code(self, session: Session, code: str, visitor: Visitor, now: datetime) -> Opened | Denied:
        """Check the authenticator's code, or a recovery code; return the session that goes all the way."""
        about = [f"code {session.staff}"]
        if self.staff.failures(about[0], now - THROTTLED_WITHIN) >= MOST_OF_ACCOUNT:
            return Denied.THROTTLED
        typed = "".join(code.split()).lower()
        secret = self.staff.factor(session.staff)
        step = matching_step(secret, typed, now) if secret else None
        by_step = step is not None and self.staff.use_step(session.staff, step)
        if not by_step and not self.staff.use_recovery(session.staff, digest(typed)):
            self.staff.failed(about, now, now - timedelta(days=1))
            self.audit.add(Deed(at=now, actor=session.staff, act="sign-in.failed", network=visitor.network))
            return Denied.WRONG
        if not by_step:
            self.audit.add(Deed(at=now, actor=session.staff, act="sign-in.recovery", network=visitor.network))
        return self.complete(session, visitor, now)

    def set_up_factor(
        self, session: Session, secret: str, code: str, visitor: Visitor, now: datetime
    ) -> tuple[Opened, tuple[str, ...]]:
        """Keep a new authenticator that has shown a right code; return the session and the recovery codes, once.

        Raises:
            StaffingError: The code is wrong.
        """
        step = matching_step(secret, "".join(code.split()), now)
        if step is None:
            raise StaffingError("That code does not match. Check the clock of your phone and type the newest code.")
        codes = tuple("-".join(secrets.token_hex(2) for _ in range(3)) for _ in range(RECOVERY_CODES))
        self.staff.set_factor(session.staff, secret, [digest(c) for c in codes])
        self.staff.use_step(session.staff, step)
        self.audit.add(Deed(at=now, actor=session.staff, act="staff.factor", about=session.staff))
        return self.complete(session, visitor, now), codes

    def complete(self, session: Session, visitor: Visitor, now: datetime) -> Opened:
        """Return a session with a new id that goes all the way, in place of this one."""
        id_ = secrets.token_urlsafe(32)
        full = replace(session, hash=digest(id_), level=Level.FULL, seen_at=now, proved_at=now)
        self.sessions.open(full, instead_of=session.hash)
        if session.level is not Level.FULL:
            self.audit.add(Deed(at=now, actor=session.staff, act="sign-in", network=visitor.network))
        return Opened(full, id_)

    def change_password(self, member: Member, old: str, new: str, now: datetime) -> bool:
        """Change a password and end every session; False when the old one is wrong.

        Raises:
            StaffingError: The new one will not do.
        """
        if not self.passwords.verify(old, self.staff.password(member.id)):
            return False
        self.staff.set_password(member.id, self.passwords.hash(new))
        self.audit.add(Deed(at=now, actor=member.id, act="staff.password", about=member.id))
        return True

    def revoke(self, member: Member, *, by: str, now: datetime, account: bool) -> int:
        """End every session of a person and, if `account` is set, let them in no more; return how many ended.

        Raises:
            StaffingError: It is the last administrator.
        """
        ended = len(self.sessions.of(member.id, now))
        if account:
            try:
                self.staff.set_left(member.id, now)
            except StoreError as error:
                raise StaffingError(str(error)) from error
        else:
            self.sessions.close_all(member.id)
        act = "staff.close" if account else "session.end"
        self.audit.add(Deed(at=now, actor=by, act=act, about=member.id, detail={"ended": ended}))
        return ended

    def set_roles(self, member: Member, roles: Collection[Role], *, by: str, now: datetime) -> None:
        """Change what a person may do; it counts at once.

        Raises:
            StaffingError: No role was named, or it is the last administrator.
        """
        if not roles:
            raise StaffingError("A person needs a role: editor, approver, operator or admin.")
        try:
            self.staff.set_roles(member.id, roles)
        except StoreError as error:
            raise StaffingError(str(error)) from error
        change = {"before": sorted(member.roles), "after": sorted(roles)}
        self.audit.add(Deed(at=now, actor=by, act="staff.roles", about=member.id, detail=change))

    def who(self, id_: str, now: datetime) -> tuple[Member, Session] | None:
        """Return who is signed in under this id of a cookie; None when nobody is."""
        session = self.sessions.find(digest(id_), now) if id_ else None
        member = self.staff.find(session.staff) if session else None
        if session is None or member is None or member.left_at is not None:
            return None
        self.sessions.seen(session, now)
        return member, session

    def _open(self, staff: str, visitor: Visitor, now: datetime) -> Opened:
        id_ = secrets.token_urlsafe(32)
        session = Session(
            hash=digest(id_),
            staff=staff,
            level=Level.PASSWORD,
            opened_at=now,
            seen_at=now,
            proved_at=now,
            network=visitor.network,
            agent=visitor.agent,
        )
        self.sessions.open(session)
        member = self.staff.find(staff)
        if member and not needs_factor(member):
            return self.complete(session, visitor, now)
        return Opened(session, id_)


def digest(secret: str) -> str:
    """Return the SHA-256 under which a random secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to; None for none. The one before and the one after count too."""
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        return None
    clock = pyotp.TOTP(secret)
    current = int(now.timestamp()) // clock.interval
    steps = (current, current - 1, current + 1)
    return next((s for s in steps if hmac.compare_digest(clock.generate_otp(s), code)), None)


def _normal(password: str) -> str:
    # One key may be typed as one character or two: both are the same password.
    return unicodedata.normalize("NFC", password)


def _word() -> str:
    # Without letters that look alike; four groups carry 80 bits.
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4))
