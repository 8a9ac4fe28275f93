"""What one issue of a list offers, and what each variant of it printed: the memory that nobody reads a thing twice."""

import hashlib
from dataclasses import dataclass
from datetime import date

from subscribers.preferences import Rhythm


@dataclass(frozen=True, slots=True, order=True)
class Explainer:
    """A section that several stories share. `wording` changes when it says materially something else."""

    id: str
    wording: str = ""


@dataclass(frozen=True, slots=True)
class StoryRef:
    """A story by name, with its topics, and every explainer that it prints or refers to."""

    id: str
    topics: frozenset[str] = frozenset()  #: empty: it concerns everybody
    explainers: tuple[Explainer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One edition as planning sees it: stories in order, due on one day of each reader's own calendar."""

    edition: str  #: its key
    rhythm: Rhythm
    day: date
    stories: tuple[StoryRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What everybody with the same outcome gets: rendered once.

    The explainers of its stories are printed at the first story that has them, except the folded ones, which stand
    as one line with a link, because this reader has them already.
    """

    edition: str
    language: str
    stories: tuple[str, ...]  #: ids, in order
    folded: tuple[Explainer, ...] = ()
    printed: tuple[Explainer, ...] = ()

    @property
    def key(self) -> str:
        """Return the identity: the same content is the same variant, on every machine."""
        folded = [f"{e.id}\0{e.wording}" for e in self.folded]
        text = "\n".join((self.edition, self.language, *self.stories, "", *folded))
        return hashlib.sha256(text.encode()).hexdigest()[:32]
