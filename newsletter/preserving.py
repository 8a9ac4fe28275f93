"""Backs up everything that cannot be made again, and restores it elsewhere without writing to anybody twice."""

import hashlib
import json
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from gzip import BadGzipFile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from newsletter.dispatching import hold_everything
from newsletter.keeping import keep_first
from newsletter.settings import Settings
from newsletter.storage.engine import open_engine
from newsletter.storage.snapshots import count_rows, doubt_what_is_open, put_back, take_snapshot
from newsletter.wiring import open_house

#: Of the archive's form; another one is not read.
FORM = 1

#: What a file says that is none of ours, or no longer whole.
_NO_BACKUP = (FileNotFoundError, IsADirectoryError, EOFError, BadGzipFile, zlib.error, tarfile.TarError, ValueError)

STORE, KEY, JOURNALS, MANIFEST = "store.db", "key", "journals", "manifest.json"


class PreservingError(Exception):
    """A backup cannot be made or read; the message says what would do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    taken_at: datetime
    rows: int
    journals: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and by edition how many people are uncertain now."""

    backup: Backup
    uncertain: dict[str, int]


def back_up(settings: Settings, file: Path, now: datetime) -> Backup:
    """Write store, senders' journals and signing key to a new file that only its owner may read.

    Senders may go on meanwhile. The file is checked by reading it back before it gets its name.

    Raises:
        PreservingError: The file is there already, or cannot be written.
        StoreError: The database cannot be read.
    """
    if file.exists():
        raise PreservingError(f"{str(file)!r} is there already; name a new file")
    with _told(f"{str(file)!r} cannot be written"), TemporaryDirectory(dir=_folder(file), prefix=".backup-") as name:
        folder = Path(name)
        with open_house(settings) as house:
            rows = take_snapshot(house.engine, folder / STORE)
        # After the store: a journal may know more than it, never less.
        parts = [STORE, KEY, *_copy_journals(settings, folder)]
        (folder / KEY).write_bytes(settings.key())
        manifest = {
            "form": FORM,
            "taken_at": now.isoformat(),
            "rows": rows,
            "sha256": {part: _digest(folder / part) for part in parts},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
        _write(folder / "archive", folder, [*parts, MANIFEST])
        backup = _read(folder / "archive", folder / "check")
        (folder / "archive").rename(file)
    return backup


def restore(settings: Settings, file: Path, now: datetime) -> Restored:
    """Fill an empty house from a backup, and let nothing leave it until a person has said so.

    Whoever was still to be written to when the backup was taken is uncertain: the original may have gone on.

    Raises:
        PreservingError: The file is no backup or damaged, the house is not empty, or there is no room.
        StoreError: The database is not empty, or cannot be written.
    """
    key = settings.key_file or settings.home / KEY
    if _journals(settings):
        raise PreservingError(f"{str(settings.home / JOURNALS)!r} holds journals of this machine; name another home")
    with _told(f"{str(file)!r} cannot be restored"), TemporaryDirectory(prefix="restore-") as name:
        folder = Path(name)
        backup = _read(file, folder)
        saved = (folder / KEY).read_bytes()
        if key.exists() and key.read_bytes().strip() != saved.strip():
            raise PreservingError(f"{str(key)!r} is another key; links that were sent would die. Move it away first")
        keep_first(key, saved.decode())  # before the store: what fails here leaves that empty, to be tried again
        engine = open_engine(settings.store_url)
        try:
            put_back(folder / STORE, engine)
            uncertain = doubt_what_is_open(engine, backup.taken_at, now)
        finally:
            engine.dispose()
        _keep_journals(settings, folder)
    with open_house(settings) as house:
        hold_everything(house, now, f"restored from the backup of {backup.taken_at:%Y-%m-%d %H:%M} UTC")
    return Restored(backup, uncertain)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in one line that the disk is full, or not ours to write."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        said = getattr(error, "strerror", None) or error
        raise PreservingError(f"{what}: {said}. Nothing of it is left; make room, or name another place") from error


def _keep_journals(settings: Settings, folder: Path) -> None:
    for journal in sorted((folder / JOURNALS).glob("*")):
        target = settings.home / JOURNALS / journal.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(journal.read_bytes())


def _read(file: Path, folder: Path) -> Backup:
    """Unpack a backup and check every part of it."""
    folder.mkdir(exist_ok=True)
    try:
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")  # nothing leaves the folder
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except _NO_BACKUP as error:  # anything else is the disk's, and the file is not to blame
        raise PreservingError(f"{str(file)!r} cannot be read as a backup: {error}") from error
    if manifest.get("form") != FORM:
        raise PreservingError(f"{str(file)!r} is of another form of backup: {manifest.get('form')!r}")
    for name, wanted in manifest["sha256"].items():
        part = folder / name
        if not part.is_file() or _digest(part) != wanted:
            raise PreservingError(f"{str(file)!r} is damaged: {name} is not what was written")
    if count_rows(folder / STORE) != manifest["rows"]:
        raise PreservingError(f"{str(file)!r} is damaged: its rows are not those that were counted")
    journals = sum(name.startswith(f"{JOURNALS}/") for name in manifest["sha256"])
    return Backup(
        datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC), sum(manifest["rows"].values()), journals
    )


def _copy_journals(settings: Settings, folder: Path) -> list[str]:
    """Copy the journals as they stand; their senders go on writing. Return their names in the archive."""
    (folder / JOURNALS).mkdir()
    names = []
    for journal in _journals(settings):
        with suppress(FileNotFoundError):  # its sender ended well since: the store knows all that it did
            shutil.copyfile(journal, folder / JOURNALS / journal.name)
            names.append(f"{JOURNALS}/{journal.name}")
    return names


def _write(file: Path, folder: Path, parts: Sequence[str]) -> None:
    """Pack the parts in `folder`, piece by piece: a store of any size passes in bounded memory."""
    file.touch(mode=0o600)  # addresses and the key are in it
    with tarfile.open(file, "w:gz", compresslevel=3) as archive:
        for part in parts:
            info = archive.gettarinfo(folder / part, part)
            info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
            with (folder / part).open("rb") as content:
                archive.addfile(info, content)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _journals(settings: Settings) -> list[Path]:
    return sorted((settings.home / JOURNALS).glob("*.journal"))


def _folder(file: Path) -> Path:
    folder = file.absolute().parent
    if not folder.is_dir():
        raise PreservingError(f"the folder {str(folder)!r} is not there")
    return folder
