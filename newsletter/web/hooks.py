"""Where providers report what became of our mail: each report is proved, taken in, and known when it comes again."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from newsletter.ports import FetchError
from newsletter.storage.errors import DatabaseFailure, StoreError
from newsletter.transports.webhooks import (
    WebhookError,
    read_mailgun,
    read_postmark,
    read_sendgrid,
    read_ses,
    subscription_of,
)
from newsletter.web.forms import read_body
from subscribers.bounces import DeliveryEvent

#: SendGrid puts up to a thousand reports of some hundred octets into one body.
LARGEST = 4 * 1024 * 1024

Events = tuple[DeliveryEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the routes work with."""

    secrets: Mapping[str, str] = field(repr=False)  #: by provider; a provider without one has no route
    take: Callable[[Events, datetime], object]  #: takes reports in; the same report twice is one
    fetch: Callable[[str], bytes]  #: returns what stands at an address of Amazon's
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return a route for each provider that has a secret."""
        return [
            Route(f"/hooks/{name}", self._endpoint(name), methods=["POST"])
            for name in _READERS
            if self.secrets.get(name)
        ]

    def _endpoint(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await read_body(request, LARGEST)
            try:
                taken = await run_in_threadpool(self._take, name, body, request)
            except WebhookError as error:
                return PlainTextResponse(f"{error}\n", error.status)
            except (StoreError, DatabaseFailure, FetchError):
                # Not now: providers ask again, for hours.
                return PlainTextResponse("not now\n", 503, {"Retry-After": "60"})
            return PlainTextResponse(f"{taken} taken\n", headers={"Cache-Control": "no-store"})

        return endpoint

    def _take(self, name: str, body: bytes, request: Request) -> int:
        now = self.clock()
        events = _READERS[name](self, body, request, now)
        self.take(events, now)
        return len(events)


def _postmark(hooks: Hooks, body: bytes, request: Request, now: datetime) -> Events:
    return read_postmark(body, hooks.secrets["postmark"], _password(request), now)


def _mailgun(hooks: Hooks, body: bytes, _request: Request, now: datetime) -> Events:
    return read_mailgun(body, hooks.secrets["mailgun"], now)


def _sendgrid(hooks: Hooks, body: bytes, request: Request, now: datetime) -> Events:
    signature, stamp = (
        request.headers.get(f"x-twilio-email-event-webhook-{name}", "") for name in ("signature", "timestamp")
    )
    return read_sendgrid(body, hooks.secrets["sendgrid"], signature, stamp, now)


def _ses(hooks: Hooks, body: bytes, _request: Request, now: datetime) -> Events:
    topic = hooks.secrets["ses"]
    confirm = subscription_of(body, topic, hooks.fetch)
    if confirm:  # Amazon asks once whether we want its reports; looking at the address says yes
        hooks.fetch(confirm)
        return ()
    return read_ses(body, topic, hooks.fetch, now)


_READERS: dict[str, Callable[[Hooks, bytes, Request, datetime], Events]] = {
    "postmark": _postmark,
    "mailgun": _mailgun,
    "sendgrid": _sendgrid,
    "ses": _ses,
}


def _password(request: Request) -> str:
    """Return the password of Basic authentication (RFC 7617); empty when there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
