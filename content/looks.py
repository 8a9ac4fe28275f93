"""How a newsletter presents itself: its name, its addresses, its colours and its letters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlsplit

#: Letters that need no download: most mail clients refuse web fonts. Kept short, for they are repeated in every mail.
SERIF = "'Iowan Old Style',Palatino,Georgia,serif"
SANS = "'Helvetica Neue',Helvetica,Arial,sans-serif"

#: WCAG 2.2, 1.4.3: text against its ground.
CONTRAST = 4.5

#: The luminance that contrasts as much with black as with white: what is above is light.
MIDDLE = 0.179

#: Pairs of colours that carry text, as text and ground.
TEXT_ON = (
    ("ink", "paper"), ("soft", "paper"), ("accent", "paper"), ("ink", "tint"), ("soft", "tint"), ("accent", "tint"),
    ("paper", "accent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of one scheme, as #rrggbb. `unreadable` looks at every pair that carries text."""

    ink: str  #: text
    soft: str  #: text of lesser weight: bylines, footers
    accent: str  #: links, numerals, overlines
    paper: str  #: under the text
    tint: str  #: under boxes
    page: str  #: around the paper
    line: str  #: hairlines; carries no text

    def __post_init__(self) -> None:
        """Refuse what is no colour: the values go into style sheets as they stand."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
                raise ValueError(f"{field.name} takes a colour such as #9b2c4d, got {value!r}")

    def contrast(self, one: str, other: str) -> float:
        """Return the contrast ratio of two of the colours, named as fields, from 1 to 21 (WCAG 2.2)."""
        light, dark = sorted((luminance(getattr(self, one)), luminance(getattr(self, other))), reverse=True)
        return (light + 0.05) / (dark + 0.05)


LIGHT = Palette(
    ink="#2a1f23", soft="#6d5a60", accent="#9b2c4d", paper="#fffdfb", tint="#faf1ee", page="#f4eae6", line="#e6d5cf"
)
DARK = Palette(
    ink="#f3e9e6", soft="#c3b0b2", accent="#f4a6ba", paper="#211a1d", tint="#2d2327", page="#171214", line="#46383d"
)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #9b2c4d, from 0 for black to 1 for white (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything a rendering needs to know about a newsletter beside the edition itself."""

    name: str  #: as readers know it
    site_url: str  #: of the public site, without a slash at the end
    postal_address: str = ""  #: the law asks for one in every mail
    tagline: str = ""
    logo_text: str = ""  #: "" prints the name
    logo_image: str = ""  #: https address of an image that stands in the masthead instead; the text is its alternative
    logo_width: int = 200  #: of that image, in pixels
    contact: str = ""  #: mail address for replies, shown in OPML
    tag_domain: str = ""  #: of `tag:` ids; "" takes the site's host
    tag_date: str = "2026"  #: a day or year when that domain was ours (RFC 4151); never change it
    hub_url: str = ""  #: of a WebSub hub; "" for none
    feed_content: str = "full"  #: "summary": feeds carry the opening of a story, and a link to the rest
    zone: str = "UTC"  #: IANA zone in whose days we speak
    light: Palette = LIGHT
    dark: Palette = DARK
    display_font: str = SERIF
    text_font: str = SANS

    def __post_init__(self) -> None:
        """Refuse fonts that would end their place in a style sheet, and a site without a host."""
        for name in ("display_font", "text_font"):
            if not re.fullmatch(r"[\w\s',-]+", getattr(self, name)):
                raise ValueError(f"{name} takes font names with commas between, got {getattr(self, name)!r}")
        if self.logo_image and not re.fullmatch(r"https://[^\s\"'<>]+", self.logo_image):
            raise ValueError(f"logo_image takes an https address of an image, got {self.logo_image!r}")
        if not urlsplit(self.site_url).hostname:
            raise ValueError(f"site_url takes an address such as https://news.example.org, got {self.site_url!r}")

    @property
    def logo(self) -> str:
        """Return what stands in the masthead."""
        return self.logo_text or self.name

    @property
    def authority(self) -> str:
        """Return the first half of every `tag:` id (RFC 4151)."""
        return f"{self.tag_domain or urlsplit(self.site_url).hostname},{self.tag_date}"

    def url(self, path: str) -> str:
        """Return the public address of `path` on the site."""
        return f"{self.site_url.rstrip('/')}/{path}"


def recoloured(base: Palette, colours: Mapping[str, str]) -> Palette:
    """Return `base` with some colours, named as its fields, changed.

    Raises:
        ValueError: There is no such field, a value is no colour, a text would be hard to read, or a light scheme
            would be dark or a dark one light.
    """
    names = [field.name for field in fields(Palette)]
    for name in colours:
        if name not in names:
            raise ValueError(f"{name!r} is no colour of ours; those that may be set are {', '.join(names)}")
    palette = replace(base, **colours)
    if (luminance(palette.paper) > MIDDLE) is not (luminance(base.paper) > MIDDLE):
        scheme = "light" if luminance(base.paper) > MIDDLE else "dark"
        raise ValueError(f"the paper of the {scheme} scheme must be {scheme}")
    if problems := hard_to_read(palette):
        raise ValueError("; ".join(problems))
    return palette


def unreadable(look: Look) -> tuple[str, ...]:
    """Return in words every pair of colours that carries text and has too little contrast; empty means none."""
    schemes = (("light", look.light), ("dark", look.dark))
    return tuple(f"{name} colours: {said}" for name, palette in schemes for said in hard_to_read(palette))


def hard_to_read(palette: Palette) -> tuple[str, ...]:
    """Return in words every pair of a palette's colours that carries text and has too little contrast."""
    return tuple(
        f"{text} on {ground} has a contrast of {palette.contrast(text, ground):.1f}; needs {CONTRAST}"
        f"{_what_would_do(palette, text)}"
        for text, ground in TEXT_ON
        if palette.contrast(text, ground) < CONTRAST
    )


def _what_would_do(palette: Palette, name: str) -> str:
    """Name the nearest shade of a colour that is readable wherever it stands; nothing when there is none."""
    towards = 0 if luminance(palette.paper) > MIDDLE else 255
    pairs = [pair for pair in TEXT_ON if name in pair]
    for step in range(1, 21):
        shade = _mixed(getattr(palette, name), towards, step / 20)
        tried = replace(palette, **{name: shade})
        if all(tried.contrast(*pair) >= CONTRAST for pair in pairs):
            return f", as {name} = {shade} has"
    return ""


def _mixed(colour: str, towards: int, share: float) -> str:
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(c + (towards - c) * share):02x}" for c in channels)
