"""Values for tests: a test names only what it is about."""

import os
from datetime import UTC, datetime

from content.approvals import Approval, Decision
from content.articles import Article, Block, BlockKind
from subscribers.people import Subscriber

#: Parts that tests/install-parts could not bring are skipped on a person's machine; in CI their tests fail.
IN_CI = "CI" in os.environ

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def heading(text: str, level: int = 2) -> Block:
    return Block(BlockKind.HEADING, text, level=level)


def paragraph(text: str) -> Block:
    return Block(BlockKind.PARAGRAPH, text)


def make_article(
    id: str = "needling.md", *blocks: Block, title: str = "Microneedling for Acne Scars", **more: object
) -> Article:
    body = blocks or (paragraph("Fine needles make tiny channels in the skin."),)
    return Article(id=id, title=title, blocks=body, **more)  # type: ignore[arg-type]


def make_approval(article: Article, decision: Decision = Decision.APPROVED, at: datetime = MONDAY) -> Approval:
    return Approval(revision=article.revision, decision=decision, by="Ines", at=at)


def make_subscriber(who: str = "ada", **more: object) -> Subscriber:
    values: dict[str, object] = {"id": f"id-{who}", "address": f"{who}@example.org", "name": who.title()} | more
    return Subscriber(**values)  # type: ignore[arg-type]
