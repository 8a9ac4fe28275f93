"""A disk without room, for tests: no file may grow past so many octets."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


def leave_room(octets: int) -> None:
    """Let no file of this process grow past so many octets; Python turns the signal into an error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def make_room() -> None:
    """Let files grow again."""
    leave_room(resource.getrlimit(resource.RLIMIT_FSIZE)[1])


@contextmanager
def full_disk(octets: int = 0) -> Iterator[None]:
    """Have a disk on which no file grows past so many octets."""
    leave_room(octets)
    try:
        yield
    finally:
        make_room()
