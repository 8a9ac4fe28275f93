"""The public site: sign up, confirm, choose, leave, read. No sign-in, no cookie, no script; GET never acts.

A personal page is opened by the token in its address and by nothing else, so there is no ambient authority that a
foreign page could borrow, and no cross-site guard to get wrong.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from content.looks import Look
from newsletter.enrolling.choosing import leave, leave_all, put_back
from newsletter.enrolling.joining import confirm, send_link
from newsletter.enrolling.rules import Answer, TooManyError
from newsletter.rendering.web import icon
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.templating import environment
from newsletter.web.clicks import ClickDoor, Counting
from newsletter.web.data import DataPage
from newsletter.web.forms import read_body, read_form
from newsletter.web.hooks import Hooks
from newsletter.web.networks import network_of
from newsletter.web.pages import Guards, Pages
from newsletter.web.preferences import Centre
from newsletter.web.signup import SignUpForm
from newsletter.web.site import Site
from newsletter.web.tongues import Tongues, say
from subscribers.addresses import AddressError, read_address
from subscribers.consent import Door
from subscribers.tokens import Claims, Flaw, Keyring, Purpose, issue, read


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSite:
    """What the public site is about, and what it works with."""

    store: EnrolmentStore
    keys: Keyring
    mailing_list: str  #: the list that the sign-up page is for
    title: str
    public_url: str
    contact: str  #: the address to which people write about their data
    folder: Path  #: what publishing wrote: archive and feeds
    clock: Callable[[], datetime]
    postal_address: str = ""
    look: Look | None = None  #: None: our own colours, and the title in the masthead
    language: str = "en"  #: of pages for browsers that ask for none of our languages
    behind_proxy: bool = False  #: whether our own proxy says in X-Forwarded-For where requests come from
    welcomes: bool = False  #: whether whoever confirms gets a first mail at once
    counting: Counting | None = None  #: of who follows links; None: there are no counted links
    fetched: Callable[[str, str], None] | None = None  #: told of each feed that is asked for, and by what program


def create_public_app(site: PublicSite, hooks: Hooks | None = None) -> Starlette:
    """Return the public site as an ASGI application; with `hooks`, providers may report there."""
    look = site.look or Look(name=site.title, site_url=site.public_url)
    style = environment().get_template("public/style.css.jinja").render(look=look).encode()
    style_url = f"/assets/style-{hashlib.sha256(style).hexdigest()[:12]}.css"
    # These pages load nothing from elsewhere, so that nobody learns that somebody opened theirs: not the logo either.
    is_ours = look.logo_image.startswith(f"{site.public_url.rstrip('/')}/")
    shown = look if is_ours else replace(look, logo_image="")
    icon_url = f"data:image/svg+xml,{quote(icon(look))}"
    pages = Pages({"site": site, "look": shown, "style_url": style_url, "icon_url": icon_url})
    doors = _Doors(site, pages)
    signing = SignUpForm(site.store, site.keys, site.mailing_list, pages, site.clock, behind_proxy=site.behind_proxy)
    data = DataPage(site.store, site.keys, pages, site.clock)
    centre = Centre(site.store, site.keys, pages, site.clock, site.mailing_list)
    files = Site(site.folder, look, site.fetched)
    clicked = ClickDoor(site.counting, site.keys, pages, site.clock, site.public_url) if site.counting else None

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        yield
        if clicked:
            await run_in_threadpool(clicked.close)

    async def stylesheet(_request: Request) -> Response:
        year = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(style, media_type="text/css; charset=utf-8", headers=year)

    async def failed(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return pages.show("error", status, about=status)

    async def breaker(_request: Request, _error: Exception) -> Response:
        return pages.show("error", 429, about=429)

    token = "{token:path}"  # noqa: S105 - a route's pattern; whatever stands there is ours to judge, slashes too
    routes = [
        Route("/healthz", doors.health),
        Route(style_url, stylesheet),
        Route("/subscribe", signing.show, methods=["GET"]),
        Route("/subscribe", signing.submit, methods=["POST"]),
        Route("/subscribe/sent", doors.page("sent")),
        Route("/api/subscribe", signing.submit_json, methods=["POST"]),
        Route("/link", doors.ask_link, methods=["GET", "POST"]),
        Route("/privacy", doors.page("privacy")),
        Route(f"/c/{token}", doors.confirm, methods=["GET", "POST"]),
        Route(f"/u/{token}", doors.unsubscribe, methods=["GET", "POST"]),
        Route(f"/b/{token}", doors.put_back, methods=["GET", "POST"]),
        Route(f"/p/{token}", centre.show, methods=["GET"]),
        Route(f"/p/{token}", centre.submit, methods=["POST"]),
        Route(f"/d/{token}", data.show, methods=["GET"]),
        Route(f"/d/{token}", data.submit, methods=["POST"]),
        Route(f"/a/{token}", data.address, methods=["GET", "POST"]),
        *([Route(f"/{Purpose.CLICK}/{token}", clicked.follow, methods=["GET"])] if clicked else ()),
        *(hooks.routes() if hooks else ()),
        Route("/", files.serve),
        Route("/{path:path}", files.serve),
    ]
    return Starlette(
        routes=routes,
        lifespan=living,
        middleware=[Middleware(Guards), Middleware(Tongues, home=site.language)],
        exception_handlers={HTTPException: failed, TooManyError: breaker, Exception: failed},
    )


class _Doors:
    """The pages behind links that a mail carries."""

    def __init__(self, site: PublicSite, pages: Pages) -> None:
        self._site = site
        self._pages = pages

    def page(self, name: str) -> Callable[[Request], Response]:
        """Return the endpoint of a page that is the same for everybody."""
        return lambda _request: self._pages.show(name)

    def health(self, _request: Request) -> Response:
        """Tell that the site runs and its database answers."""
        with self._site.store.reading() as desk:
            desk.mailing_list(self._site.mailing_list)
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def confirm(self, request: Request) -> Response:
        """Show the button that confirms a subscription; confirm it on POST."""
        claims = self._claims(request, Purpose.CONFIRM)
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        if request.method != "POST":
            return self._pages.show("confirm", personal=True)
        site = self._site
        confirming = partial(confirm, site.store, site.keys, claims, site.clock(), welcome=site.welcomes)
        answer = await run_in_threadpool(confirming)
        if answer is Answer.GONE:
            return self._pages.closed(Flaw.EXPIRED)
        manage = self._token(Purpose.MANAGE, claims)
        return self._pages.show("confirmed", personal=True, manage=manage)

    async def unsubscribe(self, request: Request) -> Response:
        """Show the button that unsubscribes; unsubscribe on POST, which is also RFC 8058's one click.

        The token is all that is asked for: mailbox providers send a fixed body, people's scripts none. Whoever is
        not there, or left before, is told the same.
        """
        claims = self._claims(request, Purpose.UNSUBSCRIBE)
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        if request.method != "POST":
            return self._pages.show("unsubscribe", personal=True)
        body = await read_body(request)
        if b"from-everything" in body:
            await run_in_threadpool(leave_all, self._site.store, claims, Door.LINK, self._site.clock())
        else:
            door = Door.ONE_CLICK if b"One-Click" in body else Door.LINK
            await run_in_threadpool(leave, self._site.store, claims, door, self._site.clock())
            if door is Door.ONE_CLICK:
                return PlainTextResponse("Unsubscribed.\n", headers={"Cache-Control": "no-store"})
        return self._pages.show("unsubscribed", personal=True)

    async def put_back(self, request: Request) -> Response:
        """Show the button that takes a leaving or a change back; take it back on POST."""
        claims = self._claims(request, Purpose.PUT_BACK)
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        if request.method != "POST":
            return self._pages.show("put_back", personal=True)
        answer = await run_in_threadpool(put_back, self._site.store, claims, self._site.clock())
        if answer is Answer.GONE:
            return self._pages.closed(Flaw.EXPIRED)
        return self._pages.show("restored", personal=True)

    async def ask_link(self, request: Request) -> Response:
        """Show the form that asks for a fresh link; mail the link on POST. The answer is the same for any address."""
        if request.method != "POST":
            return self._pages.show("link", problem="", address="")
        form = await read_form(request)
        try:
            address = read_address(form.one("address"))
        except AddressError as error:
            return self._pages.show("link", 422, problem=say(str(error)), address=form.one("address")[:254])
        site, network = self._site, network_of(request, behind_proxy=self._site.behind_proxy)
        asking = partial(send_link, network=network, now=site.clock())
        await run_in_threadpool(asking, site.store, site.keys, address, site.mailing_list)
        return RedirectResponse("/subscribe/sent", 303)

    def _claims(self, request: Request, purpose: Purpose) -> Claims | Flaw:
        return read(self._site.keys, purpose, request.path_params["token"], self._site.clock())

    def _token(self, purpose: Purpose, claims: Claims) -> str:
        return issue(self._site.keys, purpose, claims.subject, claims.scope, now=self._site.clock())
