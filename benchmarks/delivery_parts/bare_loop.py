"""The floor for a sender in Python: one message over and over, the next envelope behind each body, and nothing else.

No ledger, no journal, no merging, no judging of replies: whoever counts four lines writes the same pieces again.
"""

import argparse
import asyncio
import json
import resource
import time

from benchmarks.delivery_parts.digest import make_composer
from benchmarks.delivery_parts.stages import make_deliveries
from newsletter.sending import run

ENVELOPE = b"MAIL FROM:<b.1.1.0123456789abcdef@bounces.example.org>\r\nRCPT TO:<reader@example.org>\r\nDATA\r\n"

#: Replies to a body and the envelope behind it.
GROUP = 4


class Bare(asyncio.Protocol):
    """One connection that writes as soon as it may."""

    def __init__(self, pieces: list[bytes], left: list[int], done: asyncio.Event) -> None:
        self._pieces = pieces
        self._left = left  # shared by all connections: messages still to be begun, and to be ended
        self._done = done
        self._heard = 0
        self._due = 2  # the banner, and the last line of the answer to EHLO

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._transport.write(b"HELO bench.example.org\r\n")

    def data_received(self, data: bytes) -> None:
        """Count lines; when all are there, write the next message."""
        self._heard += data.count(b"\n")
        if self._heard < self._due:
            return
        was_message = self._due == GROUP
        self._heard = 0
        if was_message:
            self._left[1] -= 1
            if not self._left[1]:
                self._done.set()
        elif self._due == 2:
            self._due = GROUP - 1
            self._transport.write(ENVELOPE)
            return
        if self._left[0]:
            self._left[0] -= 1
            self._due = GROUP
            self._transport.writelines(self._pieces)


async def send(port: int, connections: int, count: int) -> float:
    """Send `count` messages; return the seconds that took."""
    pieces = [*make_composer()(make_deliveries(1)[0]).content(), b".\r\n", ENVELOPE]
    left, done, loop = [count, count], asyncio.Event(), asyncio.get_running_loop()
    began = time.monotonic()
    for _ in range(connections):
        await loop.create_connection(lambda: Bare(pieces, left, done), "127.0.0.1", port)
    await done.wait()
    return time.monotonic() - began


def main() -> None:
    """Send, and say in JSON what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--plain", action="store_true", help="on asyncio's own loop")
    a = parser.parse_args()
    work = send(a.port, a.connections, a.count)
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds = asyncio.run(work) if a.plain else run(work)
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(json.dumps({"rate": a.count / seconds, "user_s": user, "system_s": system}))


if __name__ == "__main__":
    main()
