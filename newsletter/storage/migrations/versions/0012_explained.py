"""The index holds what was explained, a word's holders side by side in one row.

The index can be made anew from editions and articles (`newsletter index rebuild`), so its old rows are dropped.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("word_holders")
    op.drop_table("section_words")
    op.drop_table("indexed_sections")
    op.create_table(
        "indexed_sections",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("section", sa.String(length=32), nullable=False),
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("explainer", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_indexed_sections")),
        sa.UniqueConstraint("section", "edition", name=op.f("uq_indexed_sections_section_edition")),
    )
    op.create_index("ix_indexed_sections_article", "indexed_sections", ["article"], unique=False)
    op.create_index("ix_indexed_sections_edition", "indexed_sections", ["edition"], unique=False)
    op.create_table(
        "indexed_editions",
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("edition", name=op.f("pk_indexed_editions")),
    )
    op.create_table(
        "word_holders",
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holders", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_word_holders")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "word_rows",
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("word", "first", name=op.f("pk_word_rows")),
    )
