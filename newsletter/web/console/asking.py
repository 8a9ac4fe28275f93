"""What a page of the console is: a door with its permission, and one request in the hands of whoever answers it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from newsletter.staffing import Permission, Visitor, may
from newsletter.storage.audit import Deed
from newsletter.storage.sessions import Level, Session
from newsletter.storage.staff import Member
from newsletter.web.console.words import left, when
from newsletter.web.forms import Form
from newsletter.web.networks import network_of

if TYPE_CHECKING:
    from newsletter.web.console.app import Console

#: Octets of a form at most, unless a door says otherwise.
FORM_BYTES = 256 * 1024

#: Fields of a form at most.
FORM_FIELDS = 1000

NO_FORM = Form({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One page: its address, what answers, and what it takes to be let in."""

    path: str
    view: Callable[["Ask"], Response]
    #: None lets everybody in; only what stands before signing in may say so.
    may: Permission | None
    #: What a POST does, as the audit log names it; empty: the door is read with GET and does nothing.
    act: str = ""
    level: Level = Level.FULL  #: how far one must have proved who one is
    fresh: bool = False  #: whether the proof must be a few minutes old at most
    largest: int = FORM_BYTES  #: octets of the form

    @property
    def method(self) -> str:
        """Return the one method of the door."""
        return "POST" if self.act else "GET"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says once about what was just done. `undo` is the number of the log's line that can be undone."""

    text: str
    undo: int = 0
    is_problem: bool = False


@dataclass(kw_only=True)
class Ask:
    """One request: who asks for what, and everything that answers it."""

    console: "Console"
    request: Request
    door: Door
    now: datetime
    form: Form = NO_FORM
    upload: bytes = b""
    upload_name: str = ""
    member: Member | None = None
    session: Session | None = None
    deed: Deed | None = None  #: what a POST did, for the log
    _notice: Notice | None = field(default=None, init=False)

    @property
    def me(self) -> Member:
        """Return who asks. Only behind doors that somebody signed in passes."""
        assert self.member is not None
        return self.member

    @property
    def visitor(self) -> Visitor:
        """Return where the request comes from."""
        network = network_of(self.request, behind_proxy=self.console.house.settings.behind_proxy)
        return Visitor(network, self.request.headers.get("user-agent", "")[:200])

    def may(self, permission: Permission) -> bool:
        """Tell whether who asks may do something."""
        return self.member is not None and may(self.member, permission)

    def part(self, name: str) -> str:
        """Return a part of the address."""
        return str(self.request.path_params[name])

    def query(self, name: str, unless: str = "") -> str:
        """Return a value behind the question mark."""
        return self.request.query_params.get(name, unless)[:300]

    def number(self, name: str, unless: int = 0, most: int = 1_000_000_000) -> int:
        """Return a whole number behind the question mark; `unless` when there is none."""
        text = self.query(name)
        return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 12 else unless

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which pages speak: that of the newsletter."""
        return ZoneInfo(self.console.house.settings.zone)

    def when(self, moment: datetime | None) -> str:
        """Return a moment as staff read it, in the newsletter's time zone."""
        return when(moment, self.zone) if moment else ""

    def left(self, span: timedelta) -> str:
        """Return a time that is left, in words."""
        return left(span)

    def did(self, about: str = "", **detail: object) -> int:
        """Note what was done, and about what; return the number of the line in the log."""
        deed = Deed(
            at=self.now,
            actor=self.member.id if self.member else "unknown",
            act=self.door.act,
            about=about,
            network=self.visitor.network,
            detail=detail,
        )
        number = self.console.staffing.audit.add(deed)
        self.deed = deed
        return number

    def show(self, template: str, status: int = 200, /, **values: object) -> Response:
        """Return a page."""
        notice = self.console.read_notice(self.request, self.session)
        html = self.console.draw(template, ask=self, notice=notice, **values)
        answer = HTMLResponse(html, status)
        if notice is not None:
            answer.delete_cookie(self.console.notice_cookie, path="/", secure=self.console.on_tls, httponly=True)
        return answer

    def go(self, path: str, text: str = "", *, undo: int = 0, is_problem: bool = False, **query: object) -> Response:
        """Return the way to another page, which says `text` once."""
        address = f"{path}?{urlencode(query)}" if query else path
        answer = RedirectResponse(address, 303)
        if text:
            self.console.put_notice(answer, Notice(text, undo, is_problem), self.session)
        return answer


def write_notice(notice: Notice, mac: Callable[[str], str]) -> str:
    """Return a notice as the value of a cookie that nobody else can write."""
    plain = json.dumps([notice.text[:600], notice.undo, notice.is_problem], ensure_ascii=False)
    packed = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
    return f"{packed}.{mac(packed)}"


def parse_notice(value: str, verifies: Callable[[str, str], bool]) -> Notice | None:
    """Return the notice that `write_notice` wrote; None for anything else."""
    packed, dot, mac = value.partition(".")
    if not dot or not value.isascii() or not verifies(packed, mac):
        return None
    text, undo, is_problem = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return Notice(text, undo, is_problem)


def safe_next(path: str, unless: str = "/") -> str:
    """Return where to go after signing in: a path of our own, nothing that leads elsewhere."""
    fine = path.startswith("/") and not path.startswith("//") and path.isascii() and path.isprintable()
    return path if fine and "\\" not in path and ".." not in path and len(path) < 500 else unless


def with_query(path: str, values: Mapping[str, object]) -> str:
    """Return an address with those of the values that say something."""
    said = {name: value for name, value in values.items() if value not in ("", 0, None)}
    return f"{path}?{urlencode(said)}" if said else path
