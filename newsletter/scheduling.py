"""Says when an edition leaves: schedule, take back, send now, pause, resume, stop; safe when two press at once."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine

from content.sends import (
    ARROWS,
    ENDED,
    Actor,
    ForbiddenPressError,
    Press,
    Send,
    SendState,
    WallTimeError,
    moment_of,
    move,
)
from newsletter import publishing
from newsletter.publishing import find, ready
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.storage.ledger_queries import Mailing, MailingState
from newsletter.storage.sends import SendStore

#: Who acts when the clock or a rule does.
BY_CLOCK = "the dispatcher"
BY_RHYTHM = "rule: its rhythm is due"

#: Presses that say nothing new when the send is where they lead.
_HARMLESS_TWICE = frozenset({Press.CANCEL, Press.PAUSE, Press.RESUME, Press.STOP})

#: What the ledger says of a send whose audience is frozen.
_AS_THE_LEDGER_SAYS = {
    MailingState.SENDING: SendState.SENDING,
    MailingState.PAUSED: SendState.PAUSED,
    MailingState.STOPPED: SendState.STOPPED,
}


class SchedulingError(Exception):
    """A send cannot be moved so; the message says where it stands, who moved it, and what would do."""


class Desk(publishing.Desk, Protocol):
    """What scheduling works with; the house has it all."""

    @property
    def engine(self) -> Engine:
        """Return the database."""


def standing(desk: Desk, key: str) -> Send:
    """Return where the send of an edition stands, whether or not anybody has pressed anything yet.

    Raises:
        PublishingError: There is no such edition.
    """
    record = find(desk, key)
    row = SendStore(desk.engine).find(key) or Send(edition=key)
    return seen_together(row, record.state, desk.ledger.mailing(key), record.reason)


def schedule(
    desk: Desk, key: str, wall: datetime, *, by: str, now: datetime, zone: str = "", version: int | None = None
) -> Send:
    """Set when an edition leaves, or set it anew. One that is not approved yet waits, and keeps the wish.

    Args:
        desk: The stores and settings.
        key: The edition's.
        wall: The time on a clock in `zone`, or with an offset of its own.
        by: Who schedules.
        now: The time.
        zone: IANA zone; empty: that of the settings.
        version: Of the send that the page showed; None: whichever it is now.

    Raises:
        SchedulingError: It is past, no time at all, or the send has moved on.
        PublishingError: There is no such edition, or what was approved has changed since; it is held then.
    """
    zone = zone or desk.settings.zone
    try:
        due_at = moment_of(wall, zone)
    except WallTimeError as error:
        raise SchedulingError(str(error)) from error
    if due_at <= now:
        raise SchedulingError(f"{due_at:%Y-%m-%d %H:%M} UTC is past; 'newsletter edition send' sends now")
    send = standing(desk, key)
    typed = wall.replace(tzinfo=None).isoformat(timespec="minutes")
    timed = replace(send, due_at=due_at, zone=zone, wall=typed)
    return _write(desk, send, timed, _press_for(desk, key, send), Actor.PERSON, by=by, now=now, version=version)


def cancel(desk: Desk, key: str, *, by: str, now: datetime, reason: str = "", version: int | None = None) -> Send:
    """Take the time of a send away before anything has left: it is a draft again.

    Raises:
        SchedulingError: It is on its way already, or somebody else moved it.
        PublishingError: There is no such edition.
    """
    return _press(desk, key, Press.CANCEL, by=by, now=now, reason=reason, version=version)


def send_now(
    desk: Desk, key: str, *, by: str, now: datetime, actor: Actor = Actor.PERSON, version: int | None = None
) -> Send:
    """Let an approved edition leave after `hold_minutes`, in which it can still be taken back.

    Raises:
        SchedulingError: It is on its way already, or somebody else moved it.
        PublishingError: It is not approved, or what was approved has changed since; it is held then.
    """
    send = standing(desk, key)
    if send.state is SendState.HOLDING:
        return send
    ready(desk, key)
    hold = timedelta(minutes=desk.settings.hold_minutes)
    timed = replace(send, due_at=now + hold, zone="", wall="")
    return _write(desk, send, timed, Press.SEND_NOW, actor, by=by, now=now, version=version)


def send_by_rule(desk: Desk, key: str, now: datetime) -> Send:
    """Let an approved edition leave because its rhythm says so; where a person has pressed anything, they decide."""
    send = standing(desk, key)
    if send.version or send.state is not SendState.DRAFT:
        return send
    return send_now(desk, key, by=BY_RHYTHM, now=now, actor=Actor.CLOCK)


def pause(desk: Desk, key: str, *, by: str, now: datetime, reason: str = "", version: int | None = None) -> Send:
    """Let no sender begin another message of an edition.

    Raises:
        SchedulingError: It is not being sent, or somebody else moved it.
        PublishingError: There is no such edition.
    """
    return _press(desk, key, Press.PAUSE, by=by, now=now, reason=reason, version=version)


def resume(desk: Desk, key: str, *, by: str, now: datetime, version: int | None = None) -> Send:
    """Let senders go on with a paused edition, also one that an alarm has paused.

    Raises:
        SchedulingError: It is not paused, somebody else moved it, or it is held: what it prints is not approved.
        PublishingError: There is no such edition.
    """
    record = find(desk, key)
    if record.state is EditionState.HELD:
        raise SchedulingError(f"{key} is held: {record.reason}. 'newsletter edition approve' comes first")
    return _press(desk, key, Press.RESUME, by=by, now=now, version=version)


def stop(desk: Desk, key: str, *, by: str, now: datetime, reason: str = "", version: int | None = None) -> int:
    """Stop an edition for good; return how many people will not get it who were still to. Its articles are free again.

    Raises:
        SchedulingError: Everybody has it already, or somebody else moved it.
        PublishingError: There is no such edition.
    """
    _press(desk, key, Press.STOP, by=by, now=now, reason=reason or "stopped", version=version)
    return desk.ledger.tally(key).withdrawn if desk.ledger.mailing(key) else 0


def approve(desk: Desk, key: str, *, by: str, now: datetime, accept: Collection[str] = ()) -> EditionRecord:
    """Approve a draft or held edition; a time that was wished for counts from now on.

    Raises:
        PublishingError: It cannot be approved; see `publishing.approve`.
    """
    record = publishing.approve(desk, key, by=by, now=now, accept=accept)
    send = SendStore(desk.engine).find(key)
    if send and send.state is SendState.WAITING and send.due_at:
        _write(desk, send, send, Press.SCHEDULE, Actor.PERSON, by=by, now=now)
    return record


def tick(desk: Desk, send: Send, press: Press, now: datetime, reason: str = "") -> Send | None:
    """Press for the clock on a send as it was read; None when somebody was faster, which is no harm."""
    try:
        after = move(send, press, Actor.CLOCK, by=BY_CLOCK, at=now, reason=reason)
    except ForbiddenPressError:
        return None
    return after if SendStore(desk.engine).move(send, after, press) else None


def finish(desk: Desk, key: str, now: datetime) -> bool:
    """Note that an edition has reached everybody it could; tell whether it has."""
    if desk.ledger.mailing(key) is None or not desk.ledger.tally(key).is_done:
        return False
    send = SendStore(desk.engine).find(key) or Send(edition=key)
    if send.state in ENDED:
        return send.state is SendState.SENT
    if send.state is not SendState.PAUSED:  # a release without a send, as older versions made them, was sending too
        send = replace(send, state=SendState.SENDING)
    return tick(desk, send, Press.FINISH, now) is not None


def seen_together(send: Send, edition: EditionState, mailing: Mailing | None, reason: str) -> Send:
    """Return a send as its edition and the ledger say it stands.

    Args:
        send: What was pressed; version 0 when nobody has pressed anything.
        edition: Where its edition stands.
        mailing: What the ledger says; None before the audience is frozen.
        reason: Why the edition is held.
    """
    if edition is EditionState.SENT:
        return replace(send, state=SendState.SENT)
    if edition is EditionState.CANCELLED:
        return replace(send, state=SendState.STOPPED)
    if mailing is not None:
        state = _AS_THE_LEDGER_SAYS[mailing.state]
        return send if state is send.state else replace(send, state=state, reason=mailing.reason)
    if send.version == 0 and edition is EditionState.HELD:
        return replace(send, state=SendState.WAITING, reason=reason)
    return send


def _press_for(desk: Desk, key: str, send: Send) -> Press:
    """Return which press sets the time of this send, so that an edition without approval only waits."""
    if find(desk, key).state in {EditionState.DRAFT, EditionState.HELD}:
        return Press.SUBMIT
    if send.state not in ENDED and desk.ledger.mailing(key) is None:
        ready(desk, key)
    return Press.RESCHEDULE if send.state in {SendState.SCHEDULED, SendState.MISSED} else Press.SCHEDULE


def _press(
    desk: Desk, key: str, press: Press, *, by: str, now: datetime, reason: str = "", version: int | None = None
) -> Send:
    send = standing(desk, key)
    return _write(desk, send, send, press, Actor.PERSON, by=by, now=now, reason=reason, version=version)


def _write(
    desk: Desk,
    before: Send,
    timed: Send,
    press: Press,
    actor: Actor,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> Send:
    if not by.strip():
        raise SchedulingError(f"{press.value} needs the name of who does it: --by NAME")
    if version is not None and version != before.version:
        raise SchedulingError(_moved(before))
    if press in _HARMLESS_TWICE and before.state is ARROWS[press].target:
        return before
    try:
        after = move(timed, press, actor, by=by.strip(), at=now, reason=reason)
    except ForbiddenPressError as error:
        raise SchedulingError(f"{_stands(before)}; {press.value} is not possible from there") from error
    if not SendStore(desk.engine).move(before, after, press):
        faster = standing(desk, before.edition)
        if press in _HARMLESS_TWICE and faster.state is ARROWS[press].target:
            return faster
        raise SchedulingError(_moved(faster))
    return after


def _stands(send: Send) -> str:
    who = f" by {send.by} at {send.at:%Y-%m-%d %H:%M} UTC" if send.by and send.at else ""
    return f"{send.edition} is {send.state.value}{who}"


def _moved(send: Send) -> str:
    return f"{_stands(send)}: somebody else was faster. Look again, then decide"
