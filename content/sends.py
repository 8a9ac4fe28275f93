"""A send is when one edition leaves, and how far that has come: its states, and every arrow between them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class SendState(StrEnum):
    """Where the send of an edition stands."""

    DRAFT = "draft"  #: no time is set
    WAITING = "waiting"  #: its time counts once the edition is approved
    SCHEDULED = "scheduled"
    HOLDING = "holding"  #: the last minutes in which it can be taken back
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    STOPPED = "stopped"
    MISSED = "missed"  #: too late to leave by itself; a person decides


class Press(StrEnum):
    """What may be done to a send."""

    SUBMIT = "submit"
    SCHEDULE = "schedule"
    RESCHEDULE = "reschedule"
    SEND_NOW = "send now"
    CANCEL = "cancel"
    HOLD = "hold"
    START = "start"
    LAPSE = "lapse"
    MISS = "miss"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    FINISH = "finish"


class Actor(StrEnum):
    """Who presses."""

    PERSON = "person"
    CLOCK = "clock"  #: the dispatcher or a rule: nobody is there


#: States after which nothing happens any more.
ENDED = frozenset({SendState.SENT, SendState.STOPPED})

#: States in which nothing has left and a time is set or wished for.
AHEAD = frozenset({SendState.WAITING, SendState.SCHEDULED, SendState.HOLDING, SendState.MISSED})


@dataclass(frozen=True, slots=True)
class Arrow:
    """One way from some states to another, and whose it is."""

    sources: frozenset[SendState]
    target: SendState
    actors: frozenset[Actor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One edition's send. Version 0 was never written down: it stands where the edition and the ledger say."""

    edition: str
    state: SendState = SendState.DRAFT
    due_at: datetime | None = None
    hold_until: datetime | None = None
    zone: str = ""  #: in which the time was typed
    wall: str = ""  #: the time as it was typed, ISO 8601 without an offset
    version: int = 0
    reason: str = ""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One move of a send, as the log keeps it."""

    edition: str
    version: int  #: that the move led to
    before: SendState
    after: SendState
    press: Press
    reason: str
    by: str
    at: datetime


class ForbiddenPressError(Exception):
    """There is no such arrow from where the send stands."""


class WallTimeError(ValueError):
    """A wall time that is no moment, or that is two; the message says what would do."""


def _arrow(sources: str, target: SendState, *actors: Actor) -> Arrow:
    return Arrow(frozenset(SendState(name) for name in sources.split()), target, frozenset(actors))


#: Every arrow there is; docs/scheduling.md says what each does.
ARROWS: Mapping[Press, Arrow] = {
    Press.SUBMIT: _arrow("draft waiting", SendState.WAITING, Actor.PERSON),
    Press.SCHEDULE: _arrow("draft waiting", SendState.SCHEDULED, Actor.PERSON),
    Press.RESCHEDULE: _arrow("scheduled missed", SendState.SCHEDULED, Actor.PERSON),
    Press.SEND_NOW: _arrow("draft waiting scheduled missed", SendState.HOLDING, Actor.PERSON, Actor.CLOCK),
    Press.CANCEL: _arrow("waiting scheduled holding missed", SendState.DRAFT, Actor.PERSON),
    Press.HOLD: _arrow("scheduled", SendState.HOLDING, Actor.CLOCK),
    Press.START: _arrow("holding", SendState.SENDING, Actor.CLOCK),
    Press.LAPSE: _arrow("scheduled holding sending", SendState.WAITING, Actor.CLOCK),
    Press.MISS: _arrow("scheduled holding", SendState.MISSED, Actor.CLOCK),
    Press.PAUSE: _arrow("sending", SendState.PAUSED, Actor.PERSON, Actor.CLOCK),
    Press.RESUME: _arrow("paused", SendState.SENDING, Actor.PERSON),
    Press.STOP: _arrow("draft waiting scheduled holding sending paused missed", SendState.STOPPED, Actor.PERSON),
    Press.FINISH: _arrow("sending paused", SendState.SENT, Actor.CLOCK),
}


def may_press(press: Press, state: SendState, actor: Actor = Actor.PERSON) -> bool:
    """Tell whether `actor` may press `press` while the send is in `state`."""
    arrow = ARROWS[press]
    return state in arrow.sources and actor in arrow.actors


def presses(state: SendState, actor: Actor = Actor.PERSON) -> tuple[Press, ...]:
    """Return what `actor` may press in `state`, in the order of the table: the buttons a page shows."""
    return tuple(press for press in ARROWS if may_press(press, state, actor))


def move(send: Send, press: Press, actor: Actor, *, by: str, at: datetime, reason: str = "") -> Send:
    """Return the send after one press. Its time stays as it is, unless the press takes it away.

    Raises:
        ForbiddenPressError: There is no such arrow from here, or it is not this actor's.
    """
    if not may_press(press, send.state, actor):
        raise ForbiddenPressError(f"{send.edition} is {send.state.value}: {press.value} is not for a {actor.value} now")
    after = replace(
        send, state=ARROWS[press].target, version=send.version + 1, reason=reason, by=by, at=at, hold_until=None
    )
    if press is Press.CANCEL:
        return replace(after, due_at=None, zone="", wall="")
    return replace(after, hold_until=after.due_at) if after.state is SendState.HOLDING else after


def clock_press(send: Send, now: datetime, *, hold: timedelta, late: timedelta) -> Press | None:
    """Return what the clock presses at `now`; None when nothing is due.

    Args:
        send: How the send stands.
        now: The time.
        hold: How long before its time a scheduled send can still be taken back.
        late: How late a send may leave by itself.
    """
    if send.due_at is None or send.state not in {SendState.SCHEDULED, SendState.HOLDING}:
        return None
    if now - send.due_at > late:
        return Press.MISS
    if send.state is SendState.SCHEDULED:
        return Press.HOLD if now >= send.due_at - hold else None
    return Press.START if now >= send.due_at else None


def moment_of(wall: datetime, zone: str) -> datetime:
    """Return the moment in UTC at which a clock in `zone` shows `wall`. A time with an offset is that moment.

    Raises:
        WallTimeError: The clock skips this time, or shows it twice, or there is no such zone.
    """
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WallTimeError(f"{zone!r} is no time zone; Europe/London is one") from error
    first, second = (wall.replace(tzinfo=place, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(place).replace(tzinfo=None) != wall:
        around = sorted(m.astimezone(UTC).astimezone(place).strftime("%H:%M") for m in (first, second))
        raise WallTimeError(f"{wall:%Y-%m-%d %H:%M} does not exist in {zone}: {around[0]} or {around[1]} do")
    raise WallTimeError(
        f"{wall:%Y-%m-%d %H:%M} comes twice in {zone}: say {first.isoformat('T', 'minutes')} for the first, "
        f"{second.isoformat('T', 'minutes')} for the second"
    )
