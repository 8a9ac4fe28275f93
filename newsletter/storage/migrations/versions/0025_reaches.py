"""How far the holder of a chunk may have come, so that a lost host leaves only those uncertain."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("reach", sa.Integer()))
