"""A mail says everything the edition says, in HTML and in text, and leaves the personal places open."""

import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from content.articles import SLOT_CLOSE, SLOT_OPEN
from content.editions import Edition, Statement, StorySection
from newsletter.rendering.email import COMFORTABLE_BYTES, render_article, render_email, slot
from tests.editions import LOOK, full_edition, image, make_edition, make_story, many_stories, paragraph


def soup(edition: Edition) -> BeautifulSoup:
    return BeautifulSoup(render_email(edition, LOOK).html, "html5lib")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_same_edition_gives_the_same_bytes() -> None:
    assert render_email(full_edition(), LOOK) == render_email(full_edition(), LOOK)


@pytest.mark.parametrize(
    "said",
    [
        "Less, but on time",
        "Three steps, and one honest word on needles.",
        "Week 48, 2026",
        "Inès Moreau",
        "Which step can go?",
        "How microneedling works",
        "Expect redness for a day.",
        "Patience is the active ingredient.",
        "At home, keep needles at 0.25 mm.",
        "A short history",
        "Wait six months.",
        "Wait twelve months.",
        "An earlier version gave the length in centimetres.",
        "12 Rue des Fleurs, 69002 Lyon, France",
        "Explained in “Needles, explained”",
        "What retinol does",
        "You read this on 3 November",
        "New here",
        "Also in",
    ],
)
def test_whatever_the_edition_says_stands_in_both_parts(said: str) -> None:
    mail = render_email(full_edition(), LOOK)

    assert said in squeezed(soup(full_edition()).get_text(" ")).replace(" ,", ",")
    assert said in re.sub(r" \[\d+\]", "", squeezed(mail.text))


def test_both_parts_lead_to_the_same_places() -> None:
    mail = render_email(full_edition(), LOOK)

    in_html = {a["href"] for a in BeautifulSoup(mail.html, "html5lib").find_all("a")}
    in_text = set(re.findall(rf"(?:https?://|{SLOT_OPEN})[^\s]+", mail.text))

    assert in_html == in_text


def test_numbers_of_links_in_the_text_are_all_spelled_out_once() -> None:
    text = render_email(full_edition(), LOOK).text

    used = set(re.findall(r"\S \[(\d+)\]", text))
    listed = re.findall(r"^\[(\d+)\] https?://\S+$", text, re.MULTILINE)
    assert used == set(listed)
    assert len(listed) == len(set(listed))


def test_personal_places_stay_open_in_both_parts_and_nothing_else_looks_like_one() -> None:
    edition = make_edition(make_story(title=f"A title with {slot('unsubscribe_url')} in it"))

    mail = render_email(edition, LOOK)

    wanted = ["preferences_url", "unsubscribe_url"]
    for part in (mail.html, mail.text):
        assert sorted(re.findall(f"{SLOT_OPEN}(.*?){SLOT_CLOSE}", part)) == wanted
    assert SLOT_OPEN not in mail.subject


def test_styles_are_inlined_and_what_cannot_be_stays_in_the_head() -> None:
    page = soup(full_edition())

    assert "font:" in page.h1["style"]
    assert "'" in page.h1["style"]
    assert len(page.find_all("style")) == 1
    style = page.find("style").string
    assert "prefers-color-scheme:dark" in style.replace(" ", "")
    assert page.find("style").parent.name == "head"
    assert "standfirst {" not in style.split("@media")[0]
    assert len(style.encode()) < 16_384


def test_the_text_part_has_no_ragged_ends() -> None:
    text = render_email(full_edition(), LOOK).text

    assert not re.search(r"[ \t]$|\n{3}", text, re.MULTILINE)
    assert text[0] != "\n"
    assert text[-2:] != "\n\n"


def test_headings_start_at_one_and_skip_nothing() -> None:
    levels = [int(h.name[1]) for h in soup(full_edition()).find_all(re.compile("^h[1-6]$"))]

    assert levels == [1, 2, 3, 4, 2, 3]


def test_text_lines_fit_a_screen_of_eighty_columns() -> None:
    lines = render_email(many_stories(3, paragraphs=2), LOOK).text.split("\n")

    assert max(len(line) for line in lines if "://" not in line and SLOT_OPEN not in line) <= 78


def test_a_mail_that_would_be_clipped_prints_as_many_stories_in_full_as_fit() -> None:
    edition = many_stories(60, paragraphs=6)

    mail = render_email(edition, LOOK)

    assert len(mail.html.encode()) <= COMFORTABLE_BYTES
    assert all(story.title in mail.html and story.title in mail.text for story in edition.stories)
    whole = mail.html.count("Sentence 5 says") // 12
    assert 0 < whole < 60
    assert squeezed(mail.text).count("Sentence 5 says") // 12 == whole
    assert "More in this edition" in mail.html


def test_an_edition_of_one_story_needs_no_table_of_contents() -> None:
    assert "In this edition" not in render_email(make_edition(make_story()), LOOK).html


def alone(**more: object) -> Edition:
    """Return an edition as the rule makes it of one story."""
    story = make_story(title="Needles, explained")
    return make_edition(story, **({"title": story.title, "subject": story.title, "preheader": ""} | more))


def test_an_edition_of_one_story_is_that_article_s_mail() -> None:
    page = soup(alone())

    assert [h.get_text() for h in page.find_all(["h1", "h2"])] == ["Needles, explained"]
    assert render_email(alone(), LOOK) == render_article(alone(), LOOK)


@pytest.mark.parametrize("words", [{"title": "Our one thing this week"}, {"preheader": "Read this before Friday."}])
def test_what_an_editor_says_of_the_one_story_stands_above_it(words: dict[str, str]) -> None:
    shown = soup(alone(**words)).get_text(" ")

    assert all(word in shown for word in words.values())
    assert len(soup(alone(**words)).find_all("h2")) == 1


def test_one_story_that_is_longer_than_mail_clients_show_leads_to_the_archive() -> None:
    (story,) = many_stories(1, paragraphs=200).stories
    endless = make_edition(story, title=story.title, subject=story.title, preheader="")

    assert len(render_article(endless, LOOK).html.encode()) > COMFORTABLE_BYTES
    assert len(render_email(endless, LOOK).html.encode()) < COMFORTABLE_BYTES
    assert f"#{story.anchor}" in render_email(endless, LOOK).html


def test_an_edition_without_a_story_or_a_preheader_still_renders() -> None:
    assert "Less, but on time" in render_email(make_edition(preheader=""), LOOK).html


def test_without_a_preheader_the_inbox_shows_what_the_subject_does_not_say() -> None:
    several = soup(make_edition(make_story(), *(make_story(x, f"Story {x}") for x in "bcde"), preheader=""))
    only = soup(make_edition(make_story(), preheader=""))

    assert several.body.get_text().strip("\n\u034f\u200c\xa0 ").startswith("Story b · Story c · Story d\u034f")
    assert only.body.get_text().strip().startswith("Fine needles make tiny channels in the skin.")


def test_what_a_source_writes_never_becomes_markup_or_template() -> None:
    nasty = '"><img src=x onerror=window.PWN=1><script>1</script>{{7*7}}{% include "x" %}'
    story = make_story(
        "n",
        nasty,
        author=nasty,
        topics=(nasty,),
        correction=nasty,
        sections=(StorySection(heading=nasty, blocks=(paragraph(nasty), image(nasty, "https://cdn.example.org/a.png"))),),
    )  # fmt: skip

    page = soup(make_edition(story, title=nasty, subject=nasty, preheader=nasty, label=nasty))

    assert page.find("script") is None
    assert [i["src"] for i in page.find_all("img")] == ["https://cdn.example.org/a.png"]
    assert page.h1.get_text() == nasty


def test_the_subject_is_one_line_whatever_the_edition_holds() -> None:
    edition = replace(full_edition(), subject="Less\r\nBcc: eve@example.org\u202e\x00!")

    assert render_email(edition, LOOK).subject == "Less Bcc: eve@example.org!"


def test_a_story_from_right_to_left_is_set_so_and_the_rest_is_not() -> None:
    arabic = make_story("ar", "العناية بالبشرة", language="ar")

    page = soup(make_edition(make_story(), arabic))

    assert page.html["dir"] == "ltr"
    assert page.find("td", lang="ar")["dir"] == "rtl"
    assert page.find("td", lang="en")["dir"] == "ltr"


def test_the_hidden_line_stays_short_however_long_the_standfirst_is() -> None:
    edition = make_edition(make_story(), preheader="Everything we have learned about patience. " * 20)

    page = BeautifulSoup(render_email(edition, LOOK).html, "html5lib")

    hidden = page.body.find("div").get_text().replace("\u034f\u200c\xa0", "")
    assert hidden.endswith("…")
    assert len(hidden) <= 140
    assert edition.preheader.strip() in page.select_one(".standfirst, p[style*='italic 20px']").get_text()


def test_the_origin_of_several_facts_is_named_once_below_them() -> None:
    kept = tuple(Statement(paragraph(f"Fact {n}."), "b.md", "Elsewhere") for n in (1, 2))
    story = make_story(sections=(StorySection(heading="", blocks=(paragraph("Text."),), kept=kept),))
    mail = render_email(make_edition(story), LOOK)

    assert "+ Fact 1.\n  + Fact 2.\n    From Elsewhere" in mail.text
    assert mail.html.count("Elsewhere") == 1
