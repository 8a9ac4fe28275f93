"""Fetches of feeds are counted by program; no answer waits for it, and nothing of a person is kept."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from newsletter.storage.errors import DatabaseFailure
from newsletter.storage.feed_fetches import KEPT, FeedFetchStore, Fetched
from newsletter.web.fetches import MOST, FeedCounter
from newsletter.web.public import create_public_app
from tests.builders import MONDAY
from tests.newsletter.site import Town

TODAY = MONDAY.date()
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)"


def fetched(reader: str, fetches: int, subscribers: int = 0, feed: str = "feeds/all.rss") -> Fetched:
    return Fetched(feed=feed, reader=reader, fetches=fetches, subscribers=subscribers)


def test_fetches_of_a_day_add_up_and_the_most_readers_count(engine: Engine) -> None:
    store = FeedFetchStore(engine)
    store.add(TODAY, {("feeds/all.rss", "Feedly"): (2, 12), ("feeds/all.atom", "curl"): (1, 0)})
    store.add(TODAY, {("feeds/all.rss", "Feedly"): (3, 9)})
    store.add(TODAY - timedelta(days=8), {("feeds/all.rss", "Feedly"): (40, 50)})

    week = store.since(TODAY - timedelta(days=7))

    assert week == (fetched("curl", 1, feed="feeds/all.atom"), fetched("Feedly", 5, 12))


def test_what_is_old_is_forgotten(engine: Engine) -> None:
    store = FeedFetchStore(engine)
    store.add(TODAY - KEPT - timedelta(days=1), {("feeds/all.rss", "Feedly"): (2, 12)})

    store.add(TODAY, {("feeds/all.rss", "curl"): (1, 0)})

    assert store.since(TODAY - 2 * KEPT) == (fetched("curl", 1),)


def test_who_makes_up_names_fills_no_table(engine: Engine) -> None:
    counter = FeedCounter(FeedFetchStore(engine), lambda: MONDAY)
    for n in range(MOST + 50):
        counter.note("feeds/all.rss", f"Reader{n}x/1.0")
    counter.write()

    rows = FeedFetchStore(engine).since(TODAY)

    assert (len(rows), rows[0]) == (MOST + 1, fetched("others", 50))


def test_what_cannot_be_written_is_kept_for_the_next_time(engine: Engine) -> None:
    counter = FeedCounter(FeedFetchStore(engine), lambda: MONDAY)
    counter.note("feeds/all.rss", FEEDLY)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE feed_fetches RENAME TO away"))
    with pytest.raises(DatabaseFailure):
        counter.write()
    counter.note("feeds/all.rss", FEEDLY)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO feed_fetches"))

    counter.write()
    counter.write()

    assert FeedFetchStore(engine).since(TODAY) == (fetched("Feedly", 2, 12),)


def test_the_site_counts_feeds_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    town = Town(engine, tmp_path)
    feeds = town.site.folder / "feeds"
    feeds.mkdir(parents=True)
    (feeds / "all.rss").write_text("<rss/>")
    (feeds / "index.html").write_text("<p>Feeds</p>")
    counter = FeedCounter(FeedFetchStore(engine), lambda: MONDAY)
    with TestClient(create_public_app(replace(town.site, fetched=counter.note))) as reader:
        first = reader.get("/feeds/all.rss", headers={"User-Agent": FEEDLY})
        again = reader.get("/feeds/all.rss", headers={"User-Agent": FEEDLY, "If-None-Match": first.headers["etag"]})
        reader.get("/feeds/", headers={"User-Agent": FEEDLY})
        reader.get("/feeds/none.rss", headers={"User-Agent": FEEDLY})

    counter.write()

    assert (first.status_code, again.status_code) == (200, 304)
    assert FeedFetchStore(engine).since(TODAY) == (fetched("Feedly", 2, 12),)
