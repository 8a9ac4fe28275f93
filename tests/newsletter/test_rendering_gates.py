"""A mail that would be clipped, unreadable, unlawful or misleading does not pass; a good one does."""

from dataclasses import replace
from pathlib import Path

import pytest

from content.articles import SLOT_CLOSE, SLOT_OPEN
from content.editions import StorySection
from content.looks import DARK, LIGHT
from newsletter.ports import Rendering
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import NOTHING, Observed, Severity, check
from newsletter.rendering.headers import check_headers
from newsletter.rendering.vetting import RULES
from tests.editions import LOOK, full_edition, image, linked, make_edition, make_story, many_stories, paragraph


def findings(edition=None, look=LOOK, observed: Observed = NOTHING, **change: str) -> dict[str, str]:
    """Return what is wrong after one change to a good mail, by rule, with the severity's first letter."""
    edition = edition or make_edition(make_story())
    rendering = replace(render_email(edition, look), **change)
    return {f.rule: f"{f.severity[0]}: {f.message}" for f in check(edition, rendering, look, observed)}


def swapped(old: str, new: str, edition=None) -> dict[str, str]:
    html = render_email(edition or make_edition(make_story()), LOOK).html
    assert old in html
    return findings(edition, html=html.replace(old, new))


def with_link(words: str, href: str) -> dict[str, str]:
    story = make_story(sections=(StorySection(heading="", blocks=(linked(f"Now {words} again", words, href),)),))
    return findings(make_edition(story))


def test_a_good_mail_has_nothing_to_answer_for() -> None:
    assert findings() == {}


def test_one_of_everything_warns_of_the_contradiction_alone() -> None:
    assert findings(full_edition()) == {
        "contradictions": "w: two articles disagree: 'Wait six months.' and 'Wait twelve months.'; choose one"
    }


def test_sixty_long_stories_pass_because_the_last_ones_are_shortened() -> None:
    assert findings(many_stories(60, paragraphs=6)) == {}


def test_a_mail_that_gmail_clips_is_stopped_and_a_big_one_warned_of() -> None:
    html = render_email(make_edition(make_story()), LOOK).html

    assert findings(html=html.replace("</body>", f"<p>{'x' * 76_000}</p></body>"))["size"].startswith("w: the HTML has")
    assert findings(html=html.replace("</body>", f"<p>{'x' * 100_000}</p></body>"))["size"].startswith("b: the HTML")


@pytest.mark.parametrize(("more", "severity"), [(0, ""), (1, "w"), (20_480, "w"), (20_481, "b")])
def test_the_size_counts_what_the_personal_places_will_take(more: int, severity: str) -> None:
    html = render_email(make_edition(make_story()), LOOK).html
    room = 81_920 - len(html.encode()) - 100 * html.count(SLOT_OPEN)

    assert findings(html=html + "x" * (room + more)).get("size", "")[:1] == severity


def test_an_edition_without_stories_is_stopped() -> None:
    assert findings(make_edition())["stories"] == "b: the edition prints no story; add one or skip this period"


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("", "b: the subject is empty; write one"),
        ("a\r\nBcc: e@example.org", "b: the subject holds a control character: 'a\\r\\nBcc: e@example.org'"),
        ("a\u2028b", "b: the subject holds a control character: 'a\\u2028b'"),
        ("x" * 121, "w: the subject has 121 characters; inboxes show 40 to 120"),
        ("x" * 251, "b: the subject has 251 characters; 250 is the most"),
    ],
)
def test_subjects(subject: str, found: str) -> None:
    assert findings(subject=subject)["subject"] == found


@pytest.mark.parametrize(("characters", "severity"), [(120, None), (121, "w"), (250, "w"), (251, "b")])
def test_a_subject_may_be_as_long_as_it_may_be(characters: int, severity: str | None) -> None:
    assert findings(subject="x" * characters).get("subject", "")[:1] == (severity or "")


def test_a_mail_without_a_postal_address_is_stopped() -> None:
    assert findings(look=replace(LOOK, postal_address=" "))["sender"] == (
        "b: there is no postal address in the footer; the law asks for one: set postal_address"
    )


@pytest.mark.parametrize("bad", ["a\r\nBcc: e", "a\x00", "a\x85", "a\u2028", "a\x0b"])
def test_a_name_that_could_break_a_header_is_stopped(bad: str) -> None:
    assert findings(look=replace(LOOK, name=bad))["sender"] == (
        "b: the name holds a control character; write it on one line"
    )


def test_a_preheader_that_leaves_room_for_what_comes_next_is_warned_of() -> None:
    assert findings(make_edition(make_story(), preheader="x" * 30)) == {}
    assert findings(make_edition(make_story(), preheader="x" * 29)) == {
        "preheader": "w: the preheader has 29 characters; below 30 inboxes add what comes next"
    }


def test_an_edition_without_a_preheader_of_its_own_is_no_worse_for_it() -> None:
    assert findings(make_edition(make_story(), preheader="")) == {}


def test_a_mail_without_its_personal_places_is_stopped() -> None:
    mail = render_email(make_edition(make_story()), LOOK)
    unsubscribe = f"{SLOT_OPEN}unsubscribe_url{SLOT_CLOSE}"

    assert findings(text=mail.text.replace(unsubscribe, ""))["slots"] == "b: the text part has no link to unsubscribe"
    assert findings(html=mail.html.replace("preferences_url", "surprise"))["slots"] == (
        "b: the HTML part has a personal place 'surprise' that nothing fills"
    )
    assert findings(text=mail.text + SLOT_OPEN)["slots"] == "b: the text part has a broken personal place"


@pytest.mark.parametrize(
    ("old", "new", "rule", "found"),
    [
        ('lang="en"', "", "language", "b: the HTML does not name its language; screen readers need it"),
        ("<h1", "<h2", "headings", "b: the headings have levels [2, 2]; one of level 1 must come first"),
        ("<h2", "<h3", "headings", "b: the headings have levels [1, 3]; one is skipped"),
        (
            'role="presentation"',
            "",
            "tables",
            "b: a table that only lays out lacks role=presentation; screen readers would count its cells",
        ),
        ("</body>", "<script>1</script></body>", "forbidden", "b: the HTML holds <script>, which"),
        ("<h1", '<h1 onclick="x"', "forbidden", "b: the HTML holds a script: <h1 onclick>"),
        (
            "</body>",
            '<div style="display:flex">x</div></body>',
            "clients",
            "w: the style display: flex does not work in Outlook",
        ),
        (
            "</body>",
            '<div style="position:absolute">x</div></body>',
            "clients",
            "w: the style position does not work in every client",
        ),
        ("</body>", "<details>x</details></body>", "clients", "w: <details> does not work in every client"),
        (
            "</body>",
            '<a href="#a">jump</a></body>',
            "clients",
            "w: a link within the mail does not work in Gmail on iOS",
        ),
        (
            "</body>",
            '<a href="https://example.org/x">only here</a></body>',
            "parity",
            "b: the link https://example.org/x of the HTML part",
        ),
        ("</head>", f"<style>{'a{color:#000000}' * 1100}</style></head>", "style", "b: the style sheet has"),
    ],
)
def test_broken_html(old: str, new: str, rule: str, found: str) -> None:
    assert swapped(old, new)[rule].startswith(found)


def test_a_story_that_one_part_leaves_out_is_stopped() -> None:
    text = render_email(make_edition(make_story()), LOOK).text

    assert findings(text=text.replace("Needles, explained", ""))["parity"] == (
        "b: the text part does not print the story 'Needles, explained'"
    )


@pytest.mark.parametrize(
    ("picture", "rule", "found"),
    [
        (
            image("", "https://cdn.example.org/a.jpg"),
            "alt",
            "w: the image https://cdn.example.org/a.jpg has an empty alternative text",
        ),
        (
            image("IMG_1.jpg", "https://cdn.example.org/a.jpg"),
            "alt",
            "w: the image https://cdn.example.org/a.jpg has a file name for",
        ),
        (
            image("A cat", "/a.jpg"),
            "images",
            "w: the image '/a.jpg' has no address a reader could load; it is left out",
        ),
        (
            image("A cat", "http://cdn.example.org/a.jpg"),
            "images",
            "w: the image http://cdn.example.org/a.jpg is not on https",
        ),
        (
            image("A cat", "https://cdn.example.org/big.jpg"),
            "images",
            "w: the image https://cdn.example.org/big.jpg has 2,000,000 bytes",
        ),
    ],
)
def test_images(picture, rule: str, found: str) -> None:
    story = make_story(sections=(StorySection(heading="", blocks=(paragraph("x"), picture)),))
    weights = Observed(image_bytes={"https://cdn.example.org/big.jpg": 2_000_000})

    only = findings(make_edition(story), observed=weights)

    assert list(only) == [rule]
    assert only[rule].startswith(found)


def test_an_image_without_alternative_text_or_width_is_stopped() -> None:
    edition = make_edition(make_story(sections=(StorySection(heading="", blocks=(image(),)),)))

    assert swapped('alt="A glass bottle on linen"', "", edition)["alt"].startswith("b: the image")
    assert swapped('width="600" ', "", edition)["alt"].endswith("Outlook would show it in its natural size")


@pytest.mark.parametrize(
    ("words", "href", "found"),
    [
        ("click here", "https://example.org/a", "w: the link https://example.org/a says only 'click here'"),
        (
            "https://bank.example",
            "https://evil.example.org/",
            "w: the link says bank.example but leads to evil.example.org",
        ),
        ("the study", "http://example.org/", "w: the link http://example.org/ is not on https"),
        ("the study", "https://bit.ly/x", "w: the link https://bit.ly/x hides where it leads"),
        ("the study", f"https://example.org/{'x' * 2500}", "w: a link to example.org has 2520 characters"),
    ],
)
def test_links(words: str, href: str, found: str) -> None:
    only = with_link(words, href)

    assert list(only) == ["links"]
    assert only["links"].startswith(found)


@pytest.mark.parametrize(
    ("words", "href"),
    [
        ("www.example.org", "https://example.org/a"),
        ("example.org", "https://shop.example.org"),
        ("Mr. Smith", "https://x.org"),
    ],
)
def test_links_that_say_where_they_lead(words: str, href: str) -> None:
    assert with_link(words, href) == {}


def test_dead_links_are_warned_of() -> None:
    story = make_story(sections=(StorySection(heading="", blocks=(linked("See it.", "it", "https://example.org/"),)),))
    looked = Observed(dead={"https://example.org/": "404 Not Found"})

    assert findings(make_edition(story), observed=looked)["links"] == (
        "w: the link https://example.org/ is dead: 404 Not Found"
    )


def test_our_own_colours_pass_and_pale_ones_are_stopped_in_both_schemes() -> None:
    pale_by_day = replace(LOOK, light=replace(LIGHT, soft="#b0a0a4"))
    pale_by_night = replace(LOOK, dark=replace(DARK, accent="#703040"))

    assert findings(look=pale_by_day)["contrast"].startswith("b: light colours: soft on")
    assert findings(look=pale_by_night)["contrast"].startswith("b: dark colours:")


def test_garbled_text_is_warned_of() -> None:
    assert findings(make_edition(make_story(title="CrÃ¨me de nuit")))["garbled"] == (
        "w: the story 'CrÃ¨me de nuit' looks garbled: 'CrÃ¨me de nuit'"
    )


def test_blockers_come_first_and_rules_have_names() -> None:
    edition = make_edition(preheader="")

    found = check(edition, render_email(edition, LOOK), LOOK)

    assert [(f.rule, f.severity) for f in found] == [("stories", Severity.BLOCKER), ("preheader", Severity.WARNING)]
    assert {f.rule for f in found} <= set(RULES)


def test_a_mail_that_is_nothing_at_all_is_stopped_without_a_crash() -> None:
    found = check(full_edition(), Rendering("", "", ""), LOOK)

    assert {"subject", "slots", "language", "headings", "parity"} <= {
        f.rule for f in found if f.severity is Severity.BLOCKER
    }


GOOD = (
    b"From: News <hello@news.example.org>\r\nTo: ada@example.org\r\nSubject: x\r\n"
    b"Date: Wed, 25 Nov 2026 07:00:00 +0000\r\n"
    b"Message-ID: <a@news.example.org>\r\nMIME-Version: 1.0\r\nList-Unsubscribe:\r\n <https://news.example.org/u/abc>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Id: Beauty <beauty.news.example.org>\r\n\r\nbody\r\n"
)


def test_headers_as_providers_ask_pass() -> None:
    assert check_headers(GOOD) == ()
    assert check_headers(GOOD.replace(b"\r\n", b"\n")) == ()


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b"\r\n <https", b" =?utf-8?q?=3Chttps?=\r\n <https", "the header list-unsubscribe is RFC 2047-encoded"),
        (b"<https:", b"<http:", "List-Unsubscribe holds 0 https addresses; RFC 8058 wants one"),
        (b"/u/abc", b"/u/a\r\n bc", "the address in List-Unsubscribe holds a space"),
        (b"One-Click", b"one-click", "List-Unsubscribe-Post must be exactly List-Unsubscribe=One-Click (RFC 8058)"),
        (b"List-Id: Beauty <beauty.news.example.org>\r\n", b"", "List-Id is missing or no list identifier (RFC 2919)"),
        (b"To: ada", b"To: eve@example.org\r\nTo: ada", "the header to stands there 2 times; RFC 5322 wants it once"),
        (b"body", b"b" * 999, "a line has 999 bytes; RFC 5322 allows 998"),
    ],
)
def test_headers_that_providers_refuse(old: bytes, new: bytes, found: str) -> None:
    (only,) = check_headers(GOOD.replace(old, new))

    assert (only.rule, only.severity) == ("headers", Severity.BLOCKER)
    assert only.message.startswith(found)


def test_a_confirmation_offers_nothing_to_leave() -> None:
    assert [f.message for f in check_headers(GOOD, marketing=False)] == [
        f"the header {name} belongs on list mail only" for name in ("list-unsubscribe", "list-unsubscribe-post")
    ]


def test_every_rule_is_explained() -> None:
    explained = (Path(__file__).parents[2] / "docs/rendering.md").read_text()

    assert [rule for rule in RULES if f"| `{rule}` |" not in explained] == []
