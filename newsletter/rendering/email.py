"""An edition becomes a mail: subject, HTML with its styles inlined, and the same in plain text."""

import re
from collections.abc import Mapping
from functools import cache

import css_inline
from babel.lists import format_list
from markupsafe import Markup

from content.articles import SLOT_CLOSE, SLOT_OPEN
from content.assembly import subject_of
from content.editions import PREHEADER_CHARACTERS, Edition, shorten
from content.looks import Look
from content.markup import clean_line
from content.places import Places, heading_levels, without_lead
from newsletter.ports import Rendering
from newsletter.rendering.plaintext import Footnotes, lay_out, with_numbers, wrap
from newsletter.templating import catalogue, day, environment, locale_of, page_direction

#: Names of the personal slots. `archive_url` is none of them: it is the same for everybody.
SLOTS = ("name", "unsubscribe_url", "preferences_url")

#: Gmail clips a message whose HTML source is longer than about 102,400 bytes, and the footer with the
#: unsubscribe link goes first. A fifth of that is kept for what the delivery adds.
COMFORTABLE_BYTES = 81_920


def render_email(edition: Edition, look: Look) -> Rendering:
    """Return `edition` as a mail, personal slots still open.

    An edition that is one story, and says nothing of its own, is that article's mail. Every story is printed in full
    as long as the HTML stays below the size at which mail clients clip; beyond that, the last ones are shortened to
    their opening and a link to the archive, as few of them as possible.
    """
    if is_one_article(edition):
        article = render_article(edition, look)
        if len(article.html.encode()) <= COMFORTABLE_BYTES:
            return article
    whole = _render(edition, look, full=len(edition.stories))
    if len(whole.html.encode()) <= COMFORTABLE_BYTES:
        return whole
    low, high = 0, len(edition.stories)  # `low` stories in full fit (or nothing does), `high` do not
    best = _render(edition, look, full=0)
    while high - low > 1:
        middle = (low + high) // 2
        tried = _render(edition, look, full=middle)
        if len(tried.html.encode()) <= COMFORTABLE_BYTES:
            low, best = middle, tried
        else:
            high = middle
    return best


def is_one_article(edition: Edition) -> bool:
    """Tell whether an edition is one story, without a headline or a standfirst that an editor has written for it."""
    titles = [story.title for story in edition.stories]
    return len(titles) == 1 and edition.title == subject_of(titles) and not edition.preheader.strip()


def render_article(edition: Edition, look: Look) -> Rendering:
    """Return the mail of an edition that is one article: the article is the mail, there are no contents.

    Raises:
        ValueError: The edition does not print exactly one story.
    """
    if len(edition.stories) != 1:
        raise ValueError(f"a mail of one article takes an edition of one story, got {len(edition.stories)}")
    return render_kind("article", edition.language, _context(edition, look, full=1))


def slot(name: str) -> str:
    """Return the mark that stands for a personal value until the message is made for one person."""
    return f"{SLOT_OPEN}{name}{SLOT_CLOSE}"


def _render(edition: Edition, look: Look, full: int) -> Rendering:
    context = _context(edition, look, full)
    return render_kind("digest", edition.language, context)


def render_kind(kind: str, language: str, context: Mapping[str, object]) -> Rendering:
    """Return the mail that the three templates in `email/<kind>/` make of `context`."""
    env = environment(language)
    subject, text, html = (
        env.get_template(f"email/{kind}/{part}.jinja").render(context)
        for part in ("subject.txt", "body.txt", "body.html")
    )
    return Rendering(subject=clean_line(subject), html=_inliner().inline(html), text=_tidy(text))


def _context(edition: Edition, look: Look, full: int) -> dict[str, object]:
    notes, places = Footnotes(), Places(edition, look)
    return {
        **common(look, edition.language, notes),
        "edition": edition,
        "archive_url": places.page,
        "preheader": preheader_of(edition),
        "full": full,
        "places": places,
        "levels": heading_levels,
        "lead": without_lead,
    }


def common(look: Look, language: str, notes: Footnotes) -> dict[str, object]:
    """Return what every mail template may use: the look, the slots, dates, and the makings of the text part."""
    locale = locale_of(language)
    return {
        "look": look,
        "language": language,
        "page_direction": page_direction(language),
        "slots": {name: slot(name) for name in SLOTS},
        "day": lambda when, year=True: day(when, language, look.zone, year=year),
        "listing": lambda words: format_list(list(words), "standard", locale) if words else "",
        "notes": notes,
        "lay_out": lambda blocks, indent="": lay_out(blocks, notes, indent),
        "sentence": lambda block, first="", further=None: wrap(with_numbers(block, notes), first, further),
        "wrap": wrap,
        "number": notes.number,
        "leave_words": _leave_words(language),
        "filler": Markup("&#847;&zwnj;&nbsp;"),
    }


def _leave_words(language: str) -> str:
    """Return the words on the link by which one leaves: in the reader's language, and with the English one.

    Mail programs, filters and readers far from home look for that one.
    """
    own = catalogue(language).gettext("Unsubscribe")
    return own if own == "Unsubscribe" else f"{own} (unsubscribe)"


def preheader_of(edition: Edition) -> str:
    """Return the line that inboxes show after the subject: the edition's own, else what its subject does not say.

    A subject made by rule names the first story; so the others follow, and of a single one its opening.
    """
    others = [clean_line(s.title) for s in edition.stories[1:4]]
    opening = [clean_line(s.summary) for s in edition.stories[:1]]
    return shorten(clean_line(edition.preheader) or " · ".join(others or opening), PREHEADER_CHARACTERS)


@cache
def _inliner() -> css_inline.CSSInliner:
    # Media queries cannot be inlined and must stay in <head>: dark mode and phones hang on them.
    return css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_style_tags=True, remove_inlined_selectors=True, minify_css=True
    )


def _tidy(text: str) -> str:
    """Return the text part with at most one empty line in a row and no spaces at line ends."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
