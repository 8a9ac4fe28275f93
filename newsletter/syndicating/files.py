"""Files that change in one step, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

#: What is being written bears this ending; nobody takes so long over one file.
PART, LONGEST_WRITE = ".part", timedelta(minutes=10)


def write(path: Path, data: bytes) -> bool:
    """Put `data` at `path` in one step; return False, touching nothing, when it is there already."""
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, waiting = tempfile.mkstemp(prefix=".", suffix=PART, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            # No fsync: thousands of them take minutes, and what a power cut spoils the next build compares and mends.
            file.write(data)
        Path(waiting).chmod(0o644)
        Path(waiting).replace(path)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise
    return True


def leftovers(folder: Path, now: datetime) -> Iterator[Path]:
    """Yield the files below `folder` whose writer died before they got their names."""
    for path in sorted(folder.rglob(f".*{PART}")):
        if now.timestamp() - path.stat().st_mtime > LONGEST_WRITE.total_seconds():
            yield path


def remove(path: Path) -> bool:
    """Take the file at `path` away; return False when there is none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
