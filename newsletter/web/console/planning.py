"""The calendar: what went, what is set to go, and when the rhythm asks for the next."""

from calendar import Calendar
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from starlette.responses import Response

from newsletter.publishing import edition_key
from newsletter.staffing import Permission
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.sends import send_of
from subscribers.calendar import latest_due
from subscribers.preferences import Rhythm


def show_calendar(ask: Ask) -> Response:
    """Show one month."""
    today = ask.now.astimezone(ask.zone).date()
    first = _month(ask.query("month"), today.replace(day=1))
    days = list(Calendar().itermonthdates(first.year, first.month))
    items: dict[date, list[tuple[str, str, str, str]]] = defaultdict(list)
    settings = ask.console.house.settings
    editions = ask.console.overviews.editions(settings.newsletter)
    made = {edition.key for edition in editions}
    for edition in editions:
        send = send_of(ask, edition, with_sum=False)
        moment = send.due_at or send.send.at or edition.approved_at or edition.created_at
        local = moment.astimezone(ask.zone)
        if days[0] <= local.date() <= days[-1]:
            items[local.date()].append((f"{local:%H:%M}", send.word, edition.subject or edition.key, edition.key))
    for moment in _coming(ask, days):
        if edition_key(settings, moment) not in made:
            local = moment.astimezone(ask.zone)
            items[local.date()].append((f"{local:%H:%M}", "due", "by the rhythm", ""))
    return ask.show(
        "calendar",
        first=first,
        days=days,
        today=today,
        items=items,
        before=(first - timedelta(days=1)).strftime("%Y-%m"),
        after=(first + timedelta(days=32)).strftime("%Y-%m"),
    )


def _coming(ask: Ask, days: Sequence[date]) -> list[datetime]:
    """Return when the rhythm asks for a digest on these days, as far as that is still to come."""
    given, found = ask.console.house.settings, set()
    for day in days:
        evening = datetime.combine(day, time.max, ask.zone).astimezone(UTC)
        due = latest_due(
            Rhythm(given.rhythm),
            evening,
            given.due_hour,
            given.zone,
            weekday=given.due_weekday,
            month_day=given.due_month_day,
        )
        if due > ask.now and due.astimezone(ask.zone).date() == day:
            found.add(due)
    return sorted(found)


def _month(text: str, unless: date) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return unless


DOORS = (Door(path="/calendar", view=show_calendar, may=Permission.SEE),)
