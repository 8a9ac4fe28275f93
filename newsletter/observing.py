"""Looks at what a mail points to: which links are dead, how heavy the images are, which no mail can show."""

from collections.abc import Iterator

from bs4 import BeautifulSoup

from content.articles import BlockKind
from content.editions import Edition
from content.images import problem_of
from content.looks import Look
from newsletter.ports import Fetcher, FetchError, Rendering
from newsletter.rendering.gates import Observed

#: Answers by which a site only turns away machines: a reader would be let in.
_SHY = frozenset({401, 403, 405, 406, 429, 451, 999})


def observe(rendering: Rendering, look: Look, fetcher: Fetcher) -> Observed:
    """Fetch every link and image of a mail once; return what `gates.check` wants to know.

    Our own pages are left out: they stand only when the edition is published. A site that turns away machines, or
    asks us to come back, is no dead link.
    """
    soup = BeautifulSoup(rendering.html, "lxml")
    dead: dict[str, str] = {}
    for url in _addresses(soup, "a", "href", look):
        try:
            fetcher.get(url)
        except FetchError as error:
            if not (error.transient or error.status in _SHY):
                dead[url] = str(error)
    weights: dict[str, int] = {}
    for url in _addresses(soup, "img", "src", look):
        try:
            weights[url] = len(fetcher.get(url).body)
        except FetchError as error:
            if not error.transient:
                dead[url] = str(error)
    return Observed(dead=dead, image_bytes=weights)


def look_at_pictures(edition: Edition, fetcher: Fetcher) -> dict[str, str]:
    """Return the pictures of an edition that a mail could not show, by address, each with the reason in words.

    One that does not answer now, but may in an hour, is none of them.
    """
    blocks = (block for story in edition.stories for block in story.blocks if block.kind is BlockKind.IMAGE)
    problems: dict[str, str] = {}
    for url in dict.fromkeys(block.src for block in blocks):
        try:
            problem = problem_of(fetcher.get(url).body)
        except FetchError as error:
            problem = "" if error.transient else f"cannot be loaded: {error}"
        if problem:
            problems[url] = problem
    return problems


def _addresses(soup: BeautifulSoup, name: str, attribute: str, look: Look) -> Iterator[str]:
    found = dict.fromkeys(str(tag.get(attribute) or "") for tag in soup.find_all(name))
    own = look.url("")
    yield from (url for url in found if url.startswith(("http://", "https://")) and not f"{url}/".startswith(own))
