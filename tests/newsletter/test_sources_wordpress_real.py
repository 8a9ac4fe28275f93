"""A real WordPress is read as the one that we imitate: edits, schedules, deletions and passwords included."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import SourceError
from newsletter.sources.wordpress import WordPressSource
from tests.builders import IN_CI
from tests.newsletter.real_wordpress import WordPress, is_installed, serve_wordpress

#: tests/install-parts brings it; where it could not, CI fails and other machines skip.
pytestmark = pytest.mark.skipif(
    not is_installed() and not IN_CI, reason="WordPress is not installed (see real_wordpress.py)"
)

_SEED = """
$skin = wp_insert_term('Skin Care', 'category')['term_id'];
for ($i = 1; $i <= 105; $i++) wp_insert_post([
    'post_title' => "Article $i & “quotes”", 'post_status' => $i % 21 ? 'publish' : 'draft',
    'post_content' =>
        "<!-- wp:paragraph --><p>Body $i <strong>SPF</strong></p><!-- /wp:paragraph --><script>x()</script>",
    'post_category' => [$skin], 'tags_input' => ['spf'], 'post_date_gmt' => gmdate('Y-m-d H:i:s', time() - 3600 * $i)]);
// as if all this had been written yesterday
$wpdb->query("UPDATE $wpdb->posts SET post_modified_gmt = post_modified_gmt - INTERVAL 1 DAY");
"""


@pytest.fixture(scope="module")
def wordpress() -> Iterator[WordPress]:
    # Not in pytest's folder: that keeps the 100 MB of three runs.
    with tempfile.TemporaryDirectory(prefix="wordpress-") as folder, serve_wordpress(Path(folder)) as site:
        site.run(_SEED)
        yield site


def make_source(site: WordPress) -> WordPressSource:
    fetcher = HttpFetcher("tests", limits=Limits(seconds=60, pause=0), reach=Reach(loopback=True))
    return WordPressSource("blog", site.url, fetcher, site.credentials)


def test_a_site_is_followed_through_edits_schedules_and_deletions(wordpress: WordPress) -> None:
    source = make_source(wordpress)

    first = source.pull({})

    assert (len(first.articles), first.problems) == (100, ())
    article = next(a for a in first.articles if a.title == "Article 1 & “quotes”")
    assert [block.text for block in article.blocks] == ["Body 1 SPF"]
    assert (article.author, article.topics) == ("admin", ("skin care", "spf"))
    assert article.url == f"{wordpress.url}/article-1-quotes/"

    unchanged = source.pull(first.memory)
    assert (unchanged.gone, unchanged.memory) == ((), first.memory)
    assert {a.revision for a in unchanged.articles} <= {a.revision for a in first.articles}

    number = {a.title: a.id.removeprefix("blog:") for a in first.articles}
    edited, deleted, trashed = (number[f"Article {n} & “quotes”"] for n in (7, 8, 9))
    wordpress.run(
        f"wp_update_post(['ID' => {edited}, 'post_content' => 'New.']);"
        f"wp_delete_post({deleted}, true); wp_trash_post({trashed});"
        # What was scheduled keeps the time it was written.
        "$id = wp_insert_post(['post_title' => 'Scheduled', 'post_content' => 'Later.', 'post_status' => 'publish']);"
        "$wpdb->query(\"UPDATE $wpdb->posts SET post_modified_gmt = '2020-01-01 00:00:00' WHERE ID = $id\");"
    )

    second = source.pull(first.memory)

    changed = {a.title: a.blocks[0].text for a in second.articles if a not in first.articles}
    assert changed == {"Article 7 & “quotes”": "New.", "Scheduled": "Later."}
    assert second.gone == tuple(sorted((f"blog:{deleted}", f"blog:{trashed}")))


def test_a_wrong_password_is_noticed_although_the_posts_are_public(wordpress: WordPress) -> None:
    with pytest.raises(SourceError, match="refuses the user name or the application password"):
        make_source(replace(wordpress, credentials=("admin", "wrong"))).pull({})


def test_without_a_password_the_site_is_read_as_anybody_can(wordpress: WordPress) -> None:
    source = replace(make_source(wordpress), credentials=None)

    assert len(source.pull({}).articles) >= 99
