"""Runs a web application on this machine, its letters with it, until it is told to stop."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import uvicorn
from starlette.types import ASGIApp

#: How long a letter waits at most before the next round takes it.
ROUND = timedelta(seconds=2)


def serve(app: ASGIApp, *, host: str, port: int, every_round: Callable[[], object] | None = None) -> None:
    """Serve until the process is told to stop.

    Args:
        app: What answers.
        host: The interface to listen on.
        port: The port to listen on.
        every_round: Work beside the pages, such as posting the letters that are due; called every two seconds, and
            never twice at once.
    """
    # Addresses of personal pages are keys: they belong into no access log.
    # Its own lines go where the process's log goes: `loglines` leaves out what is personal.
    config = uvicorn.Config(app, host=host, port=port, access_log=False, server_header=False, log_config=None)
    server = uvicorn.Server(config)
    if every_round is None:
        server.run()
        return
    stopped = threading.Event()
    worker = threading.Thread(target=_repeat, args=(every_round, stopped), name="letters", daemon=True)
    worker.start()
    try:
        server.run()
    finally:
        stopped.set()
        worker.join(timeout=ROUND.total_seconds())


def _repeat(work: Callable[[], object], stopped: threading.Event) -> None:
    while not stopped.wait(ROUND.total_seconds()):
        try:
            work()
        except Exception:
            # The pages must not stop because a letter did; and the next round comes in two seconds.
            logging.getLogger(__name__).exception("the letters that are due could not be posted")
