"""Today: what waits for whom, what goes out next, how the last one went, and what is wrong."""

from datetime import timedelta
from functools import partial

from starlette.responses import Response

from newsletter.publishing import edition_key
from newsletter.staffing import Permission
from newsletter.storage.editions import TOLD, EditionState
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.groups import open_groups
from newsletter.web.console.sends import send_of
from subscribers.people import SubscriptionState

#: How old the counters of people may be.
COUNTED_WITHIN = timedelta(minutes=1)
#: How old the counters of articles may be: acts here forget them, sources bring articles elsewhere.
RECOUNTED = timedelta(seconds=2)
#: For so long the last count is shown while people are counted anew: a million takes a moment.
COUNTED_LENIENTLY = timedelta(minutes=30)


def show_today(ask: Ask) -> Response:
    """Show what waits."""
    console, house = ask.console, ask.console.house
    editions = console.overviews.editions(house.settings.newsletter, limit=20)
    counts = article_counts(ask)
    people = people_counts(ask)
    waiting = [e for e in editions if e.state in {EditionState.HELD, EditionState.DRAFT}]
    sends = [(e, send_of(ask, e)) for e in editions if e.state in TOLD]
    sources = house.sources.all()
    return ask.show(
        "today",
        pending=counts.get("pending", 0),
        approved=counts.get("approved", 0),
        groups=open_groups(ask),
        waiting=waiting,
        current=edition_key(house.settings, ask.now),
        moving=[(e, s) for e, s in sends if not s.is_over],
        last=next(((e, s) for e, s in sends if s.is_over and s.tally), None),
        confirmed=people.get(SubscriptionState.CONFIRMED, 0),
        sources=sources,
        failing=[s for s in sources if s.error],
        steps=_steps(ask, bool(sources), bool(counts), bool(editions)),
    )


def show_help(ask: Ask) -> Response:
    """Show how the week goes, and what the words mean."""
    return ask.show("help")


def article_counts(ask: Ask, source: str = "", text: str = "") -> dict[str, int]:
    """Return how many articles of a source, with a text in their title, are in which state; a moment old."""
    count = partial(ask.console.overviews.article_counts, source=source, text=text)
    name = ("articles", source, text)
    return ask.console.cache.get(name, count, now=ask.now, kept=RECOUNTED, lenient=COUNTED_LENIENTLY)


def people_counts(ask: Ask) -> dict[SubscriptionState, int]:
    """Return how many people stand how to the newsletter's list; up to a minute old."""
    house = ask.console.house
    slug = house.settings.newsletter
    count = partial(house.people.count, slug)
    return ask.console.cache.get(("people", slug), count, now=ask.now, kept=COUNTED_WITHIN, lenient=COUNTED_LENIENTLY)


def _steps(ask: Ask, has_sources: bool, has_articles: bool, has_editions: bool) -> list[tuple[bool, str, str]]:
    settings = ask.console.house.settings
    steps = [
        (bool(settings.postal_address), "Set the postal address: without one nothing may leave", "/settings"),
        (has_sources, "Add a source, and look at it", "/health#sources"),
        (has_articles, "Approve an article", "/articles"),
        (has_editions, "Make a digest", "/digests"),
    ]
    return [] if all(done for done, _, _ in steps) else steps


DOORS = (
    Door(path="/", view=show_today, may=Permission.SEE),
    Door(path="/help", view=show_help, may=Permission.SEE),
)
