"""The metadata that every table of the store belongs to, and the column types they share."""

import importlib
import pkgutil
from datetime import UTC, datetime

from sqlalchemy import DateTime, MetaData, Table, TypeDecorator
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite forgets the zone of what it stores; this puts it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC.

        Raises:
            ValueError: `value` has no zone.
        """
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time in the store needs a zone, got {value!r}")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what was stored, aware."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def every_table() -> tuple[Table, ...]:
    """Return every table of the store, those first to which others point."""
    package = importlib.import_module("newsletter.storage")
    for module in pkgutil.iter_modules(package.__path__, "newsletter.storage."):
        importlib.import_module(module.name)
    return tuple(metadata.sorted_tables)
