"""Files that change in one step, or not at all."""

import os
import tempfile
from pathlib import Path


def write(path: Path, data: bytes) -> bool:
    """Put `data` at `path` in one step; return False, touching nothing, when it is there already."""
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, waiting = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
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


def remove(path: Path) -> bool:
    """Take the file at `path` away; return False when there is none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
