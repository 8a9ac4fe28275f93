"""A WordPress site is read post by post, never twice without need, and what vanishes there is noticed."""

from datetime import UTC, datetime

import pytest

from content.articles import Article, Block, BlockKind
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Problem, SourceError
from newsletter.sources.wordpress import WordPressSource
from tests.builders import paragraph
from tests.newsletter.cms import CREDENTIALS, Site, make_post, serve_site
from tests.newsletter.hostile import answer, ok, serve


def make_source(url: str, credentials: tuple[str, str] | None = None) -> WordPressSource:
    fetcher = HttpFetcher("tests", limits=Limits(seconds=5, pause=0, tries=1), reach=Reach(loopback=True))
    return WordPressSource("blog", url, fetcher, credentials)


def _ids(articles: tuple[Article, ...]) -> list[str]:
    return [article.id for article in articles]


def test_a_post_becomes_an_article() -> None:
    picture = {"source_url": "https://blog.example/hero.jpg", "alt_text": 'Serum & "marble"'}
    post = make_post(7, html="<p>Oil feeds.</p><script>x()</script>")
    post["_embedded"]["wp:featuredmedia"] = [picture]

    with serve_site(post) as site:
        pull = make_source(site.url).pull({})

    assert pull.articles == (
        Article(
            id="blog:7",
            title="Lips & Lashes 7",
            url="https://blog.example/7/",
            author="Noor",
            topics=("skin", "spf"),
            published_at=datetime(2026, 11, 8, 9, tzinfo=UTC),
            blocks=(
                Block(BlockKind.IMAGE, 'Serum & "marble"', src="https://blog.example/hero.jpg"),
                paragraph("Oil feeds."),
            ),
            source="blog",
        ),
    )
    assert pull.memory == {"modified": "2026-01-01T01:10:00", "ids": "7"}


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250])
def test_every_post_of_every_page_is_read_once(number: int) -> None:
    with serve_site(*(make_post(n) for n in range(1, number + 1))) as site:
        pull = make_source(site.url).pull({})

    assert _ids(pull.articles) == [f"blog:{n}" for n in range(1, number + 1)]
    assert pull.problems == ()


def test_a_second_pull_brings_what_is_new_or_changed_and_names_what_is_gone() -> None:
    with serve_site(*(make_post(n) for n in range(1, 121))) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.posts[:] = [post for post in site.posts if post["id"] != 50]
        site.posts[0]["modified_gmt"] = "2026-11-21T00:00:00"
        site.posts.append(make_post(121, modified_gmt="2026-11-21T00:00:01"))

        pull = source.pull(memory)

    # 120 was the newest, so it is read again: another may have been saved in the same second.
    assert _ids(pull.articles) == ["blog:120", "blog:1", "blog:121"]
    assert pull.gone == ("blog:50",)


def test_a_post_that_was_scheduled_is_found_although_its_time_is_old() -> None:
    with serve_site(*(make_post(n) for n in range(1, 121))) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.posts.append(make_post(7000, modified_gmt="2026-01-01T00:10:00"))

        pull = source.pull(memory)

    assert _ids(pull.articles) == ["blog:120", "blog:7000"]
    assert pull.memory["ids"].split(",").count("7000") == 1


def test_what_was_saved_around_the_last_pull_is_read_again() -> None:
    with serve_site(make_post(1, modified_gmt="2026-11-20T10:00:00")) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.posts.append(make_post(2, modified_gmt="2026-11-20T09:56:00"))  # a clock that is four minutes late

        assert _ids(source.pull(memory).articles) == ["blog:2", "blog:1"]


def test_an_unchanged_site_costs_two_short_requests() -> None:
    with serve_site(*(make_post(n) for n in range(1, 301))) as site:
        source = make_source(site.url)
        memory = source.pull({}).memory
        site.requests.clear()

        pull = source.pull(memory)

    assert (_ids(pull.articles), pull.gone, pull.memory) == (["blog:300"], (), memory)
    assert len(site.requests) == 2


def test_a_post_behind_a_password_and_one_that_is_damaged_harm_no_other() -> None:
    locked = make_post(1)
    locked["content"]["protected"] = True
    odd = {
        "id": 2,
        "link": "https://blog.example/2/",
        "modified_gmt": "2026-11-20T00:00:02",
        "_embedded": {"author": 7},
    }

    with serve_site(locked, odd, make_post(3)) as site:
        pull = make_source(site.url).pull({})

    assert _ids(pull.articles) == ["blog:3"]
    assert pull.problems == (
        Problem(
            "https://blog.example/1/",
            "https://blog.example/1/ is protected by a password: take it off, or leave the post out",
        ),
        Problem(
            "https://blog.example/2/",
            "https://blog.example/2/ is not what WordPress sends: a plugin may have changed it",
        ),
    )


def test_credentials_are_proven_before_anything_is_read() -> None:
    with serve_site(make_post(1)) as site:
        assert _ids(make_source(site.url, CREDENTIALS).pull({}).articles) == ["blog:1"]
        site.requests.clear()

        with pytest.raises(SourceError, match="refuses the user name or the application password"):
            make_source(site.url, ("ines", "wrong")).pull({})

        assert _asked_for(site) == ["users/me"]


def _asked_for(site: Site) -> list[str]:
    return [path.partition("?")[0].partition("/wp/v2/")[2] for path in site.requests]


def test_a_password_is_never_shown() -> None:
    assert "abcd" not in repr(make_source("https://blog.example", CREDENTIALS))


@pytest.mark.parametrize(
    ("reply", "reason", "transient"),
    [
        (ok(b"<html>"), "answers no JSON: is WordPress's REST interface on?", False),
        (ok(b'{"code": "x"}'), "answers no list of posts", False),
        (answer(404), "does not exist", False),
        (answer(502), "has trouble at its end", True),
    ],
)
def test_a_site_that_is_no_wordpress_is_named(reply: bytes, reason: str, transient: bool) -> None:
    with serve({"/wp-json/wp/v2/posts": reply}) as server, pytest.raises(SourceError, match=reason) as caught:
        make_source(server.url).pull({})
    assert caught.value.transient is transient
