"""Where the counted links of mails lead; which were followed, when, and whether by a person or a scanner."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The table of this name was made ahead of its time: nothing has ever written to it.
    op.drop_index("ix_clicks_at", table_name="clicks")
    op.drop_table("clicks")
    op.create_table(
        "clicks",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_clicks")),
    )
    op.create_index("ix_clicks_at", "clicks", ["at"], unique=False)
    op.create_index("ix_clicks_edition", "clicks", ["edition"], unique=False)
    op.create_index("ix_clicks_subscriber", "clicks", ["subscriber", "edition"], unique=False)
    op.create_table(
        "targets",
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition"], ["editions.key"], name=op.f("fk_targets_edition_editions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition", "name", name=op.f("pk_targets")),
    )
