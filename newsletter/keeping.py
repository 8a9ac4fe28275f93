"""Keeps a secret in a file of its owner alone: whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def keep(path: Path, secret: str) -> None:
    """Put the secret in the place of whatever the file held, in one step.

    Raises:
        OSError: The disk is full, or the folder must not be written; the file is as it was.
    """
    with _written(path, secret) as whole:
        whole.replace(path)


def keep_first(path: Path, secret: str) -> None:
    """Make the file with this secret; where somebody else was first, theirs stays.

    Raises:
        OSError: The disk is full, or the folder must not be written; then there is no file.
    """
    with _written(path, secret) as whole, suppress(FileExistsError):
        path.hardlink_to(whole)


@contextmanager
def _written(path: Path, secret: str) -> Iterator[Path]:
    """Yield a file beside `path` that holds the secret, on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # its owner's alone
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
