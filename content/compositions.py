"""What an editor composed by hand: which stories in which order, and the words around them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """An editor's wishes for one edition. The folding follows them: another selection folds otherwise."""

    order: tuple[str, ...] = ()  #: ids of the articles to tell, in this order; empty: all there are
    subject: str = ""  #: "" derives it from the stories
    preheader: str = ""  #: "" lets the rendering name the stories
    intro: str = ""  #: paragraphs with an empty line between; "" for none
    audience: str = ""  #: rules of a segment, as they were when it was chosen; "" for everybody
    audience_name: str = ""  #: what staff call that segment

    def choose(self, available: Iterable[str], most: int) -> tuple[str, ...]:
        """Return which of the available articles are told, in order: at most `most` unless an editor named more."""
        known = tuple(dict.fromkeys(available))
        if not self.order:
            return known[:most]
        there = set(known)
        return tuple(article for article in self.order if article in there)


#: Nobody has composed anything.
AS_IT_COMES = Composition()


def moved(order: tuple[str, ...], article: str, by: int) -> tuple[str, ...]:
    """Return `order` with one article moved by so many places (-1: up), as far as it goes."""
    if article not in order:
        return order
    rest = [a for a in order if a != article]
    place = min(max(order.index(article) + by, 0), len(rest))
    return (*rest[:place], article, *rest[place:])
