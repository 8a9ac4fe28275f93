"""Which sections are compared: all of few, of many those that share rare words or a subject; one to one in the end."""

import numpy as np

from content.clusters import examine
from content.judging import Judge
from content.matching import ALL_PAIRS, best_of_both, plan
from content.similarity import profiles
from tests.content.builders import make_article, make_sections

PARTS = (
    ("How a Lash Tint Works", "A vegetable dye is painted on the lashes and wiped off with damp cotton."),
    ("Lash Tint Aftercare", "Keep steam and oil away from the lashes until the colour has settled."),
)
RETOLD = (
    ("Lash Tint Aftercare", "Until the colour has settled, steam and oil stay away from the lashes."),
    ("How a Lash Tint Works", "The lashes are painted with a vegetable dye that damp cotton wipes off."),
)


def test_of_few_articles_all_sections_are_matched_with_all() -> None:
    sections = make_sections(make_article("a", *PARTS), make_article("b", *RETOLD))

    found = plan(Judge(profiles(sections)), np.arange(4))

    assert list(zip(found.between.a.tolist(), found.between.b.tolist(), strict=True)) == [
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
    ]
    assert [x.tolist() for x in found.inside] == [[0, 2], [1, 3]]
    assert (found.compared, found.passed_over) == (3, 0)


def test_a_section_is_linked_to_the_one_that_is_best_for_both() -> None:
    sections = make_sections(make_article("a", *PARTS), make_article("b", *RETOLD))
    judge = Judge(profiles(sections))
    between = plan(judge, np.arange(4)).between

    best = best_of_both(between, judge.judge(between.a, between.b))

    assert sorted(zip(between.a[best].tolist(), between.b[best].tolist(), strict=True)) == [(0, 3), (1, 2)]


def test_among_many_a_retold_article_still_finds_its_original() -> None:
    others = (
        make_article(f"other{n}", (f"How thing{n} is made", f"Part{n} of batch{n} is pressed into shape{n}."))
        for n in range(ALL_PAIRS)
    )
    sections = make_sections(make_article("a", *PARTS), make_article("b", *RETOLD), *others)

    found = examine(sections)

    assert [[m.heading for m in c.members] for c in found.clusters] == [
        ["How a Lash Tint Works"] * 2,
        ["Lash Tint Aftercare"] * 2,
    ]
    assert found.compared < ALL_PAIRS
