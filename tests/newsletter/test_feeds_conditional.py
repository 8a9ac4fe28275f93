"""A reader that has the newest bytes is told so; one that has not, or says something odd, gets them."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.feeds.conditional import freshness, links

CHANGED = datetime(2026, 11, 25, 7, 0, 0, 999, tzinfo=UTC)
KNOWN = freshness(b"feed", CHANGED)
AT = "Wed, 25 Nov 2026 07:00:00 GMT"
BEFORE = "Wed, 25 Nov 2026 06:59:59 GMT"


def test_the_headers_hang_on_the_bytes_and_on_the_data() -> None:
    assert KNOWN.headers == {"ETag": KNOWN.etag, "Last-Modified": AT, "Cache-Control": "public, max-age=600"}
    assert KNOWN.etag == freshness(b"feed", CHANGED + timedelta(days=1)).etag != freshness(b"food", CHANGED).etag
    assert KNOWN.etag[0] == KNOWN.etag[-1] == '"'


@pytest.mark.parametrize(
    ("if_none_match", "if_modified_since", "known"),
    [
        (None, None, False),
        (KNOWN.etag, None, True),
        (f'"other", W/{KNOWN.etag}', None, True),
        ("*", None, True),
        ('"other"', AT, False),
        (KNOWN.etag, BEFORE, True),
        (None, AT, True),
        (None, BEFORE, False),
        (None, "Wed, 25 Nov 2026 07:00:00 -0000", True),
        (None, "Wed, 25 Nov 2026 08:00:00 +0100", True),
        (None, "Wed, 25 Nov 2026 07:59:00 +0100", False),
        (None, "soon", False),
        ("", AT, False),
    ],
)
def test_who_knows_it_already(if_none_match: str | None, if_modified_since: str | None, known: bool) -> None:
    assert KNOWN.is_known(if_none_match, if_modified_since) is known


def test_hub_and_topic_are_told_in_a_header() -> None:
    feed = "https://news.example.org/feeds/all.atom"

    assert links(feed, "https://hub.example.org/") == f'<https://hub.example.org/>; rel="hub", <{feed}>; rel="self"'
    assert links(feed) == f'<{feed}>; rel="self"'
