"""Writes the public site: editions, articles, lists and feeds, into a folder that any web server can serve."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from content.editions import Edition, Story
from content.looks import Look
from content.markup import clean_line
from content.places import article_path, edition_path, topic_feed_path, topic_path
from newsletter.feeds.entries import FEED_ENTRIES, Feed, entries_of
from newsletter.feeds.jsonfeed import JSON, json_feed
from newsletter.feeds.opml import opml
from newsletter.feeds.xml import ATOM, RSS, STYLESHEET, atom, rss
from newsletter.rendering import web

#: The page that lists every feed, for people and for readers.
FEED_LIST, OPML = "feeds/index.html", "feeds/feeds.opml"


def write_site(folder: Path, editions: Iterable[Edition], look: Look) -> tuple[str, ...]:
    """Write the site of `editions` into `folder` and return the paths that changed, below it.

    A file whose bytes are the same is left alone. Every file is replaced in one step, and a page is written before
    the lists and feeds that lead to it: whoever reads meanwhile finds no half and no dead link.

    Raises:
        OSError: The folder cannot be written.
    """
    newest_first = sorted(editions, key=lambda e: (e.published_at, e.key), reverse=True)
    return tuple(path for path, data in _files(newest_first, look) if write(folder / path, data))


def write(path: Path, data: bytes) -> bool:
    """Put `data` at `path` in one step; return False, touching nothing, when it is there already."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, waiting = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            # No fsync: thousands of them take minutes, and what a power cut spoils the next build compares and mends.
            file.write(data)
        Path(waiting).chmod(0o644)
        Path(waiting).replace(path)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise
    return True


def _files(editions: Sequence[Edition], look: Look) -> Iterator[tuple[str, bytes]]:
    """Name every file, what is linked to before what links to it."""
    language = editions[0].language if editions else "en"
    yield "style.css", web.style_sheet(look).encode()
    yield STYLESHEET, web.feed_style_sheet(look).encode()
    stories = _newest_stories(editions)
    for story, edition in stories:
        yield article_path(story.slug), web.article_page(story, edition, look).encode()
    for edition in editions:
        yield edition_path(edition.key), web.edition_page(edition, look).encode()
    feeds = [_feed(web.MAIN_FEED, look.name, "", editions, look)]
    for topic, told in _by_topic(stories).items():
        cards = [web.card_of_story(s, e) for s, e in told]
        yield topic_path(topic), web.list_page(topic_path(topic), topic, cards, look, language).encode()
        feeds.append(_feed(topic_feed_path(topic), f"{look.name}: {topic}", topic_path(topic), editions, look, topic))
    cards = [web.card_of_edition(e) for e in editions]
    yield "index.html", web.list_page("index.html", look.name, cards, look, language, hero=True).encode()
    for feed in feeds:
        yield from feed_files(feed, look)
    yield FEED_LIST, web.feeds_page(FEED_LIST, [(f.path, f.title) for f in feeds], look, language).encode()
    yield OPML, opml([(f.path, f.title) for f in feeds], look)


def _newest_stories(editions: Sequence[Edition]) -> list[tuple[Story, Edition]]:
    """Return every article once, as the newest edition prints it."""
    found: dict[str, tuple[Story, Edition]] = {}
    for edition in editions:
        for story in edition.stories:
            found.setdefault(story.article, (story, edition))
    return list(found.values())


def _by_topic(stories: Iterable[tuple[Story, Edition]]) -> dict[str, list[tuple[Story, Edition]]]:
    """Group stories by topic; the newest spelling names it."""
    names: dict[str, str] = {}
    topics: dict[str, list[tuple[Story, Edition]]] = {}
    for story, edition in stories:
        for topic in dict.fromkeys(clean_line(t) for t in story.topics):
            if topic:
                topics.setdefault(names.setdefault(topic_path(topic), topic), []).append((story, edition))
    return topics


def feed_files(feed: Feed, look: Look) -> Iterator[tuple[str, bytes]]:
    """Return `feed` in its three forms."""
    yield feed.path + RSS[0], rss(feed, look)
    yield feed.path + ATOM[0], atom(feed, look)
    yield feed.path + JSON[0], json_feed(feed, look)


def _feed(path: str, title: str, home: str, editions: Sequence[Edition], look: Look, topic: str = "") -> Feed:
    entries = entries_of(editions, look)
    if topic:
        wanted = topic_path(topic)
        entries = tuple(e for e in entries if any(topic_path(t) == wanted for t in e.topics))
    return Feed(
        path=path,
        title=title,
        description=look.tagline or look.name,
        language=editions[0].language if editions else "en",
        home=look.url(home),
        entries=entries[:FEED_ENTRIES],
    )
