"""A chunk of an audience may have to wait for its moment."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("not_before", Instant(), nullable=True))
