"""Everything an edition prints has one address on the public site, and a layout that skips no heading level."""

import pytest

from content.articles import BlockKind
from content.editions import Statement, StorySection, section_anchor
from content.places import Places, article_path, edition_path, heading_levels, runs, topic_path, without_lead
from tests.editions import LOOK, NEEDLING, ROLLERS, full_edition, make_story, paragraph


def test_addresses_are_absolute() -> None:
    edition = full_edition()
    story = edition.stories[0]
    places = Places(edition, LOOK)

    page = f"https://news.example.org/{edition_path('beauty-weekly-2026-W48')}"
    assert places.page == page
    assert places.story(story) == f"{page}#{story.anchor}"
    assert places.section(story, story.sections[1]) == f"{page}#{section_anchor(NEEDLING, 1)}"
    assert places.permanent(story) == f"https://news.example.org/{article_path(story.slug)}"


def test_an_article_is_found_in_the_edition_first_then_at_its_source_then_nowhere() -> None:
    places = Places(full_edition(), LOOK)

    assert places.article(ROLLERS, "https://example.org/r").endswith(full_edition().stories[1].anchor)
    assert places.article("elsewhere", "https://example.org/e") == "https://example.org/e"
    assert places.article("elsewhere") == ""


@pytest.mark.parametrize(
    ("levels", "printed"),
    [([2, 2, 3, 2], [3, 3, 4, 3]), ([1, 6, 2], [3, 4, 4]), ([4, 5, 6], [3, 4, 5]), ([2, 0, 3], [3, 3, 4]), ([0], [2])],
    ids=["as written", "a level skipped", "deep from the start", "a passage between", "only a passage"],
)
def test_no_heading_level_is_skipped(levels: list[int], printed: list[int]) -> None:
    sections = tuple(
        StorySection(heading="h" if level else "", level=level or 2, blocks=(paragraph("x"),)) for level in levels
    )

    assert heading_levels(sections, under=2) == printed


def test_the_lead_image_is_taken_out_once() -> None:
    story = full_edition().stories[0]

    assert [b for b in without_lead(story).blocks if b.kind is BlockKind.IMAGE] == []
    assert len(list(without_lead(story).blocks)) == len(list(story.blocks)) - 1
    assert without_lead(make_story()) == make_story()


def test_topics_that_differ_in_case_spacing_or_hyphens_share_a_page_and_others_do_not() -> None:
    assert topic_path("Make-up") == topic_path(" make  UP ") == "topics/make-up.html"
    assert len({topic_path(t) for t in ("العناية", "肌", "skin/care", "skin care", "skin & care")}) == 5


def test_facts_of_one_origin_that_follow_each_other_stand_together() -> None:
    said = [Statement(paragraph(text), origin, origin.title()) for text, origin in zip("abcd", "xxyx", strict=True)]

    assert ["".join(s.block.text for s in run) for run in runs(said)] == ["ab", "c", "d"]
    assert runs([]) == []
