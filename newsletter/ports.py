"""What the use cases ask of the outside, in their own words."""

from dataclasses import dataclass, field
from typing import Protocol

from content.approvals import Approval
from content.articles import Article


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a source could not give us, in words a marketer understands."""

    item: str  #: which file, entry or page
    reason: str  #: why, and what would do


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What one pull brought: articles, the approvals that came along with them, and what was left out.

    `memory` is what the source wants to be told at its next pull (validators, cursors).
    """

    articles: tuple[Article, ...] = ()
    approvals: tuple[Approval, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  #: what was read, but not as it stood: for the editor's eye
    memory: dict[str, str] = field(default_factory=dict)


class SourceError(Exception):
    """A source as a whole cannot be read. `transient` tells whether trying again may help."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class Source(Protocol):
    """A place that articles come from."""

    @property
    def name(self) -> str:
        """Return the name under which staff know the source."""

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return what the source shows now.

        Raises:
            SourceError: The source as a whole cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Rendering:
    """One variant of an edition as mail, personal slots still open (`content.articles.SLOT_OPEN`)."""

    subject: str
    html: str
    text: str
