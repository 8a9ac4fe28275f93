"""The flow `send` delivers what is due on the fast loop, and says where everybody stands."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop

from content.articles import Article
from flows import send as flow
from newsletter.delivering import Desk, deliver
from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.sending import Sent
from newsletter.settings import load
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph
from tests.sinks import sink


def _article() -> Article:
    body = (paragraph("Acne scars fade slowly."), heading("How It Works"), paragraph("Needles make tiny channels."))
    return make_article("scars.md", *body, title="Microneedling for Scars")


@pytest.fixture
def edition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An edition that is out, for two readers, in a home that the flow finds by its environment."""
    values = {"home": str(tmp_path), "postal_address": "1 Example Street", "local_hours": "false"}
    for name, value in values.items():
        monkeypatch.setenv(f"NEWSLETTER_{name.upper()}", value)
    now = datetime.now(UTC)
    with open_house(load()) as house:
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, "beauty", now - timedelta(days=1), SubscriptionState.CONFIRMED)
        house.articles.record([_article()], MONDAY)
        house.articles.decide([make_approval(_article())])
        assert draft(house, MONDAY)
        release(house, "beauty-weekly-2026-W48", now)
    return "beauty-weekly-2026-W48"


def test_the_flow_delivers_on_the_fast_loop(edition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loops = []

    async def watched(desk: Desk, now: datetime, stop: asyncio.Event | None = None) -> Sent:
        loops.append(type(asyncio.get_running_loop()))
        return await deliver(desk, now, stop)

    monkeypatch.setattr(flow, "deliver", watched)
    with sink() as seen:
        monkeypatch.setenv("NEWSLETTER_SMTP_PORT", str(seen.port))
        [row] = asyncio.run(flow.deliver_due.fn())

    assert (row["edition"], row["candidates"], row["accepted"]) == (edition, 2, 2)
    assert dict(seen.accepted) == {"ada@example.org": 1, "bea@example.org": 1}
    assert loops == [uvloop.Loop]
