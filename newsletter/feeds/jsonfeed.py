"""A feed as JSON Feed 1.1."""

import json

from content.looks import Look
from newsletter.feeds.entries import Entry, Feed

#: Ending and media type.
JSON = (".json", "application/feed+json")


def json_feed(feed: Feed, look: Look) -> bytes:
    """Return `feed` as JSON Feed 1.1, the same bytes at every build."""
    document: dict[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "description": feed.description,
        "home_page_url": feed.home,
        "feed_url": look.url(feed.path + JSON[0]),
        "language": feed.language,
        "authors": [{"name": look.name, "url": look.site_url}],
    }
    if feed.older:
        document["next_url"] = look.url(feed.older + JSON[0])
    if look.hub_url and not feed.current:
        document["hubs"] = [{"type": "WebSub", "url": look.hub_url}]
    document["items"] = [_item(e) for e in feed.entries]
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _item(entry: Entry) -> dict[str, object]:
    item: dict[str, object] = {
        "id": entry.id,
        "url": entry.link,
        "external_url": entry.source_url,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.html or entry.summary or entry.title,
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "language": entry.language,
        "tags": list(entry.topics),
        "authors": [{"name": entry.author}] if entry.author else [],
    }
    if entry.image:
        item["image"] = entry.image.url
        size = {"size_in_bytes": entry.image.length} if entry.image.length else {}
        item["attachments"] = [{"url": entry.image.url, "mime_type": entry.image.type, **size}]
    return {key: value for key, value in item.items() if value}
