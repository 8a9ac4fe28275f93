"""Editors' rulings: which of two sentences stands, which sections belong together, which one is printed."""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from content.clusters import Ruling, RulingKind
from content.sections import Section, split
from content.statements import fingerprint
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import EditionRecord
from newsletter.storage.rulings import RulingStore


class RulingError(Exception):
    """A ruling cannot be given; the message says what would do."""


class Choice(StrEnum):
    """What an editor may do about two sentences that contradict each other."""

    FIRST = "a"
    SECOND = "b"
    BOTH = "both"


#: What an editor may do about sections, and how many of them it takes.
SECTIONS: dict[RulingKind, int] = {RulingKind.SAME: 2, RulingKind.DIFFERENT: 2, RulingKind.CANONICAL: 1}


def choose(
    store: RulingStore, record: EditionRecord, number: int, choice: Choice, *, by: str, now: datetime
) -> tuple[str, str]:
    """Settle the contradiction `number` (from 1) of an edition; return its two sentences.

    Raises:
        RulingError: There is no such contradiction, or nobody's name was given.
    """
    found = json.loads(record.folding)["contradictions"]
    if not 1 <= number <= len(found):
        raise RulingError(f"{record.edition.key} has {len(found)} contradictions; there is no number {number}")
    first, second = (found[number - 1][side]["sentence"] for side in ("a", "b"))
    a, b = fingerprint(first), fingerprint(second)
    ruling = {
        Choice.FIRST: Ruling(RulingKind.PREFER, a, b),
        Choice.SECOND: Ruling(RulingKind.PREFER, b, a),
        Choice.BOTH: Ruling(RulingKind.STAND, a, b),
    }[choice]
    _add(store, ruling, by, now)
    return first, second


def rule(
    store: RulingStore,
    articles: ArticleStore,
    record: EditionRecord,
    kind: RulingKind,
    sections: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> None:
    """Rule on sections of an edition, named by the ids that `edition show --json` prints.

    Raises:
        RulingError: A section is not of this edition, their number is wrong, or nobody's name was given.
    """
    if len(sections) != SECTIONS[kind]:
        raise RulingError(f"{kind.value} takes {SECTIONS[kind]} sections, got {len(sections)}")
    known = {section.id: section for section in _sections(articles, record)}
    unknown = [name for name in sections if name not in known]
    if unknown:
        raise RulingError(f"{record.edition.key} has no section {unknown[0]!r}; 'edition show --json' names them")
    _add(store, Ruling(kind, *(known[name].fingerprint for name in sections)), by, now)


def _add(store: RulingStore, ruling: Ruling, by: str, now: datetime) -> None:
    if not by.strip():
        raise RulingError("a ruling needs the name of who gives it: --by NAME")
    store.add([ruling], by=by.strip(), now=now)


def _sections(articles: ArticleStore, record: EditionRecord) -> list[Section]:
    found = [articles.revision(revision) for _, revision in record.edition.manifest.revisions]
    return [section for article in found if article for section in split(article)]
