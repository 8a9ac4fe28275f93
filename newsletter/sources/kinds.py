"""Makes the source of each kind out of what staff said about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.ports import Fetcher, Source, SourceError
from newsletter.sources.feed import FeedSource
from newsletter.sources.folder import FolderSource
from newsletter.sources.ghost import GhostSource
from newsletter.sources.web import WebSource
from newsletter.sources.wordpress import WordPressSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """What staff said about a source, and the secret that only the environment knows."""

    kind: str
    name: str
    location: str  #: a path, or the address of a feed, site, page or sitemap
    secret: str = field(default="", repr=False)  #: WordPress: `user:application password`; Ghost: the key


def make_source(plan: SourcePlan, fetcher: Fetcher) -> Source:
    """Return the source that `plan` describes.

    Raises:
        SourceError: There is no such kind, or its secret is missing or malformed.
    """
    if plan.kind not in KINDS:
        raise SourceError(f"{plan.name}: kind takes one of {', '.join(KINDS)}, got {plan.kind!r}")
    return KINDS[plan.kind](plan, fetcher)


def _folder(plan: SourcePlan, _: Fetcher) -> Source:
    return FolderSource(plan.name, Path(plan.location))


def _feed(plan: SourcePlan, fetcher: Fetcher) -> Source:
    return FeedSource(plan.name, plan.location, fetcher)


def _web(plan: SourcePlan, fetcher: Fetcher) -> Source:
    return WebSource(plan.name, plan.location, fetcher)


def _wordpress(plan: SourcePlan, fetcher: Fetcher) -> Source:
    user, colon, password = plan.secret.partition(":")
    if plan.secret and not (user and colon and password):
        raise SourceError(f"{plan.name}: the secret of a WordPress source is `user:application password`")
    return WordPressSource(plan.name, plan.location, fetcher, (user, password) if plan.secret else None)


def _ghost(plan: SourcePlan, fetcher: Fetcher) -> Source:
    if not plan.secret:
        raise SourceError(f"{plan.name}: a Ghost source needs the Content API key of an integration as its secret")
    return GhostSource(plan.name, plan.location, fetcher, plan.secret)


#: Every kind of source, by the word that staff use for it.
KINDS: Mapping[str, Callable[[SourcePlan, Fetcher], Source]] = {
    "folder": _folder,
    "feed": _feed,
    "wordpress": _wordpress,
    "ghost": _ghost,
    "web": _web,
}
