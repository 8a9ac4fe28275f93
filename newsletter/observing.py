"""Looks at what a mail points to: which links are dead, how heavy the images are, which no mail can show."""

from collections.abc import Iterator

from bs4 import BeautifulSoup

from content.articles import BlockKind
from content.editions import Edition
from content.images import problem_of
from content.looks import Look
from newsletter.ports import Fetcher, FetchError, Rendering
from newsletter.rendering.gates import Observed

#: When so many addresses in a row do not answer, there is no network here, and the others are not asked.
PATIENCE = 3

#: Answers by which a site only turns away machines: a reader would be let in.
_SHY = frozenset({401, 403, 405, 406, 429, 451, 999})


def observe(rendering: Rendering, look: Look, fetcher: Fetcher) -> Observed:
    """Fetch every link and image of a mail once; return what `gates.check` wants to know.

    Our own pages are left out: they stand only when the edition is published. A site that turns away machines, or
    asks us to come back, is no dead link; what does not answer is unseen, and so is everything where there is no
    network.
    """
    soup = BeautifulSoup(rendering.html, "lxml")
    links, images = (list(_addresses(soup, *place, look)) for place in (("a", "href"), ("img", "src")))
    seen = _Looking(fetcher)
    for url in dict.fromkeys([*images, *links]):
        seen.at(url)
    dead = {url: str(e) for url, e in seen.refused.items() if url in images or e.status not in _SHY}
    weights = {url: seen.weights[url] for url in images if url in seen.weights}
    return Observed(dead=dead, image_bytes=weights, unseen=seen.unseen)


class _Looking:
    """One look around: what answered, what refused, and what nobody saw."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._silent = 0  # in a row
        self.weights: dict[str, int] = {}
        self.refused: dict[str, FetchError] = {}
        self.unseen: dict[str, str] = {}

    def at(self, url: str) -> None:
        if self._silent >= PATIENCE:
            self.unseen[url] = "there seems to be no network"
            return
        try:
            self.weights[url] = len(self._fetcher.get(url).body)
            self._silent = 0
        except FetchError as error:
            # A server that asks us to come back has answered.
            self._silent = self._silent + 1 if error.transient and not error.status else 0
            if error.transient:
                self.unseen[url] = str(error)
            else:
                self.refused[url] = error


def look_at_pictures(edition: Edition, fetcher: Fetcher) -> dict[str, str]:
    """Return the pictures of an edition that a mail could not show, by address, each with the reason in words.

    One that does not answer now, but may in an hour, is none of them; where nothing answers, no more are asked for.
    """
    blocks = (block for story in edition.stories for block in story.blocks if block.kind is BlockKind.IMAGE)
    problems: dict[str, str] = {}
    silent = 0
    for url in dict.fromkeys(block.src for block in blocks):
        if silent >= PATIENCE:
            break
        try:
            problem, silent = problem_of(fetcher.get(url).body), 0
        except FetchError as error:
            problem = "" if error.transient else f"cannot be loaded: {error}"
            silent = silent + 1 if error.transient and not error.status else 0
        if problem:
            problems[url] = problem
    return problems


def _addresses(soup: BeautifulSoup, name: str, attribute: str, look: Look) -> Iterator[str]:
    found = dict.fromkeys(str(tag.get(attribute) or "") for tag in soup.find_all(name))
    own = look.url("")
    yield from (url for url in found if url.startswith(("http://", "https://")) and not f"{url}/".startswith(own))
