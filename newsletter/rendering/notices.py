"""Short mails to readers: a welcome, a correction, a test. What a person asked for by hand is a letter (`letters`)."""

from collections.abc import Sequence

from content.editions import Edition, Story
from content.looks import Look
from content.periods import Rhythm
from content.places import Places
from newsletter.ports import Rendering
from newsletter.rendering.email import common, render_kind
from newsletter.rendering.plaintext import Footnotes
from newsletter.templating import catalogue


def render_welcome(
    look: Look, language: str, rhythm: Rhythm | None, topics: Sequence[str] = (), latest_url: str = ""
) -> Rendering:
    """Return the first mail to a new subscriber, personal places as in an edition.

    Args:
        look: The newsletter.
        language: Of the mail.
        rhythm: How often editions will come; None when that cannot be said.
        topics: The chosen ones; none means all.
        latest_url: Of the newest edition's page; "" leads to the site.
    """
    _ = catalogue(language).gettext
    rhythms = {
        Rhythm.DAILY: _("An edition comes every day on which there is something new."),
        Rhythm.WEEKLY: _("An edition comes once a week."),
        Rhythm.MONTHLY: _("An edition comes once a month."),
    }
    return _notice(
        "welcome",
        look,
        language,
        subject=_("Welcome to %(name)s") % {"name": look.name},
        heading=_("Welcome"),
        opening=_("You will get %(name)s from now on.") % {"name": look.name},
        rhythm_words=rhythms[rhythm] if rhythm else "",
        topics=tuple(topics),
        latest_url=latest_url,
    )


def render_correction(story: Story, edition: Edition, look: Look) -> Rendering:
    """Return the mail that tells readers of `edition` what was corrected in `story`.

    Raises:
        ValueError: The story has no correction.
    """
    if not story.correction:
        raise ValueError(f"the story {story.title!r} has no correction to tell of")
    _ = catalogue(edition.language).gettext
    return _notice(
        "correction",
        look,
        edition.language,
        subject=_("Correction: %(title)s") % {"title": story.title},
        heading=story.title,
        opening=_("In “%(edition)s” we printed something that was not right.") % {"edition": edition.title},
        story=story,
        places=Places(edition, look),
    )


def render_test(look: Look, language: str, facts: Sequence[tuple[str, str]]) -> Rendering:
    """Return the mail that proves that sending works, with `facts` such as the server's name. No personal places."""
    _ = catalogue(language).gettext
    return _notice(
        "test",
        look,
        language,
        subject=_("Test from %(name)s") % {"name": look.name},
        heading=_("It works"),
        opening=_("If you read this, %(name)s can send mail.") % {"name": look.name},
        facts=tuple(facts),
    )


def _notice(kind: str, look: Look, language: str, **words: object) -> Rendering:
    return render_kind(kind, language, {**common(look, language, Footnotes()), **words})
