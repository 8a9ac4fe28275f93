"""Keeps which wordings turned out wrong, what took their place, and what readers are told: only ever added to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Index, Integer, Row, String, Table, Text, select

from content.approvals import Approval, Decision
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

corrections = Table(
    "corrections",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("article", Text, nullable=False),
    #: The wording that was wrong.
    Column("revision", String(64), nullable=False),
    #: The wording that took its place; empty for a withdrawal.
    Column("replaced_by", String(64), nullable=False),
    Column("words", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_corrections_article", "article"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One wording that was wrong, and what readers are told about it."""

    article: str
    revision: str
    replaced_by: str = ""  #: "" for a withdrawal
    words: str
    by: str
    at: datetime

    @property
    def is_withdrawal(self) -> bool:
        """Tell whether nothing takes the wording's place."""
        return not self.replaced_by


class CorrectionStore:
    """Corrections on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, correction: Correction) -> bool:
        """Keep a correction; the same wording replaced by the same is kept once. Tell whether it was new."""
        with self._engine.begin() as connection:
            known = select(corrections.c.number).where(
                corrections.c.revision == correction.revision, corrections.c.replaced_by == correction.replaced_by
            )
            if connection.execute(known).first():
                return False
            connection.execute(
                corrections.insert().values(
                    article=correction.article,
                    revision=correction.revision,
                    replaced_by=correction.replaced_by,
                    words=correction.words,
                    by=correction.by,
                    at=correction.at,
                )
            )
        return True

    def about(self, article: str = "") -> tuple[Correction, ...]:
        """Return every correction, of one article if named, in the order in which they were made."""
        query = select(corrections).order_by(corrections.c.number)
        if article:
            query = query.where(corrections.c.article == article)
        with reading(self._engine) as connection:
            return tuple(_correction(row) for row in connection.execute(query))


def in_force(made: Iterable[Correction], decided: Mapping[str, Approval]) -> tuple[Correction, ...]:
    """Return the corrections that hold: a withdrawal ends when somebody approves the wording again, or its correction.

    Args:
        made: All that were made, in order.
        decided: By revision, the decision that is in force, of wordings and of those in their place.
    """
    known = tuple(made)
    approved = {r: decision.at for r, decision in decided.items() if decision.decision is Decision.APPROVED}

    def is_over(withdrawal: Correction) -> bool:
        places = {c.replaced_by for c in known if c.revision == withdrawal.revision}
        return any(r in approved and approved[r] > withdrawal.at for r in (withdrawal.revision, *places))

    return tuple(c for c in known if not (c.is_withdrawal and is_over(c)))


def _correction(row: Row[tuple[object, ...]]) -> Correction:
    return Correction(
        article=row.article,
        revision=row.revision,
        replaced_by=row.replaced_by,
        words=row.words,
        by=row.by,
        at=row.at,
    )
