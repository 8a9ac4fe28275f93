"""An edition is what one issue prints: it keeps its identity, its anchors, and comes back from JSON unchanged."""

import json
from dataclasses import replace

import pytest

from content.articles import Block, BlockKind
from content.editions import (
    StorySection,
    fingerprint,
    from_json,
    section_anchor,
    shorten,
    story_anchor,
    to_json,
)
from content.plain import PlainError
from tests.editions import NEEDLING, full_edition, make_edition, make_story, paragraph


def test_the_key_is_newsletter_rhythm_and_period() -> None:
    assert make_edition().key == "beauty-weekly-2026-W48"


def test_an_edition_comes_back_from_json_unchanged() -> None:
    edition = full_edition()

    assert from_json(to_json(edition)) == edition


def test_json_holds_even_half_a_character_and_is_fit_for_utf_8() -> None:
    edition = make_edition(title="half \ud83d")

    assert from_json(to_json(edition).encode().decode()) == edition


def test_the_json_of_equal_editions_is_equal_and_of_different_ones_different() -> None:
    edition = full_edition()

    assert to_json(from_json(to_json(edition))) == to_json(edition)
    assert fingerprint(edition) != fingerprint(replace(edition, subject="Another"))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("key", None) or d.pop("title"),
        lambda d: d.update(surprise=1),
        lambda d: d.update(title=7),
        lambda d: d.update(stories="none"),
        lambda d: d.update(published_at="yesterday"),
    ],
    ids=["a field is missing", "a field is unknown", "a number for a text", "a text for a list", "no date"],
)
def test_json_of_something_else_is_refused(change) -> None:
    data = json.loads(to_json(full_edition()))
    change(data)

    with pytest.raises(PlainError, match="not the JSON of a Edition"):
        from_json(json.dumps(data))


def test_json_written_before_a_field_existed_takes_its_default() -> None:
    data = json.loads(to_json(full_edition()))
    del data["label"]

    assert from_json(json.dumps(data)) == replace(full_edition(), label="")


def test_an_edition_was_last_changed_when_its_latest_correction_was_made() -> None:
    assert full_edition().updated_at == full_edition().stories[1].updated_at
    assert make_edition().updated_at == make_edition().published_at


def test_anchors_and_the_name_of_the_page_hang_on_the_id_alone() -> None:
    story = make_story(NEEDLING, "A title")
    retitled = replace(story, title="Another title", revision="2")

    assert (story.anchor, story.slug) == (retitled.anchor, retitled.slug)
    assert story.anchor == story_anchor(NEEDLING)
    assert section_anchor(NEEDLING, 3) == f"{story.anchor}-3"
    assert story.slug.startswith("needling-")


@pytest.mark.parametrize("article", ["https://a.example.org/x/", "folder/x.md", "x", "日本", "?", "x" * 500])
def test_the_name_of_a_page_is_fit_for_every_web_server(article: str) -> None:
    slug = make_story(article).slug

    assert len(slug) <= 71
    assert slug == "".join(c for c in slug if c in "abcdefghijklmnopqrstuvwxyz0123456789-").strip("-")


def test_articles_of_the_same_name_in_different_places_have_different_pages() -> None:
    assert make_story("a/needling.md").slug != make_story("b/needling.md").slug


def test_a_story_is_led_by_its_first_image_and_opens_with_its_first_paragraph() -> None:
    story = full_edition().stories[0]

    assert story.image == Block(BlockKind.IMAGE, "A glass bottle on linen", src="https://cdn.example.org/serum.jpg")
    assert story.summary == "Which step can go? See the full study first."
    assert make_story().image is None


def test_reading_takes_at_least_a_minute_and_counts_what_is_printed() -> None:
    long = make_story(sections=(StorySection(heading="", blocks=(paragraph("word " * 714),)),))

    assert (make_story().minutes, long.words, long.minutes) == (1, 714, 3)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("  one\n two ", "one two"),
        ("one two three", "one two three"),
        ("one two, three four", "one two…"),
        ("unbreakablylongword", "unbreakablyl…"),
    ],
)
def test_a_long_line_is_cut_between_words(text: str, short: str) -> None:
    assert shorten(text, 13) == short
