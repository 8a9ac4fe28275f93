"""Articles about one thing are found by the rare words they share, where their headings play with words."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.near_duplicates import read_sections
from content.clusters import cluster
from content.kin import relatives
from content.sections import Section
from content.similarity import profiles
from tests.content.builders import make_article, make_sections

DATA = Path(__file__).parents[1] / "data"


def kin(sections: Sequence[Section]) -> list[set[str]]:
    """Return the articles of each subject, by name."""
    names = {s.revision: s.article for s in sections}
    found = relatives(profiles(sections).each)
    return sorted(({names[revision] for revision in group} for group in found), key=sorted)


@pytest.fixture(scope="module")
def magazine() -> list[Section]:
    """Articles headed "Freezing Fat: The Facts" and "A Perm for Your Eyebrows", and plain ones on the same."""
    return [x.section for x in read_sections(DATA / "magazine_b.txt")]


def test_headings_that_play_join_those_that_name_the_subject(magazine: list[Section]) -> None:
    assert kin(magazine) == [
        {"brow/a", "brow/b", "brow/c", "brow/d"},
        {"cryo/a", "cryo/b", "cryo/c"},
        {"guasha/a", "guasha/b", "guasha/c", "guasha/d"},
        {"smp/a", "smp/b"},
        {"smp/c"},  # "Ink, Not Hair": too few rare words to be sure
    ]


def test_the_order_of_the_sections_makes_no_difference(magazine: list[Section]) -> None:
    assert kin(magazine[::-1]) == kin(magazine)


def test_articles_that_name_different_things_stay_apart_however_alike_their_words() -> None:
    care = "Keep steam, oil, mascara, swimming and sauna away for two days; brush gently with a clean spoolie."
    tint = make_article("tint", ("Lash Tint Aftercare", care), ("How a Lash Tint Works", "A dye colours the lashes."))
    lift = make_article("lift", ("Lash Lift Aftercare", care), ("How a Lash Lift Works", "A rod curls the lashes."))
    other = make_article("other", ("How Cupping Works", "Suction lifts tight muscle and leaves round marks."))

    assert kin(make_sections(tint, lift, other)) == [{"lift"}, {"other"}, {"tint"}]


def test_nothing_has_no_relatives() -> None:
    assert relatives(()) == []


def test_a_link_says_that_it_rests_on_rare_words(magazine: list[Section]) -> None:
    ids = {s.id: s.article for s in magazine}
    why = {frozenset((ids[link.a], ids[link.b])): link.evidence for c in cluster(magazine) for link in c.links}

    assert why[frozenset(("brow/a", "brow/d"))].startswith("their articles share rare words; ")
    assert why[frozenset(("brow/a", "brow/b"))].startswith("same subject: brow lamin; ")
