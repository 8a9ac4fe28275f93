"""A text comes apart into the articles that stand in it, and nothing is lost but furniture."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content.articles import BlockKind
from content.compound import Division, Part, divide, is_heading, name_opening

SAMPLE = Path(__file__).parents[1] / "data" / "compound.txt"
#: The file of the person who asked for all this; it lies beside the repository, and not in every copy of it.
SEED = Path(__file__).parents[2].parent / "shared" / "seeds" / "000_4ac015b753b3a5cd.txt"

NEEDLING = "Understanding Microneedling for Acne Scars"


def _outline(division: Division) -> list[tuple[str, list[str]]]:
    """Each article's title, and its headings in order; "" stands for prose before the first."""
    return [(part.title, _headings(part)) for part in division.parts]


def _headings(part: Part) -> list[str]:
    opening = [""] if part.blocks[0].kind is not BlockKind.HEADING else []
    return opening + [block.text for block in part.blocks if block.kind is BlockKind.HEADING]


def test_a_file_of_three_articles_comes_out_as_three() -> None:
    division = divide(SAMPLE.read_text(encoding="utf-8"))

    assert _outline(division) == [
        ("Gua sha", [""]),
        ("Gua Sha for Tired Mornings", ["", "How Gua Sha Works", "What You Need", "Is It Safe?"]),
        ("Gua Sha for Tired Mornings", ["", "How Gua Sha Works", "Conclusion"]),
    ]
    assert division.furniture == ("Sign up for tips that are worth your morning",)


@pytest.mark.skipif(not SEED.exists(), reason="the user's file does not lie beside this copy of the repository")
def test_the_users_file_comes_out_as_its_four_articles() -> None:
    division = divide(SEED.read_text(encoding="utf-8"))

    # Checked by hand against the file, line by line.
    assert _outline(division) == [
        ("Microneedling", [""]),
        (
            NEEDLING,
            [
                "",
                "How Microneedling Works",
                "Benefits of Microneedling for Acne Scars",
                "Safety and Efficacy",
                "Preparing for Microneedling",
                "Post-Treatment Care",
            ],
        ),
        (
            NEEDLING,
            [
                "",
                "How Microneedling Works",
                "Benefits of Microneedling for Acne Scars",
                "What to Expect After Treatment",
                "Conclusion",
            ],
        ),
        (
            NEEDLING,
            [
                "",
                "How Microneedling Works",
                "Benefits of Microneedling for Acne Scars",
                "What to Expect After Treatment",
                "Conclusion",
            ],
        ),
    ]
    assert division.furniture == ("Get updated with beauty resources, tips, and news",)
    assert [len(part.blocks) for part in division.parts] == [4, 12, 9, 9]


@pytest.mark.parametrize("path", [SAMPLE, SEED], ids=["sample", "seed"])
def test_every_line_of_the_file_is_still_there(path: Path) -> None:
    if not path.exists():
        pytest.skip("the user's file does not lie beside this copy of the repository")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    division = divide("\n".join(lines))

    kept = [part.title for part in division.parts if part.titled] + list(division.furniture)
    kept += [block.text for part in division.parts for block in part.blocks]
    assert sorted(kept) == sorted(line.removeprefix("- ") for line in lines)


def test_one_article_stays_one_although_its_small_headings_repeat() -> None:
    days = "A week of masks\nPlan it.\nMonday\nMorning\nClay.\nEvening\nOil.\nTuesday\nMorning\nRest.\nEvening\nOil."

    assert [part.title for part in divide(days).parts] == ["A week of masks"]


def test_a_title_is_found_although_the_first_article_has_only_its_sections() -> None:
    text = "Peels renew skin.\nHow A Peel Works\nAcid.\n" + "All About Chemical Peels\nHow A Peel Works\nAcid.\n" * 2

    assert _outline(divide(text)) == [
        ("Peels renew skin", ["", "How A Peel Works"]),
        ("All About Chemical Peels", ["How A Peel Works"]),
        ("All About Chemical Peels", ["How A Peel Works"]),
    ]


@pytest.mark.parametrize("line", ["---", "* * *", "=====", "\f"], ids=["hyphens", "asterisks", "equals", "form feed"])
def test_a_line_between_articles_parts_them(line: str) -> None:
    text = f"Clay\nClay dries the skin.\n{line}\nOil\nOil feeds the skin."

    assert [part.title for part in divide(text).parts] == ["Clay", "Oil"]


def test_what_marks_a_heading_is_neither_text_nor_a_parting() -> None:
    text = "All About Clay\n==============\nClay dries.\n\nHow To Use It\n-------------\nThinly.\n## When\nWeekly."

    assert _outline(divide(text)) == [("All About Clay", ["", "How To Use It", "When"])]


def test_the_same_call_to_act_may_close_every_article() -> None:
    text = "Clay\nClay dries.\nSubscribe for more\nOil\nOil feeds.\nSubscribe for more"

    division = divide(text)

    assert [part.title for part in division.parts] == ["Clay", "Oil"]
    assert division.furniture == ("Subscribe for more", "Subscribe for more")


def test_a_short_last_line_that_calls_nobody_is_kept() -> None:
    assert [block.text for block in divide("Clay\nClay dries.\nSPF 50, every day").parts[0].blocks] == [
        "Clay dries.",
        "SPF 50, every day",
    ]


def test_many_short_lines_are_a_list_under_the_first() -> None:
    blocks = divide("Lip Oils\nTested.\nThe Shades\nRose\nNude\nBerry\nAll wear off by noon.").parts[0].blocks

    assert [(block.kind, block.text) for block in blocks] == [
        (BlockKind.PARAGRAPH, "Tested."),
        (BlockKind.HEADING, "The Shades"),
        (BlockKind.BULLET, "Rose"),
        (BlockKind.BULLET, "Nude"),
        (BlockKind.BULLET, "Berry"),
        (BlockKind.PARAGRAPH, "All wear off by noon."),
    ]


def test_wrapped_lines_become_whole_paragraphs() -> None:
    text = (
        "Sun Care\n\nA filter that absorbs needs twenty minutes before\nit works, one that reflects works at once.\n\n"
        "Reapply\nEvery two hours, and after each swim, whatever\nthe bottle says.\n\n- hats\n- shade\n"
    )

    assert [block.text for block in divide(text).parts[0].blocks] == [
        "A filter that absorbs needs twenty minutes before it works, one that reflects works at once.",
        "Reapply",
        "Every two hours, and after each swim, whatever the bottle says.",
        "hats",
        "shade",
    ]


@pytest.mark.parametrize("text", ["", " \n\t\n", "---\n---"], ids=["empty", "blank", "only separators"])
def test_a_text_without_words_holds_no_article(text: str) -> None:
    assert divide(text) == Division(())


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("Post-Treatment Care", True),
        ("Does it hurt?", True),
        ("It does.", False),
        ("You will need:", False),
        ("- a stone", False),
        ("2) rinse", False),
        ("x" * 80, True),
        ("x" * 81, False),
        ("one two three four five six seven eight nine ten eleven twelve", True),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", False),
        ("***", False),
    ],
)
def test_a_heading_is_a_short_line_without_a_full_stop(line: str, heading: bool) -> None:
    assert is_heading(line) is heading


@pytest.mark.parametrize(
    ("opening", "title"),
    [
        ("Gua sha, also known as facial scraping, is a massage.", "Gua sha"),
        ("The double cleanse is a habit from Korea. It began there.", "Double cleanse"),
        ("Retinoids are cousins of vitamin A.", "Retinoids"),
        ("A toner is a step that few skins need.", "Toner"),
        ("When skin is dry, it flakes.", "When skin is dry, it flakes"),
        (
            "Nothing in a bathroom cabinet is argued over quite as much as the order of its bottles.",
            "Nothing in a bathroom cabinet is argued over quite as much…",
        ),
    ],
)
def test_an_article_without_a_title_is_called_by_its_subject_or_first_words(opening: str, title: str) -> None:
    assert name_opening(opening) == title


_LINES = st.sampled_from(
    [
        "Lip Oils After A Week",
        "How It Works",
        "Conclusion",
        "Does it sting?",
        "Rose",
        "SPF 50, every day",
        "---",
        "",
        "Oil feeds the lips, and it shines for an hour.",
        "It lasts.",
        "- two drops",
        "2) wait",
        "Subscribe for more",
        "It runs on to the",
        "next line without a stop",
        "Get updated with beauty resources",
        "= = =",
        "• three drops",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(_LINES, max_size=25))
def test_no_line_is_ever_lost(lines: list[str]) -> None:
    division = divide("\n".join(lines))

    kept = [part.title for part in division.parts if part.titled] + list(division.furniture)
    kept += [block.text for part in division.parts for block in part.blocks]
    words = [word for line in lines if not set(line) <= set("-= ") for word in _unmarked(line).split()]
    assert sorted(" ".join(kept).split()) == sorted(words)
    assert all(part.title and (part.blocks or part.titled) for part in division.parts)


def _unmarked(line: str) -> str:
    return re.sub(r"^(?:-|•|\d\)) ", "", line)
