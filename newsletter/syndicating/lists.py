"""The pages and feeds that list others: the index, years, topics, feeds with their archives, site map, search."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from content.editions import Edition
from content.looks import Look
from content.markup import clean_line
from content.places import article_path, edition_path, topic_feed_path, topic_path
from newsletter.feeds.entries import FEED_ENTRIES, Entry, Feed, merge, told_by
from newsletter.feeds.jsonfeed import JSON, json_feed
from newsletter.feeds.opml import opml
from newsletter.feeds.sitemap import robots, sitemap, sitemap_index
from newsletter.feeds.xml import ATOM, RSS, STYLESHEET, atom, rss
from newsletter.rendering import web
from newsletter.syndicating.shelf import EditionLine, Listing, Shelf, Topic, year_of

#: How many editions the front page shows below the newest. Older ones are on the pages of their years.
FRONT_EDITIONS = 20

#: How many topics the front page names. The page of feeds names them all.
FRONT_TOPICS = 40

#: The page that lists every feed, for people and for readers.
FEED_LIST, OPML = "feeds/index.html", "feeds/feeds.opml"

SITEMAP, ROBOTS = "sitemap.xml", "robots.txt"
SEARCH_PAGE, SEARCH_SCRIPT, SEARCH_INDEX = "search.html", "search.js", "search/index.json"

#: Path and bytes; None takes the file away.
Files = Iterator[tuple[str, bytes | None]]
Load = Callable[[str], Edition]


class Telling:
    """Entries of editions by their keys; each edition is loaded and rendered once in a build, for all its feeds."""

    def __init__(self, load: Load, look: Look, weights: Mapping[str, int]) -> None:
        self._load, self._look, self._weights = load, look, weights
        self._told: dict[str, tuple[Entry, ...]] = {}

    def of(self, newest_first: Iterable[str]) -> tuple[Entry, ...]:
        """Return each article's entry once, as the newest of these editions prints it."""
        return merge(self.by(key) for key in newest_first)

    def by(self, key: str) -> tuple[Entry, ...]:
        """Return the entries of one edition."""
        if key not in self._told:
            self._told[key] = told_by(self._load(key), self._look, self._weights)
        return self._told[key]


def standing_files(look: Look) -> Files:
    """Name what hangs on the look alone."""
    yield "style.css", web.style_sheet(look).encode()
    yield "icon.svg", web.icon(look).encode()
    yield STYLESHEET, web.feed_style_sheet(look).encode()
    yield SEARCH_SCRIPT, web.search_script().encode()
    yield ROBOTS, robots(SITEMAP, look)


@dataclass(frozen=True, slots=True)
class Change:
    """What a build changes."""

    before: Sequence[Listing]  #: all editions of the build before
    after: Sequence[Listing]  #: all editions now, oldest first
    dates: Sequence[datetime]  #: when the editions were published that changed, came or went
    articles: Sequence[str]  #: ids of what those print or printed


def list_files(change: Change, shelf: Shelf, load: Load, look: Look, weights: Mapping[str, int]) -> Files:
    """Name every list that a change may touch, last of all what is to be taken away.

    Args:
        change: What changed.
        shelf: What is known of the editions, the change included.
        load: Returns an edition by its key.
        look: The newsletter's.
        weights: Bytes of images by their addresses, as far as they are known.
    """
    listings, telling = change.after, Telling(load, look, weights)
    all_years, old_years = _years(listings), _years(change.before)
    language = load(listings[-1].key).language if listings else "en"
    # Every year's page leads to all others: a new year, once in twelve months, touches them all.
    # An article stands in the lists of the year that printed it last, so that another year's may change with it.
    years = {year_of(when) for when in change.dates} | shelf.years_of(change.articles)
    for year in all_years if all_years != old_years else sorted(years & set(all_years)):
        yield from _year_files(year, shelf, all_years, look, language)
    for name in sorted(shelf.topics.changed):
        yield from _topic_files(shelf.topics.get(name), telling, look, language)
    yield "index.html", _front_page(shelf, all_years, look, language).encode()
    yield from _archives(listings, {_month(when) for when in change.dates}, telling, look, language)
    yield from _live_feeds(listings, telling, look, language)
    yield from _registers(shelf, listings, all_years, look, language)
    yield from ((path, None) for path in _leftovers(shelf, change.after, change.before))


def _years(listings: Iterable[Listing]) -> list[str]:
    return sorted({year_of(one.published_at) for one in listings}, reverse=True)


def _leftovers(shelf: Shelf, listings: Sequence[Listing], before: Sequence[Listing]) -> Iterator[str]:
    """Name the lists that nothing stands on any more."""
    for year in set(_years(before)) - set(_years(listings)):
        yield from (_year_path(year), f"sitemaps/{year}.xml", f"search/{year}.json")
    feeds = [
        _archive_path(m) for m in {_month(o.published_at) for o in before} - {_month(o.published_at) for o in listings}
    ]
    feeds += [newsletter_feed_path(n) for n in {o.newsletter for o in before} - {o.newsletter for o in listings}]
    for name in sorted(shelf.topics.changed):
        if not shelf.topics.get(name).stories:
            yield f"topics/{name}.html"
            feeds.append(f"feeds/topics/{name}")
    yield from (path + ending for path in feeds for ending, _ in (RSS, ATOM, JSON))


def _year_files(year: str, shelf: Shelf, all_years: Sequence[str], look: Look, language: str) -> Files:
    editions = shelf.years.get(year).editions
    cards = [e.card for e in editions]
    others = [web.Card(path=_year_path(y), title=y) for y in all_years if y != year]
    page = web.list_page(_year_path(year), year, cards, look, language, others=others)
    yield _year_path(year), page.encode()
    yield f"sitemaps/{year}.xml", sitemap(_pages_of(editions, shelf), look)
    yield f"search/{year}.json", _search_shard(editions, shelf)


def _pages_of(editions: Iterable[EditionLine], shelf: Shelf) -> Iterator[tuple[str, datetime]]:
    for edition in editions:
        yield edition_path(edition.key), edition.updated_at
        for story in edition.stories:
            if _is_home(shelf, story.article, edition.key):
                yield article_path(story.slug), story.updated_at


def _is_home(shelf: Shelf, article: str, edition: str) -> bool:
    home = shelf.home(article)
    return home is not None and home.edition == edition


def _search_shard(editions: Iterable[EditionLine], shelf: Shelf) -> bytes:
    """Return what the search page looks through: title, address, day, and the words of headings and summary."""
    rows = [
        [
            clean_line(story.card.title),
            article_path(story.slug),
            clean_line(story.card.over),
            clean_line(story.card.summary),
            " ".join((*story.topics, *story.headings)),
        ]
        for edition in editions
        for story in edition.stories
        if _is_home(shelf, story.article, edition.key)
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def _topic_files(topic: Topic, telling: Telling, look: Look, language: str) -> Files:
    if not topic.stories:
        return
    path = topic_path(topic.name)
    heading = topic.name[:1].upper() + topic.name[1:]
    yield path, web.list_page(path, heading, [s.card for s in topic.stories], look, language).encode()
    keys = dict.fromkeys(s.edition for s in topic.stories[:FEED_ENTRIES])
    wanted = topic_path(topic.name)
    entries = [e for e in telling.of(keys) if any(topic_path(t) == wanted for t in e.topics)]
    title = f"{look.name}: {topic.name}"
    yield from feed_files(_feed(topic_feed_path(topic.name), title, path, entries[:FEED_ENTRIES], look, language), look)


def _front_page(shelf: Shelf, all_years: Sequence[str], look: Look, language: str) -> str:
    lines: list[EditionLine] = []
    for year in all_years:
        lines += shelf.years.get(year).editions
        if len(lines) > FRONT_EDITIONS:
            break
    newest, older = lines[:1], lines[1 : FRONT_EDITIONS + 1]
    return web.list_page(
        "index.html",
        look.name,
        [line.card for line in older],
        look,
        language,
        others=[web.Card(path=_year_path(y), title=y) for y in all_years],
        topics=[
            web.Card(path=topic_path(name), title=name[:1].upper() + name[1:])
            for _, name in shelf.topic_names()[:FRONT_TOPICS]
        ],
        hero=next((replace(line.card, summary=line.preheader) for line in newest), None),
        inside=[story.card for line in newest for story in line.stories],
    )


def _archives(listings: Sequence[Listing], touched: set[str], telling: Telling, look: Look, language: str) -> Files:
    """Name the archive pages of the months that were touched, and of their neighbours, which lead to them."""
    months = sorted({_month(one.published_at) for one in listings})
    for place, month in enumerate(months):
        older = months[place - 1] if place else ""
        newer = months[place + 1] if place + 1 < len(months) else ""
        # A month that is gone had its place between its neighbours.
        between = any((not older or older < m) and (not newer or m < newer) for m in touched)
        if between or {older, newer} & touched:
            keys = [one.key for one in reversed(listings) if _month(one.published_at) == month]
            yield from feed_files(_archive(month, (older, newer), keys, telling, look, language), look)


def _live_feeds(listings: Sequence[Listing], telling: Telling, look: Look, language: str) -> Files:
    """Name the feeds of everything and of each newsletter."""
    entries = telling.of(_newest(listings, telling))[:FEED_ENTRIES]
    older = _archive_path(_month(listings[-1].published_at)) if listings else ""
    yield from feed_files(_feed(web.MAIN_FEED, look.name, "", entries, look, language, older=older), look)
    for newsletter in sorted({one.newsletter for one in listings}):
        own = [one for one in listings if one.newsletter == newsletter]
        title = f"{look.name} ({newsletter})"
        told = telling.of(_newest(own, telling))[:FEED_ENTRIES]
        yield from feed_files(_feed(newsletter_feed_path(newsletter), title, "", told, look, language), look)


def _newest(listings: Sequence[Listing], telling: Telling) -> list[str]:
    """Return the keys of as many of the newest editions as fill a feed."""
    keys: list[str] = []
    articles: set[str] = set()
    for one in reversed(listings):
        if len(articles) >= FEED_ENTRIES:
            break
        keys.append(one.key)
        articles |= {e.id for e in telling.by(one.key)}
    return keys


def _archive(
    month: str, neighbours: tuple[str, str], keys: Iterable[str], telling: Telling, look: Look, language: str
) -> Feed:
    older, newer = (_archive_path(m) if m else "" for m in neighbours)
    return Feed(
        path=_archive_path(month),
        title=f"{look.name}, {month}",
        description=look.tagline or look.name,
        language=language,
        home=look.url(_year_path(month[:4])),
        entries=telling.of(keys),
        current=web.MAIN_FEED,
        older=older,
        newer=newer,
    )


def _feed(
    path: str, title: str, home: str, entries: Sequence[Entry], look: Look, language: str, older: str = ""
) -> Feed:
    return Feed(
        path=path,
        title=title,
        description=look.tagline or look.name,
        language=language,
        home=look.url(home),
        entries=tuple(entries),
        older=older,
    )


def _registers(shelf: Shelf, listings: Sequence[Listing], all_years: Sequence[str], look: Look, language: str) -> Files:
    """Name what tells people and machines of everything else."""
    feeds = [(web.MAIN_FEED, look.name)]
    newsletters = sorted({one.newsletter for one in listings})
    feeds += [(newsletter_feed_path(n), f"{look.name} ({n})") for n in newsletters if len(newsletters) > 1]
    feeds += [(topic_feed_path(name), f"{look.name}: {name}") for _, name in shelf.topic_names()]
    yield FEED_LIST, web.feeds_page(FEED_LIST, feeds, look, language).encode()
    yield OPML, opml(feeds, look)
    yield SITEMAP, sitemap_index((f"sitemaps/{y}.xml" for y in all_years), look)
    yield SEARCH_INDEX, json.dumps([f"search/{y}.json" for y in all_years]).encode()
    yield SEARCH_PAGE, web.search_page(SEARCH_PAGE, look, language).encode()


def feed_files(feed: Feed, look: Look) -> Files:
    """Return `feed` in its three forms."""
    yield feed.path + RSS[0], rss(feed, look)
    yield feed.path + ATOM[0], atom(feed, look)
    yield feed.path + JSON[0], json_feed(feed, look)


def newsletter_feed_path(newsletter: str) -> str:
    """Return where the feed of one newsletter stands, without its ending."""
    return f"feeds/newsletters/{newsletter}"


def _year_path(year: str) -> str:
    return f"archive/{year}.html"


def _archive_path(month: str) -> str:
    return f"feeds/archive/{month}"


def _month(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m")
