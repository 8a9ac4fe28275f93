"""What can go wrong with the store."""

from sqlalchemy.exc import DBAPIError

#: What the database itself says while a use case runs: full, read-only, gone. Doors report it, `say` words it.
DatabaseFailure = DBAPIError


class StoreError(Exception):
    """The store cannot do what was asked; the message says what would do."""


def say(failure: DatabaseFailure) -> str:
    """Return in one line what the database said, and what to look at. Nothing was half-written."""
    said = " ".join(str(failure.orig).split())
    return f"the database cannot be used: {said}. Nothing was written; check database_url, its rights and the disk"
