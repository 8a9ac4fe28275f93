"""Words that editors typed and have not saved."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jottings",
        sa.Column("edition", sa.String(128), primary_key=True),
        sa.Column("member", sa.String(36), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
