"""Makes the links of a mail personal, so that who follows one can be counted: at encoding, never in what is stored.

A link to a story, or out of our site, becomes the reader's own slot and the link's name. The name is made from the
address, so that it is the same in every variant of an edition; where it leads is kept beside the edition.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html import unescape

from content.articles import SLOT_CLOSE, SLOT_OPEN
from content.places import edition_path
from newsletter.ports import Rendering

#: The slot of a person's own link, without the name of what it leads to.
CLICK = "click_url"

#: Letters of a link's name: with 64 bits nobody finds an address that goes by another's.
NAME_LETTERS = 16

#: A link as our own templates and the inliner write it. Links do not nest.
_LINK = re.compile(r'(<a\b[^>]*?\shref=")([^"]*)("[^>]*>)(.*?)(?=</a>)', re.DOTALL)

#: An address of the text part: on a line of its own, or behind its number.
_LINE = re.compile(r"^([ \t]*(?:\[\d+\] )?)(https?://\S+)$", re.MULTILINE)

#: Words of a link that are an address: one that leads through another site would look like fraud.
_ADDRESS = re.compile(r"https?://|\bwww\.", re.IGNORECASE)

_PLACES = re.compile(r"/(?:editions|articles)/")

#: Longest name of an edition that fits into a token, whose letters these are.
_FITS = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


def can_count(edition: str) -> bool:
    """Tell whether the links of an edition can be counted: its key goes into each of them."""
    return _FITS(edition) is not None


def count_links(rendering: Rendering, site_url: str, edition: str) -> Rendering:
    """Return a mail whose links to stories and outside pages are personal; the others stay, byte for byte."""
    if not can_count(edition):
        return rendering
    site = site_url.rstrip("/")

    def in_html(match: re.Match[str]) -> str:
        before, href, after, words = match.groups()
        url = unescape(href)
        if _ADDRESS.search(words) or not _counts(url, site, edition):
            return match[0]
        return f"{before}{_slot(url)}{after}{words}"

    def in_text(match: re.Match[str]) -> str:
        return match[1] + _slot(match[2]) if _counts(match[2], site, edition) else match[0]

    return replace(rendering, html=_LINK.sub(in_html, rendering.html), text=_LINE.sub(in_text, rendering.text))


def targets(rendering: Rendering, site_url: str, edition: str) -> dict[str, str]:
    """Return where each link of a stored mail leads that `count_links` makes personal, by the link's name."""
    site = site_url.rstrip("/")
    found = (url for url in _addresses(rendering) if can_count(edition) and _counts(url, site, edition))
    return {name_of(url): url for url in found}


def name_of(url: str) -> str:
    """Return the name of the link to `url`."""
    return sha256(url.encode()).hexdigest()[:NAME_LETTERS]


def _addresses(rendering: Rendering) -> Iterator[str]:
    for match in _LINK.finditer(rendering.html):
        yield unescape(match[2])
    for match in _LINE.finditer(rendering.text):
        yield match[2]


def _counts(url: str, site: str, edition: str) -> bool:
    """Tell whether a link leads to a story or out of our site; the edition's own page is for who cannot read mails."""
    if not url.startswith(("https://", "http://")):
        return False
    if url != site and not url.startswith(f"{site}/"):
        return True
    return _PLACES.match(url, len(site)) is not None and url != f"{site}/{edition_path(edition)}"


def _slot(url: str) -> str:
    return f"{SLOT_OPEN}{CLICK}{SLOT_CLOSE}/{name_of(url)}"
