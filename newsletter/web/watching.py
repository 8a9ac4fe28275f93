"""The private port: whether we live, whether we are ready, and the figures, for probes and Prometheus."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter.exposing import CONTENT_TYPE, expose
from newsletter.measuring import Physician, Pulse
from newsletter.settings import Settings
from newsletter.storage.errors import DatabaseFailure, StoreError, say
from newsletter.web.serving import serve
from newsletter.wiring import open_house

#: Two askers within this time get the same figures: a count of a million rows takes a second.
FRESH = timedelta(seconds=5)


def serve_metrics(settings: Settings, host: str, port: int) -> None:
    """Serve probes and figures until the process is told to stop.

    Raises:
        StoreError: The database cannot be used.
    """
    with open_house(settings) as house:
        serve(create_watch_app(Physician(house).take, _now), host=host, port=port)


def create_watch_app(take: Callable[[datetime], Pulse], clock: Callable[[], datetime]) -> Starlette:
    """Return the application; `take` takes the pulse at a moment."""
    last: list[Pulse] = []
    one_at_a_time = asyncio.Lock()

    async def pulse() -> Pulse:
        async with one_at_a_time:
            now = clock()
            if not last or now - last[0].at > FRESH:
                last[:] = [await asyncio.to_thread(take, now)]
            return last[0]

    async def lives(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def is_ready(_: Request) -> Response:
        try:
            found = await pulse()
        except (StoreError, DatabaseFailure) as error:
            return JSONResponse({"ready": False, "why": _why(error)}, status_code=503)
        return JSONResponse({"ready": True, "asks": found.asks, "senders": found.senders})

    async def figures(_: Request) -> Response:
        try:
            return Response(expose(await pulse()), media_type=CONTENT_TYPE)
        except (StoreError, DatabaseFailure) as error:
            return PlainTextResponse(f"{_why(error)}\n", status_code=503)

    return Starlette(routes=[Route("/healthz", lives), Route("/readyz", is_ready), Route("/metrics", figures)])


def _why(error: Exception) -> str:
    return say(error) if isinstance(error, DatabaseFailure) else str(error)


def _now() -> datetime:
    return datetime.now(UTC)
