"""A look is checked when it is made: what goes into style sheets and addresses cannot break out of them."""

import re
from dataclasses import replace

import pytest

from content.looks import DARK, LIGHT, Look, Palette, hard_to_read, recoloured, unreadable
from tests.editions import LOOK


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#123456;}", ""])
def test_a_colour_has_six_digits(colour: str) -> None:
    with pytest.raises(ValueError, match="accent takes a colour such as #9b2c4d"):
        replace(LIGHT, accent=colour)


@pytest.mark.parametrize("font", ["", "x;}", "</style>", "url(x)"])
def test_a_font_stack_is_names_and_commas(font: str) -> None:
    with pytest.raises(ValueError, match="text_font takes font names"):
        replace(LOOK, text_font=font)


def test_a_site_has_a_host() -> None:
    with pytest.raises(ValueError, match="site_url takes an address"):
        Look(name="x", site_url="news")


def test_ids_begin_with_the_domain_and_the_year_it_was_ours() -> None:
    assert LOOK.authority == "news.example.org,2026"
    assert replace(LOOK, tag_domain="example.org", tag_date="2024-05").authority == "example.org,2024-05"


@pytest.mark.parametrize(
    ("ink", "paper", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#767676", "#ffffff", 4.54),
        ("#ffffff", "#0000ff", 8.59),
        ("#010101", "#000000", 1.01),
    ],
)
def test_contrast_is_what_wcag_says_it_is(ink: str, paper: str, ratio: float) -> None:
    palette = replace(LIGHT, ink=ink, paper=paper)

    assert round(palette.contrast("ink", "paper"), 2) == round(palette.contrast("paper", "ink"), 2) == ratio


def test_every_pair_that_carries_text_is_looked_at() -> None:
    assert unreadable(LOOK) == ()
    assert unreadable(replace(LOOK, light=replace(LIGHT, tint=LIGHT.soft))) == (
        # Not even black can be read on this ground, so no shade is named.
        "light colours: ink on tint has a contrast of 2.5; needs 4.5",
        "light colours: soft on tint has a contrast of 1.0; needs 4.5",
        "light colours: accent on tint has a contrast of 1.1; needs 4.5",
    )
    assert len(unreadable(replace(LOOK, dark=replace(DARK, paper=DARK.ink)))) == 4


def test_the_masthead_shows_the_name_unless_there_is_a_logo_text() -> None:
    assert LOOK.logo == "The Quiet Shelf"
    assert replace(LOOK, logo_text="TQS").logo == "TQS"


def test_staff_may_change_single_colours() -> None:
    assert recoloured(LIGHT, {}) == LIGHT
    assert recoloured(LIGHT, {"accent": "#006030"}) == replace(LIGHT, accent="#006030")


@pytest.mark.parametrize(
    ("base", "colours", "said"),
    [
        (LIGHT, {"brand": "#006030"}, "'brand' is no colour of ours; those that may be set are ink, soft, accent,"),
        (LIGHT, {"accent": "pink"}, "accent takes a colour such as #9b2c4d, got 'pink'"),
        (LIGHT, {"paper": "#101010"}, "the paper of the light scheme must be light"),
        (DARK, {"paper": "#ffffff"}, "the paper of the dark scheme must be dark"),
        (LIGHT, {"accent": "#ff66aa"}, "accent on paper has a contrast of 2.7; needs 4.5, as accent = #"),
        (DARK, {"soft": "#555555"}, "soft on paper has a contrast of 2.3; needs 4.5, as soft = #"),
    ],
)
def test_a_change_that_would_be_hard_to_read_is_refused(base: Palette, colours: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        recoloured(base, colours)


@pytest.mark.parametrize(("base", "colours"), [(LIGHT, {"accent": "#ff66aa"}), (DARK, {"soft": "#555555"})])
def test_the_shade_that_is_named_is_readable(base: Palette, colours: dict[str, str]) -> None:
    said = hard_to_read(replace(base, **colours))[0]
    named = re.findall(r"as (\w+) = (#[0-9a-f]{6}) has", said)

    assert [name for name, _ in named] == list(colours)
    assert hard_to_read(recoloured(base, dict(named))) == ()


@pytest.mark.parametrize(
    "address", ["http://example.org/l.png", "https://x/'><script>", "logo.png", "data:image/png,x"]
)
def test_a_logo_is_an_image_on_https(address: str) -> None:
    with pytest.raises(ValueError, match="logo_image takes an https address"):
        replace(LOOK, logo_image=address)
