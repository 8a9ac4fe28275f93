"""Reads posts from a Ghost site through its Content API: those that staff there have tagged for us."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from newsletter.ports import Fetcher, FetchError, Pull, SourceError, Validators
from newsletter.sources.collecting import Collector, merged
from newsletter.sources.documents import DocumentError
from newsletter.sources.entries import Entry, document_of

#: Ghost gives no more posts at once, whatever is asked for.
PAGE = 100
PAGES = 1000
#: The internal tag `#approved`, as Ghost writes it in addresses. Internal tags never show on the site.
APPROVED = "hash-approved"


@dataclass(frozen=True, slots=True)
class GhostSource:
    """A Ghost site. Only posts with the internal tag are read, and the tag is their approval.

    Args:
        url: Address of the site, without `/ghost`.
        key: A Content API key (26 hexadecimal digits), from a custom integration.
        tag: Slug of the internal tag; "" reads every post, and leaves approving to us.
    """

    name: str
    url: str
    fetcher: Fetcher
    key: str = field(repr=False)
    tag: str = APPROVED

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return the same as `pulls`, as one."""
        return merged(self.pulls(memory))

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield the posts in parts, none when nothing has changed, and last the ids of those that are gone.

        Raises:
            SourceError: The site cannot be read, or refuses the key.
        """
        if self._is_unchanged(memory):
            yield Pull(memory=memory)
            return
        collector = Collector(self.name)
        told: dict[str, str] = {}
        ids: set[str] = set()
        for number, (posts, etag) in enumerate(self._pages(), start=1):
            told[f"page {number}"] = etag
            for post in posts:
                self._keep(post, collector)
                ids.add(str(post.get("id")))
                yield from collector.full_batches()
        known = set(filter(None, memory.get("ids", "").split(",")))
        yield collector.result({**told, "ids": ",".join(sorted(ids))}, sorted(known - ids))

    def _is_unchanged(self, memory: Mapping[str, str]) -> bool:
        """Ask for each page whether it has changed, up to the first that has."""
        etags = [etag for name, etag in memory.items() if name.startswith("page ")]
        return all(etags) and bool(etags) and all(self._ask(n, etag) is None for n, etag in enumerate(etags, start=1))

    def _pages(self) -> Iterator[tuple[list[dict[str, Any]], str]]:
        for number in range(1, PAGES + 1):
            answered = self._ask(number, "")
            assert answered, "a page that nothing was said about cannot be unchanged"
            answer, etag = answered
            yield [post for post in answer.get("posts") or () if isinstance(post, dict)], etag
            if number >= _number_of_pages(answer):
                return

    def _ask(self, page: int, etag: str) -> tuple[dict[str, Any], str] | None:
        """Return one page of posts with its ETag; None when it is the one that `etag` names."""
        chosen = f"&filter=tag:{self.tag}" if self.tag else ""
        url = (
            f"{self.url.rstrip('/')}/ghost/api/content/posts/?key={self.key}&limit={PAGE}&page={page}{chosen}"
            "&include=tags,authors&formats=html&order=published_at%20desc"
        )
        try:
            response = self.fetcher.get(url, validators=Validators(etag), headers={"Accept-Version": "v5.0"})
            if response.is_unchanged:
                return None
            answer = json.loads(response.body)
        except FetchError as error:
            if error.status == 401:
                reason = f"{self.url} refuses the key: copy the Content API key of the integration again"
                raise SourceError(reason) from error
            raise SourceError.of(error) from error
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.url} answers no JSON: check the address of the site") from error
        if not isinstance(answer, dict):
            raise SourceError(f"{self.url} answers no list of posts: check the address of the site")
        return answer, response.validators.etag

    def _keep(self, post: dict[str, Any], collector: Collector) -> None:
        item = str(post.get("url") or post.get("title") or "a post")
        try:
            collector.keep(document_of(self._entry(post)), str(post["id"]), item)
        except DocumentError as error:
            collector.leave_out(item, str(error))
        except (KeyError, ValueError, TypeError, AttributeError):
            collector.leave_out(item, "is not what Ghost sends: check the version of the site")

    def _entry(self, post: dict[str, Any]) -> Entry:
        tags = [tag for tag in post.get("tags") or () if tag.get("visibility") != "internal"]
        return Entry(
            title=str(post.get("title") or ""),
            html=str(post.get("html") or ""),
            url=str(post.get("url") or ""),
            author=", ".join(str(author["name"]) for author in post.get("authors") or () if author.get("name")),
            language=str(post.get("locale") or ""),
            topics=tuple(str(tag["name"]) for tag in tags if not str(tag["name"]).startswith("#")),
            published_at=_instant(post.get("published_at")),
            approved_by=f"tag {self.tag} in Ghost" if self.tag else "",
            approved_at=_instant(post.get("updated_at")) if self.tag else None,
        )


def _instant(told: object) -> datetime | None:
    return datetime.fromisoformat(told).astimezone(UTC) if isinstance(told, str) and told else None


def _number_of_pages(answer: Mapping[str, Any]) -> int:
    pagination = (answer.get("meta") or {}).get("pagination") or {}
    return int(pagination.get("pages") or 1)
