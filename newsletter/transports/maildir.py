"""The way out into a folder: one file per message, in Maildir form, for previews, archives and tests."""

import asyncio
import os
from pathlib import Path

from newsletter.ports import Letter
from newsletter.transports.one_by_one import OneByOne
from subscribers.deliveries import Outcome, Receipt


class MaildirTransport(OneByOne):
    """Writes each letter to a file named after its delivery: a second attempt replaces the first."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._write)
        self._folder = folder
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    async def _write(self, letter: Letter) -> Receipt:
        delivery = letter.delivery
        name = f"{delivery.mailing}.{delivery.idx}.newsletter"
        try:
            await asyncio.to_thread(self._replace, name, b"".join(letter.content()))
        except OSError as error:
            # Renaming comes last: what failed before it is not there.
            return Receipt(Outcome.DEFERRED, reply=f"{self._folder}: {error.strerror}")
        return Receipt(Outcome.ACCEPTED, reply=name)

    def _replace(self, name: str, content: bytes) -> None:
        draft = self._folder / "tmp" / name
        with draft.open("wb") as file:
            file.write(content.replace(b"\r\n", b"\n"))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / "new" / name)
