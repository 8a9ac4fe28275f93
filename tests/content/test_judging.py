"""When two sections are alike enough: what their headings say sets how much their words must."""

import pytest

from content.clusters import cluster
from content.roles import Role, hints, roles
from content.subjects import may_name_two_things, name_two_things, read_heading
from tests.content.builders import make_article, make_sections

FILM = (
    "Slugging means covering the face with a thin film of petroleum jelly at night. The film slows the loss of water."
    " It adds no moisture itself and only keeps in what is there."
)
THE_SAME = (
    "At bedtime, the face is coated with a thin film of petroleum jelly. Less water evaporates because of the film."
    " The habit became known through Korean skincare forums."
)


def found(*parts: tuple[str, str]) -> list[list[str]]:
    """Return the headings of each cluster of articles with one section each."""
    articles = (make_article(f"article{n}", part) for n, part in enumerate(parts))
    return [sorted(m.heading for m in c.members) for c in cluster(make_sections(*articles))]


def test_what_it_is_and_how_it_works_may_be_one_explainer() -> None:
    pair = ("How Slugging Works", "What Is Slugging?")

    assert found((pair[0], FILM), (pair[1], THE_SAME)) == [list(pair)]


def test_one_heading_over_texts_that_share_no_word_links_nothing_where_no_subject_is_named() -> None:
    stone = "Broken capillaries and a fresh tan speak against the stone."
    cold = "Hernias and pregnancy rule it out."

    assert found(("Should You Skip It?", stone), ("Should You Skip It?", cold)) == []


@pytest.mark.parametrize(
    ("heading", "told", "hinted"),
    [
        ("What Is Slugging?", Role.WHAT, Role.HOW),
        ("Using Whitening Strips at Home", Role.AFTERCARE, Role.USE),
        ("Which Oil Is Right for You?", Role.WHO, Role.CHOOSE),
        ("Taking Gel Nails Off Safely", Role.REMOVE, Role.REMOVE),
    ],
)
def test_a_heading_tells_one_thing_first_and_hints_at_more(heading: str, told: Role, hinted: Role) -> None:
    assert roles(heading)[0] is told
    assert hinted in hints(heading)


@pytest.mark.parametrize(
    ("a", "b", "two"),
    [
        ("How a Lash Lift Works", "How Brow Lamination Works", True),
        ("How a Lash Lift Works", "How Does a Lash Lift Work?", False),
        ("How a Lash Lift Works", "The Science Behind the Curl", False),  # may be a playful way to say it
        ("How Microneedling Works", "How RF Microneedling Works", False),  # their subjects decide
        ("Should You Skip It?", "Should You Skip It?", False),
    ],
)
def test_headings_that_differ_only_in_what_they_name_name_two_things(a: str, b: str, two: bool) -> None:
    assert name_two_things(read_heading(a, "en"), read_heading(b, "en")) is two


@pytest.mark.parametrize(
    ("a", "b", "two"),
    [
        ("How Do Keratin Treatments Work?", "How Does Hair Botox Work?", True),
        ("The Chemistry of Going Blonde", "How Hair Bleaching Works", False),
        ("Removing Gel Polish", "How to Take Off Gel Nails Safely", False),
        ("Keratin Treatment Aftercare", "How Hair Botox Works", False),  # their roles keep them apart
    ],
)
def test_headings_that_say_alike_things_may_name_two(a: str, b: str, two: bool) -> None:
    assert may_name_two_things(read_heading(a, "en"), read_heading(b, "en")) is two


def test_two_acids_of_one_subject_are_two_explainers() -> None:
    mandelic = ("How Mandelic Works", "It loosens dead cells gently, because its molecule is large.")
    salicylic = ("How Salicylic Works", "It loosens dead cells inside the pore, because oil dissolves it.")
    price = ("What a Peel Costs", "A peel costs eighty euros.")

    sections = make_sections(make_article("a", mandelic, price), make_article("b", salicylic, price))

    assert [[m.heading for m in c.members] for c in cluster(sections)] == [["What a Peel Costs"] * 2]
