"""Each kind of source is made of what staff said, and says what it lacks."""

from pathlib import Path

import pytest

from newsletter.fetching.client import HttpFetcher
from newsletter.ports import Source, SourceError
from newsletter.sources.feed import FeedSource
from newsletter.sources.folder import FolderSource
from newsletter.sources.ghost import GhostSource
from newsletter.sources.kinds import KINDS, SourcePlan, make_source
from newsletter.sources.web import WebSource
from newsletter.sources.wordpress import WordPressSource

FETCHER = HttpFetcher("tests")
SITE = "https://blog.example"


@pytest.mark.parametrize(
    ("plan", "source"),
    [
        (SourcePlan(kind="folder", name="desk", location="articles"), FolderSource("desk", Path("articles"))),
        (SourcePlan(kind="feed", name="desk", location=SITE), FeedSource("desk", SITE, FETCHER)),
        (SourcePlan(kind="web", name="desk", location=SITE), WebSource("desk", SITE, FETCHER)),
        (SourcePlan(kind="wordpress", name="desk", location=SITE), WordPressSource("desk", SITE, FETCHER)),
        (
            SourcePlan(kind="wordpress", name="desk", location=SITE, secret="ines:abcd efgh"),
            WordPressSource("desk", SITE, FETCHER, ("ines", "abcd efgh")),
        ),
        (
            SourcePlan(kind="ghost", name="desk", location=SITE, secret="0123"),
            GhostSource("desk", SITE, FETCHER, "0123"),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, SourcePlan) else "",
)
def test_a_plan_becomes_a_source(plan: SourcePlan, source: Source) -> None:
    assert make_source(plan, FETCHER) == source


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (SourcePlan(kind="fax", name="desk", location="1"), "kind takes one of folder, feed, wordpress, ghost, web"),
        (SourcePlan(kind="ghost", name="desk", location=SITE), "needs the Content API key"),
        (SourcePlan(kind="wordpress", name="desk", location=SITE, secret="abcd"), "`user:application password`"),
    ],
    ids=["kind", "ghost", "wordpress"],
)
def test_a_plan_that_lacks_something_says_so(plan: SourcePlan, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        make_source(plan, FETCHER)


def test_no_secret_is_shown() -> None:
    assert "abcd" not in repr(SourcePlan(kind="ghost", name="desk", location=SITE, secret="abcd"))


def test_every_kind_has_its_place_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "adding-a-source.md").read_text()

    assert all(f"### {kind}" in text for kind in KINDS)
