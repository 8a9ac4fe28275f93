"""A real Ghost is read as the one that we imitate: the tag that approves, edits, and what is taken back."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Pull, SourceError
from newsletter.sources.ghost import GhostSource
from tests.newsletter.real_ghost import Ghost, installed, serve_ghost

pytestmark = pytest.mark.skipif(not installed(), reason="Ghost is not installed (see real_ghost.py)")


@pytest.fixture(scope="module")
def ghost() -> Iterator[Ghost]:
    folder = installed()
    assert folder
    with tempfile.TemporaryDirectory(prefix="ghost-") as data, serve_ghost(folder, Path(data)) as site:
        yield site


def make_source(site: Ghost, key: str = "") -> GhostSource:
    fetcher = HttpFetcher("tests", limits=Limits(seconds=60, pause=0), reach=Reach(loopback=True))
    return GhostSource("ghost", site.url, fetcher, key or site.key)


def test_a_site_is_followed_through_tags_and_edits(ghost: Ghost) -> None:
    tagged = ghost.publish("Lip Oils & Balms", "<p>Oil <b>feeds</b>.</p><script>x()</script>", "Lips", "#approved")
    untagged = ghost.publish("Lashes", "<p>Not yet.</p>", "Lashes")
    source = make_source(ghost)

    first = source.pull({})

    assert [(a.id, a.title, a.topics, a.author) for a in first.articles] == [
        (f"ghost:{tagged}", "Lip Oils & Balms", ("lips",), "Owner")
    ]
    assert [block.text for block in first.articles[0].blocks] == ["Oil feeds."]
    assert [(a.revision, a.by) for a in first.approvals] == [(first.articles[0].revision, "tag hash-approved in Ghost")]
    assert source.pull(first.memory) == Pull(memory=first.memory)

    ghost.change(tagged, html="<p>Oil feeds and shines.</p>")
    ghost.change(untagged, tags=["Lashes", "#approved"])
    second = source.pull(first.memory)

    assert {a.id: a.blocks[0].text for a in second.articles} == {
        f"ghost:{tagged}": "Oil feeds and shines.",
        f"ghost:{untagged}": "Not yet.",
    }

    ghost.change(tagged, tags=["Lips"])
    third = source.pull(second.memory)

    assert ([a.id for a in third.articles], third.gone) == ([f"ghost:{untagged}"], (f"ghost:{tagged}",))


def test_a_wrong_key_is_refused(ghost: Ghost) -> None:
    with pytest.raises(SourceError, match="refuses the key"):
        make_source(ghost, "0" * 26).pull({})
