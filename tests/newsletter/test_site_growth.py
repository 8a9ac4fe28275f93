"""A site that grew edition by edition is the site one would build at once, and growing costs what changed, no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from content.editions import Edition, fingerprint
from newsletter.syndicating import Listed, build_site, write_site
from newsletter.syndicating.site import MEMORY
from tests.editions import LOOK, make_edition, make_story

START = datetime(2025, 11, 3, 7, tzinfo=UTC)


def edition_of(week: int, *articles: str, version: int = 0, newsletter: str = "beauty") -> Edition:
    """Return an edition of few articles; some of them are told in other weeks as well."""
    stories = (
        make_story(
            f"{article}.md",
            f"{article}, version {version}",
            topics=("Skin", "Scent") if article < "c" else ("skin",),
            updated_at=START + timedelta(weeks=week, hours=version) if version else None,
        )
        for article in articles
    )
    return make_edition(
        *stories,
        newsletter=newsletter,
        period=f"W{week}",
        label=f"Week {week}",
        published_at=START + timedelta(weeks=week),
    )


def listed(edition: Edition, load: Callable[[], Edition] | None = None) -> Listed:
    return Listed(
        key=edition.key,
        fingerprint=fingerprint(edition),
        newsletter=edition.newsletter,
        published_at=edition.published_at,
        load=load or (lambda: edition),
    )


def never() -> Edition:
    raise AssertionError("an edition was loaded that no change touches")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that readers see."""
    files = (p for p in folder.rglob("*") if p.is_file() and MEMORY not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file, the memory included."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


changes = st.lists(
    st.tuples(
        st.integers(0, 9),  # which of ten editions, over two years
        st.lists(st.sampled_from("abcdefgh"), max_size=4, unique=True),  # what it prints now; nothing takes it away
        st.integers(0, 3),  # the version
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes)
def test_growing_gives_what_building_at_once_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, list[str], int]]
) -> None:
    grown = tmp_path_factory.mktemp("grown")
    editions: dict[str, Edition] = {}
    for number, articles, version in steps:
        newsletter = "beauty" if number % 3 else "hair"
        edition = edition_of(number * 2, *articles, version=version, newsletter=newsletter)
        editions[edition.key] = edition
        if not articles:
            del editions[edition.key]
        write_site(grown, editions.values(), LOOK)

    at_once = tmp_path_factory.mktemp("at-once")
    write_site(at_once, editions.values(), LOOK)

    assert sorted(contents(grown)) == sorted(contents(at_once))
    assert contents(grown) == contents(at_once)


def test_an_edition_that_did_not_change_is_not_even_loaded(tmp_path: Path) -> None:
    editions = [edition_of(week, f"story{week}") for week in range(80)]
    write_site(tmp_path, editions, LOOK)

    unchanged = [listed(e, never) for e in editions]
    assert build_site(tmp_path, unchanged, LOOK) == ()

    # Whatever stands in the live feeds is loaded; the first year is not.
    changed = replace(editions[-1], title="Another")
    now = [listed(e, never) for e in editions[:20]] + [listed(e) for e in editions[20:-1]] + [listed(changed)]
    assert f"editions/{changed.key}.html" in build_site(tmp_path, now, LOOK)


@pytest.mark.parametrize("weeks", [60, 110])
def test_a_change_touches_as_many_files_in_a_big_archive_as_in_a_small_one(tmp_path: Path, weeks: int) -> None:
    editions = [edition_of(week, f"story{week}") for week in range(weeks)]
    write_site(tmp_path, editions, LOOK)

    changed = write_site(tmp_path, [*editions[:-1], edition_of(weeks - 1, f"story{weeks - 1}", version=1)], LOOK)

    year, month = f"{editions[-1].published_at:%Y}", f"{editions[-1].published_at:%Y-%m}"
    kinds = {p.replace(month, "MONTH").replace(year, "YEAR").replace(str(weeks - 1), "N") for p in changed}
    assert len(changed) == len(kinds) == 18
    assert {"sitemaps/YEAR.xml", "feeds/archive/MONTH.atom"} <= kinds


def test_a_new_look_or_a_wish_makes_everything_anew(tmp_path: Path) -> None:
    editions = [edition_of(1, "a"), edition_of(2, "b")]
    write_site(tmp_path, editions, LOOK)
    before = contents(tmp_path)

    (tmp_path / "index.html").unlink()
    assert write_site(tmp_path, editions, LOOK) == ()
    assert write_site(tmp_path, editions, LOOK, anew=True) == ("index.html",)
    assert contents(tmp_path) == before
    assert f"editions/{editions[0].key}.html" in write_site(tmp_path, editions, replace(LOOK, name="New name"))


def test_an_article_that_a_newer_edition_prints_keeps_that_page(tmp_path: Path) -> None:
    older, newer = edition_of(1, "a", version=1), edition_of(2, "a", version=2)
    page = tmp_path / f"articles/{older.stories[0].slug}.html"

    write_site(tmp_path, [newer], LOOK)
    write_site(tmp_path, [older, newer], LOOK)
    assert "version 2" in page.read_text()

    write_site(tmp_path, [older], LOOK)
    assert "version 1" in page.read_text()

    write_site(tmp_path, [], LOOK)
    assert not page.exists()


def test_what_was_taken_away_is_gone_with_its_lists(tmp_path: Path) -> None:
    first = edition_of(1, "a", newsletter="hair")
    write_site(tmp_path, [first, edition_of(20, "d")], LOOK)

    write_site(tmp_path, [edition_of(20, "d")], LOOK)

    left = set(contents(tmp_path))
    assert not {n for n in left if "hair" in n or "2025" in n or "scent" in n}
    assert "topics/skin.html" in left


def test_a_build_that_dies_is_made_good_by_the_next(tmp_path: Path) -> None:
    editions = [edition_of(week, "abcdefgh"[week]) for week in range(6)]
    write_site(tmp_path / "whole", editions, LOOK)

    def dies() -> Edition:
        raise OSError("disk full")

    write_site(tmp_path / "broken", editions[:3], LOOK)
    with pytest.raises(OSError, match="disk full"):
        build_site(tmp_path / "broken", [*map(listed, editions[:5]), listed(editions[5], dies)], LOOK)
    write_site(tmp_path / "broken", editions, LOOK)

    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_a_memory_that_cannot_be_read_is_no_memory(tmp_path: Path) -> None:
    editions = [edition_of(1, "a"), edition_of(2, "b")]
    write_site(tmp_path, editions, LOOK)
    whole = tree(tmp_path)
    for file in (tmp_path / MEMORY).rglob("*.json"):
        file.write_text("{")

    write_site(tmp_path, editions, LOOK)

    assert tree(tmp_path) == whole


def test_archives_of_feeds_lead_from_the_newest_entry_to_the_oldest(tmp_path: Path) -> None:
    import feedparser

    editions = [edition_of(week, f"story{week}") for week in range(0, 60, 5)]
    write_site(tmp_path, editions, LOOK)

    for ending in (".atom", ".rss"):
        seen: list[str] = []
        address = f"https://news.example.org/feeds/all{ending}"
        while address:
            feed = feedparser.parse((tmp_path / address.removeprefix("https://news.example.org/")).read_bytes())
            seen += [e.title for e in feed.entries if e.title not in seen]
            address = next((x.href for x in feed.feed.links if x.rel == "prev-archive"), "")
        assert seen == [e.stories[0].title for e in reversed(editions)]
