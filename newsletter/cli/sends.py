"""Delivering from the command line: send, follow, pause, and settle what is uncertain."""

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from content.sends import SendState
from newsletter.cli.console import ByOption, Exit, JsonOption, err, now, out, print_json, settings
from newsletter.cli.editions import Key, edition, record_as_json
from newsletter.cli.schedules import say_send, send_as_json
from newsletter.delivering import deliver, listen_for_returns, read_returns, recover_dead
from newsletter.dispatching import advance
from newsletter.publishing import find
from newsletter.returns import Harvest
from newsletter.scheduling import finish, send_now, standing
from newsletter.sending import Stop
from newsletter.storage.ledger_queries import MailingState
from newsletter.wiring import House, open_house
from subscribers.deliveries import Outcome, Tally

returns = typer.Typer(no_args_is_help=True, help="What comes back: bounces and complaints.")


#: States in which an edition has begun to leave, or has ended: 'edition send' only goes on with what is left.
UNDER_WAY = frozenset({SendState.SENDING, SendState.PAUSED, SendState.SENT})


#: People whom 'edition status' names one by one: more push the sum off the screen.
MOST_NAMED = 20


class Verdict(StrEnum):
    """What a person decides about the uncertain."""

    ARRIVED = "arrived"
    RESEND = "resend"


@edition.command("send")
def send_(context: typer.Context, by: ByOption, key: Key = "") -> None:
    """Send an approved edition now: on the site, and to everybody. Safe to run again: nobody gets it twice.

    With `hold_minutes` set it leaves only then, with the dispatcher; until then `edition cancel` takes it back.
    """
    with open_house(settings(context)) as house:
        key = find(house, key).edition.key
        if standing(house, key).state not in UNDER_WAY:
            send_now(house, key, by=by, now=now())
        advance(house, now())
        held = standing(house, key)
        if held.state is SendState.HOLDING and held.hold_until:
            out.print(
                f"{key} leaves at {held.hold_until:%H:%M} UTC with 'newsletter dispatch'; until then "
                "'newsletter edition cancel' takes it back."
            )
            return
        _deliver(house)


def send(context: typer.Context) -> None:
    """Deliver everything that is due, of every edition that is out. Start as many of these as wanted."""
    with open_house(settings(context)) as house:
        advance(house, now())
        recover_dead(house)
        if house.ledger.unfinished():
            _deliver(house)
        else:
            out.print("Nothing is waiting to be sent.")


@edition.command()
def status(
    context: typer.Context,
    key: Key = "",
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it with a bar until nothing is left to try.")] = False,
) -> None:
    """Show where everybody stands: the sum that accounts for every candidate, and who is uncertain."""
    with open_house(settings(context)) as house:
        record = find(house, key)
        key = record.edition.key
        if house.ledger.mailing(key) is None:
            send = standing(house, key)
            print_json(record_as_json(record) | {"send": send_as_json(send)}) if as_json else out.print(
                f"{key} is {record.state.value}; {say_send(send)}. Nothing was sent yet.", markup=False
            )
            return None
        if watch and not as_json:
            _watch(house, key)
        tally, send = house.ledger.tally(key), standing(house, key)
        uncertain = [recipient.address for recipient, _ in house.ledger.who(key, Outcome.UNCERTAIN)]
        mailing = house.ledger.mailing(key)
    if as_json:
        return print_json(
            record_as_json(record) | {"send": send_as_json(send), "tally": tally.as_row(), "uncertain": uncertain}
        )
    _say(key, tally)
    out.print(f"The send is {say_send(send)}.", markup=False)
    if mailing is not None and mailing.reason:
        err.print(f"  {mailing.state.value}: {mailing.reason}", style="yellow", markup=False)
    for address in uncertain[:MOST_NAMED]:
        err.print(f"  uncertain: {address}", style="yellow", markup=False)
    if len(uncertain) > MOST_NAMED:
        err.print(f"  and {len(uncertain) - MOST_NAMED} more; --json names all", style="yellow", markup=False)
    return None


@returns.command("read")
def read_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Take in the bounces and complaints in `bounce_maildir`; addresses that do not exist are written to no more.

    Ends with 3 when receivers hold something against us: that is ours to mend, and nobody is suppressed for it.
    """
    with open_house(settings(context)) as house:
        found = read_returns(house, now())
    if as_json:
        print_json(asdict(found))
    else:
        out.print(
            f"{found.new} new, {found.known} known, {found.forged} forged, {found.unreadable} unreadable; "
            f"{found.resting} addresses rest"
        )
        for alarm in found.alarms:
            err.print(f"against us: {alarm}", style="red", markup=False)
    if found.alarms:
        raise typer.Exit(Exit.HELD)


@returns.command("listen")
def listen_(context: typer.Context) -> None:
    """Take bounces and complaints from the mail server at `bounce_listen` until Ctrl-C. 'newsletter up' runs it too."""

    def note(found: Harvest) -> None:
        for alarm in found.alarms:
            err.print(f"against us: {alarm}", style="red", markup=False)

    async def work(house: House) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await listen_for_returns(house, now, stop, lambda where: out.print(f"Taking bounces at {where}"), note)

    with open_house(settings(context)) as house:
        asyncio.run(work(house))


@edition.command()
def resolve(
    context: typer.Context,
    verdict: Annotated[Verdict, typer.Argument(help="arrived: they have it; resend: they get the same mail again.")],
    key: Key = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="An address; may be given often.")] = None,
) -> None:
    """Settle the uncertain: whose message left us whole, and whose answer never came. 'edition status' names them.

    Almost all of them arrived. A resent message is the same, byte for byte, so a receiver can tell.
    """
    with open_house(settings(context)) as house:
        key = find(house, key).edition.key
        chosen = None
        if only:
            uncertain = {r.address: r.subscriber for r, _ in house.ledger.who(key, Outcome.UNCERTAIN)}
            unknown = [address for address in only if address not in uncertain]
            if unknown:
                raise typer.BadParameter(f"{unknown[0]} is not uncertain in {key}; 'edition status' names who is")
            chosen = [uncertain[address] for address in only]
        count = house.ledger.resolve(key, verdict is Verdict.ARRIVED, chosen)
    words = "taken as arrived" if verdict is Verdict.ARRIVED else "to be sent again: 'newsletter send'"
    out.print(f"{count} of {key} {words}.")


def _deliver(house: House) -> None:
    """Send what is due under a progress bar, then print the sum of every edition that had something to send."""
    unfinished = house.ledger.unfinished()
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):  # let it finish what is in hand; whoever sends next goes on
        signal.signal(number, lambda *_: stop.set())
    columns = (TextColumn("Delivering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress, ThreadPoolExecutor(1) as pool:
        bar = progress.add_task("", total=None)
        sender = pool.submit(stop.run, lambda stopped: deliver(house, now(), stopped))
        while not sender.done():
            tallies = [house.ledger.tally(key) for key in unfinished]
            total = sum(t.candidates for t in tallies)
            progress.update(bar, total=total, completed=total - sum(t.pending for t in tallies))
            wait([sender], timeout=1)
    sent = sender.result()
    for key in unfinished:
        finish(house, key, now())
        _say(key, house.ledger.tally(key))
        mailing = house.ledger.mailing(key)
        if mailing and mailing.state is MailingState.PAUSED:
            err.print(f"{key} is paused: {mailing.reason}. 'newsletter edition resume' goes on.", markup=False)
    if sent.rest:
        err.print(f"{sent.rest[0].upper()}{sent.rest[1:]}; the others wait.", style="yellow", markup=False)
    if sent.trouble:
        err.print(f"newsletter: the sender stopped: {sent.trouble}", style="red", markup=False)
        err.print("Nobody is lost: 'newsletter send' goes on where it ended.", markup=False)
        raise typer.Exit(Exit.FAILED)


def _watch(house: House, key: str) -> None:
    """Show the sum with a bar, twice a second, until nothing is left to try, nobody may send, or Ctrl-C."""
    columns = (TextColumn(key), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with suppress(KeyboardInterrupt), Progress(*columns, console=err) as progress:
        bar = progress.add_task("")
        while True:
            tally, mailing = house.ledger.tally(key), house.ledger.mailing(key)
            settled = tally.candidates - tally.pending - tally.deferred
            progress.update(bar, total=tally.candidates, completed=settled, description=_in_short(tally))
            if tally.is_done or mailing is None or mailing.state is MailingState.STOPPED:
                return
            time.sleep(0.5)


def _in_short(tally: Tally) -> str:
    counts = {"refused": tally.refused, "deferred": tally.deferred, "uncertain": tally.uncertain}
    return ", ".join([f"{tally.accepted} accepted", *(f"{n} {word}" for word, n in counts.items() if n)])


def _say(key: str, tally: Tally) -> None:
    excluded = sum(tally.excluded.values())
    out.print(
        f"{key}: {tally.candidates} candidates = {tally.accepted} accepted + {tally.refused} refused + "
        f"{excluded} excluded + {tally.deferred} deferred + {tally.pending} pending + {tally.uncertain} uncertain"
        + (f" + {tally.withdrawn} withdrawn" if tally.withdrawn else ""),
        markup=False,
    )
    for reason, count in sorted(tally.excluded.items()):
        out.print(f"  {count} excluded: {reason}", markup=False)
