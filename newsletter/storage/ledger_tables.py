"""The tables of the ledger. Numbers, not names, tie them together: an audience may have a million rows."""

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text, UniqueConstraint

from newsletter.storage.schema import Instant, metadata

mailings = Table(
    "mailings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("edition", String(128), nullable=False, unique=True),
    Column("mailing_list", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("candidates", Integer, nullable=False),
    Column("frozen_at", Instant, nullable=False),
    Column("hold_until", Instant),
)

audience = Table(
    "audience",
    metadata,
    Column("mailing", Integer, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("subscriber", String(36), nullable=False),
    Column("address", Text, nullable=False),
    #: The address as suppressions compare it.
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("variant", String(64), nullable=False),
    UniqueConstraint("mailing", "subscriber"),
    sqlite_with_rowid=False,
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mailing", Integer, ForeignKey("mailings.id", ondelete="CASCADE"), nullable=False),
    #: The people from index lo up to but not including hi; without either, the retries that name this chunk.
    Column("lo", Integer),
    Column("hi", Integer),
    Column("state", String(8), nullable=False),
    Column("owner", String(96), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("lease_until", Instant),
    #: Nobody in it is written to before; None: no waiting.
    Column("not_before", Instant),
    #: The date its messages bear; None: nobody has taken it yet.
    Column("dated_at", Instant),
    #: The highest index whose message its holder may have begun; None: any of them.
    Column("reach", Integer),
    Index("ix_chunks_state", "state", "id"),
    Index("ix_chunks_mailing", "mailing"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("mailing", Integer, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(12), nullable=False),
    Column("cause", String(12), nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("enhanced", String(12), nullable=False),
    Column("reply", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

retries = Table(
    "retries",
    metadata,
    Column("mailing", Integer, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    #: The chunk that has them leased; None while they wait.
    Column("chunk", Integer),
    Column("code", SmallInteger, nullable=False),
    Column("reply", Text, nullable=False),
    Index("ix_retries_next_at", "next_at"),
    Index("ix_retries_chunk", "chunk"),
)
