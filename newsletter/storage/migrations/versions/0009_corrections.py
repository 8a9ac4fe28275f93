"""What editors see and decide about revisions, corrections that travel, and how sources do.

Decisions and corrections are only ever added, whoever holds the connection.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0009"
down_revision = "0014"
branch_labels = None
depends_on = None

_SQLITE = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} only grow'); END"
)
_POSTGRESQL = (
    "CREATE FUNCTION {table}_only_grow() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '{table} only grow'; END $$",
    "CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION {table}_only_grow()",
)

#: Columns that tables get, with what stands in the rows that are there.
_NEW: dict[str, tuple[tuple[str, Any, str], ...]] = {
    "revisions": (("remarks", sa.Text(), "'[]'"),),
    "sources": (
        ("counts", sa.Text(), "'{}'"),
        ("left_out", sa.Text(), "'[]'"),
        ("gone_in_a_row", sa.Integer(), "0"),
        ("disabled", sa.Text(), "''"),
        ("holds", sa.Boolean(), "false"),
    ),
    "editions": (
        ("kind", sa.String(8), "'edition'"),
        ("pins", sa.Text(), "'{}'"),
        ("shown", sa.Text(), "''"),
        ("remakes", sa.String(128), "''"),
    ),
    "renderings": (("hash", sa.String(64), "''"), ("revisions", sa.Text(), "'[]'")),
}


def upgrade() -> None:
    for table, columns in _NEW.items():
        for name, kind, default in columns:
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(default)))
    # What a source says of its articles' approval has counted until now, and goes on counting.
    op.execute("UPDATE sources SET policy = 'flag' WHERE policy = 'review'")
    op.create_table(
        "corrections",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("replaced_by", sa.String(64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_index("ix_corrections_article", "corrections", ["article"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("approvals", "corrections"):
        statements = (
            [_SQLITE.format(table=table, verb=verb) for verb in ("UPDATE", "DELETE")]
            if sqlite
            else [statement.format(table=table) for statement in _POSTGRESQL]
        )
        for statement in statements:
            op.execute(statement)
