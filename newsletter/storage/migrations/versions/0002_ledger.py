"""The ledger of deliveries."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _of_mailing(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_mailing_mailings")
    return sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "mailings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("mailing_list", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("frozen_at", Instant(), nullable=False),
        sa.Column("hold_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailings")),
        sa.UniqueConstraint("edition", name=op.f("uq_mailings_edition")),
    )
    op.create_table(
        "audience",
        sa.Column("mailing", sa.Integer(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=False),
        _of_mailing("audience"),
        sa.PrimaryKeyConstraint("mailing", "idx", name=op.f("pk_audience")),
        sa.UniqueConstraint("mailing", "subscriber", name=op.f("uq_audience_mailing_subscriber")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chunks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mailing", sa.Integer(), nullable=False),
        sa.Column("lo", sa.Integer(), nullable=True),
        sa.Column("hi", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=96), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=True),
        _of_mailing("chunks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
    )
    op.create_index("ix_chunks_state", "chunks", ["state", "id"], unique=False)
    op.create_index("ix_chunks_mailing", "chunks", ["mailing"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("mailing", sa.Integer(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.String(length=12), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("enhanced", sa.String(length=12), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        _of_mailing("outcomes"),
        sa.PrimaryKeyConstraint("mailing", "idx", name=op.f("pk_outcomes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retries",
        sa.Column("mailing", sa.Integer(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=True),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        _of_mailing("retries"),
        sa.PrimaryKeyConstraint("mailing", "idx", name=op.f("pk_retries")),
    )
    op.create_index("ix_retries_next_at", "retries", ["next_at"], unique=False)
    op.create_index("ix_retries_chunk", "retries", ["chunk"], unique=False)
