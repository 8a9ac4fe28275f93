"""Reads the published posts of a WordPress site through its REST interface."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from newsletter.ports import Fetcher, FetchError, Pull, Response, SourceError
from newsletter.sources.collecting import Collector, merged
from newsletter.sources.documents import DocumentError
from newsletter.sources.entries import Entry, document_of
from newsletter.sources.links import secure

#: WordPress gives no more posts at once.
PAGE = 100
#: Two posts saved in one second, and clocks that are set: so much is read again each time.
OVERLAP = timedelta(minutes=5)
#: A site with more pages than this does not count them right.
PAGES = 1000

#: `_links` must be named for `_embedded` to come.
_FIELDS = "id,link,date_gmt,modified_gmt,title,content,_links,_embedded"
_EMBEDDED = "author,wp:term,wp:featuredmedia"


@dataclass(frozen=True, slots=True)
class WordPressSource:
    """A WordPress site. Its memory holds how far it was read and which posts there were.

    Args:
        url: Address of the site, without `/wp-json`.
        credentials: User name and application password; without them the site is read as anybody can.
    """

    name: str
    url: str
    fetcher: Fetcher
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return the same as `pulls`, as one."""
        return merged(self.pulls(memory))

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield the posts that are new or changed since last time, in parts, and last the ids of those that are gone.

        Raises:
            SourceError: The site cannot be read, or refuses the credentials.
        """
        collector = Collector(self.name)
        if self.credentials:
            self._prove_credentials()
        newest = memory.get("modified", "")
        known = frozenset(filter(None, memory.get("ids", "").split(",")))
        seen = set()
        for post in self._posts({"modified_after": _before(newest)} if newest else {}):
            _keep(post, collector)
            yield from collector.full_batches()
            seen.add(str(post.get("id")))
            newest = max(newest, str(post.get("modified_gmt", "")))
        ids = self._ids(known | seen)
        for post in self._unnoticed(ids - known - seen):
            _keep(post, collector)
            yield from collector.full_batches()
        yield collector.result({"modified": newest, "ids": ",".join(sorted(ids))}, sorted(known - ids))

    def _prove_credentials(self) -> None:
        # A wrong password on public posts answers 200, as if nobody had tried to sign in.
        try:
            self._get("users/me", {"context": "edit", "_fields": "id"})
        except FetchError as error:
            if error.status not in (401, 403):
                raise SourceError.of(error) from error
            reason = f"{self.url} refuses the user name or the application password: make a new one in its profile page"
            raise SourceError(reason) from error

    def _posts(self, more: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        query = {"per_page": str(PAGE), "orderby": "modified", "order": "asc", "_fields": _FIELDS, "_embed": _EMBEDDED}
        for page in self._pages({**query, **more}):
            yield from page

    def _ids(self, expected: frozenset[str]) -> frozenset[str]:
        """Return the ids of all posts; deletions show nowhere else. When the number is right, one answer is enough."""
        first = self._ask("posts", {"per_page": "1", "_fields": "id"})
        if first.headers.get("x-wp-total") == str(len(expected)):
            return expected
        query = {"per_page": str(PAGE), "_fields": "id", "orderby": "id", "order": "asc"}
        return frozenset(str(post["id"]) for page in self._pages(query) for post in page if "id" in post)

    def _unnoticed(self, ids: frozenset[str]) -> Iterator[dict[str, Any]]:
        """Yield posts that came without being modified: a post that was scheduled keeps the time it was written."""
        waiting = sorted(ids)
        while waiting:
            yield from self._posts({"include": ",".join(waiting[:PAGE])})
            waiting = waiting[PAGE:]

    def _pages(self, query: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        for number in range(1, PAGES + 1):
            response = self._ask("posts", {**query, "page": str(number)})
            yield _posts_in(response)
            # Asking beyond the last page is an error in WordPress.
            if number >= int(response.headers.get("x-wp-totalpages") or 1):
                return

    def _ask(self, route: str, query: Mapping[str, str]) -> Response:
        try:
            return self._get(route, query)
        except FetchError as error:
            raise SourceError.of(error) from error

    def _get(self, route: str, query: Mapping[str, str]) -> Response:
        encoded = "&".join(f"{name}={value}" for name, value in query.items())
        url = f"{self.url.rstrip('/')}/wp-json/wp/v2/{route}?{encoded}"
        return self.fetcher.get(url, credentials=self.credentials, headers={"Accept": "application/json"})


def _posts_in(response: Response) -> list[dict[str, Any]]:
    shown = response.url.partition("?")[0]
    try:
        posts = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{shown} answers no JSON: is WordPress's REST interface on?") from error
    if not isinstance(posts, list):
        raise SourceError(f"{shown} answers no list of posts: check the address of the site")
    return [post for post in posts if isinstance(post, dict)]


def _before(modified: str) -> str:
    """Return the time to ask from. Without the Z, WordPress reads it in the zone of the site."""
    return f"{(_gmt(modified) - OVERLAP).replace(tzinfo=None).isoformat()}Z"


def _gmt(time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


def _keep(post: dict[str, Any], collector: Collector) -> None:
    item = str(post.get("link") or f"post {post.get('id')}")
    try:
        if _inside(post, "content", "protected") is True:
            raise DocumentError("is protected by a password: take it off, or leave the post out")
        collector.keep(document_of(_entry(post)), str(post["id"]), item)
    except DocumentError as error:
        collector.leave_out(item, str(error))
    except (KeyError, ValueError, TypeError):
        collector.leave_out(item, "is not what WordPress sends: a plugin may have changed it")


def _entry(post: dict[str, Any]) -> Entry:
    embedded = post.get("_embedded") or {}
    terms = [term for group in embedded.get("wp:term") or () for term in group if isinstance(term, dict)]
    return Entry(
        title=str(_inside(post, "title", "rendered") or ""),
        html=f"{_picture(embedded)}{_inside(post, 'content', 'rendered') or ''}",
        url=str(post.get("link", "")),
        author=", ".join(author["name"] for author in embedded.get("author") or () if author.get("name")),
        topics=tuple(str(term["name"]) for term in terms if term.get("name") and term.get("slug") != "uncategorized"),
        published_at=_gmt(post["date_gmt"]) if post.get("date_gmt") else None,
    )


def _picture(embedded: Mapping[str, Any]) -> str:
    """Return the post's own picture as HTML; cleaning makes sure of the rest."""
    for media in embedded.get("wp:featuredmedia") or ():
        if src := secure(str(media.get("source_url", ""))):
            alt = str(media.get("alt_text", "")).replace("&", "&amp;").replace('"', "&quot;")
            return f'<img src="{src}" alt="{alt}">'
    return ""


def _inside(post: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401 - whatever the site sent
    value: Any = post
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
