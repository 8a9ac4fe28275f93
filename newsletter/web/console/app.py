"""The console as an application: every door with its guard, its files, its errors in words."""

import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from importlib.resources import files
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from newsletter.approving import ApprovingError
from newsletter.hooking import HookingError
from newsletter.ports import FetchError, SourceError
from newsletter.publishing import PublishingError
from newsletter.ruling import RulingError
from newsletter.settings import SettingsError
from newsletter.staffing import FRESH, Permission, Staffing, StaffingError, may
from newsletter.storage.errors import DatabaseFailure, StoreError
from newsletter.storage.overviews import Overviews
from newsletter.storage.sessions import LONGEST, Level, Session
from newsletter.storage.staff import Member
from newsletter.templating import environment
from newsletter.web.api.app import api_of
from newsletter.web.console import words
from newsletter.web.console.asking import (
    FORM_BYTES,
    Ask,
    Door,
    Notice,
    parse_notice,
    with_query,
    write_notice,
)
from newsletter.web.console.caching import Cache
from newsletter.web.console.guards import Guards, SameOrigin
from newsletter.web.console.receiving import receive
from newsletter.wiring import House
from subscribers.sheets import SheetError
from subscribers.tokens import Keyring

#: What a person can mend: shown in words, with the way back.
EXPECTED = (
    ApprovingError,
    FetchError,
    HookingError,
    PublishingError,
    RulingError,
    SettingsError,
    SheetError,
    SourceError,
    StaffingError,
    StoreError,
)

#: Files of the console, by the name in their address.
_ASSETS = {
    "console.css": ("console/console.css", "text/css; charset=utf-8"),
    "console.js": ("console/console.js", "text/javascript; charset=utf-8"),
    "htmx.js": ("console/vendor/htmx-4.0.1/htmx.min.js", "text/javascript; charset=utf-8"),
}

#: The heads of the pages, in the order of the bar, and what it takes to see each.
NAVIGATION: tuple[tuple[str, str, Permission], ...] = (
    ("/", "Today", Permission.SEE),
    ("/articles", "Articles", Permission.SEE),
    ("/duplicates", "Duplicates", Permission.SEE),
    ("/digests", "Digests", Permission.SEE),
    ("/calendar", "Calendar", Permission.SEE),
    ("/audience", "Audience", Permission.PEOPLE),
    ("/results", "Results", Permission.SEE),
    ("/health", "Health", Permission.SEE),
    ("/settings", "Settings", Permission.SEE),
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that pages load, under an address that changes with it."""

    url: str
    body: bytes
    kind: str

    @property
    def integrity(self) -> str:
        """Return the hash that the browser checks."""
        return f"sha384-{base64.b64encode(hashlib.sha384(self.body).digest()).decode()}"


@dataclass(kw_only=True)
class Console:
    """Everything that pages work with."""

    house: House
    staffing: Staffing
    keys: Keyring
    url: str  #: where staff reach it
    clock: Callable[[], datetime]
    cache: Cache = field(default_factory=Cache)  #: what acts may change
    lasting: Cache = field(default_factory=Cache)  #: what never changes: facts of a wording, of an edition that is out
    _is_set_up: bool = field(default=False, init=False)

    @property
    def on_tls(self) -> bool:
        """Tell whether staff reach the console over TLS."""
        return self.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Return the name of the cookie; with the prefix, no other host can set it."""
        return "__Host-sid" if self.on_tls else "sid"

    @property
    def notice_cookie(self) -> str:
        """Return the name of the cookie that carries a notice to the next page."""
        return "__Host-said" if self.on_tls else "said"

    @cached_property
    def overviews(self) -> Overviews:
        """Return the lists."""
        return Overviews(self.house.engine)

    @cached_property
    def assets(self) -> Mapping[str, Asset]:
        """Return the files that pages load, by name."""
        found = {}
        for name, (path, kind) in _ASSETS.items():
            body = files("templates").joinpath(path).read_bytes()
            stem, _, ending = name.rpartition(".")
            found[name] = Asset(f"/assets/{stem}-{hashlib.sha256(body).hexdigest()[:12]}.{ending}", body, kind)
        return MappingProxyType(found)

    def is_set_up(self) -> bool:
        """Tell whether anybody can sign in."""
        if not self._is_set_up:
            self._is_set_up = not self.staffing.staff.is_empty()
        return self._is_set_up

    def draw(self, template: str, /, *, ask: Ask, **values: object) -> str:
        """Return a page as HTML."""
        common = {
            "ask": ask,
            "me": ask.member if ask.session and ask.session.level is Level.FULL else None,
            "assets": self.assets,
            "navigation": [(path, name) for path, name, needed in NAVIGATION if ask.may(needed)],
            "here": ask.request.url.path,
            "title_of_newsletter": self.house.settings.title,
            "P": Permission,
            "words": words,
            "with_query": with_query,
        }
        return environment().get_template(f"console/{template}.html.jinja").render(common | values)

    def sign_in_cookie(self, answer: Response, id_: str) -> None:
        """Let the browser keep the id of its session."""
        answer.set_cookie(
            self.cookie,
            id_,
            max_age=int(LONGEST.total_seconds()),
            path="/",
            secure=self.on_tls,
            httponly=True,
            samesite="lax",
        )

    def put_notice(self, answer: Response, notice: Notice, session: Session | None) -> None:
        """Let the next page say something, once, to this session."""
        mac = partial(self.keys.mac, _about(session))
        value = write_notice(notice, mac)
        answer.set_cookie(
            self.notice_cookie, value, max_age=60, path="/", secure=self.on_tls, httponly=True, samesite="lax"
        )

    def read_notice(self, request: Request, session: Session | None) -> Notice | None:
        """Return what the page before left to say; None when there is nothing, or it is not ours."""
        value = request.cookies.get(self.notice_cookie, "")
        verifies = partial(self.keys.verifies, _about(session))
        return parse_notice(value, verifies) if value else None


def create_console_app(console: Console, doors: tuple[Door, ...]) -> Starlette:
    """Return the console as an ASGI application."""
    host = urlsplit(console.url)
    origin = f"{host.scheme}://{host.netloc}"

    async def asset(request: Request) -> Response:
        year = {"Cache-Control": "public, max-age=31536000, immutable"}
        found = next((a for a in console.assets.values() if a.url == request.url.path), None)
        if found is None:
            raise HTTPException(404)
        return Response(found.body, media_type=found.kind, headers=year)

    async def health(_request: Request) -> Response:
        await run_in_threadpool(console.staffing.staff.is_empty)
        return PlainTextResponse("ok\n")

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 500:
            logging.getLogger(__name__).error("a page of the console failed", exc_info=error)
            return _error_page(console, request, status)
        who = await run_in_threadpool(
            console.staffing.who, request.cookies.get(console.cookie, "")[:200], console.clock()
        )
        return _error_page(console, request, status, who)

    async def no_database(request: Request, _error: Exception) -> Response:
        return _error_page(console, request, 503)

    routes = [
        Route("/healthz", health),
        Route("/.well-known/security.txt", partial(_security_txt, console)),
        Route("/assets/{name}", asset),
        api_of(console),
        *(Route(d.path, _guarded(console, d), methods=[d.method], name=f"{d.method} {d.path}") for d in doors),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guards, on_tls=console.on_tls),
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=[host.hostname or "localhost", "localhost", "127.0.0.1"],
                www_redirect=False,
            ),
            Middleware(SameOrigin, origins=[origin]),
        ],
        exception_handlers={HTTPException: failed, DatabaseFailure: no_database, Exception: failed},
    )


def _guarded(console: Console, door: Door) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a door: let in whom it lets in, read the form, answer."""

    async def answer(request: Request) -> Response:
        now = console.clock()
        who = await run_in_threadpool(console.staffing.who, request.cookies.get(console.cookie, "")[:200], now)
        member, session = who or (None, None)
        ask = Ask(console=console, request=request, door=door, now=now, member=member, session=session)
        refusal = await run_in_threadpool(_refusal, console, ask)
        if refusal is not None:
            return refusal
        if door.method == "POST":
            ask.form, ask.upload_name, ask.upload = await receive(request, door.largest, door.largest > FORM_BYTES)
        return await run_in_threadpool(_answer, ask)

    return answer


def _answer(ask: Ask) -> Response:
    try:
        return ask.door.view(ask)
    except EXPECTED as error:
        return ask.show("problem", 409, message=str(error), back=_back(ask.request))


def _refusal(console: Console, ask: Ask) -> Response | None:
    """Return why this person may not pass this door, as a page; None when they may."""
    door = ask.door
    if not console.is_set_up() and door.path != "/welcome":
        return ask.show("unset", 503)
    if door.may is None:
        return None
    if ask.member is None or ask.session is None:
        if door.method == "POST":
            return ask.show("problem", 401, message="You are signed out. Sign in and try again.", back="/sign-in")
        here = with_query(ask.request.url.path, dict(ask.request.query_params))
        return RedirectResponse("/sign-in" if here == "/" else with_query("/sign-in", {"next": here}), 303)
    if door.level is Level.FULL and ask.session.level is not Level.FULL:
        return RedirectResponse("/code" if ask.member.has_factor else "/factor", 303)
    if not may(ask.member, door.may):
        return ask.show("forbidden", 403)
    if door.fresh and ask.now - ask.session.proved_at > FRESH:
        here = ask.request.url.path if door.method == "GET" else _back(ask.request)
        return RedirectResponse(with_query("/again", {"next": here}), 303)
    return None


def _error_page(console: Console, request: Request, status: int, who: tuple[Member, Session] | None = None) -> Response:
    member, session = who or (None, None)
    door = Door(path=request.url.path, view=lambda _: Response(), may=None)
    ask = Ask(console=console, request=request, door=door, now=console.clock(), member=member, session=session)
    return HTMLResponse(console.draw("error", ask=ask, notice=None, about=status), status)


async def _security_txt(console: Console, _request: Request) -> Response:
    until = console.clock().replace(microsecond=0)
    text = f"Contact: mailto:{console.house.settings.from_address}\nExpires: {until.year + 1}-01-01T00:00:00Z\n"
    return PlainTextResponse(text)


def _back(request: Request) -> str:
    """Return the page of ours that the request came from."""
    came = urlsplit(request.headers.get("referer", ""))
    return came.path if came.path.startswith("/") and came.netloc == request.headers.get("host") else "/"


def _about(session: Session | None) -> str:
    return f"notice {session.hash if session else ''}"
