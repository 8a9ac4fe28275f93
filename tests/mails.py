"""One of every mail that we send, in every language, and the worst that content can be: what all checks go through."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.policy import SMTP

from content.periods import Rhythm
from newsletter.letters.compose import Composer, House
from newsletter.ports import Rendering
from newsletter.rendering.email import render_article, render_email
from newsletter.rendering.mime import Identity, Template, fill
from newsletter.rendering.notices import render_correction, render_test, render_welcome
from newsletter.templating import languages
from subscribers.letters import Letter, LetterKind
from subscribers.preferences import MailingList
from subscribers.tokens import Keyring, Purpose, issue, link
from tests.editions import LOOK, PUBLISHED, full_edition, make_edition, many_stories
from tests.newsletter.test_rendering_awkward import AWKWARD, LONG

READER = "reader@example.net"
KEYS = Keyring((b"k" * 32,))
SENDER = Identity(
    from_name="The Quiet Shelf",
    from_address="hello@news.example.org",
    list_id="beauty.news.example.org",
    list_name="The Quiet Shelf",
    feedback_id="2026-W48:beauty:weekly:newsletter",
)
LETTER_HEAD = House(
    public_url=LOOK.site_url,
    title=LOOK.name,
    sender_name=LOOK.name,
    sender_address="hello@news.example.org",
    postal_address=LOOK.postal_address,
)
SLOTS = {
    "name": "Inès",
    "unsubscribe_url": link(LOOK.site_url, Purpose.UNSUBSCRIBE, issue(KEYS, Purpose.UNSUBSCRIBE, "ines", "beauty")),
    "preferences_url": link(LOOK.site_url, Purpose.MANAGE, issue(KEYS, Purpose.MANAGE, "ines", now=PUBLISHED)),
}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one reader, as it leaves, and its HTML part."""

    message: bytes
    html: str
    is_list: bool


def every_mail() -> dict[str, Mail]:
    """Return each kind of mail in each language, and each awkward edition, by name."""
    found = {}
    for language in languages():
        found |= {f"{name}, {language}": _to_a_list(mail) for name, mail in _list_mails(language).items()}
        found[f"test, {language}"] = _to_one(render_test(LOOK, language, (("Server", "mx.example.org"),)))
        found |= {f"letter {name}, {language}": mail for name, mail in _letters(language)}
    return found | {name: _to_a_list(mail) for name, mail in _worst().items()}


def _list_mails(language: str) -> dict[str, Rendering]:
    edition = replace(full_edition(), language=language)
    return {
        "digest": render_email(edition, LOOK),
        "article": render_article(replace(edition, stories=edition.stories[:1]), LOOK),
        "welcome": render_welcome(LOOK, language, Rhythm.WEEKLY, ("Skin care", "R&D")),
        "correction": render_correction(edition.stories[1], edition, LOOK),
    }


def _worst() -> dict[str, Rendering]:
    titles = [replace(AWKWARD["very long title"], article=str(n)) for n in range(60)]
    arabic = {"language": "ar", "title": "العناية بالبشرة", "subject": "العناية بالبشرة"}
    return {
        "60 stories": render_email(many_stories(60, paragraphs=6), LOOK),
        "60 very long titles": render_email(
            make_edition(*titles, title=LONG, subject=LONG[:240], preheader=LONG), LOOK
        ),
        "no story": render_email(make_edition(), LOOK),
        "everything awkward": render_email(make_edition(*AWKWARD.values()), LOOK),
        "from right to left": render_email(make_edition(AWKWARD["right to left"], **arabic), LOOK),
        **{name: render_email(make_edition(story), LOOK) for name, story in AWKWARD.items()},
    }


def _letters(language: str) -> Iterator[tuple[str, Mail]]:
    composer, mailing_list = Composer(LETTER_HEAD, KEYS), MailingList(slug="beauty", title=LOOK.name)
    for number, kind in enumerate((k for k in LetterKind if k is not LetterKind.WELCOME), start=1):
        letter = Letter(
            kind=kind,
            subscriber="abcdefghijkl",
            address=READER,
            language=language,
            at=PUBLISHED,
            mailing_list="beauty",
            detail="1",
            number=number,
        )
        message = composer.compose(letter, mailing_list, PUBLISHED)
        html = message.get_body(("html",))
        assert html
        yield kind.value, Mail(message.as_bytes(policy=SMTP.clone(max_line_length=998)), html.get_content(), False)


def _to_a_list(rendering: Rendering) -> Mail:
    return _mail(rendering, SENDER)


def _to_one(rendering: Rendering) -> Mail:
    return _mail(rendering, replace(SENDER, to_one=True))


def _mail(rendering: Rendering, sender: Identity, at: datetime = PUBLISHED) -> Mail:
    pieces = Template(rendering, sender).merge("Inès", READER, "1@news.example.org", at, SLOTS)
    return Mail(b"".join(pieces), fill(rendering.html, SLOTS), sender.can_be_left)
