"""Lets programs in and no others: makes, checks, lists and revokes the tokens of the API."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Engine

from newsletter.staffing import (
    MOST_OF_NETWORK,
    THROTTLED_WITHIN,
    Permission,
    StaffingError,
    digest,
    may,
    needs_factor,
)
from newsletter.storage.audit import AuditStore, Deed
from newsletter.storage.staff import Member, StaffStore
from newsletter.storage.tokens import Scope, Token, TokenStore, write_scopes
from subscribers.names import clean_name

#: How a token begins: whoever finds one in a log or a repository knows what it is, and scanners do too.
MARK = "nl_"

#: Characters of a token that lists show: the mark, and enough to tell a few dozen apart.
PREFIX = 9

#: A token lives a year at most.
LONGEST = timedelta(days=366)

#: What a person must be allowed to do themselves before a token of theirs may be made for something. What each
#: address of the API takes beyond that is asked again at each use.
NEEDS: dict[Scope, Permission] = {
    Scope.ARTICLES_READ: Permission.SEE,
    Scope.ARTICLES_WRITE: Permission.APPROVE,
    Scope.EDITIONS_READ: Permission.SEE,
    Scope.EDITIONS_WRITE: Permission.COMPOSE,
    Scope.SUBSCRIBERS_READ: Permission.PEOPLE,
    Scope.SUBSCRIBERS_WRITE: Permission.PEOPLE,
    Scope.SENDS_READ: Permission.SEE,
    Scope.SENDS_WRITE: Permission.PAUSE,
}


class Turned(Enum):
    """Why a program is not let in."""

    AWAY = "the token is missing, unknown, expired or revoked"
    THROTTLED = "too many wrong tokens came from your network"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A program that was let in: with which token, and in whose name it acts."""

    token: Token
    member: Member


@dataclass(frozen=True, slots=True)
class Admitting:
    """Tokens on one database."""

    engine: Engine

    @property
    def store(self) -> TokenStore:
        """Return where tokens are kept."""
        return TokenStore(self.engine)

    @property
    def _audit(self) -> AuditStore:
        return AuditStore(self.engine)

    def make(
        self, owner: Member, name: str, scopes: Collection[Scope], days: int, *, by: str, now: datetime
    ) -> tuple[Token, str]:
        """Make a token that acts in the name of a person; return it, and what proves that one holds it, this once.

        Args:
            owner: In whose name it acts; it may never do more than they may themselves.
            name: What it is for.
            scopes: What it may do of that.
            days: How long it holds, 1 to 366.
            by: Who makes it: an id of the staff, or the name of a door.
            now: The time.

        Raises:
            StaffingError: A name or scope is missing, the days are too many, or the owner may not do that themselves.
        """
        called = clean_name(name)[:80]
        if not called:
            raise StaffingError("A token needs a name that says what it is for.")
        if not scopes:
            raise StaffingError(f"A token needs a scope: {', '.join(Scope)}.")
        if not 1 <= days <= LONGEST.days:
            raise StaffingError(f"A token holds for 1 to {LONGEST.days} days, got {days}.")
        if owner.left_at is not None or not owner.has_password or (needs_factor(owner) and not owner.has_factor):
            raise StaffingError(f"{owner.name} cannot sign in, so nothing may act in that name.")
        if beyond := [scope for scope in Scope if scope in scopes and not may(owner, NEEDS[scope])]:
            raise StaffingError(f"{owner.name} may not do that themselves: {write_scopes(beyond)}.")
        secret = MARK + secrets.token_urlsafe(32)
        token = Token(
            id=secrets.token_urlsafe(9),
            prefix=secret[:PREFIX],
            name=called,
            staff=owner.id,
            scopes=frozenset(scopes),
            made_at=now,
            until=now + timedelta(days=days),
        )
        self.store.add(token, digest(secret))
        detail = {"for": owner.id, "scopes": write_scopes(scopes), "until": token.until.isoformat()}
        self._audit.add(Deed(at=now, actor=by, act="token.new", about=token.id, detail=detail))
        return token, secret

    def revoke(self, beginning: str, *, by: str, now: datetime) -> Token:
        """Let a token open nothing any more.

        Args:
            beginning: Its id or prefix, or the beginning of one of them.
            by: Who revokes it.
            now: The time.

        Raises:
            StaffingError: There is none, or more than one, that begins so and still holds.
        """
        held = [t for t in self.store.all() if t.holds_at(now)]
        found = [t for t in held if beginning and (t.id.startswith(beginning) or t.prefix.startswith(beginning))]
        if len(found) != 1:
            raise StaffingError(
                f"{beginning!r} begins {len(found)} tokens that hold; 'newsletter token list' shows them"
            )
        self.store.revoke(found[0].id, now)
        self._audit.add(Deed(at=now, actor=by, act="token.revoke", about=found[0].id))
        return found[0]

    def admit(self, secret: str, network: str, now: datetime) -> Admitted | Turned:
        """Tell who asks with this token. Wrong ones are counted by network; a right one is let in all the same."""
        token = self.store.find(digest(secret)) if secret.startswith(MARK) else None
        staff = StaffStore(self.engine)
        owner = staff.find(token.staff) if token else None
        if token and owner and token.holds_at(now) and owner.left_at is None:
            self.store.used(token, now)
            return Admitted(token, owner)
        about = f"api {network}"
        if staff.failures(about, now - THROTTLED_WITHIN) >= MOST_OF_NETWORK:
            return Turned.THROTTLED
        if secret:
            staff.failed([about], now, now - timedelta(days=1))
        return Turned.AWAY
