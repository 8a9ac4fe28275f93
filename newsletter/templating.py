"""The one place where Jinja files are loaded: escaping, missing names, words of each language, hashes of templates."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, PackageLoader, StrictUndefined, meta
from markupsafe import Markup, escape

from content import markup
from content.looks import DARK, LIGHT, SANS, SERIF
from content.places import runs

#: What a template may call. Filters are named after what they return.
FILTERS: Mapping[str, Callable[..., object]] = {
    "line": lambda text: markup.clean_line(text),
    "clean": lambda text: markup.clean(text),
    "inline": lambda block: Markup(markup.inline(block)),  # noqa: S704 - content.markup escapes every text
    "prose": lambda blocks, width=0: Markup(markup.to_html(blocks, width)),  # noqa: S704 - same
    "image": lambda block, width=0, kind="": Markup(markup.image(block, width, kind)),  # noqa: S704 - same
    "direction": markup.direction,
    "runs": runs,
    "within": lambda text, around: _within(text, around),
    "initial": lambda text: next((c for c in text if c.isalnum()), "•").upper(),
    "link": markup.safe_link,
    "json": lambda value: Markup(_for_script(value)),  # noqa: S704 - nothing in it can end the element
}


@cache
def environment(language: str = "en") -> Environment:
    """Return the templates with the words of `language`, English where we have none of its own.

    Everything is escaped but text and style sheets: jinja2's own `select_autoescape` looks at the end of the name
    and would let `.html.jinja` through. In a style sheet an escaped quote breaks a font's name; what goes in there
    is a `Look`, which refuses everything else. A name that is not there is an error, not an empty place.
    """
    env = Environment(
        loader=PackageLoader("templates", "", encoding="utf-8"),
        autoescape=lambda name: not (name or "").endswith((".txt.jinja", ".css.jinja")),  # noqa: S701 - a test holds it
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )
    env.filters.update(FILTERS)
    env.globals.update(LIGHT=LIGHT, DARK=DARK, SERIF=SERIF, SANS=SANS)
    env.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    return env


def locale_of(language: str) -> Locale:
    """Return the locale for dates and numbers of a language tag such as "en" or "de-AT", English if unknown."""
    try:
        return Locale.parse(language.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def day(when: date, language: str, zone: str = "UTC", *, year: bool = True) -> str:
    """Return a day as people write it in `language`: "25 November 2026", or without its year.

    Args:
        when: A day, or an aware moment, which falls on one day here and on another there.
        language: Of the reader.
        zone: An IANA name; decides on which day a moment falls.
        year: Whether it is named.
    """
    if isinstance(when, datetime):
        when = when.astimezone(ZoneInfo(zone))
    locale = locale_of(language)
    if locale == Locale("en"):
        locale = Locale("en", "GB")  # our own English is British; "en-US" says how the others write
    return format_date(when, "long", locale) if year else format_skeleton("MMMMd", when, locale=locale)


def page_direction(language: str) -> str:
    """Return "rtl" for a language written from right to left, else "ltr"."""
    return "rtl" if locale_of(language).text_direction == "rtl" else "ltr"


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the translated words of `language`; without a catalogue, the English of the templates."""
    source = files("templates") / "locales" / locale_of(language).language / "messages.po"
    if not source.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes())))
    compiled.seek(0)
    return Translations(compiled)


@cache
def languages() -> Mapping[str, str]:
    """Return the languages in which our own words exist, each by the name it calls itself."""
    folders = (folder.name for folder in (files("templates") / "locales").iterdir() if folder.is_dir())
    return {code: str(locale_of(code).display_name) for code in ("en", *sorted(folders))}


def N_(text: str) -> str:  # noqa: N802 - the name by which catalogues find a text that is translated later
    """Return `text`, which stands in the catalogues."""
    return text


#: Folders whose templates take the place of others: an edition of one story is that article's mail.
_BESIDE = {"email/digest": ("email/article",)}


@lru_cache(maxsize=64)
def template_hashes(folder: str) -> tuple[tuple[str, str], ...]:
    """Return name and SHA-256 of every file that rendering the templates of `folder` reads, sorted by name.

    The words of all languages are among them: another word is another mail.

    Args:
        folder: Such as "email/digest": the templates there, and all they include, extend or import.
    """
    env = environment()
    folders = tuple(f"{name}/" for name in (folder, *_BESIDE.get(folder, ())))
    waiting = {name for name in env.list_templates() if name.startswith(folders)}
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            source = _source(env, name)
            found[name] = hashlib.sha256(source.encode()).hexdigest()
            waiting |= {n for n in meta.find_referenced_templates(env.parse(source)) if n}
    for language in (files("templates") / "locales").iterdir():
        if (words := language / "messages.po").is_file():
            found[f"locales/{language.name}/messages.po"] = hashlib.sha256(words.read_bytes()).hexdigest()
    return tuple(sorted(found.items()))


def _within(text: str, around: str) -> str:
    """Return a line that runs in its own direction, whatever the text around it does: "12 Rue, Lyon" keeps its 12."""
    own = markup.direction(text)
    # What gettext has filled in is markup already.
    line = text if isinstance(text, Markup) else escape(markup.clean_line(text))
    return Markup(line) if own == around else Markup('<span dir="{}">{}</span>').format(own, line)  # noqa: S704 - escaped


def _for_script(value: object) -> str:
    """Return JSON that is safe inside a script element: `</script>` and `<!--` cannot occur in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source(env: Environment, name: str) -> str:
    assert env.loader
    return env.loader.get_source(env, name)[0]
