"""A reader gets their stories, each explainer once, and one line for what they have read already."""

from dataclasses import replace
from datetime import date

import pytest

from content.articles import Block
from content.editions import Edition, Reference, Story, StorySection, section_anchor
from content.variants import Earlier, personalise
from tests.builders import MONDAY, paragraph

WORKS: tuple[Block, ...] = (paragraph("Fine needles make tiny channels."),)


def _story(article: str, *sections: StorySection, references: tuple[Reference, ...] = ()) -> Story:
    return Story(article=article, revision="r", title=article.title(), sections=sections, references=references)


def _opening(text: str) -> StorySection:
    return StorySection(heading="", blocks=(paragraph(text),))


def _explainer(position: int = 1) -> StorySection:
    return StorySection(heading="How It Works", position=position, blocks=WORKS, explainer="needles")


SCARS = _story("scars", _opening("Scars fade."), _explainer())
LINES = _story(
    "lines",
    _opening("Lines soften."),
    references=(
        Reference(heading="How It Works", title="Scars", anchor=section_anchor("scars", 1), explainer="needles"),
    ),
)
SUN = _story("sun", _opening("Wear sunscreen."))
EDITION = Edition(
    newsletter="beauty",
    rhythm="weekly",
    period="2026-W48",
    title="Scars, and 2 more",
    subject="Scars, and 2 more",
    published_at=MONDAY,
    stories=(SCARS, LINES, SUN),
)
POOL = {s.article: s for s in EDITION.stories}


def test_whoever_gets_everything_gets_the_edition_as_it_is() -> None:
    assert personalise(EDITION, POOL, ["scars", "lines", "sun"], {}) == EDITION


def test_an_explainer_read_already_becomes_one_line_wherever_it_stood() -> None:
    earlier = Earlier("https://news.example.org/editions/w40.html", date(2026, 10, 5))

    mine = personalise(EDITION, POOL, ["scars", "lines"], {"needles": earlier})

    assert [x.heading for story in mine.stories for x in story.sections] == ["", ""]
    lines = [reference for story in mine.stories for reference in story.references]
    assert [(x.heading, x.url, x.read_on, x.anchor) for x in lines] == [
        ("How It Works", earlier.url, earlier.day, "")
    ] * 2


def test_an_explainer_whose_story_is_not_among_them_is_printed_where_it_was_referred_to() -> None:
    mine = personalise(EDITION, POOL, ["lines", "sun"], {})

    (story, _) = mine.stories
    assert [x.heading for x in story.sections] == ["", "How It Works"]
    assert story.sections[1].blocks == WORKS
    assert story.references == ()
    assert mine.subject == "Lines, and 1 more"


def test_two_stories_that_refer_to_an_absent_explainer_print_it_once() -> None:
    second = _story("more", _opening("More."), references=LINES.references)
    pool = POOL | {"more": second}

    mine = personalise(EDITION, pool, ["lines", "more"], {})

    printed = [x for story in mine.stories for x in story.sections if x.explainer]
    assert len(printed) == 1
    assert [x.anchor for x in mine.stories[1].references] == [mine.stories[0].anchor]


def test_two_stories_that_both_print_an_explainer_print_it_once() -> None:
    again = _story("again", _opening("Again."), _explainer(position=3))
    pool = POOL | {"again": again}

    mine = personalise(EDITION, pool, ["again", "scars"], {})

    assert [len(story.sections) for story in mine.stories] == [2, 1]
    assert mine.stories[1].references[0].anchor == section_anchor("again", 3)


def test_a_story_that_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        personalise(EDITION, POOL, ["nothing"], {})


def test_a_subject_that_an_editor_wrote_is_everybodys() -> None:
    composed = replace(EDITION, subject="Needles, tested", title="Needles, tested", preheader="At last", intro="Hello.")

    mine = personalise(composed, POOL, ["lines", "sun"], {})

    assert (mine.subject, mine.title, mine.preheader, mine.intro) == (
        "Needles, tested",
        "Needles, tested",
        "At last",
        "Hello.",
    )
    assert [s.article for s in mine.stories] == ["lines", "sun"]
