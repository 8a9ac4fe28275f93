"""Segments that staff keep by name."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("list", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("gone_at", Instant(), nullable=True),
    )
    op.create_index("ix_segments_list", "segments", ["list"])
