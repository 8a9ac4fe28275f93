"""Asks a Prefect server about our runs over its API, and ends those whose process is gone; Prefect itself unneeded."""

import json
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import requests

from newsletter.keeping import keep_first
from newsletter.loglines import scrub

#: What every run of ours is tagged with.
TAG = "newsletter"

#: A run says every 30 seconds that it lives (`prefect.yaml`). Below three of these a busy machine looks dead.
BEAT = timedelta(seconds=30)
SILENCE = 3 * BEAT

#: How long a run may stand in a state that should pass at once, and how long one may run without ever having spoken:
#: who starts a flow by hand has another heartbeat, or none.
PATIENCE: Mapping[str, timedelta] = {
    "RUNNING": timedelta(minutes=10),
    "PENDING": timedelta(minutes=10),
    "CANCELLING": timedelta(minutes=5),
}

#: Where `newsletter up` notes the address of the server it has started, in `home`.
NOTE = "prefect-server.json"

#: Where it keeps that server's NAME:PASSWORD, in `home`, for its owner alone.
SIGN_IN = "prefect-password"

#: Prefect's checks ask for twenty characters or more that nobody can guess; these are 32.
_PASSWORD_BYTES = 24

_SECONDS = 10

#: Event ids are derived within this namespace.
_EVENTS = UUID("5d1f6a52-5c0e-4a0b-9c55-3f0e6d1f1c11")


class OrchestrationError(Exception):
    """The Prefect server does not answer, or refuses us; the message says what would do."""


@dataclass(frozen=True, slots=True)
class StuckRun:
    """A run that the server holds for alive and that has said nothing for too long."""

    id: str
    name: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a thing of ours, without anything personal."""

    name: str  #: such as newsletter.send.pause
    resource: str  #: such as newsletter.edition.beauty-weekly-2026-W48
    title: str
    said: str
    at: datetime

    @property
    def id(self) -> UUID:
        """Return the same id for the same event: told twice, the server keeps it once."""
        return uuid5(_EVENTS, f"{self.name}\n{self.resource}\n{self.at.isoformat()}")


@dataclass(frozen=True, slots=True)
class Server:
    """One Prefect server."""

    api: str
    auth: str = ""  #: NAME:PASSWORD; empty where it asks for none

    def is_open(self) -> bool:
        """Tell whether it lets in whoever comes without a password: they could run code as a worker's user.

        Raises:
            OrchestrationError: It does not answer.
        """
        try:
            # A GET: a POST may be refused for want of a token (CSRF) although no password is asked for.
            return requests.get(f"{self.api}/admin/version", timeout=_SECONDS).ok
        except requests.RequestException as error:
            raise OrchestrationError(f"Prefect at {self.api} cannot be asked ({error}); is it up?") from error

    def stuck_runs(self, now: datetime) -> tuple[StuckRun, ...]:
        """Return the runs of ours whose process is gone, as far as their heartbeats tell.

        Raises:
            OrchestrationError: It does not answer.
        """
        wanted = {"state": {"type": {"any_": list(PATIENCE)}}, "tags": {"all_": [TAG]}}
        runs = self._post("flow_runs/filter", {"flow_runs": wanted})
        found = (self._judge(run, now) for run in runs)
        return tuple(sorted((run for run in found if run), key=lambda run: (run.since, run.id)))

    def end(self, run: StuckRun, why: str) -> None:
        """Mark a run as crashed.

        Raises:
            OrchestrationError: It does not answer, or does not let us.
        """
        answer = self._post(
            f"flow_runs/{run.id}/set_state", {"state": {"type": "CRASHED", "message": why}, "force": True}
        )
        if answer.get("status") != "ACCEPT":
            raise OrchestrationError(f"Prefect does not end the run {run.name!r}: {answer.get('details')}")

    def tell(self, events: Iterable[Event]) -> None:
        """Hand over what has happened, for its pages and automations.

        Raises:
            OrchestrationError: It does not answer.
        """
        told = [
            {
                "id": str(event.id),
                "event": event.name,
                "occurred": event.at.isoformat(),
                "resource": {"prefect.resource.id": event.resource, "prefect.resource.name": event.title},
                "payload": {"said": scrub(event.said)},
            }
            for event in events
        ]
        if told:
            self._post("events", told)

    def _judge(self, run: Mapping[str, Any], now: datetime) -> StuckRun | None:
        kind = run["state"]["type"]
        began = _moment(run["state"]["timestamp"])
        heard = self._last_heartbeat(run["id"], now) if kind == "RUNNING" else None
        since, patience = (heard, SILENCE) if heard and heard >= began else (began, PATIENCE[kind])
        return StuckRun(run["id"], run["name"], kind.lower(), since) if now - since > patience else None

    def _last_heartbeat(self, run: str, now: datetime) -> datetime | None:
        wanted = {
            "event": {"name": ["prefect.flow-run.heartbeat"]},
            "resource": {"id": [f"prefect.flow-run.{run}"]},
            "occurred": {"since": (now - timedelta(days=7)).isoformat(), "until": (now + BEAT).isoformat()},
            "order": "DESC",
        }
        events = self._post("events/filter", {"filter": wanted, "limit": 1})["events"]
        return _moment(events[0]["occurred"]) if events else None

    def _post(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        try:
            answer = self._ask("POST", path, body)
            if answer.status_code == 403 and "CSRF" in answer.text:  # the server protects browsers from foreign pages
                answer = self._ask("POST", path, body, self._token())
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except (requests.RequestException, ValueError, KeyError) as error:
            raise OrchestrationError(
                f"Prefect at {self.api} cannot be asked ({error}); look at PREFECT_API_URL and PREFECT_API_AUTH_STRING"
            ) from error

    def _token(self) -> dict[str, str]:
        # One client a process: the server keeps a token for each, and a new one ends the last.
        client = str(uuid5(_EVENTS, f"{socket.gethostname()} {os.getpid()}"))
        token = self._ask("GET", f"csrf-token?client={client}").json()["token"]
        return {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": str(token)}

    def _ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        name, _, password = self.auth.partition(":")
        return requests.request(
            method,
            f"{self.api}/{path}",
            json=body,
            headers=headers,
            timeout=_SECONDS,
            auth=(name, password) if self.auth else None,
        )


def server_of(home: Path, environment: Mapping[str, str]) -> Server | None:
    """Return the server that PREFECT_API_URL names, or that `newsletter up` has started; None when there is neither."""
    auth = environment.get("PREFECT_API_AUTH_STRING", "")
    ours = _noted(home)
    api = environment.get("PREFECT_API_URL", "").rstrip("/") or ours
    if not api:
        return None
    # The password of our own server is told to no other.
    return Server(api, auth or (_read_password(home) if api == ours else ""))


def make_password(home: Path) -> str:
    """Return NAME:PASSWORD of the server that is started on this `home`; the first call makes it.

    Raises:
        OrchestrationError: The file cannot be written or read, or is empty.
    """
    file = home / SIGN_IN
    try:
        if not file.exists():
            keep_first(file, f"operator:{secrets.token_urlsafe(_PASSWORD_BYTES)}\n")
    except OSError as error:
        raise OrchestrationError(f"{str(file)!r} cannot be written: {error.strerror}") from error
    if password := _read_password(home):
        return password
    raise OrchestrationError(f"{str(file)!r} holds no NAME:PASSWORD; remove it, and a new one is made")


def _noted(home: Path) -> str:
    try:
        return str(json.loads((home / NOTE).read_text())["api"])
    except (OSError, ValueError, KeyError):
        return ""


def _read_password(home: Path) -> str:
    try:
        return (home / SIGN_IN).read_text().strip()
    except OSError:
        return ""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
