"""Keeps how heavy images were when somebody looked: feeds tell it to readers before they load one."""

from collections.abc import Mapping

from sqlalchemy import Column, Engine, Integer, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import metadata

images = Table(
    "images",
    metadata,
    Column("url", Text, primary_key=True),
    Column("size_bytes", Integer, nullable=False),
)


class ImageStore:
    """Weights of images on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, weights: Mapping[str, int]) -> None:
        """Keep how many bytes each image has, by its address; what was known of it before is forgotten."""
        rows = [{"url": url, "size_bytes": size} for url, size in sorted(weights.items())]
        if rows:
            with self._engine.begin() as connection:
                for row in rows:
                    connection.execute(images.delete().where(images.c.url == row["url"]))
                connection.execute(images.insert(), rows)

    def all(self) -> dict[str, int]:
        """Return how many bytes each image has that was ever looked at, by its address."""
        with reading(self._engine) as connection:
            return {row.url: row.size_bytes for row in connection.execute(select(images).order_by(images.c.url))}
