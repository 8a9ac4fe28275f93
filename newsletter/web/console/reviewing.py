"""Review and schedule: one page says what will happen, to how many, when, in whose time; another person agrees."""

import json
import math
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from content.sends import Press, SendState, moment_of, presses
from newsletter.publishing import PublishingError, is_own_work, what_changed
from newsletter.rendering.gates import Severity
from newsletter.rendering.vetting import unaccepted
from newsletter.scheduling import SchedulingError, approve, cancel, pause, resume, schedule, send_now, stop
from newsletter.staffing import Permission, may
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.digests import edition_of, findings_of
from newsletter.web.console.mending import can_remake
from newsletter.web.console.results import broken_down
from newsletter.web.console.segments import audience_of, look_at
from newsletter.web.console.sends import Shown, send_of
from newsletter.web.console.today import people_counts
from newsletter.web.console.words import count, number
from subscribers.people import SubscriptionState
from subscribers.segments import describe_segment

#: Who may press what.
_NEEDED = {
    Press.CANCEL: Permission.SCHEDULE,
    Press.RESUME: Permission.SCHEDULE,
    Press.PAUSE: Permission.PAUSE,
    Press.STOP: Permission.STOP,
}


def show_review(ask: Ask) -> Response:
    """Show everything that a person has to know before a digest leaves, and the buttons."""
    return _show(ask, edition_of(ask))


def agree(ask: Ask) -> Response:
    """Approve a digest. Where a second person is asked for, it is not its last editor."""
    record = edition_of(ask)
    key = record.edition.key
    findings = findings_of(ask, record)
    if any(f.severity is Severity.BLOCKER for f in findings):
        return _show(ask, record, "It cannot be approved while something red stands below.", 409)
    if _is_own_work(ask, record):
        return _show(ask, record, "You edited it last, so somebody else has to approve it.", 403)
    ticked = ask.form.all("accept")
    if unaccepted(findings, (*ticked, *ask.console.house.settings.accepted_warnings)):
        return _show(ask, record, "Tick every warning to say that you accept it.", 422)
    try:
        approve(ask.console.house, key, by=ask.me.name, now=ask.now, accept=ticked)
    except PublishingError as error:
        return _show(ask, record, str(error), 409)
    ask.did(key, accepted=ticked, held_for=record.reason)
    ask.console.cache.forget()
    return ask.go(f"/digests/{key}/review", "Approved. Now say when it leaves.")


def set_time(ask: Ask) -> Response:
    """Schedule a digest, or let it leave after the hold window."""
    record = edition_of(ask)
    key, house, form = record.edition.key, ask.console.house, ask.form
    version = int(form.one("version")) if form.one("version").isdigit() else None
    try:
        if form.one("do") == "now":
            send = send_now(house, key, by=ask.me.name, now=ask.now, version=version)
        else:
            wall = datetime.fromisoformat(f"{form.one('day')}T{form.one('time')}")
            send = schedule(house, key, wall, by=ask.me.name, now=ask.now, version=version)
    except ValueError:
        return _show(ask, record, "Choose a day and a time.", 422)
    except SchedulingError as error:
        return _show(ask, record, str(error), 409)
    ask.did(key, due_at=send.due_at.isoformat() if send.due_at else "", state=send.state.value)
    ask.console.cache.forget()
    said = (
        f"It leaves {ask.when(send.due_at)}."
        if send.state is not SendState.WAITING
        else "Its time counts once it is approved."
    )
    return ask.go(f"/digests/{key}/send", said)


def press(ask: Ask) -> Response:
    """Cancel, pause, resume or stop a send."""
    record = edition_of(ask)
    key, house, by = record.edition.key, ask.console.house, ask.me.name
    try:
        wanted = Press(ask.form.one("do"))
    except ValueError as error:
        raise HTTPException(400) from error
    if wanted not in _NEEDED:
        raise HTTPException(400)
    if not ask.may(_NEEDED[wanted]):
        return ask.show("forbidden", 403)
    before = send_of(ask, record)
    version = int(ask.form.one("version")) if ask.form.one("version").isdigit() else None
    back = f"/digests/{key}/send"
    if wanted is Press.STOP and ask.form.one("certain") != "yes":
        return ask.go(back, "Tick the box to stop it for good. Nothing was stopped.", is_problem=True)
    try:
        if wanted is Press.CANCEL:
            cancel(house, key, by=by, now=ask.now, version=version)
            left = before.due_at - ask.now if before.due_at else timedelta()
            said = f"Nothing was sent. You cancelled with {ask.left(left)} left. The digest is a draft again."
        elif wanted is Press.PAUSE:
            pause(house, key, by=by, now=ask.now, reason=f"paused by {by}", version=version)
            said = "Paused. Nobody else gets it until somebody lets it go on."
        elif wanted is Press.RESUME:
            resume(house, key, by=by, now=ask.now, version=version)
            said = "It goes on."
        else:
            spared = stop(house, key, by=by, now=ask.now, reason=f"stopped by {by}", version=version)
            had = f" {number(before.tally.accepted)} had it already and keep it." if before.tally else ""
            said = f"Stopped. {count(spared, 'person', 'people')} will not get it.{had}"
    except SchedulingError as error:
        return ask.go(back, str(error), is_problem=True)
    ask.did(key, press=wanted.value)
    ask.console.cache.forget()
    return ask.go(f"/digests/{key}/review" if wanted is Press.CANCEL else back, said)


def show_send(ask: Ask) -> Response:
    """Show how a send goes: the countdown before it, the sum while it runs, what went wrong."""
    record = edition_of(ask)
    send = send_of(ask, record)
    return ask.show(
        "send",
        record=record,
        edition=record.edition,
        send=send,
        pace=_pace(ask, send),
        can_remake=can_remake(ask, record) and ask.may(Permission.APPROVE),
        more=broken_down(ask, send, may_wait=False),
        buttons=[(p, label) for p, label in send.buttons if ask.may(_NEEDED[p])],
        can_resolve=ask.may(Permission.SCHEDULE),
    )


def _pace(ask: Ask, send: Shown) -> str:
    """Return how fast a send goes and how long it will take, in words; empty when that cannot be said."""
    house, tally = ask.console.house, send.tally
    mailing = house.ledger.mailing(send.send.edition)
    if tally is None or mailing is None or send.send.state is not SendState.SENDING:
        return ""
    next_due = house.ledger.next_due()
    if next_due and next_due > ask.now:
        return f"The next ones leave {ask.when(next_due)}."
    minutes = (ask.now - mailing.frozen_at) / timedelta(minutes=1)
    tried = send.done - sum(tally.excluded.values())
    if minutes < 1 or not tried:
        return ""
    left = math.ceil((tally.pending + tally.deferred) * minutes / tried)
    return f"About {number(round(tried / minutes))} a minute so far; about {count(left, 'minute')} to go."


def resolve(ask: Ask) -> Response:
    """Decide about those of whom nobody knows whether they have it."""
    record = edition_of(ask)
    key = record.edition.key
    arrived = ask.form.one("do") == "arrived"
    settled = ask.console.house.ledger.resolve(key, arrived)
    ask.did(key, arrived=arrived, people=settled)
    ask.console.cache.forget()
    said = "taken as arrived" if arrived else "sent it again with the next round"
    return ask.go(f"/digests/{key}/send", f"{count(settled, 'person', 'people')}: {said}.")


def _show(ask: Ask, record: EditionRecord, problem: str = "", status: int = 200) -> Response:
    house, key = ask.console.house, record.edition.key
    record = house.editions.find(key) or record
    send = send_of(ask, record)
    findings = findings_of(ask, record)
    audience = _audience(ask, record)
    wish = house.compositions.latest(key).composition
    segment = audience_of(wish)
    proposed = _proposed(ask)
    leaves = send.due_at if send.due_at and send.due_at > ask.now else proposed
    may_press = presses(send.send.state)
    return ask.show(
        "review",
        status,
        record=record,
        edition=record.edition,
        send=send,
        problem=problem,
        audience=audience,
        segment=wish.audience_name,
        conditions=describe_segment(segment) if segment else (),
        minutes=_minutes(ask, audience),
        leaves=leaves,
        proposed=proposed.astimezone(ask.zone),
        blockers=[f for f in findings if f.severity is Severity.BLOCKER],
        warnings=unaccepted(findings, house.settings.accepted_warnings),
        is_approved=record.state is EditionState.APPROVED,
        needs_approval=record.state in {EditionState.HELD, EditionState.DRAFT},
        contradictions=len(json.loads(record.folding)["contradictions"]),
        is_own_work=_is_own_work(ask, record),
        changed=what_changed(house, record) if record.state in {EditionState.HELD, EditionState.APPROVED} else (),
        can_schedule=ask.may(Permission.SCHEDULE)
        and bool({Press.SCHEDULE, Press.RESCHEDULE, Press.SUBMIT} & set(may_press)),
        can_send_now=Press.SEND_NOW in may_press and record.state is EditionState.APPROVED,
        is_set=send.send.state in {SendState.SCHEDULED, SendState.HOLDING},
        approvers=_approvers(ask),
    )


def _audience(ask: Ask, record: EditionRecord) -> int:
    """Return how many people an edition is for."""
    segment = audience_of(ask.console.house.compositions.latest(record.edition.key).composition)
    return look_at(ask, segment).count if segment else people_counts(ask).get(SubscriptionState.CONFIRMED, 0)


def _is_own_work(ask: Ask, record: EditionRecord) -> bool:
    return is_own_work(ask.console.house, record, by=ask.me.name, audience=_audience(ask, record))


def _approvers(ask: Ask) -> list[str]:
    """Return who else may approve."""
    staff = ask.console.staffing.staff.all()
    return [m.name for m in staff if m.left_at is None and m.id != ask.me.id and may(m, Permission.APPROVE)]


def _proposed(ask: Ask) -> datetime:
    """Return the next morning at nine on the newsletter's clock."""
    day = (ask.now.astimezone(ask.zone) + timedelta(days=1)).date()
    return moment_of(datetime(day.year, day.month, day.day, 9), ask.console.house.settings.zone)


def _minutes(ask: Ask, audience: int) -> int:
    rate = ask.console.house.settings.send_rate
    return max(1, round(audience / rate / 60)) if rate else 0


DOORS = (
    Door(path="/digests/{key}/review", view=show_review, may=Permission.SEE),
    Door(path="/digests/{key}/approve", view=agree, may=Permission.APPROVE, act="digest.approve"),
    Door(path="/digests/{key}/schedule", view=set_time, may=Permission.SCHEDULE, act="send.schedule"),
    Door(path="/digests/{key}/send", view=show_send, may=Permission.SEE),
    # Who may press which button is looked up again inside: an editor may pause and not stop.
    Door(path="/digests/{key}/press", view=press, may=Permission.PAUSE, act="send.press"),
    Door(path="/digests/{key}/resolve", view=resolve, may=Permission.SCHEDULE, act="send.resolve"),
)
