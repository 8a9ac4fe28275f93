"""A program that fetches feeds goes by the name that it gives itself."""

import pytest

from subscribers.feed_readers import FeedReader, feed_reader


@pytest.mark.parametrize(
    ("agent", "reader"),
    [
        ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)", FeedReader("Feedly", 12)),
        ("NewsBlur Feed Fetcher - 1 subscriber - http://www.newsblur.com", FeedReader("NewsBlur Feed Fetcher", 1)),
        ("Mozilla/5.0 (compatible; theoldreader.com; 3 subscribers)", FeedReader("theoldreader.com", 3)),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", FeedReader("a browser")),
        ("NetNewsWire (RSS Reader; https://netnewswire.com/)", FeedReader("NetNewsWire")),
        ("python-requests/2.32", FeedReader("python-requests")),
        ("", FeedReader("no name")),
        ("/1.0 (7)", FeedReader("no name")),
        ("<script>alert(1)</script>", FeedReader("no name")),
        ("A" * 3000, FeedReader("A" * 40)),
        ("Reader/1 (99999999999999 subscribers)", FeedReader("Reader")),
    ],
)
def test_a_program_is_called_what_it_calls_itself(agent: str, reader: FeedReader) -> None:
    assert feed_reader(agent) == reader
