"""When editions leave: schedule, take back, pause, resume, stop, and the dispatcher that sees to it."""

import os
import random
import signal
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from content.sends import Change, Press, Send, SendState
from newsletter.alarming import Alarm, judge, note
from newsletter.cli.console import ByOption, Exit, JsonOption, NoteOption, now, out, print_json, settings
from newsletter.cli.editions import Key, edition
from newsletter.dispatching import Moved, advance, asks
from newsletter.dispatching import accept as accept_copy
from newsletter.hooking import deliver_due
from newsletter.loglines import begin, tell
from newsletter.measuring import Physician
from newsletter.orchestration import Event, OrchestrationError, Server, server_of
from newsletter.publishing import find
from newsletter.scheduling import cancel, pause, resume, schedule, standing, stop
from newsletter.storage.errors import DatabaseFailure, say
from newsletter.storage.sends import SendStore
from newsletter.wiring import House, make_poster, open_house

#: Seconds between two looks of the dispatcher: half a minute, so that no minute is left out.
LOOK_EVERY = 30.0

#: Seconds between two looks for messages to deliver: one short question to the database.
CARRY_EVERY = 3.0

#: Moves of the last minutes are told again after a restart; the server knows them by their ids.
TOLD_AGAIN = timedelta(minutes=10)

#: What to do when nothing begins.
THEN = "Look at every edition with 'newsletter edition status', then say 'newsletter dispatch --accept'"

#: Moves that a person has to know of, whoever reads the log.
_LOUD = frozenset({Press.MISS, Press.LAPSE, Press.PAUSE})


@edition.command("schedule")
def schedule_(
    context: typer.Context,
    at: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M%z"])],
    by: ByOption,
    key: Key = "",
    zone: Annotated[str, typer.Option(help="IANA zone of --at; the newsletter's unless given.")] = "",
) -> None:
    """Set when an edition leaves, or set it anew. One that is not approved yet waits, and keeps the time.

    Ends with 3 when it waits for approval.
    """
    with open_house(settings(context)) as house:
        send = schedule(house, find(house, key).edition.key, at, by=by, now=now(), zone=zone)
    out.print(f"{send.edition} is {say_send(send)}.", markup=False)
    if send.state is SendState.WAITING:
        out.print("It counts once the edition is approved: 'newsletter edition approve'.")
        raise typer.Exit(Exit.HELD)


@edition.command("cancel")
def cancel_(context: typer.Context, by: ByOption, key: Key = "", note: NoteOption = "") -> None:
    """Take the time of a send away before anything has left: back to draft. 'edition stop' ends one for good."""
    with open_house(settings(context)) as house:
        send = cancel(house, find(house, key).edition.key, by=by, now=now(), reason=note)
    out.print(f"{send.edition} is a draft again; nothing leaves.", markup=False)


@edition.command("stop")
def stop_(context: typer.Context, by: ByOption, key: Key = "", note: NoteOption = "stopped by a person") -> None:
    """Stop an edition for good. Whoever has it keeps it; nobody else gets it; its articles are free again."""
    with open_house(settings(context)) as house:
        key = find(house, key).edition.key
        stopped = stop(house, key, by=by, now=now(), reason=note)
    out.print(f"{key} is stopped; {stopped} people will not get it, nor whom a sender is about to begin with.")


@edition.command("pause")
def pause_(context: typer.Context, by: ByOption, key: Key = "", note: NoteOption = "paused by a person") -> None:
    """Let no sender begin another message of an edition until it is resumed."""
    with open_house(settings(context)) as house:
        send = pause(house, find(house, key).edition.key, by=by, now=now(), reason=note)
    out.print(f"{send.edition} is paused. 'newsletter edition resume' goes on.")


@edition.command("resume")
def resume_(context: typer.Context, by: ByOption, key: Key = "") -> None:
    """Let senders go on with a paused edition, also one that paused itself because too much bounced."""
    with open_house(settings(context)) as house:
        send = resume(house, find(house, key).edition.key, by=by, now=now())
    out.print(f"{send.edition} goes on with the next 'newsletter send'.")


@edition.command()
def log(context: typer.Context, key: Key = "", as_json: JsonOption = False) -> None:
    """Show every move of an edition's send: who did what, when and why."""
    with open_house(settings(context)) as house:
        key = find(house, key).edition.key
        changes, send = SendStore(house.engine).changes(key), standing(house, key)
    if as_json:
        rows = [{"press": c.press, "before": c.before, "after": c.after, "by": c.by, "at": c.at} for c in changes]
        return print_json(send_as_json(send) | {"changes": rows})
    for c in changes:
        why = f" ({c.reason})" if c.reason else ""
        out.print(f"{c.at:%Y-%m-%d %H:%M:%S}  {c.press.value}: {c.before.value} to {c.after.value}, {c.by}{why}")
    out.print(f"{key} is {say_send(send)}.", markup=False)
    return None


def dispatch(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look once, then end.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Take this database and clock as the true ones.")] = False,
) -> None:
    """Begin what is due, twice a minute: holds, starts, what was missed. Of several only one works at a time."""
    given, asked = settings(context), threading.Event()
    if not once:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked.set())
    begin(given.log_format)
    with open_house(given) as house:
        if accept:
            return _accept(house)
        watch = _Watch(house, server_of(given.home, os.environ))
        if once:
            _carry(house)
        else:
            threading.Thread(target=_carry_on, args=(house, asked), name="webhooks", daemon=True).start()
        asked_before = ""
        while True:
            try:
                why = asks(house, now())
                if why and why != asked_before:
                    tell(f"nothing begins: {why}. {THEN}", loud=True)
                asked_before = why
                for moved in advance(house, now()):
                    _report(moved)
                watch.look(now())
            except DatabaseFailure as failure:
                # The database is away for a moment: the next look does what this one could not.
                if once:
                    raise
                tell(f"newsletter: {say(failure)}", loud=True)
            if once or asked.wait(LOOK_EVERY):
                break
        if once and asked_before:
            raise typer.Exit(Exit.HELD)
    return None


def _carry_on(house: House, asked: threading.Event) -> None:
    """Deliver webhooks until the dispatcher is asked to end, beside it: a receiver that hangs must not hold a send."""
    while not asked.wait(CARRY_EVERY):
        try:
            _carry(house)
        except DatabaseFailure as failure:
            tell(f"newsletter: webhooks wait: {say(failure)}", loud=True)


def _carry(house: House) -> None:
    poster = make_poster(house.settings)
    try:
        # Not for secrets: only so that not everybody is asked at the same moment.
        deliver_due(house.engine, poster, now, lambda: random.uniform(0.8, 1.2))  # noqa: S311
    finally:
        poster.close()


class _Watch:
    """Raises alarms, and tells Prefect's server what has happened. Neither ever keeps the dispatcher from its work."""

    def __init__(self, house: House, server: Server | None) -> None:
        self._house, self._server = house, server
        self._physician = Physician(house)
        self._told: set[UUID] = set()
        self._is_heard = True

    def look(self, at: datetime) -> None:
        """Say what changed since the last look. Of several dispatchers any may be the one that tells of an alarm."""
        changes = SendStore(self._house.engine).changes_since(at - TOLD_AGAIN)
        news = note(self._house, judge(self._physician.take(at)), at)
        for alarm in news.raised:
            tell(f"ALARM {alarm.said}", loud=True, alarm=alarm.kind.value, about=alarm.about)
        for said in news.calmed:
            tell(f"over: {said}")
        self._tell_server([*(_event_of(c) for c in changes), *(_event_of_alarm(a, at) for a in news.raised)])

    def _tell_server(self, events: Sequence[Event]) -> None:
        fresh = [event for event in events if event.id not in self._told]
        if self._server is None or not fresh:
            return
        try:
            self._server.tell(fresh)
            self._told = {event.id for event in events}
            self._is_heard = True
        except OrchestrationError as error:
            if self._is_heard:  # once, not twice a minute for as long as it is away
                tell(f"{error}; what happens meanwhile is in the log alone", loud=True)
            self._is_heard = False


def _event_of(change: Change) -> Event:
    resource = f"newsletter.edition.{change.edition}"
    name = f"newsletter.send.{change.press.value.replace(' ', '-')}"
    said = f"{change.before.value} to {change.after.value}{f': {change.reason}' if change.reason else ''}"
    return Event(name=name, resource=resource, title=change.edition, said=said, at=change.at)


def _event_of_alarm(alarm: Alarm, at: datetime) -> Event:
    name = f"newsletter.alarm.{alarm.kind.value}"
    return Event(name=name, resource=f"newsletter.{alarm.about}", title=alarm.about, said=alarm.said, at=at)


def _accept(house: House) -> None:
    reason = accept_copy(house, now())
    out.print(
        f"Taken as the true one; in the way was: {reason}." if reason else "Nothing was in the way.", markup=False
    )
    for send in SendStore(house.engine).open():
        if send.state in {SendState.MISSED, SendState.PAUSED}:
            out.print(f"{send.edition} is {say_send(send)}. It needs its own word.", markup=False)


def say_send(send: Send) -> str:
    """Return in words where a send stands, its time in the zone in which it was typed."""
    words = send.state.value
    if send.due_at and send.state in {SendState.WAITING, SendState.SCHEDULED, SendState.HOLDING, SendState.MISSED}:
        typed = f"{send.wall.replace('T', ' ')} {send.zone} = " if send.wall else ""
        words += f" for {typed}{send.due_at:%Y-%m-%d %H:%M} UTC"
    return f"{words}: {send.reason}" if send.reason else words


def send_as_json(send: Send) -> dict[str, object]:
    """Return where a send stands as plain values, for `--json`."""
    return {
        "edition": send.edition,
        "state": send.state.value,
        "due_at": send.due_at,
        "zone": send.zone,
        "wall": send.wall,
        "version": send.version,
        "reason": send.reason,
        "by": send.by,
    }


def _report(moved: Moved) -> None:
    why = f": {moved.reason}" if moved.reason else ""
    tell(
        f"{moved.edition}: {moved.press.value}{why}",
        loud=moved.press in _LOUD,
        edition=moved.edition,
        press=moved.press.value,
        reason=moved.reason,
    )
