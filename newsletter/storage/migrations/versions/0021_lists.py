"""Indexes by which lists read their newest page and not every article."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_articles_revision", "articles", ["revision"])
    op.create_index("ix_revisions_pulled_at", "revisions", ["pulled_at"])
    op.create_index("ix_approvals_at", "approvals", ["at"])
