"""Real feed readers get the same entries out of all three forms, at first and after a correction."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import reader as lemon
from bs4 import BeautifulSoup

from content.editions import Edition
from newsletter.syndicating import write_site
from tests.editions import LOOK, at_week, full_edition, make_edition, make_story

FORMS = ("rss", "atom", "json")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[lemon.Reader]:
    with lemon.make_reader(":memory:", feed_root=str(tmp_path)) as library:
        yield library


def read(library: lemon.Reader, site: Path, *editions: Edition) -> dict[str, list[lemon.Entry]]:
    """Publish `editions`, let the reader update itself, and return what it shows for each form."""
    write_site(site, editions, LOOK)
    shown = {}
    for form in FORMS:
        library.add_feed(f"feeds/all.{form}", exist_ok=True)
    for one in library.update_feeds_iter(scheduled=False):
        assert not isinstance(one.value, Exception), one
    for form in FORMS:
        shown[form] = list(library.get_entries(feed=f"feeds/all.{form}"))
    return shown


def essence(entries: list[lemon.Entry]) -> set[tuple[object, ...]]:
    """Return what readers see; feedparser cleans HTML its own way, so content is compared as far as its words."""
    return {
        (
            e.id,
            e.title,
            e.link,
            e.authors_str or "",
            e.published,
            " ".join(BeautifulSoup(e.get_content().value, "html5lib").get_text(" ").split()),
            tuple(x.href for x in e.enclosures),
        )
        for e in entries
    }


def test_all_three_forms_give_the_same_entries(library: lemon.Reader, tmp_path: Path) -> None:
    shown = read(library, tmp_path, full_edition(), at_week(make_edition(make_story("old", "Older")), 47, 18))

    assert essence(shown["rss"]) == essence(shown["json"])
    # Without an author of its own, an Atom entry has the feed's (RFC 4287, 4.2.1).
    without_author = {(*e[:3], "" if e[3] == LOOK.name else e[3], *e[4:]) for e in essence(shown["atom"])}
    assert without_author == {(*e[:3], e[3] or "", *e[4:]) for e in essence(shown["rss"])}
    assert len(shown["rss"]) == 3


def test_each_entry_leads_to_its_article_and_carries_its_image(library: lemon.Reader, tmp_path: Path) -> None:
    needling = full_edition().stories[0]

    for entries in read(library, tmp_path, full_edition()).values():
        entry = next(e for e in entries if e.title == needling.title)
        assert entry.link == f"https://news.example.org/articles/{needling.slug}.html"
        assert [x.href for x in entry.enclosures] == ["https://cdn.example.org/serum.jpg"]
        assert [x.type for x in entry.enclosures] == ["image/jpeg"]


def test_a_correction_is_an_update_of_the_same_entry(library: lemon.Reader, tmp_path: Path) -> None:
    edition = make_edition(make_story())
    first = read(library, tmp_path, edition)
    later = datetime(2026, 11, 26, 8, tzinfo=UTC)
    corrected = replace(edition.stories[0], correction="Half a millimetre, not five.", updated_at=later)

    second = read(library, tmp_path, replace(edition, stories=(corrected,)))

    for form in FORMS:
        (before,), (after,) = first[form], second[form]
        assert (after.id, after.link, after.published) == (before.id, before.link, before.published)
        assert "Half a millimetre" in after.get_content().value
    # RSS has no word for it.
    assert [second[form][0].updated for form in ("atom", "json")] == [later, later]


def test_a_rebuild_without_a_change_is_no_news(library: lemon.Reader, tmp_path: Path) -> None:
    read(library, tmp_path, full_edition())
    write_site(tmp_path, [full_edition()], LOOK, anew=True)

    news = [one.value for one in library.update_feeds_iter(scheduled=False)]

    assert [(n.new, n.modified) if n else (0, 0) for n in news] == [(0, 0)] * len(FORMS)


def test_a_feed_of_awkward_content_is_read_without_complaint(library: lemon.Reader, tmp_path: Path) -> None:
    from tests.newsletter.test_rendering_awkward import AWKWARD

    edition = make_edition(*AWKWARD.values(), published_at=datetime(2026, 11, 25, 7, tzinfo=UTC) + timedelta(hours=1))
    shown = read(library, tmp_path, edition)

    assert {form: len(entries) for form, entries in shown.items()} == dict.fromkeys(FORMS, len(AWKWARD))
    ids = {form: {e.id for e in entries} for form, entries in shown.items()}
    assert ids["rss"] == ids["atom"] == ids["json"]
