"""Warnings that somebody accepted with an approval."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acceptances",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("edition", sa.String(128), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_index("ix_acceptances_edition", "acceptances", ["edition"])
