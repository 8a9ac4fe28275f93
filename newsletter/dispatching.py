"""What the clock does: begins what is due, marks what is missed, follows the ledger. Safe to run in any number."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from content.sends import Press, Send, SendState, clock_press
from newsletter.publishing import PublishingError, ready
from newsletter.releasing import release
from newsletter.scheduling import finish, standing, tick
from newsletter.storage.locks import hold_lock
from newsletter.storage.sends import SendStore
from newsletter.wiring import House, announce, publish_site

#: A mailing is frozen under this hold and let go when its send says so: nobody is overtaken by a slow freeze.
UNTIL_LET_GO = timedelta(days=3650)

#: Only one process at a time works on due sends.
LOCK = "dispatch"


@dataclass(frozen=True, slots=True)
class Moved:
    """One send that the clock has moved."""

    edition: str
    press: Press
    reason: str = ""


def advance(house: House, now: datetime) -> tuple[Moved, ...]:
    """Do what the clock has to do at `now` for every open send; return what that was.

    Whoever is killed in the middle leaves the rest to the next call. Two at once: one works, the other returns nothing.
    """
    with hold_lock(house.engine, LOCK) as ours:
        if not ours:
            return ()
        return tuple(moved for send in SendStore(house.engine).open() for moved in _advance(house, send, now))


def _advance(house: House, send: Send, now: datetime) -> tuple[Moved, ...]:
    """Press for one send until nothing more is due: a send without a hold goes from scheduled to sending at once."""
    hold, late = (timedelta(minutes=m) for m in (house.settings.hold_minutes, house.settings.late_minutes))
    done: list[Moved] = []
    current: Send | None = send
    while current and (press := clock_press(current, now, hold=hold, late=late)):
        said = _why_missed(current, now) if press is Press.MISS else _why_lapsed(house, current.edition)
        press = Press.LAPSE if said and press is not Press.MISS else press
        current = tick(house, current, press, now, said)
        if current:
            done.append(Moved(current.edition, press, said))
    if current and current.state in {SendState.SENDING, SendState.PAUSED}:
        done += _follow(house, current, now)
    return tuple(done)


def _follow(house: House, send: Send, now: datetime) -> list[Moved]:
    """Freeze the audience of a send that has begun, let it go, and take over what the ledger says since."""
    mailing = house.ledger.mailing(send.edition)
    if mailing is None:
        try:
            release(house, send.edition, now, hold=UNTIL_LET_GO)
        except PublishingError as error:  # it changed between the last look and the freeze; nothing has left
            return (
                [Moved(send.edition, Press.LAPSE, str(error))]
                if tick(house, send, Press.LAPSE, now, str(error))
                else []
            )
        mailing = house.ledger.mailing(send.edition)
    if mailing and mailing.hold_until is not None:
        announce(house, publish_site(house))
        SendStore(house.engine).let_go(send.edition, now)
    if finish(house, send.edition, now):
        return [Moved(send.edition, Press.FINISH)]
    stands = standing(house, send.edition)
    if send.state is SendState.SENDING and stands.state is SendState.PAUSED and stands.version == send.version:
        paused = tick(house, send, Press.PAUSE, now, stands.reason)
        return [Moved(send.edition, Press.PAUSE, stands.reason)] if paused else []
    return []


def _why_lapsed(house: House, key: str) -> str:
    try:
        ready(house, key)
    except PublishingError as error:
        return str(error)
    return ""


def _why_missed(send: Send, now: datetime) -> str:
    late = int((now - send.due_at).total_seconds() // 60) if send.due_at else 0
    return f"{late} minutes late: send now, set another time, or cancel"
