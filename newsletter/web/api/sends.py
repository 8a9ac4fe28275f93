"""Sends over the API: where one stands with its numbers, and every press that a person may make."""

from collections.abc import Callable
from datetime import datetime

from content.sends import Press, presses
from newsletter.scheduling import cancel, pause, resume, schedule, send_now, stop
from newsletter.staffing import Permission
from newsletter.storage.tokens import Scope
from newsletter.web.api import shapes
from newsletter.web.api.calling import Answer, Call, Operation, wrong
from newsletter.web.console.digests import edition_of
from newsletter.web.console.sends import send_of


def show_send(call: Call) -> Answer:
    """Show when an edition leaves, what may be pressed, and how many people stand where."""
    return Answer(shape_of(call))


def set_time(call: Call) -> Answer:
    """Set when an edition leaves, or set it anew. One that is not approved yet waits, and keeps the time."""
    said, before = call.said(shapes.Timing), call.stood(shapes.Send)
    try:
        wall = datetime.fromisoformat(said.at)
    except ValueError as error:
        raise wrong("at", f"is no time: {error}", said.at) from error
    version = before.version if said.version is None else said.version
    key, by = before.edition, call.by
    send = schedule(call.house, key, wall, by=by, now=call.now, zone=said.zone, version=version)
    call.did(key, due_at=send.due_at.isoformat() if send.due_at else "", state=send.state.value)
    return Answer(shape_of(call))


def leave_now(call: Call) -> Answer:
    """Let an approved edition leave after the hold window, in which it can still be taken back."""
    key, version = _asked(call)
    send = send_now(call.house, key, by=call.by, now=call.now, version=version)
    call.did(key, due_at=send.due_at.isoformat() if send.due_at else "", state=send.state.value)
    return Answer(shape_of(call))


def take_back(call: Call) -> Answer:
    """Take the time of a send away before anything has left: it is a draft again."""
    key, version = _asked(call)
    reason = call.said(shapes.Pressing).reason
    cancel(call.house, key, by=call.by, now=call.now, reason=reason, version=version)
    return _pressed(call, key, Press.CANCEL)


def halt(call: Call) -> Answer:
    """Let no sender begin another message."""
    key, version = _asked(call)
    reason = call.said(shapes.Pressing).reason or f"paused by {call.by}"
    pause(call.house, key, by=call.by, now=call.now, reason=reason, version=version)
    return _pressed(call, key, Press.PAUSE)


def go_on(call: Call) -> Answer:
    """Let senders go on with a paused edition."""
    key, version = _asked(call)
    resume(call.house, key, by=call.by, now=call.now, version=version)
    return _pressed(call, key, Press.RESUME)


def end(call: Call) -> Answer:
    """Stop an edition for good: whoever has it keeps it, nobody else gets it."""
    key, version = _asked(call)
    reason = call.said(shapes.Pressing).reason or f"stopped by {call.by}"
    stop(call.house, key, by=call.by, now=call.now, reason=reason, version=version)
    return _pressed(call, key, Press.STOP)


def shape_of(call: Call) -> shapes.Send:
    """Return the send of the edition that the address names."""
    record = edition_of(call.ask)
    shown = send_of(call.ask, record)
    send, tally = shown.send, shown.tally
    return shapes.Send(
        edition=record.edition.key,
        state=send.state,
        due_at=send.due_at,
        hold_until=send.hold_until,
        zone=send.zone,
        version=send.version,
        reason=send.reason,
        by=send.by,
        at=send.at,
        may=list(presses(send.state)),
        numbers=shapes.Numbers.model_validate(tally.as_row()) if tally else None,
    )


def _asked(call: Call) -> tuple[str, int]:
    """Return the edition, and the version of its send that the caller had before them."""
    before, version = call.stood(shapes.Send), call.said(shapes.Pressing).version
    return before.edition, before.version if version is None else version


def _pressed(call: Call, key: str, press: Press) -> Answer:
    call.did(key, press=press.value)
    return Answer(shape_of(call))


def _press(name: str, path: str, view: Callable[[Call], Answer], may: Permission, act: str = "send.press") -> Operation:
    return Operation(
        name=name,
        path=f"{_ONE}/{path}",
        view=view,
        scope=Scope.SENDS_WRITE,
        may=may,
        act=act,
        method="POST",
        body=shapes.Timing if view is set_time else shapes.Pressing,
        gives=shapes.Send,
        about=shape_of,
    )


_ONE = "/sends/{key}"
OPERATIONS = (
    Operation(
        name="showSend", path=_ONE, view=show_send, scope=Scope.SENDS_READ, may=Permission.SEE, gives=shapes.Send
    ),
    _press("scheduleSend", "schedule", set_time, Permission.SCHEDULE, "send.schedule"),
    _press("sendNow", "now", leave_now, Permission.SCHEDULE, "send.schedule"),
    _press("cancelSend", "cancel", take_back, Permission.SCHEDULE),
    _press("pauseSend", "pause", halt, Permission.PAUSE),
    _press("resumeSend", "resume", go_on, Permission.SCHEDULE),
    _press("stopSend", "stop", end, Permission.STOP),
)
