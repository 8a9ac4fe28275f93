"""One sentence of one section, and the key by which it is remembered."""

import hashlib
from dataclasses import dataclass

from content.sections import Section
from content.text import normal, sentences, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of one section, verbatim, and where it stands."""

    article: str
    section: str
    index: int  #: among the sentences of its section, from 0
    text: str
    block: int  #: among the blocks of its section
    start: int
    end: int

    @property
    def fingerprint(self) -> str:
        """Return the key by which an editor's ruling remembers this sentence."""
        return fingerprint(self.text)


def statements_of(section: Section) -> tuple[Statement, ...]:
    """Return every sentence of `section`, in order."""
    return tuple(
        Statement(
            article=section.article,
            section=section.id,
            index=index,
            text=s.text,
            block=s.block,
            start=s.start,
            end=s.end,
        )
        for index, s in enumerate(sentences(section.blocks))
    )


def fingerprint(text: str) -> str:
    """Return a key for a sentence: the same for the same words, whatever their case, spacing and punctuation."""
    return hashlib.sha256(" ".join(words(text)).encode() or normal(text).strip().encode()).hexdigest()[:32]
