"""What the clock does: begins what is due, marks what is missed, follows the ledger. Safe to run in any number."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from content.sends import Press, Send, SendState, clock_press
from newsletter.correcting import hold_unapproved
from newsletter.publishing import PublishingError, draft, edition_key, ready
from newsletter.releasing import release
from newsletter.scheduling import BY_CLOCK, finish, send_by_rule, standing, tick
from newsletter.storage.editions import EditionState
from newsletter.storage.locks import hold_lock
from newsletter.storage.sends import MarkStore, SendStore, database_identity
from newsletter.wiring import House, announce, publish_site
from subscribers.calendar import Verdict, judge, latest_due
from subscribers.preferences import Rhythm

#: A mailing is frozen under this hold and let go when its send says so: nobody is overtaken by a slow freeze.
UNTIL_LET_GO = timedelta(days=3650)

#: Only one process at a time works on due sends.
LOCK = "dispatch"

#: What is remembered: which database this is, the latest time seen, and why a person is asked.
IDENTITY, CLOCK, ASKS = "identity", "clock", "asks"

#: Clocks are corrected by seconds; more is another clock, or one set back.
CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Moved:
    """One send that the clock has moved."""

    edition: str
    press: Press
    reason: str = ""


def advance(house: House, now: datetime) -> tuple[Moved, ...]:
    """Do what the clock has to do at `now` for every open send; return what that was.

    Whoever is killed in the middle leaves the rest to the next call. Two at once: one works, the other returns nothing.
    On a database that is a copy, or under a clock that was set back, nothing begins until a person has said so.
    """
    if asks(house, now):
        return hold_everything(house, now)
    with hold_lock(house.engine, LOCK) as ours:
        if not ours:
            return ()
        _remember(house, now)
        held = [Moved(key, Press.PAUSE, reason) for key, reason in hold_unapproved(house, BY_CLOCK, now).items()]
        moved = [m for send in SendStore(house.engine).open() for m in _advance(house, send, now)]
        # Last: an edition that cannot be made must not keep back one that is scheduled.
        fresh = _publish_due(house, now)
        return (*held, *moved, *(_advance(house, fresh, now) if fresh else ()))


def asks(house: House, now: datetime) -> str:
    """Return why a person has to say first that things may begin; empty when nothing is in the way."""
    store, identity = MarkStore(house.engine), database_identity(house.engine)
    asked, known, clock = store.find(ASKS), store.find(IDENTITY), store.find(CLOCK)
    if asked:
        return asked.text
    if known and known.text != identity:
        return "this database is a copy, and what left after it was taken is not known here"
    if clock and clock.at - now > CLOCK_SLACK:
        return f"the clock was set back: it has shown {clock.at:%Y-%m-%d %H:%M} UTC before"
    return ""


def hold_everything(house: House, now: datetime, reason: str = "") -> tuple[Moved, ...]:
    """Let nothing begin or go on by itself, and remember why; return what was moved. Safe to call again."""
    reason = reason or asks(house, now)
    MarkStore(house.engine).put(ASKS, reason, now)
    for edition in house.ledger.unfinished():
        house.ledger.pause(edition, reason)
    held: list[Moved] = []
    presses = {SendState.SCHEDULED: Press.MISS, SendState.HOLDING: Press.MISS, SendState.SENDING: Press.PAUSE}
    for send in SendStore(house.engine).open():
        press = presses.get(send.state)
        if press and tick(house, send, press, now, reason):
            held.append(Moved(send.edition, press, reason))
    return tuple(held)


def accept(house: House, now: datetime) -> str:
    """Take this database and this clock as the true ones, as a person has said; return what had been in the way."""
    store = MarkStore(house.engine)
    reason = asks(house, now)
    store.put(IDENTITY, database_identity(house.engine), now)
    store.put(CLOCK, "", now)
    # What was due meanwhile may have left elsewhere, under the same key: it is not begun here by itself.
    store.put(f"rhythm {house.settings.newsletter}", "", now)
    store.forget(ASKS)
    return reason


def _remember(house: House, now: datetime) -> None:
    store = MarkStore(house.engine)
    if store.find(IDENTITY) is None:
        store.put(IDENTITY, database_identity(house.engine), now)
    clock = store.find(CLOCK)
    if clock is None or clock.at < now:
        store.put(CLOCK, "", now)


def overdue_rhythm(house: House, now: datetime) -> datetime | None:
    """Return when the edition was due that its rhythm asks for and nobody has begun; None when there is none."""
    given = house.settings
    done = MarkStore(house.engine).find(f"rhythm {given.newsletter}")
    due = _latest_due(house, now)
    # The first look of all begins nothing: what was due before there was a dispatcher is not its matter.
    return due if done and done.at < due else None


def _latest_due(house: House, now: datetime) -> datetime:
    given = house.settings
    return latest_due(
        Rhythm(given.rhythm), now, given.due_hour, given.zone, weekday=given.due_weekday, month_day=given.due_month_day
    )


def _publish_due(house: House, now: datetime) -> Send | None:
    """Make the edition that the rhythm says is due, and let it leave; later than its grace, the next one tells it."""
    send = None
    given, store = house.settings, MarkStore(house.engine)
    name, due = f"rhythm {given.newsletter}", _latest_due(house, now)
    if overdue_rhythm(house, now) and judge(due, now, Rhythm(given.rhythm)) is Verdict.SEND:
        record = draft(house, due)
        if record and record.edition.key == edition_key(given, due) and record.state is EditionState.APPROVED:
            send = send_by_rule(house, record.edition.key, now)
    done = store.find(name)
    if done is None or done.at < due:
        store.put(name, "", due)
    return send


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
