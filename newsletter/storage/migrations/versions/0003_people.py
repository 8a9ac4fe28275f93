"""Mailing lists, choices, proof of consent, letters; and a dense number for every person."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.schema import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    _number_people()
    op.add_column("subscriptions", sa.Column("confirmed_at", Instant(), nullable=True))
    op.execute("UPDATE subscriptions SET confirmed_at = since WHERE state = 'confirmed'")
    op.add_column("subscriptions", sa.Column("topics", sa.Text(), server_default="", nullable=False))
    op.add_column("subscriptions", sa.Column("rhythm", sa.String(length=8), server_default="each", nullable=False))
    op.add_column("subscriptions", sa.Column("hour", sa.Integer(), nullable=True))
    op.add_column("subscriptions", sa.Column("paused_until", Instant(), nullable=True))
    op.create_table(
        "lists",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("rhythms", sa.Text(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_address", sa.Text(), nullable=False),
        sa.Column("postal_address", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_lists")),
    )
    op.create_table(
        "wordings",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_wordings")),
    )
    op.create_table(
        "consents",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("door", sa.String(length=16), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("wording", sa.String(length=64), nullable=False),
        sa.Column("form", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_at", "consents", ["at"], unique=False)
    op.create_index("ix_consents_subscriber", "consents", ["subscriber"], unique=False)
    op.create_table(
        "letters",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_letters")),
    )
    op.create_index("ix_letters_due", "letters", ["sent_at", "due_at"], unique=False)
    op.create_index("ix_letters_key_kind", "letters", ["key", "kind"], unique=False)
    op.create_index("ix_letters_subscriber", "letters", ["subscriber"], unique=False)
    _remember()
    op.create_table(
        "attempts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_at", "attempts", ["at"], unique=False)
    op.create_index("ix_attempts_network_at", "attempts", ["network", "at"], unique=False)
    op.create_table(
        "imports",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_imports")),
    )
    op.create_table(
        "imported",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["imports.number"], name=op.f("fk_imported_number_imports")),
        sa.PrimaryKeyConstraint("number", "subscriber", name=op.f("pk_imported")),
    )
    op.create_table(
        "tags",
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "tag", name=op.f("pk_tags")),
    )
    op.create_index("ix_tags_tag", "tags", ["tag"], unique=False)
    op.create_table(
        "clicks",
        sa.Column("subscriber", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", name=op.f("pk_clicks")),
    )
    op.create_index("ix_clicks_at", "clicks", ["at"], unique=False)


def _remember() -> None:
    op.create_table(
        "issues",
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("rhythm", sa.String(length=8), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stories", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("edition", name=op.f("pk_issues")),
    )
    op.create_table(
        "variants",
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("stories", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("printed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("edition", "number", name=op.f("pk_variants")),
    )
    op.create_table(
        "receipts",
        sa.Column("edition", sa.String(length=128), nullable=False),
        sa.Column("codes", sa.LargeBinary(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("edition", name=op.f("pk_receipts")),
    )


def _number_people() -> None:
    # A column of its own with a default, then the numbers, then the index: SQLite cannot rebuild a table that others
    # refer to within a transaction, and it does not have to.
    op.add_column("subscribers", sa.Column("number", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE subscribers SET number = n.number FROM "
        "(SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM subscribers) AS n WHERE n.id = subscribers.id"
    )
    op.create_index("ix_subscribers_number", "subscribers", ["number"], unique=True)
    op.execute("INSERT INTO counters (name, value) SELECT 'people', count(*) FROM subscribers")
