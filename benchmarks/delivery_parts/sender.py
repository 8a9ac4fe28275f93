"""One sender as a process: sends what is due in a ledger, then says in JSON what that took."""

import argparse
import json
import os
import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.delivery_parts.digest import make_composer
from newsletter.rendering.composing import Composer, Seal
from newsletter.sending import Options, Sent, run, send
from newsletter.sending.sender import Sender
from newsletter.storage.engine import open_engine
from newsletter.storage.ledger import Ledger
from newsletter.transports.smtp import Connection, SmtpTransport
from newsletter.transports.smtp_login import Server

#: Parts that can be clocked. The connection's holds all others but the ledger's, which has a thread of its own.
CLOCKED: dict[str, tuple[type, str]] = {
    "merge": (Composer, "_merge"),
    "letter": (Composer, "__call__"),
    "settle": (Sender, "settle"),
    "connection": (Connection, "data_received"),
    "ledger": (Ledger, "turn"),
}


def main() -> None:
    """Send, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("port", type=int)
    parser.add_argument("journals", type=Path)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--resend", action="store_true")
    parser.add_argument("--dot-timeout", type=float, default=600)
    parser.add_argument("--rsa", action="store_true", help="sign with RSA-2048")
    parser.add_argument("--shift", type=float, default=0, help="seconds by which this host's clock is wrong")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--clock", choices=CLOCKED, help="tell the CPU of one part, as it works among the others")
    a = parser.parse_args()
    server = Server(
        host="127.0.0.1", port=a.port, connections=a.connections, helo="bench.example.org", dot_timeout=a.dot_timeout
    )
    options = Options(journals=a.journals, fsync=a.fsync, resend_uncertain=a.resend)
    shift = timedelta(seconds=a.shift)
    ledger = Ledger(open_engine(a.url), (lambda: datetime.now(UTC) + shift) if shift else None)
    composer = make_composer(_signer() if a.rsa else None)

    async def work() -> Sent:
        return await send(ledger, SmtpTransport(server), composer, options)

    clocked = _clock(*CLOCKED[a.clock]) if a.clock else [0.0]
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    if a.profile:
        import cProfile

        with cProfile.Profile() as profile:
            sent = run(work())
        profile.dump_stats(a.profile)
    else:
        sent = run(work())
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "pid": os.getpid(),
                "accepted": sent.accepted,
                "uncertain": sent.uncertain,
                "deferred": sent.deferred,
                "refused": sent.refused,
                "trouble": sent.trouble,
                "began": began,
                "ended": began + wall,
                "cpu_s": cpu,
                "user_s": after.ru_utime - before.ru_utime,
                "peak_rss_mb": _peak_rss_mb(),
                "clocked_s": clocked[0],
            }
        )
    )


def _clock(where: type, name: str) -> list[float]:
    """Return a list of one number to which the CPU seconds of a method are added from now on."""
    part, spent, now = getattr(where, name), [0.0], time.thread_time

    def clocked(*given: object) -> object:
        began = now()
        try:
            return part(*given)
        finally:
            spent[0] += now() - began

    setattr(where, name, clocked)
    return spent


def _peak_rss_mb() -> float:
    # Not ru_maxrss: across fork and exec that keeps the size of the process which started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _signer() -> Seal:
    # Imported here: a sender whose relay signs does without, and its memory is measured.
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    from newsletter.transports.dkim import Signer, SigningKey

    return Signer([SigningKey("news.example.org", "bench", generate_private_key(65537, 2048))])


if __name__ == "__main__":
    main()
