"""Answers to readers that already have a feed (RFC 9110): whoever has the newest bytes gets none."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

#: How long a reader and whatever stands between may keep a feed without asking, in seconds. A correction is seen
#: within this time.
MAX_AGE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Freshness:
    """What identifies the bytes of a document: its tag, and when it last changed."""

    etag: str  #: strong, with its quotes
    changed: datetime  #: aware, whole seconds

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers to send with the document and with "not modified"."""
        return {
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.changed, usegmt=True),
            "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}",
        }

    def is_known(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Tell whether a reader that sent these headers has the document already. The tag wins over the date."""
        if if_none_match is not None:
            tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
            return "*" in tags or self.etag in tags
        if if_modified_since is None:
            return False
        try:
            since = parsedate_to_datetime(if_modified_since)
        except ValueError:
            return False
        return self.changed <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def freshness(document: bytes, changed: datetime) -> Freshness:
    """Return the freshness of `document`, last changed at `changed` (aware)."""
    etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
    return Freshness(etag, changed.astimezone(UTC).replace(microsecond=0))


def links(self_url: str, hub_url: str = "") -> str:
    """Return the `Link` header by which subscribers find hub and topic (WebSub, section 4); the XML is the fallback."""
    found = [f'<{self_url}>; rel="self"']
    return ", ".join([f'<{hub_url}>; rel="hub"', *found] if hub_url else found)
