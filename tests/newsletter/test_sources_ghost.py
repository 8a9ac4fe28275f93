"""A Ghost site gives the posts that its staff have tagged, and the tag is their approval."""

from datetime import UTC, datetime

import pytest

from content.approvals import Approval, Decision
from content.articles import Article
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Pull, SourceError
from newsletter.sources.ghost import GhostSource
from tests.builders import paragraph
from tests.newsletter.cms import KEY, Post, serve_site

TAG = {"name": "#approved", "slug": "hash-approved", "visibility": "internal"}


def make_post(number: int, *tags: dict[str, str], **more: object) -> Post:
    return {
        "id": f"{number:024x}",
        "title": f"Lips {number}",
        "html": "<p>Oil feeds.</p>",
        "url": f"https://ghost.example/{number}/",
        "published_at": "2026-11-20T10:00:00.000+01:00",
        "updated_at": "2026-11-21T10:00:00.000Z",
        "authors": [{"name": "Noor"}],
        "tags": [{"name": "Skin", "slug": "skin", "visibility": "public"}, *tags],
        **more,
    }


def make_source(url: str, key: str = KEY, **more: str) -> GhostSource:
    fetcher = HttpFetcher("tests", limits=Limits(seconds=5, pause=0, tries=1), reach=Reach(loopback=True))
    return GhostSource("ghost", url, fetcher, key, **more)


def test_a_tagged_post_becomes_an_approved_article() -> None:
    with serve_site(make_post(1, TAG), make_post(2)) as site:
        pull = make_source(site.url).pull({})

    article = Article(
        id=f"ghost:{1:024x}",
        title="Lips 1",
        url="https://ghost.example/1/",
        author="Noor",
        topics=("skin",),
        published_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        blocks=(paragraph("Oil feeds."),),
        source="ghost",
    )
    assert pull.articles == (article,)
    assert pull.approvals == (
        Approval(
            revision=article.revision,
            decision=Decision.APPROVED,
            by="tag hash-approved in Ghost",
            at=datetime(2026, 11, 21, 10, tzinfo=UTC),
        ),
    )


def test_without_a_tag_every_post_is_read_and_none_is_approved() -> None:
    with serve_site(make_post(1, TAG), make_post(2)) as site:
        pull = make_source(site.url, tag="").pull({})

    assert (len(pull.articles), pull.approvals) == (2, ())


@pytest.mark.parametrize("number", [0, 1, 100, 101, 250])
def test_every_post_of_every_page_is_read_once(number: int) -> None:
    with serve_site(*(make_post(n, TAG) for n in range(number))) as site:
        pull = make_source(site.url).pull({})

    assert [article.id for article in pull.articles] == [f"ghost:{n:024x}" for n in range(number)]


def test_an_unchanged_site_costs_one_short_request_for_each_page() -> None:
    with serve_site(*(make_post(n, TAG) for n in range(250))) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.requests.clear()

        assert source.pull(memory) == Pull(memory=memory)
        assert len(site.requests) == 3


def test_a_post_that_loses_its_tag_is_gone() -> None:
    with serve_site(make_post(1, TAG), make_post(2, TAG)) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.posts[0]["tags"].pop()

        pull = source.pull(memory)

    assert ([article.title for article in pull.articles], pull.gone) == (["Lips 2"], (f"ghost:{1:024x}",))


def test_a_wrong_key_is_named_and_no_key_is_shown() -> None:
    with serve_site() as site, pytest.raises(SourceError) as caught:
        make_source(site.url, "wrong").pull({})

    assert str(caught.value) == f"{site.url} refuses the key: copy the Content API key of the integration again"
    assert KEY not in repr(make_source("https://ghost.example"))


def test_a_damaged_post_harms_no_other() -> None:
    with serve_site(make_post(1, TAG), make_post(2, TAG, published_at="soon"), make_post(3, TAG)) as site:
        pull = make_source(site.url).pull({})

    assert [article.title for article in pull.articles] == ["Lips 1", "Lips 3"]
    assert [problem.item for problem in pull.problems] == ["https://ghost.example/2/"]
