"""The date that the messages of a chunk bear."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("dated_at", Instant()))
