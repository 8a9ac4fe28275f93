"""What was reported about deliveries."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("mailing", sa.Integer(), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_events")),
    )
    op.create_index("ix_delivery_events_subscriber", "delivery_events", ["subscriber"], unique=False)
    op.create_index("ix_delivery_events_mailing", "delivery_events", ["mailing", "idx"], unique=False)
