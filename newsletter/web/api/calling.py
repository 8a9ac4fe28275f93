"""What one address of the API is, one call to it, and the ways in which it can be refused."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, cast

from starlette.responses import Response

from newsletter.staffing import Permission
from newsletter.storage.tokens import Scope, Token
from newsletter.web.api.shapes import Nothing, Problem, Shape, WrongField
from newsletter.web.console.asking import Ask

if TYPE_CHECKING:
    from newsletter.wiring import House

T = TypeVar("T", bound=Shape)

#: What each part of an address looks like.
PARTS = {
    "revision": r"^[0-9a-f]{64}$",
    "key": r"^[A-Za-z0-9._-]{1,128}$",
    "person": r"^[A-Za-z0-9_-]{1,36}$",
}


class ProblemError(Exception):
    """A call cannot be done; it becomes a problem document (RFC 9457)."""

    def __init__(
        self, status: int, detail: str, errors: Sequence[WrongField] = (), *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})
        self.problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors))

    @property
    def answer(self) -> Response:
        """Return the problem as an answer."""
        body = self.problem.model_dump_json()
        return Response(body, self.status, media_type="application/problem+json", headers=self.headers)


def wrong(field: str, message: str, value: object) -> ProblemError:
    """Return the problem of one field that reads well and cannot be."""
    error = WrongField(field=field, message=message, value=str(value)[:200])
    return ProblemError(422, f"{field} {message}", [error])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gives: a value on the wire."""

    shape: Shape
    status: int = 200


@dataclass(kw_only=True)
class Call:
    """One call: who asks for what, with which token, and what stood there when they asked."""

    ask: Ask
    token: Token
    body: Shape = field(default_factory=Nothing)
    query: Shape = field(default_factory=Nothing)
    before: Shape | None = None  #: what the call is about, as it stood when If-Match was compared

    @property
    def house(self) -> "House":
        """Return the stores and settings."""
        return self.ask.console.house

    @property
    def now(self) -> datetime:
        """Return the time."""
        return self.ask.now

    @property
    def by(self) -> str:
        """Return the name with which decisions are signed."""
        return self.ask.me.name

    def said(self, kind: type[T]) -> T:
        """Return the body."""
        return cast("T", self.body)

    def wanted(self, kind: type[T]) -> T:
        """Return what stands behind the question mark."""
        return cast("T", self.query)

    def stood(self, kind: type[T]) -> T:
        """Return what the call is about, as it stood before."""
        return cast("T", self.before)

    def did(self, about: str, **detail: object) -> None:
        """Note in the log what was done, and let pages of this process forget what they knew."""
        self.ask.did(about, token=self.token.id, **detail)
        self.ask.console.cache.forget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One address of the API: what it takes, what it gives, and what it takes to be let in."""

    name: str  #: unique, for generated clients
    path: str
    view: Callable[[Call], Answer | Response]
    scope: Scope
    may: Permission
    #: What a POST does, as the audit log names it; empty: a GET, or a POST that only reads.
    act: str = ""
    method: str = "GET"
    query: type[Shape] = Nothing
    body: type[Shape] | None = None  #: None: takes no body
    gives: type[Shape] | str = Nothing  #: a value, or the media type of what is none
    status: int = 200
    #: Returns what the call is about: its ETag is what If-Match names.
    about: Callable[[Call], Shape] | None = None


def write_cursor(*place: object) -> str:
    """Return the place after which the next page begins, as one word."""
    packed = json.dumps(place, default=lambda v: v.isoformat(), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, parts: int) -> list[str] | None:
    """Return the place that `write_cursor` wrote; None for the beginning.

    Raises:
        ProblemError: It is none of ours.
    """
    if not text:
        return None
    try:
        place = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise wrong("cursor", "is none of ours; take `next` of a page", text) from error
    fine = (
        isinstance(place, list) and len(place) == parts and all(isinstance(p, str) and p.isprintable() for p in place)
    )
    if not fine:
        raise wrong("cursor", "is none of ours; take `next` of a page", text)
    return cast("list[str]", place)


def read_moment(text: str) -> datetime:
    """Return the moment in a cursor.

    Raises:
        ProblemError: It is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong("cursor", "is none of ours; take `next` of a page", text) from error
    if at.tzinfo is None:
        raise wrong("cursor", "is none of ours; take `next` of a page", text)
    return at
