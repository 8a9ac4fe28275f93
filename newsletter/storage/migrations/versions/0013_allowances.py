"""What all senders together may do: one row for their rate, one for the day."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allowances = op.create_table(
        "allowances",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_allowances")),
    )
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    op.bulk_insert(
        allowances,
        [{"name": "rate", "amount": 0.0, "at": long_ago}, {"name": "day", "amount": 0.0, "at": long_ago}],
    )
