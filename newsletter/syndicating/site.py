"""The site as a whole: which pages a set of editions needs, and which of them a change touches."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from content import plain
from content.editions import Edition, fingerprint
from content.looks import Look
from content.places import article_path, edition_path
from newsletter.feeds.entries import UNKNOWN
from newsletter.rendering import web
from newsletter.syndicating import lists
from newsletter.syndicating.files import remove, write
from newsletter.syndicating.shelf import Contents, Listing, Shelf, StoryLine
from newsletter.templating import template_hashes

#: Where a site keeps what the next build wants to know.
MEMORY = ".site"

#: Goes up when the same editions and templates would give other pages, so that old memory is not trusted.
VERSION = "2"

#: A file of the site: its path, and its bytes; None takes it away.
File = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An edition that belongs on the site. It is loaded only when a page needs it."""

    key: str
    fingerprint: str  #: `content.editions.fingerprint`: another one, and its pages are made anew
    newsletter: str
    published_at: datetime
    load: Callable[[], Edition]


def write_site(
    folder: Path,
    editions: Iterable[Edition],
    look: Look,
    *,
    weights: Mapping[str, int] = UNKNOWN,
    anew: bool = False,
) -> tuple[str, ...]:
    """Write the site of `editions` into `folder`; like `build_site`, for editions that are at hand anyway."""
    return build_site(folder, [_listed(e) for e in editions], look, weights=weights, anew=anew)


def build_site(
    folder: Path,
    listed: Iterable[Listed],
    look: Look,
    *,
    weights: Mapping[str, int] = UNKNOWN,
    anew: bool = False,
) -> tuple[str, ...]:
    """Bring the site in `folder` up to date with the editions `listed` and return the paths that changed, below it.

    The work depends on what changed, not on how much there is: an edition whose fingerprint is the same is neither
    loaded nor rendered. A look or a template that changed makes everything anew. Every file is replaced in one step,
    and a page is written before the lists and feeds that lead to it and taken away after them: whoever reads
    meanwhile finds no half and no dead link. A build that dies is made good by the next one.

    Args:
        folder: The site's own; what else lies in it stays.
        listed: Every edition that belongs on the site.
        look: The newsletter's.
        weights: Bytes of images by their addresses, as far as they are known when an edition is new: feeds tell them.
        anew: Make every page, as after something in the folder was changed by hand.

    Raises:
        OSError: The folder cannot be written.
    """
    by_key = {one.key: one for one in listed}
    shelf = Shelf(folder / MEMORY)
    made_with = _made_with(look)
    if anew or shelf.contents.get("contents").made_with != made_with:
        shelf.forget()
    known = {one.key: one for one in shelf.contents.get("contents").listings}
    fresh = shelf.contents.get("contents").made_with == made_with
    changed = [k for k, one in by_key.items() if not fresh or k not in known or _differs(one, known[k])]
    gone = [k for k in known if k not in by_key]
    if fresh and not changed and not gone:
        return ()
    listings = tuple(_listing(one) for one in sorted(by_key.values(), key=lambda o: (o.published_at, o.key)))
    files = _Build(by_key, known, shelf, look, weights).files(changed, gone, listings)
    written = tuple(path for path, data in files if _apply(folder / path, data))
    shelf.contents.put("contents", Contents(made_with=made_with, listings=listings))
    shelf.save()
    return written


def behind(folder: Path, editions: Iterable[Edition]) -> tuple[str, ...]:
    """Return the keys of those `editions` that the site in `folder` does not show as they are: a build has died."""
    known = {one.key: one for one in Shelf(folder / MEMORY).contents.get("contents").listings}
    return tuple(
        one.key
        for one in map(_listed, editions)
        if one.key not in known or _differs(one, known[one.key]) or not (folder / edition_path(one.key)).is_file()
    )


class _Build:
    """One run over the site."""

    def __init__(
        self,
        listed: Mapping[str, Listed],
        known: Mapping[str, Listing],
        shelf: Shelf,
        look: Look,
        weights: Mapping[str, int],
    ) -> None:
        self._listed, self._known, self._shelf, self._look, self._weights = listed, known, shelf, look, weights
        self._load = cache(lambda key: listed[key].load())

    def files(self, changed: Sequence[str], gone: Sequence[str], listings: Sequence[Listing]) -> Iterator[File]:
        """Name every file that may have changed, what is linked to before what links to it, what goes last."""
        look, shelf = self._look, self._shelf
        yield from lists.standing_files(look)
        old = self._forget([*changed, *gone])
        for key in changed:
            shelf.put_in(self._load(key), look)
        touched = dict.fromkeys([*(s.article for k in changed for s in self._load(k).stories), *old])
        orphans = [slug for article, slug in old.items() if shelf.home(article) is None]
        yield from self._articles(touched)
        for key in changed:
            yield edition_path(key), web.edition_page(self._load(key), look).encode()
        shelf.name_topics()
        dates = [self._known[k].published_at for k in [*changed, *gone] if k in self._known]
        dates += [self._listed[k].published_at for k in changed]
        change = lists.Change(tuple(self._known.values()), listings, dates, tuple(touched))
        yield from lists.list_files(change, shelf, self._load, look, self._weights)
        for slug in orphans:
            yield article_path(slug), None
        for key in gone:
            yield edition_path(key), None

    def _forget(self, keys: Iterable[str]) -> dict[str, str]:
        """Take editions out of the memory; return the articles they printed, and the names of their pages."""
        lines: list[StoryLine] = []
        for key in keys:
            if key in self._known:
                lines += self._shelf.take_out(key, self._known[key].published_at)
        return {line.article: line.slug for line in lines}

    def _articles(self, articles: Iterable[str]) -> Iterator[File]:
        for article in articles:
            home = self._shelf.home(article)
            if home is None:
                continue
            edition = self._load(home.edition)
            story = next(s for s in edition.stories if s.article == article)
            yield article_path(story.slug), web.article_page(story, edition, self._look).encode()


def _apply(path: Path, data: bytes | None) -> bool:
    return remove(path) if data is None else write(path, data)


def _listed(edition: Edition) -> Listed:
    return Listed(
        key=edition.key,
        fingerprint=fingerprint(edition),
        newsletter=edition.newsletter,
        published_at=edition.published_at,
        load=lambda: edition,
    )


def _listing(one: Listed) -> Listing:
    return Listing(key=one.key, fingerprint=one.fingerprint, newsletter=one.newsletter, published_at=one.published_at)


def _differs(one: Listed, known: Listing) -> bool:
    return (one.fingerprint, one.published_at) != (known.fingerprint, known.published_at)


def _made_with(look: Look) -> str:
    """Return a hash of everything beside the editions that pages depend on."""
    templates = (*template_hashes("web"), *template_hashes("feeds"))
    return sha256(f"{VERSION}\n{plain.dump(look)}\n{templates}".encode()).hexdigest()
