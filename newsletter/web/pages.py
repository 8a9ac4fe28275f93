"""Draws the pages of the public site from `templates/public/`, and puts the guards on every answer."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.templating import environment, page_direction
from newsletter.web.tongues import spoken
from subscribers.tokens import Flaw

#: Personal pages load nothing from elsewhere, run no script, and may not be framed.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

#: The archive shows the articles' own images, and its search page runs our one script, which loads our own lists.
SITE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_EVERYWHERE = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

#: A personal page is nobody else's: not a cache's, not a search engine's.
PERSONAL = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


class Pages:
    """The templates of the public site."""

    def __init__(self, common: Mapping[str, object]) -> None:
        self._common = dict(common)

    def show(self, page: str, status: int = 200, *, personal: bool = False, **values: object) -> HTMLResponse:
        """Return a page, in the language of the request."""
        language = spoken()
        about = {"language": language, "page_direction": page_direction(language)}
        html = environment(language).get_template(f"public/{page}.html.jinja").render(self._common | about | values)
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return HTMLResponse(html, status, headers=headers | (PERSONAL if personal else {"Cache-Control": "no-cache"}))

    def closed(self, flaw: Flaw) -> HTMLResponse:
        """Return the one page for every link that opens nothing, which offers a fresh one."""
        return self.show("closed", 410 if flaw is Flaw.EXPIRED else 404, personal=True)


class Guards:
    """Puts the security headers on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _EVERYWHERE.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
