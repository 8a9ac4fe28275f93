"""What earlier builds left behind, in many small files, so that a build reads and writes only what it changes."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

from content import plain
from content.editions import Edition, Story
from content.looks import Look
from content.markup import clean_line
from content.places import topic_path
from newsletter.rendering.web import Card, card_of_edition, card_of_story
from newsletter.syndicating.files import write

#: How many stories a topic's page lists. Older ones are found in the archive of their year.
TOPIC_STORIES = 100

#: How many lines are remembered for a topic: more than it lists, for an article may be printed again and again, and
#: when the newest edition is taken away the one before steps in.
TOPIC_LINES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """What lists, search and site map know of a story."""

    article: str
    slug: str
    edition: str  #: key
    published_at: datetime  #: of the edition
    updated_at: datetime
    topics: tuple[str, ...]
    headings: tuple[str, ...]
    card: Card


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionLine:
    """What lists and site map know of an edition."""

    key: str
    newsletter: str
    language: str
    published_at: datetime
    updated_at: datetime
    preheader: str
    card: Card
    stories: tuple[StoryLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One edition in the list of all."""

    key: str
    fingerprint: str
    newsletter: str
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The list of all editions, and what they were built with."""

    made_with: str = ""
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True, slots=True)
class Year:
    """The editions of one year, newest first."""

    editions: tuple[EditionLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """What editions printed of one topic, newest first; an article has a line for each edition that printed it."""

    name: str = ""
    lines: tuple[StoryLine, ...] = ()

    @property
    def stories(self) -> tuple[StoryLine, ...]:
        """Return each article once, as the newest edition prints it."""
        newest: dict[str, StoryLine] = {}
        for line in self.lines:
            newest.setdefault(line.article, line)
        return tuple(newest.values())[:TOPIC_STORIES]


@dataclass(frozen=True, slots=True)
class Home:
    """An edition that prints an article."""

    article: str
    edition: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Homes:
    """The editions that print some articles."""

    homes: tuple[Home, ...] = ()


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic's path and name, by path."""

    names: tuple[tuple[str, str], ...] = ()


T = TypeVar("T")


class Drawer(Generic[T]):
    """Small files of one kind: read when asked for, written at the end where they changed."""

    def __init__(self, folder: Path, kind: type[T]) -> None:
        self._folder, self._kind = folder, kind
        self._open: dict[str, T] = {}
        self.changed: set[str] = set()

    def get(self, name: str) -> T:
        """Return what is kept under `name`; an empty value when there is nothing, or nothing readable."""
        if name not in self._open:
            try:
                text = (self._folder / f"{name}.json").read_text("utf-8")
                self._open[name] = plain.load(self._kind, text)
            except (FileNotFoundError, plain.PlainError):
                self._open[name] = self._kind()
        return self._open[name]

    def put(self, name: str, value: T) -> None:
        """Keep `value` under `name`."""
        if value != self.get(name):
            self._open[name] = value
            self.changed.add(name)

    def save(self) -> None:
        """Write what changed."""
        for name in sorted(self.changed):
            write(self._folder / f"{name}.json", plain.dump(self._open[name]).encode())


class Shelf:
    """The memory of a site."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open()

    def _open(self) -> None:
        self.contents = Drawer(self._folder, Contents)
        self.years = Drawer(self._folder / "years", Year)
        self.topics = Drawer(self._folder / "topics", Topic)
        self.homes = Drawer(self._folder / "homes", Homes)
        self.names = Drawer(self._folder, Topics)

    def forget(self) -> None:
        """Drop everything that was remembered but the list of editions: the next build makes all pages anew."""
        listings = self.contents.get("contents").listings
        shutil.rmtree(self._folder, ignore_errors=True)
        self._open()
        self.contents.put("contents", Contents(listings=listings))
        self.contents.save()

    def save(self) -> None:
        """Write what changed, the list of editions last: after a crash, what it does not name is built again."""
        for drawer in (self.years, self.topics, self.homes, self.names, self.contents):
            drawer.save()

    def take_out(self, key: str, published_at: datetime) -> tuple[StoryLine, ...]:
        """Forget the edition `key`; return the lines of the stories it printed."""
        year = year_of(published_at)
        lines = self.years.get(year).editions
        gone = tuple(s for e in lines if e.key == key for s in e.stories)
        self.years.put(year, Year(tuple(e for e in lines if e.key != key)))
        for story in gone:
            self._set_homes(story.article, [h for h in self._homes(story.article) if h.edition != key])
            for topic in story.topics:
                self._remove_from_topic(topic_name(topic), key)
        return gone

    def put_in(self, edition: Edition, look: Look) -> EditionLine:
        """Remember `edition`; return its line."""
        line = line_of(edition, look)
        year = year_of(edition.published_at)
        self.years.put(year, Year(_newest_first((*self.years.get(year).editions, line))))
        for story in line.stories:
            home = Home(story.article, edition.key, edition.published_at)
            self._set_homes(story.article, [*self._homes(story.article), home])
            for topic in story.topics:
                self._add_to_topic(topic, story)
        return line

    def home(self, article: str) -> Home | None:
        """Return the newest edition that prints `article`, None when there is none."""
        return max(self._homes(article), key=lambda h: (h.published_at, h.edition), default=None)

    def years_of(self, articles: Iterable[str]) -> set[str]:
        """Return the years in which any of `articles` was printed."""
        return {year_of(home.published_at) for article in articles for home in self._homes(article)}

    def topic_names(self) -> tuple[tuple[str, str], ...]:
        """Return path and name of every topic that has a story, by name."""
        return self.names.get("topics").names

    def name_topics(self) -> None:
        """Bring the list of topics up to date with those that changed."""
        names = dict(self.topic_names())
        for path in self.topics.changed:
            topic = self.topics.get(path)
            if topic.stories:
                names[path] = topic.name
            else:
                names.pop(path, None)
        self.names.put("topics", Topics(tuple(sorted(names.items(), key=lambda n: (n[1].casefold(), n[0])))))

    def _remove_from_topic(self, name: str, key: str) -> None:
        lines = tuple(s for s in self.topics.get(name).lines if s.edition != key)
        spelling = next((t for s in lines[:1] for t in s.topics if topic_name(t) == name), "")
        self.topics.put(name, Topic(spelling, lines))

    def _add_to_topic(self, topic: str, story: StoryLine) -> None:
        name = topic_name(topic)
        # A stable sort: stories of one edition stay in the order in which it prints them.
        lines = sorted([*self.topics.get(name).lines, story], key=lambda s: (s.published_at, s.edition), reverse=True)
        spelling = next(t for t in lines[0].topics if topic_name(t) == name)
        self.topics.put(name, Topic(spelling, tuple(lines[:TOPIC_LINES])))

    def _homes(self, article: str) -> list[Home]:
        return [h for h in self.homes.get(_shard(article)).homes if h.article == article]

    def _set_homes(self, article: str, homes: list[Home]) -> None:
        others = (h for h in self.homes.get(_shard(article)).homes if h.article != article)
        self.homes.put(_shard(article), Homes(tuple(sorted([*others, *homes], key=lambda h: (h.article, h.edition)))))


def line_of(edition: Edition, look: Look) -> EditionLine:
    """Return what lists know of `edition`."""
    return EditionLine(
        key=edition.key,
        newsletter=edition.newsletter,
        language=edition.language,
        published_at=edition.published_at,
        updated_at=edition.updated_at,
        preheader=edition.preheader,
        card=card_of_edition(edition, look),
        stories=tuple(_story_line(s, edition, look) for s in edition.stories),
    )


def year_of(when: datetime) -> str:
    """Return the year in which something was published, in UTC."""
    return str(when.astimezone(UTC).year)


def topic_name(topic: str) -> str:
    """Return the name under which a topic is kept: that of its page."""
    return topic_path(topic).removeprefix("topics/").removesuffix(".html")


def _story_line(story: Story, edition: Edition, look: Look) -> StoryLine:
    return StoryLine(
        article=story.article,
        slug=story.slug,
        edition=edition.key,
        published_at=edition.published_at,
        updated_at=max(edition.published_at, story.updated_at or edition.published_at),
        topics=tuple(dict.fromkeys(t for t in map(clean_line, story.topics) if t)),
        headings=tuple(h for h in (clean_line(s.heading) for s in story.sections) if h),
        card=card_of_story(story, edition, look),
    )


def _newest_first(lines: tuple[EditionLine, ...]) -> tuple[EditionLine, ...]:
    return tuple(sorted(lines, key=lambda e: (e.published_at, e.key), reverse=True))


def _shard(article: str) -> str:
    return sha256(article.encode()).hexdigest()[:2]
