"""What a mail must fulfil before it may be approved: blockers stop it, warnings must be accepted by name."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from content.articles import SLOT_CLOSE, SLOT_OPEN, BlockKind
from content.editions import Edition
from content.looks import Look, unreadable
from content.markup import clean_line, safe_link
from newsletter.ports import Rendering
from newsletter.rendering import clients
from newsletter.rendering.email import SLOTS, preheader_of

#: Gmail clips a message whose HTML source is longer, and the unsubscribe link goes with the rest.
CLIP_BYTES, WARN_BYTES = 102_400, 81_920

#: Gmail drops a <style> that is longer.
STYLE_BYTES = 16_384

#: A personal address in a slot takes about this many bytes more than its mark.
SLOT_BYTES = 100

#: Longer subjects are cut by every inbox; beyond the second figure some servers refuse the header.
SUBJECT_CHARACTERS, SUBJECT_LIMIT = 120, 250

#: A shorter preheader is filled up by inboxes with the first words they find, such as "View in your browser".
PREHEADER_LEAST = 30

#: Some clients and many filters give up on longer addresses.
LINK_CHARACTERS = 2_000

#: A heavier image takes seconds on a phone.
IMAGE_BYTES = 1_048_576

#: Addresses behind which nobody can see where they lead; filters punish them.
SHORTENERS = frozenset({"bit.ly", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "is.gd", "buff.ly"})

_EMPTY_WORDS = re.compile(r"(click here|here|more|read more|link|this)\W*", re.IGNORECASE)
_HOST_IN_TEXT = re.compile(r"^\s*(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?\s*$", re.IGNORECASE)
_GARBLED = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€[\u0099\u009c\u009d™œ]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile(rf"(?:https?://|mailto:|tel:|{SLOT_OPEN})[^\s<>]+")


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCKER = "blocker"
    WARNING = "warning"
    NOTE = "note"  #: is said, and stops nothing


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. A warning is accepted by its rule's name."""

    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What only a look outside can tell, gathered by whoever may look: addresses that failed, weights of images."""

    dead: Mapping[str, str] = field(default_factory=dict)  #: address, and what was answered
    unseen: Mapping[str, str] = field(default_factory=dict)  #: address, and why nobody could look
    image_bytes: Mapping[str, int] = field(default_factory=dict)


#: Nothing was looked at.
NOTHING = Observed()


def check(
    edition: Edition, rendering: Rendering, look: Look, observed: Observed = NOTHING, more_bytes: int = 0
) -> tuple[Finding, ...]:
    """Return everything wrong with a mail, blockers first. Empty means that it may go out.

    `more_bytes` is what its HTML grows by when links are made personal.
    """
    mail = _Mail(edition, rendering, look, observed, more_bytes)
    found = [
        Finding(name, severity, message)
        for name, rule in _RULES.items()
        for severity, message in dict.fromkeys(rule(mail))
    ]
    return tuple(sorted(found, key=lambda f: f.severity is not Severity.BLOCKER))


class _Mail:
    """A mail and what the rules look at, parsed once."""

    def __init__(self, edition: Edition, rendering: Rendering, look: Look, observed: Observed, more_bytes: int) -> None:
        self.edition, self.rendering, self.look, self.observed = edition, rendering, look, observed
        self.more_bytes = more_bytes

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.rendering.html, "lxml")

    def all(self, *names: str) -> list[Tag]:
        return [t for t in self.soup.find_all(list(names) or True) if isinstance(t, Tag)]

    @cached_property
    def links(self) -> list[Tag]:
        return [a for a in self.all("a") if a.get("href")]


#: What a rule finds: how bad, and in words.
_Found = Iterator[tuple[Severity, str]]


def _blocker(message: str) -> tuple[Severity, str]:
    return Severity.BLOCKER, message


def _warning(message: str) -> tuple[Severity, str]:
    return Severity.WARNING, message


def _stories(mail: _Mail) -> _Found:
    if not mail.edition.stories:
        yield _blocker("the edition prints no story; add one or skip this period")


def size_of(rendering: Rendering) -> int:
    """Return about how many bytes of HTML a reader gets, personal addresses in their places."""
    return len(rendering.html.encode()) + SLOT_BYTES * rendering.html.count(SLOT_OPEN)


def _size(mail: _Mail) -> _Found:
    size = size_of(mail.rendering) + mail.more_bytes
    if size > CLIP_BYTES:
        yield _blocker(f"the HTML has {size:,} bytes; beyond {CLIP_BYTES:,} Gmail cuts it off: print fewer stories")
    elif size > WARN_BYTES:
        yield _warning(f"the HTML has {size:,} bytes; from {CLIP_BYTES:,} on Gmail cuts it off")


def _style(mail: _Mail) -> _Found:
    size = sum(len(s.get_text().encode()) for s in mail.all("style"))
    if size > STYLE_BYTES:
        yield _blocker(f"the style sheet has {size:,} bytes; Gmail drops one beyond {STYLE_BYTES:,}")


def _subject(mail: _Mail) -> _Found:
    subject = mail.rendering.subject
    if not subject.strip():
        yield _blocker("the subject is empty; write one")
    if _CONTROL.search(subject):
        yield _blocker(f"the subject holds a control character: {subject!r}")
    if len(subject) > SUBJECT_LIMIT:
        yield _blocker(f"the subject has {len(subject)} characters; {SUBJECT_LIMIT} is the most")
    elif len(subject) > SUBJECT_CHARACTERS:
        yield _warning(f"the subject has {len(subject)} characters; inboxes show 40 to {SUBJECT_CHARACTERS}")


def _sender(mail: _Mail) -> _Found:
    for what in ("name", "postal_address"):
        if _CONTROL.search(getattr(mail.look, what)):
            yield _blocker(f"the {what.replace('_', ' ')} holds a control character; write it on one line")
    if not mail.look.postal_address.strip():
        yield _blocker("there is no postal address in the footer; the law asks for one: set postal_address")


def _preheader(mail: _Mail) -> _Found:
    shown = len(preheader_of(mail.edition))
    if shown < PREHEADER_LEAST:
        yield _warning(f"the preheader has {shown} characters; below {PREHEADER_LEAST} inboxes add what comes next")


def _slots(mail: _Mail) -> _Found:
    for part, text in (("HTML", mail.rendering.html), ("text", mail.rendering.text)):
        names = re.findall(f"{SLOT_OPEN}([^{SLOT_OPEN}{SLOT_CLOSE}]*){SLOT_CLOSE}", text)
        for name in sorted({n for n in names if n not in SLOTS}):
            yield _blocker(f"the {part} part has a personal place {name!r} that nothing fills")
        if len(names) != text.count(SLOT_OPEN) or len(names) != text.count(SLOT_CLOSE):
            yield _blocker(f"the {part} part has a broken personal place")
        if "unsubscribe_url" not in names:
            yield _blocker(f"the {part} part has no link to unsubscribe")


def _language(mail: _Mail) -> _Found:
    root = mail.soup.html
    if root is None or not str(root.get("lang") or "").strip():
        yield _blocker("the HTML does not name its language; screen readers need it")
    if mail.soup.title is None or not mail.soup.title.get_text(strip=True):
        yield _blocker("the HTML has no title")


def _headings(mail: _Mail) -> _Found:
    levels = [int(h.name[1]) for h in mail.all("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield _blocker(f"the headings have levels {levels}; one of level 1 must come first")
    elif any(after - before > 1 for before, after in pairwise(levels)):
        yield _blocker(f"the headings have levels {levels}; one is skipped")


def _tables(mail: _Mail) -> _Found:
    for table in mail.all("table"):
        if table.get("role") != "presentation" and table.find("th") is None:
            yield _blocker("a table that only lays out lacks role=presentation; screen readers would count its cells")


def _alt(mail: _Mail) -> _Found:
    for image in mail.all("img"):
        alt = image.get("alt")
        if alt is None:
            yield _blocker(f"the image {image.get('src')} has no alternative text")
        elif not str(alt).strip():
            yield _warning(f"the image {image.get('src')} has an empty alternative text; say what it shows")
        elif re.fullmatch(r"\S+\.(jpe?g|png|gif|webp|avif)", str(alt).strip(), re.IGNORECASE):
            yield _warning(f"the image {image.get('src')} has a file name for its alternative text: {alt}")
        if not str(image.get("width") or "").isdigit():
            yield _blocker(f"the image {image.get('src')} has no width; Outlook would show it in its natural size")


def _images(mail: _Mail) -> _Found:
    for block in (b for s in mail.edition.stories for b in s.blocks if b.kind is BlockKind.IMAGE):
        if not safe_link(block.src).startswith("http"):
            yield _warning(f"the image {block.src!r} has no address a reader could load; it is left out")
    for source in dict.fromkeys(str(i.get("src") or "") for i in mail.all("img")):
        size = mail.observed.image_bytes.get(source, 0)
        if size > IMAGE_BYTES:
            yield _warning(f"the image {source} has {size:,} bytes; make it smaller than {IMAGE_BYTES:,}")
        if source in mail.observed.dead:
            yield _warning(f"the image {source} cannot be loaded: {mail.observed.dead[source]}")
        if source.startswith("http:"):
            yield _warning(f"the image {source} is not on https; some clients will not show it")


def _links(mail: _Mail) -> _Found:
    for link in mail.links:
        href = str(link["href"])
        text = link.get_text(" ", strip=True) or " ".join(str(i.get("alt", "")) for i in link.find_all("img"))
        if href.startswith(SLOT_OPEN):
            continue
        if not safe_link(href):
            yield _blocker(f"the link {href[:80]!r} leads nowhere a mail can lead")
            continue
        yield from _one_link(href, text, mail.observed.dead)
    if unseen := mail.observed.unseen:
        first, why = next(iter(unseen.items()))
        count = "1 address" if len(unseen) == 1 else f"{len(unseen)} addresses"
        yield Severity.NOTE, f"nobody could look at {count}, such as {first} ({why}); look again later"


def _one_link(href: str, text: str, dead: Mapping[str, str]) -> _Found:
    host = (urlsplit(href).hostname or "").removeprefix("www.")
    named = _HOST_IN_TEXT.match(text)
    if not text.strip():
        yield _blocker(f"the link {href} has no text")
    if href in dead:
        yield _warning(f"the link {href} is dead: {dead[href]}")
    if len(href) > LINK_CHARACTERS:
        yield _warning(f"a link to {host} has {len(href)} characters; beyond {LINK_CHARACTERS} clients may cut it")
    if href.startswith("http:"):
        yield _warning(f"the link {href} is not on https")
    if host in SHORTENERS:
        yield _warning(f"the link {href} hides where it leads; filters punish that: give the real address")
    if _EMPTY_WORDS.fullmatch(text.strip()):
        yield _warning(f"the link {href} says only {text!r}; say where it leads")
    if named and host and not _same_site(named[1].lower().removeprefix("www."), host):
        yield _warning(f"the link says {named[1]} but leads to {host}")


def _same_site(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _parity(mail: _Mail) -> _Found:
    in_html = {str(a["href"]) for a in mail.links}
    in_text = set(_ADDRESS.findall(mail.rendering.text))
    # The masthead's link to the site stands in the text as well, but perhaps with a stroke at its end.
    for href in sorted(h for h in in_html - in_text if h.rstrip("/") not in in_text):
        yield _blocker(f"the link {href} of the HTML part is missing from the text part")
    # Without spaces: a word wider than a line is cut in the text part.
    spoken = "".join(mail.rendering.text.split())
    shown = "".join(mail.soup.get_text(" ").split())
    for story in mail.edition.stories:
        for part, text in (("HTML", shown), ("text", spoken)):
            if "".join(clean_line(story.title).split()) not in text:
                yield _blocker(f"the {part} part does not print the story {clean_line(story.title)!r}")


def _contrast(mail: _Mail) -> _Found:
    for said in unreadable(mail.look):
        yield _blocker(said)


def _contradictions(mail: _Mail) -> _Found:
    for story in mail.edition.stories:
        for pair in (p for s in story.sections for p in s.contradictions):
            yield _warning(f"two articles disagree: {pair.one.block.text!r} and {pair.other.block.text!r}; choose one")


def _garbled(mail: _Mail) -> _Found:
    for story in mail.edition.stories:
        for text in (story.title, *(b.text for b in story.blocks)):
            if match := _GARBLED.search(text):
                at = max(0, match.start() - 20)
                yield _warning(f"the story {clean_line(story.title)!r} looks garbled: {text[at : match.end() + 20]!r}")


def _forbidden(mail: _Mail) -> _Found:
    for tag in mail.all():
        if tag.name in clients.FORBIDDEN:
            yield _blocker(f"the HTML holds <{tag.name}>, which mail clients remove or refuse")
        for attribute in (a for a in tag.attrs if a.startswith("on")):
            yield _blocker(f"the HTML holds a script: <{tag.name} {attribute}>")


def _clients(mail: _Mail) -> _Found:
    for what, who in clients.unsupported(mail.soup):
        yield _warning(f"{what} does not work in {who}")


#: Every rule by the name under which its warnings are accepted.
_RULES: Mapping[str, Callable[[_Mail], _Found]] = {
    "stories": _stories,
    "size": _size,
    "style": _style,
    "subject": _subject,
    "sender": _sender,
    "preheader": _preheader,
    "slots": _slots,
    "language": _language,
    "headings": _headings,
    "tables": _tables,
    "alt": _alt,
    "images": _images,
    "links": _links,
    "parity": _parity,
    "contrast": _contrast,
    "contradictions": _contradictions,
    "garbled": _garbled,
    "forbidden": _forbidden,
    "clients": _clients,
}

#: Names of all rules, for those who accept warnings by name.
RULES = tuple(_RULES)
