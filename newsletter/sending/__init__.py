"""Sends what is due: leases people, hands their letters to a transport, writes down what became of each."""

import asyncio
from pathlib import Path

from newsletter.ports import Compose, Transport
from newsletter.sending.pace import Limits
from newsletter.sending.running import Stop, run, run_aside
from newsletter.sending.sender import Options, Sender, Sent
from newsletter.storage.ledger import Ledger
from newsletter.transports.journal import Findings, Journal, dead_journals, read

__all__ = ["Limits", "Options", "Sent", "Stop", "recover", "run", "run_aside", "send"]


def recover(ledger: Ledger, journals: Path, resend_uncertain: bool = False) -> int:
    """Give back what dead senders had in hand; return how many messages are uncertain.

    Senders of this host are judged by their journals at once, all others when their leases have run out.
    """
    uncertain = 0
    for path in dead_journals(journals):
        uncertain += _recover(ledger, read(path), resend_uncertain)
        path.unlink(missing_ok=True)
    for owner in ledger.expired_owners():
        path = journals / f"{owner}.journal"
        found = read(path, fence=True) if path.exists() else Findings(owner, {}, frozenset(), trusted=False)
        uncertain += _recover(ledger, found, resend_uncertain, is_dead=not path.exists())
    return uncertain


def _recover(ledger: Ledger, found: Findings, resend_uncertain: bool, is_dead: bool = True) -> int:
    return ledger.recover(found.owner, found.results, found.intents, found.trusted, resend_uncertain, is_dead)


async def send(
    ledger: Ledger, transport: Transport, compose: Compose, options: Options, stop: asyncio.Event | None = None
) -> Sent:
    """Send everything that is due; return what was done.

    It may be killed at any moment; the next call picks up. Setting `stop` lets it finish what is in hand.
    """
    await asyncio.to_thread(recover, ledger, options.journals, options.resend_uncertain)
    journal = Journal(options.journals, options.fsync)
    sender = Sender(ledger, transport, compose, journal, options, stop or asyncio.Event())
    try:
        sent = await sender.work()
    except BaseException:
        journal.abandon()
        raise
    if sender.is_clean:
        journal.close()
    else:
        journal.abandon()
    return sent
