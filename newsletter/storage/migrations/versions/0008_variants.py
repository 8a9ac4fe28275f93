"""Variants are looked up by their key."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_variants_edition_variant", "variants", ["edition", "variant"], unique=True)
