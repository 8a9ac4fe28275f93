"""Sections that explain the same thing share a cluster; the oldest speaks for it; editors have the last word."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from content.clusters import Ruling, RulingKind, cluster
from tests.content.builders import APPROVED, make_article, make_sections, texts

HOW_A = (
    "How Lash Tinting Works",
    "A vegetable dye is painted on the lashes. It stays on for ten minutes and is wiped off with damp cotton.",
)
HOW_B = (
    "How Does a Lash Tint Work?",
    "The lashes are painted with a vegetable dye. After ten minutes it is wiped away with damp cotton pads.",
)
CARE_A = ("Lash Tint Aftercare", "Keep oil away from the eyes for a day. Do not rub the lashes.")
CARE_B = ("Caring for Your Lash Tint", "Do not rub your lashes. Oil should stay away from the eyes for one day.")
OTHER = ("How a Pedicure Works", "The feet are soaked in warm water. Hard skin is filed and the nails are shaped.")
A, B, C = make_article("a", HOW_A, CARE_A), make_article("b", HOW_B, CARE_B), make_article("c", OTHER)


def test_sections_that_explain_the_same_share_a_cluster_and_others_stay_out() -> None:
    found = cluster(make_sections(A, B, C))

    assert [texts(c.members) for c in found] == [
        {"a: How Lash Tinting Works", "b: How Does a Lash Tint Work?"},
        {"a: Lash Tint Aftercare", "b: Caring for Your Lash Tint"},
    ]


def test_the_oldest_approved_is_canonical() -> None:
    sections = make_sections(A, approved_at=APPROVED + timedelta(days=1)) + make_sections(B)

    assert {c.canonical.article for c in cluster(sections)} == {"b"}


def test_the_order_of_arrival_does_not_matter() -> None:
    outcomes = {cluster(order) for order in permutations(make_sections(A, B, C))}

    assert len(outcomes) == 1


def test_an_editor_keeps_sections_apart() -> None:
    how_a, _, how_b, _ = make_sections(A, B)

    found = cluster(make_sections(A, B), [Ruling(RulingKind.DIFFERENT, how_a.fingerprint, how_b.fingerprint)])

    assert [texts(c.members) for c in found] == [{"a: Lash Tint Aftercare", "b: Caring for Your Lash Tint"}]


def test_an_editor_joins_what_no_score_would_join() -> None:
    how, _ = make_sections(A)
    (other,) = make_sections(C)

    (found,) = cluster([how, other], [Ruling(RulingKind.SAME, other.fingerprint, how.fingerprint)])

    assert texts(found.members) == {"a: How Lash Tinting Works", "c: How a Pedicure Works"}
    assert found.links[0].rule == "an editor's ruling"


def test_an_editor_chooses_which_one_is_printed() -> None:
    younger = tuple(replace(s, approved_at=APPROVED + timedelta(days=9)) for s in make_sections(B))

    found = cluster(make_sections(A) + younger, [Ruling(RulingKind.CANONICAL, younger[0].fingerprint)])

    assert {c.canonical.article for c in found} == {"a", "b"}


def test_a_section_repeated_inside_one_article_is_found() -> None:
    twice = make_article("d", HOW_A, OTHER, ("Lash Tinting, Step by Step", HOW_A[1]))

    (found,) = cluster(make_sections(twice))

    assert texts(found.members) == {"d: How Lash Tinting Works", "d: Lash Tinting, Step by Step"}


def test_nothing_gives_nothing() -> None:
    assert cluster([]) == ()
    assert cluster(make_sections(make_article("e", ("", "💅"), ("", "12 34")))) == ()


def test_headless_openings_on_one_subject_that_share_no_word_stay_apart() -> None:
    tint = ("How a Brow Tint Works", "A dye is painted on the brows and wiped off again.")
    first = make_article("f", ("", "Pale hairs vanish in photographs."), tint, title="Brow tint")
    second = make_article("g", ("", "Mornings are short enough."), tint, title="Brow tint")

    found = cluster(make_sections(first, second))

    assert [texts(c.members) for c in found] == [{"f: How a Brow Tint Works", "g: How a Brow Tint Works"}]


def test_a_heading_that_names_its_thing_finds_it_in_articles_about_something_else() -> None:
    filters = make_article(
        "filters",
        ("Mineral Filters", "Zinc oxide sits on the skin and scatters light. Zinc oxide suits babies."),
        ("Chemical Filters", "Avobenzone turns light into warmth inside the skin."),
        (
            "How SPF Works",
            "The number says how much longer skin takes to redden with sunscreen than without. It is measured with two "
            "milligrams on every square centimetre, about twice what most people use. The number speaks of UVB alone. "
            "Against UVA look for the letters in a circle, or for four plus signs.",
        ),
        title="Mineral or Chemical Filters",
    )
    foundation = make_article(
        "foundation",
        ("Choosing a Foundation", "A foundation is matched at the jaw. Foundation oxidises within the hour."),
        ("Setting a Foundation", "Loose powder sets a foundation under the eyes."),
        (
            "How SPF Works",
            "The number says how much longer skin takes to redden with sunscreen than without. It is measured with two "
            "milligrams on every square centimetre. For one face that makes a third of a teaspoon. Of foundation you "
            "use a tenth of that on a generous day.",
        ),
        ("What She Saw", "Nothing, for a month."),
        title="Foundation",
    )
    diary = make_article("diary", ("What She Saw", "A paler scar in June, and none in July."), title="A Diary")

    (found,) = cluster(make_sections(filters, foundation, diary))

    assert texts(found.members) == {"filters: How SPF Works", "foundation: How SPF Works"}


def test_one_article_in_twelve_feeds_with_tiny_changes_is_one_cluster_for_each_section() -> None:  # F39
    copies = [
        make_article(
            f"feed{n}",
            (HOW_A[0], HOW_A[1].replace("ten minutes", f"{n} minutes" if n % 4 == 0 else "ten minutes")),
            (CARE_A[0], f"{CARE_A[1]}{' Read on at our site.' if n % 3 else ''}"),
            title=f"Lash Tinting{'!' * (n % 2)}",
        )
        for n in range(8, 20)
    ]

    found = cluster(make_sections(*copies))

    assert sorted(len(c.members) for c in found) == [12, 12]
