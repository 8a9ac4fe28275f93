"""The calendar: what went, what is set to go, and when the rhythm asks for the next."""

from calendar import Calendar
from collections import defaultdict
from datetime import date, timedelta

from starlette.responses import Response

from newsletter.staffing import Permission
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.sends import send_of


def show_calendar(ask: Ask) -> Response:
    """Show one month."""
    today = ask.now.astimezone(ask.zone).date()
    first = _month(ask.query("month"), today.replace(day=1))
    days = list(Calendar().itermonthdates(first.year, first.month))
    items: dict[date, list[tuple[str, str, str, str]]] = defaultdict(list)
    for edition in ask.console.overviews.editions(ask.console.house.settings.newsletter):
        send = send_of(ask, edition)
        moment = send.due_at or send.send.at or edition.approved_at or edition.created_at
        local = moment.astimezone(ask.zone)
        if days[0] <= local.date() <= days[-1]:
            items[local.date()].append((f"{local:%H:%M}", send.word, edition.subject or edition.key, edition.key))
    return ask.show(
        "calendar",
        first=first,
        days=days,
        today=today,
        items=items,
        before=(first - timedelta(days=1)).strftime("%Y-%m"),
        after=(first + timedelta(days=32)).strftime("%Y-%m"),
    )


def _month(text: str, unless: date) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return unless


DOORS = (Door(path="/calendar", view=show_calendar, may=Permission.SEE),)
