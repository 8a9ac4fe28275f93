"""The journal of one sender: what is about to leave and which replies came, where a killed process cannot lose it."""

import fcntl
import mmap
import os
import secrets
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from subscribers.deliveries import Outcome, Receipt

_MAGIC = b"NLJRNL1\0"
_HEADER = 64
_ACTIVE, _FENCE, _SYNCED, _BOOT = 8, 9, 10, 16

#: Mailing, index, reply code, what it is, outcome. 16 bytes, aligned: a record is never half there.
_RECORD = struct.Struct("<IIHBBI")
_INTENT, _RESULT = 1, 2

#: Records in one half. A sender has a thousand people at most in hand and writes two records for each.
RECORDS = 16_384

_OUTCOMES = tuple(Outcome)
_NUMBERS = {outcome: n for n, outcome in enumerate(_OUTCOMES)}

#: One delivery: number of the mailing, index in its audience.
Place = tuple[int, int]


class JournalError(Exception):
    """The journal cannot be kept; the message says what would do."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the journal of a dead or fenced sender says."""

    owner: str
    results: dict[Place, Receipt]
    intents: frozenset[Place]
    trusted: bool  #: False when the machine has been started anew since and the journal was not kept on disk


class Journal:
    """A sender's own journal: allocated in full, mapped, and locked for as long as the process lives."""

    def __init__(self, folder: Path, fsync: bool = False, records: int = RECORDS) -> None:
        """Make the journal in `folder`. With `fsync` it is to survive a loss of power: see `sync`.

        Raises:
            JournalError: There is no room, or no right to write.
        """
        self.owner = f"{socket.gethostname()[:48]}-{os.getpid()}-{secrets.token_hex(6)}"
        self.fsync = fsync
        self._path = folder / f"{self.owner}.journal"
        self._records = records
        size = _HEADER + 2 * records * _RECORD.size
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Allocated now: a disk that fills up later would turn a store into SIGBUS.
            os.posix_fallocate(self._fd, 0, size)
            self._map = mmap.mmap(self._fd, size)
        except OSError as error:
            with suppress(OSError):
                self._path.unlink()
            raise JournalError(f"the journal {str(self._path)!r} cannot be kept: {error.strerror}") from error
        self._live: dict[Place, bytes] = {}
        self._start = self._next = _HEADER
        self._end = _HEADER + records * _RECORD.size
        self._map[_BOOT : _BOOT + 36] = _boot_id()
        self._map[_SYNCED] = fsync
        self._map[:8] = _MAGIC
        if fsync:
            os.fsync(self._fd)
            _sync_folder(folder)

    @property
    def is_fenced(self) -> bool:
        """Tell whether another sender has taken our chunks over: nothing more may leave."""
        return self._map[_FENCE] != 0

    def intend(self, mailing: int, idx: int) -> bool:
        """Note that the end of this message is about to leave; False: it must not."""
        self._write((mailing, idx), _RECORD.pack(mailing, idx, 0, _INTENT, 0, 0))
        # First the intent, then the look at the fence; the taker does it the other way round. One sees the other.
        return self._map[_FENCE] == 0

    def note(self, mailing: int, idx: int, receipt: Receipt) -> None:
        """Note what an attempt came to; PENDING takes an intent back."""
        code = receipt.code if 0 <= receipt.code < 1000 else 0
        self._write((mailing, idx), _RECORD.pack(mailing, idx, code, _RESULT, _NUMBERS[receipt.outcome], 0))

    def forget(self, places: Iterable[Place]) -> None:
        """Let go of results that the ledger has taken over."""
        for place in places:
            self._live.pop(place, None)
        if self._next - self._start > (self._end - self._start) // 2:
            self._turn_over()

    def sync(self) -> None:
        """Bring everything noted so far to the disk; return when it is there."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Remove the journal: everything in it is in the ledger."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Leave the journal to the next sender, as if this one had died."""
        self._map.close()
        os.close(self._fd)

    def _write(self, place: Place, record: bytes) -> None:
        if self._next == self._end:
            self._turn_over()
        at = self._next
        self._map[at : at + 16] = record
        self._next = at + 16
        self._live[place] = record

    def _turn_over(self) -> None:
        """Write what still counts into the other half, and make that the one that is read."""
        half = self._records * _RECORD.size
        other = 1 - self._map[_ACTIVE]
        start = _HEADER + other * half
        kept = b"".join(self._live.values())
        if len(kept) >= half:
            raise JournalError(
                f"the journal {str(self._path)!r} is full: {len(self._live)} results wait for the ledger"
            )
        self._map[start : start + half] = kept + bytes(half - len(kept))
        if self.fsync:
            self.sync()
        self._map[_ACTIVE] = other
        self._start, self._next, self._end = start, start + len(kept), start + half


def dead_journals(folder: Path) -> Iterator[Path]:
    """Yield the journals in `folder` whose senders live no longer; each is ours alone until the next is asked for."""
    for path in sorted(folder.glob("*.journal")):
        with suppress(FileNotFoundError), path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if os.fstat(file.fileno()).st_nlink:  # else another recovery was here first
                yield path


def read(path: Path, fence: bool = False) -> Findings:
    """Return what the journal at `path` says. With `fence` its sender, which may still live, is stopped first."""
    owner = path.name.removesuffix(".journal")
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _HEADER:
            return Findings(owner, {}, frozenset(), trusted=True)  # died before its first lease
        with mmap.mmap(file.fileno(), size) as map_:
            if fence:
                map_[_FENCE] = 1
            content = bytes(map_)
    half = (size - _HEADER) // 2
    active = content[_ACTIVE]
    last: dict[Place, tuple[int, int, int]] = {}
    for mailing, idx, code, kind, outcome, _ in _RECORD.iter_unpack(
        content[_HEADER + active * half : _HEADER + (active + 1) * half]
    ):
        if kind == 0:
            break
        last[mailing, idx] = (kind, code, outcome)
    results = {
        place: Receipt(_OUTCOMES[outcome], code=code, reply="from the journal of a sender that died")
        for place, (kind, code, outcome) in last.items()
        if kind == _RESULT and _OUTCOMES[outcome] is not Outcome.PENDING
    }
    intents = frozenset(place for place, (kind, _, _) in last.items() if kind == _INTENT)
    same_boot = content[_BOOT : _BOOT + 36] == _boot_id()
    complete = content[:8] == _MAGIC
    return Findings(owner, results, intents, trusted=complete and (same_boot or content[_SYNCED] == 1))


def _boot_id() -> bytes:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        boot = b"unknown"  # then a journal from before a restart looks like one from after it
    return boot[:36].ljust(36)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
