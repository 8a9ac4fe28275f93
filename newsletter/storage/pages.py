"""Cuts what is too long for one statement, or one transaction, into pages."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `values` in lists of `size`; the last may be shorter."""
    rest = iter(values)
    while page := list(islice(rest, size)):
        yield page
