"""Editions become a feed: one entry for each article, the newest edition's text of it, stable ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from content.editions import Edition, Story, shorten
from content.looks import Look
from content.markup import clean, clean_line, safe_link
from content.places import Places, heading_levels
from newsletter.templating import environment

#: Entries of a live feed. At 4 KB an entry that is 0.2 MB a fetch; older ones are in the archive pages (RFC 5005).
FEED_ENTRIES = 50

#: Types of images by the ending of their name; whatever else is most likely a JPEG. Not the standard library's table:
#: that reads the machine's, and two machines would write two feeds.
IMAGE_TYPES = {
    "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "svg": "image/svg+xml"
}  # fmt: skip

#: When nothing was published yet. A date from data, so that two builds of nothing are the same.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """The image of an entry."""

    url: str
    type: str
    length: int = 0  #: bytes; 0 is what RSS wants for "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One article as feeds tell of it."""

    id: str  #: a tag: URI that no correction and no move ever changes
    title: str
    link: str
    source_url: str  #: where the article stands at its source, "" if nowhere
    author: str
    language: str
    topics: tuple[str, ...]
    summary: str  #: plain text
    html: str  #: the whole folded story, every address absolute
    published: datetime
    updated: datetime
    image: Enclosure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed before it takes one of its three forms."""

    path: str  #: below the site's root, without its ending: "feeds/all"
    title: str
    description: str
    language: str
    home: str  #: address of the page that shows the same
    entries: tuple[Entry, ...]
    current: str = ""  #: path of the live feed, when this is one of its archive pages (RFC 5005 section 4)
    older: str = ""  #: path of the archive page before this one, "" for none
    newer: str = ""  #: path of the archive page after this one, "" for none

    @property
    def updated(self) -> datetime:
        """Return when the newest change happened, from data alone: two builds are the same."""
        return max((e.updated for e in self.entries), default=NEVER)


#: Nobody has looked at an image.
UNKNOWN: Mapping[str, int] = MappingProxyType({})


def entries_of(editions: Iterable[Edition], look: Look, weights: Mapping[str, int] = UNKNOWN) -> tuple[Entry, ...]:
    """Return one entry for each article that `editions` print, newest edition first, in printed order.

    Args:
        editions: Any number, in any order.
        look: The newsletter's.
        weights: Bytes of images by their addresses, as far as they are known.
    """
    newest_first = sorted(editions, key=lambda e: (e.published_at, e.key), reverse=True)
    return merge(told_by(edition, look, weights) for edition in newest_first)


def told_by(edition: Edition, look: Look, weights: Mapping[str, int] = UNKNOWN) -> tuple[Entry, ...]:
    """Return one entry for each story of `edition`, in printed order."""
    places = Places(edition, look)
    entries = (_entry(story, place, edition, places, look) for place, story in enumerate(edition.stories))
    return tuple(_weighed(entry, weights) for entry in entries)


def merge(newest_first: Iterable[Iterable[Entry]]) -> tuple[Entry, ...]:
    """Return each article's entry once, as the first of these tells it."""
    entries: dict[str, Entry] = {}
    for told in newest_first:
        for entry in told:
            entries.setdefault(entry.id, entry)
    return tuple(entries.values())


def entry_id(look: Look, article: str) -> str:
    """Return the id of an article's entry (RFC 4151). It hangs on the article's own id and nothing else."""
    return f"tag:{look.authority}:article:{quote(article, safe='/:@!$&()*+,;=~-._?')}"


def feed_id(look: Look, path: str) -> str:
    """Return the id of the feed at `path`."""
    return f"tag:{look.authority}:feed:{quote(path)}"


def _entry(story: Story, place: int, edition: Edition, places: Places, look: Look) -> Entry:
    # Readers sort by time, so each story is a second older than the one printed before it.
    earlier = timedelta(seconds=place)
    updated = max(edition.published_at, story.updated_at or edition.published_at)
    return Entry(
        id=entry_id(look, story.article),
        title=clean_line(story.title)
        or clean_line(shorten(story.summary, 80))
        or clean_line(edition.title)
        or edition.key,
        link=places.permanent(story),
        source_url=safe_link(story.url),
        author=clean_line(story.author),
        language=story.language,
        topics=tuple(dict.fromkeys(clean_line(t) for t in story.topics if t.strip())),
        summary=clean(story.summary),
        html=_html(story, edition, places, look.feed_content),
        published=edition.published_at - earlier,
        updated=updated - earlier,
        image=_enclosure(story),
    )


def _weighed(entry: Entry, weights: Mapping[str, int]) -> Entry:
    if entry.image is None or entry.image.url not in weights:
        return entry
    return replace(entry, image=replace(entry.image, length=weights[entry.image.url]))


def _html(story: Story, edition: Edition, places: Places, content: str) -> str:
    name = "entry" if content == "full" else "summary"
    template = environment(edition.language).get_template(f"feeds/{name}.html.jinja")
    levels = heading_levels(story.sections, 2)
    return template.render(story=story, places=places, levels=levels, language=edition.language).strip()


def _enclosure(story: Story) -> Enclosure | None:
    src = safe_link(story.image.src) if story.image else ""
    if not src.startswith("http"):
        return None
    ending = urlsplit(src).path.rpartition(".")[2].lower()
    return Enclosure(url=src, type=IMAGE_TYPES.get(ending, "image/jpeg"))
