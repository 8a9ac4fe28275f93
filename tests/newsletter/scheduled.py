"""A house with one edition and its readers, for the tests of when it leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from newsletter.publishing import draft
from newsletter.settings import Settings
from newsletter.wiring import House, open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_approval, make_article, make_subscriber, paragraph

KEY = "beauty-weekly-2026-W48"
SCARS = make_article("scars.md", paragraph("Acne scars fade slowly."), title="Scars")


@contextmanager
def edition_house(url: str, home: Path, **more: object) -> Iterator[House]:
    """Yield a house with one edition of this week, approved unless the settings want a person, and two readers."""
    given = {"home": home, "database_url": url, "postal_address": "1 Example Street", "local_hours": False} | more
    with open_house(Settings(**given)) as house:
        joined = MONDAY - timedelta(days=1)
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, "beauty", joined, SubscriptionState.CONFIRMED)
        house.articles.record([SCARS], MONDAY)
        house.articles.decide([make_approval(SCARS)])
        draft(house, MONDAY)
        yield house
