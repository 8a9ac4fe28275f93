"""The page behind every counted link: it leads on at once, and what it notes of that never holds anybody up."""

import asyncio
import logging
import re
import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from content.places import edition_path
from newsletter.storage.clicks import ClickStore
from newsletter.storage.errors import DatabaseFailure
from newsletter.web.pages import PERSONAL, Pages
from subscribers import clicks
from subscribers.clicks import Click, Follower
from subscribers.tokens import Flaw, Keyring, Purpose, read

#: Clicks that may wait to be written down. With more the database is too slow or gone, and they go unnoted.
WAITING = 1_000

#: So many seconds a reader waits at most for the database to say where a link leads.
PATIENCE = 2.0

#: Links of which is kept in memory where they lead: those of some fifty editions.
KNOWN = 5_000

_NAME = re.compile(r"[0-9a-f]{16}").fullmatch

_HEADERS = {**PERSONAL, "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Counting:
    """What counted links need."""

    store: ClickStore
    is_on: bool  #: whether who follows a link is noted; links of earlier mails lead on either way


class ClickDoor:
    """The endpoint of counted links."""

    def __init__(
        self, counting: Counting, keys: Keyring, pages: Pages, clock: Callable[[], datetime], public_url: str
    ) -> None:
        self._counting = counting
        self._keys = keys
        self._pages = pages
        self._clock = clock
        self._site = public_url.rstrip("/")
        self._room = BoundedSemaphore(WAITING)
        # Threads of their own: a database that hangs holds up no other page, and is never asked by more than these.
        self._writer = ThreadPoolExecutor(1, "clicks")
        self._reader = ThreadPoolExecutor(2, "targets")
        self._known: dict[tuple[str, str], str] = {}

    async def follow(self, request: Request) -> Response:
        """Lead on to where the stored mail says that this link leads, and note it; 404 for what no mail of ours has."""
        token, _, name = request.path_params["token"].rpartition("/")
        claims = read(self._keys, Purpose.CLICK, token, self._clock())
        if isinstance(claims, Flaw) or not _NAME(name):
            return self._lost()
        edition = claims.scope
        try:
            # Nearly always it is known, and the database is not asked.
            target = self._known.get((edition, name)) or await self._look_up(edition, name)
        except (DatabaseFailure, TimeoutError):
            # The stories stand on the edition's page, which is a file and needs no database.
            return _lead_to(f"{self._site}/{edition_path(edition)}")
        if target is None:
            return self._lost()
        if self._counting.is_on:
            self._note(edition, claims.subject, Click(target, self._clock()), clicks.who_asks(_asked(request)))
        return _lead_to(target)

    def settle(self) -> None:
        """Wait until what was noted before is written down."""
        self._writer.submit(lambda: None).result()

    def close(self) -> None:
        """Write down what waits, and let go of the database."""
        self._writer.shutdown()
        self._reader.shutdown()

    async def _look_up(self, edition: str, name: str) -> str | None:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(self._reader, self._find, edition, name)

    def _find(self, edition: str, name: str) -> str | None:
        url = self._counting.store.target(edition, name)
        if url is not None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[edition, name] = url
        return url

    def _lost(self) -> Response:
        page = self._pages.show("error", 404, personal=True, about=404)
        page.headers["Referrer-Policy"] = "no-referrer"
        return page

    def _note(self, edition: str, subscriber: str, click: Click, kind: Follower) -> None:
        if not self._room.acquire(blocking=False):
            return

        def write() -> None:
            try:
                self._counting.store.record(edition, subscriber, click, kind)
            except DatabaseFailure as error:
                logging.getLogger(__name__).warning("a click was not noted: %s", type(error).__name__)
            finally:
                self._room.release()

        self._writer.submit(write)


def _lead_to(url: str) -> Response:
    # As it stands in the mail: what a browser would not take, an address has no letters for, is encoded.
    return Response(status_code=302, headers={**_HEADERS, "Location": quote(url, safe=string.punctuation)})


def _asked(request: Request) -> clicks.Request:
    head = request.headers
    hints = (head.get("sec-purpose", ""), head.get("purpose", ""), head.get("x-moz", ""))
    return clicks.Request(
        method=request.method,
        agent=head.get("user-agent", ""),
        is_prefetch=any(hint.lower().startswith(("prefetch", "preview")) for hint in hints),
    )
