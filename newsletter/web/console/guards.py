"""Stands before every page of the console: refuses what comes from elsewhere, and puts the headers on every answer."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: No script and no style but our own files; nothing from elsewhere; nobody frames us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

#: A mail in its frame: it may look as it likes and do nothing.
MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "form-action 'none'; base-uri 'none'"
)

_EVERYWHERE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guards:
    """Puts the security headers on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp, *, on_tls: bool) -> None:
        self._app = app
        self._headers = _EVERYWHERE | ({"Strict-Transport-Security": "max-age=31536000"} if on_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


class SameOrigin:
    """Refuses whatever acts and comes from another site: the rule of Go 1.25's CrossOriginProtection.

    A browser says where a request comes from in Sec-Fetch-Site, an older one in Origin; what sends neither is no
    browser, and has no cookie of ours that it did not steal.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str] = ()) -> None:
        """Take what to stand before.

        Args:
            app: What answers.
            origins: Origins that are ours too, such as that of the proxy before us.
        """
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        acts = scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in _HARMLESS)
        if not acts or self._is_ours(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse("This came from another site and was refused. Nothing was done.\n", 403)
            await refusal(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin in self._origins:
            return True
        if site is not None:
            return site in {"same-origin", "none"}
        if origin is None:
            return True
        return origin != "null" and urlsplit(origin).netloc == headers.get("host")
