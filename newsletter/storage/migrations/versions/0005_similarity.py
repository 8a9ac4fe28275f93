"""The index of similar sections."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indexed_sections",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=32), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_indexed_sections")),
        sa.UniqueConstraint("section", name=op.f("uq_indexed_sections_section")),
    )
    op.create_index("ix_indexed_sections_article", "indexed_sections", ["article"], unique=False)
    op.create_table(
        "section_words",
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("word", "number", name=op.f("pk_section_words")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_section_words_number", "section_words", ["number"], unique=False)
    op.create_table(
        "word_holders",
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holders", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_word_holders")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("word_holders")
    op.drop_table("section_words")
    op.drop_table("indexed_sections")
