"""How heavy images are."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("url", sa.Text(), primary_key=True),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
    )
