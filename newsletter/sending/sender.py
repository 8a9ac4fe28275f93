"""One run of a sender: the outbox of its transport on one side, the ledger on the other."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import heappop, heappush
from pathlib import Path
from typing import TypeVar

from newsletter.ports import Compose, Letter, Transport
from newsletter.sending.pace import Health, Limits, Pace
from newsletter.storage.allowances import Allowances, Allowed
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger import CHUNK, Chunk, Ledger, Settled, Turn
from newsletter.transports.journal import Journal, Place
from subscribers.deliveries import Cause, Delivery, Outcome, Receipt

T = TypeVar("T")

#: Asked for at each message; an enumeration's member is looked up slowly.
_PENDING, _UNCERTAIN, _REFUSED = Outcome.PENDING, Outcome.UNCERTAIN, Outcome.REFUSED

#: Results are written down at this pace at the latest.
_COMMIT_EVERY = timedelta(milliseconds=250)

#: More people are leased when fewer than this are waiting: two chunks at most are in hand. What has been settled and
#: finished by then goes along; a turn of its own it gets only in its time, or when so much has come together.
_LOW_WATER = CHUNK // 2
_MUCH = 2 * CHUNK

#: Messages that may be begun between two turns, at the least and at first; with so many there is no limit. A host that
#: is lost with its journal leaves these uncertain, and not all that it had leased.
FEWEST = 50
_ALL = 2 * CHUNK

#: The line may break this often under one message before its end has left; then it waits its turn in the ledger.
_BROKEN_LINES = 3

#: A message waits this long at most in a sender's hands for its domain's turn, in seconds; longer, in the ledger.
_LONGEST_HOLD = 2.0

#: The server may fail us this often in a row before the sender gives up; the next one tries again.
_TROUBLES = 3

#: How often an answer of the ledger is waited for before the sender gives up; results stay in the journal.
_LEDGER_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sender works."""

    journals: Path  #: folder of this host's journals, shared by its senders
    fsync: bool = False  #: whether the journal survives a loss of power
    resend_uncertain: bool = False
    edition: str | None = None  #: only this one; None: whatever is due
    limits: Limits = field(default_factory=Limits)
    allowances: Allowances | None = None  #: what all senders may do together; None: no limit
    seconds: float | None = None  #: how long messages may begin, as a delivery window has it; None: no end


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one sender did."""

    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    uncertain: int = 0
    trouble: str = ""  #: why it stopped early; empty when nothing was left
    rest: str = ""  #: why the others wait although nothing is wrong


@dataclass(slots=True)
class _Held:
    """A chunk in our hands: how many of it are still to be settled, and until when it is ours by our own clock."""

    epoch: int
    open: int
    until: float
    reach: float = math.inf  #: the highest index whose message may be begun: the ledger knows of it
    popped: int = -1  #: the highest index that has left the queue


class Sender:
    """One run of a sender: the outbox of its transport on one side, the ledger on the other."""

    def __init__(
        self,
        ledger: Ledger,
        transport: Transport,
        compose: Compose,
        journal: Journal,
        options: Options,
        stop: asyncio.Event,
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._compose = compose
        self._journal = journal
        self._resend = options.resend_uncertain
        self._only = options.edition
        self._limits = options.limits
        self._allowances = options.allowances
        self._budget = None if options.allowances is None else 0  # messages we may begin; None: any number
        self._closes = None if options.seconds is None else time.monotonic() + options.seconds
        self._rest = ""
        self._pace = Pace(options.limits)
        self._health: dict[str, Health] = {}
        self._waiting: list[
            tuple[float, int, Delivery]
        ] = []  # a heap: until when, in order, whom a domain's pace holds
        self._timer: asyncio.TimerHandle | None = None
        self._stop = stop
        self._queue: deque[Delivery] = deque()
        self._held: dict[int, _Held] = {}
        self._in_hand = 0  # letters the transport has
        self._window = FEWEST
        self._begun = 0  # since the last turn
        self._is_short = False  # somebody waits only because the window is used up
        self._turned = time.monotonic()
        self._settled: list[Settled] = []
        self._counts = dict.fromkeys(Outcome, 0)
        self._hungry = asyncio.Event()  # there is a reason for a turn at the ledger
        self._exhausted = False
        self._is_cut_off = False  # from the ledger, which is silent
        self._broken: dict[Place, int] = {}
        self._proved: set[tuple[str, str]] = set()
        self._pauses: dict[str, str] = {}
        self._troubles = 0
        self._trouble = ""
        self._releases: list[tuple[Letter, Callable[[bool], None]]] = []
        self._syncing: asyncio.Task[None] | None = None

    @property
    def is_clean(self) -> bool:
        """Tell whether the ledger knows everything the journal does."""
        return not self._held and not self._settled

    # The transport's side

    @property
    def has_letters(self) -> bool:
        """Tell whether somebody waits."""
        return bool(self._queue or self._waiting)

    def take(self) -> Letter | None:
        """Return the next letter that may go; None when there is none now."""
        now = time.monotonic()
        while (delivery := self._next(now)) is not None:
            held = self._held.get(delivery.chunk)
            if held is None or now >= held.until:
                self._let_go(delivery)
                continue
            letter = self._compose(delivery)
            if (delivery.edition, delivery.variant) in self._proved or self._prove(letter):
                self._in_hand += 1
                self._begun += 1
                if self._budget is not None:
                    self._budget -= 1
                return letter
        if self._budget != 0:  # else the next turn comes in its time, and brings more
            self._hungry.set()
        return None

    def _next(self, now: float) -> Delivery | None:
        """Return the next person whose turn it is by the pace; None when nobody's is."""
        wait = self._pace.wait(now)
        if wait > 0 or self._budget == 0 or (self._closes is not None and self._is_over):
            self._wake_in(wait)
            return None
        if self._waiting and self._waiting[0][0] <= now:
            delivery = heappop(self._waiting)[2]
            if self._pace.domain_wait(delivery.domain, now) <= 0:
                self._pace.begin(delivery.domain, now)
                return delivery
            self._hold(delivery, now)
        queue = self._queue
        while queue:
            if not self._is_within(queue[0]):
                self._is_short = True
                self._hungry.set()
                break
            delivery = queue.popleft()
            if len(queue) < _LOW_WATER and not self._exhausted:
                self._hungry.set()
            if self._pace.is_free:
                return delivery
            if self._pace.domain_wait(delivery.domain, now) <= 0:
                self._pace.begin(delivery.domain, now)
                return delivery
            self._hold(delivery, now)
        if self._waiting:
            self._wake_in(self._waiting[0][0] - now)
        return None

    def _is_within(self, delivery: Delivery) -> bool:
        """Tell whether the ledger knows that this message may be begun; if so, note that it is."""
        held = self._held.get(delivery.chunk)
        if held is None:  # lost meanwhile; it is left out later
            return True
        if delivery.idx > held.reach:
            return False
        if delivery.idx > held.popped:
            held.popped = delivery.idx
        return True

    def _hold(self, delivery: Delivery, now: float) -> None:
        """Let one wait for its domain: here if that is soon, in the ledger if it is not or too many wait already."""
        wait = self._pace.domain_wait(delivery.domain, now)
        if wait <= _LONGEST_HOLD and len(self._waiting) < CHUNK:
            heappush(self._waiting, (now + wait, delivery.idx, delivery))
        else:
            self._finish(delivery, Receipt(Outcome.DEFERRED, Cause.PACE, reply=f"{delivery.domain} asked us to wait"))

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None and seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._transport.wake()

    def leaving(self, letter: Letter, leave: Callable[[bool], None]) -> None:
        """Note that the letter's end is about to leave."""
        delivery = letter.delivery
        held = self._held.get(delivery.chunk)
        is_ours = held is not None and time.monotonic() < held.until and delivery.idx <= held.reach
        free = is_ours and self._journal.intend(delivery.mailing, delivery.idx)
        if free and self._journal.fsync:
            self._releases.append((letter, leave))
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync())
            return
        if not free:
            self._refuse(letter)
        leave(free)

    def settle(self, letter: Letter, receipt: Receipt) -> None:
        """Note what an attempt came to; who is still pending is tried again, unless it would be in vain."""
        delivery = letter.delivery
        self._in_hand -= 1
        self._pace.end(delivery)
        if receipt.outcome is _UNCERTAIN and self._resend:
            receipt = receipt._replace(outcome=Outcome.DEFERRED)
        self._pace.note(delivery, receipt)
        if receipt.outcome is _PENDING:
            self._journal.note(delivery.mailing, delivery.idx, receipt)
            self._try_again(delivery, receipt)
            return
        self._troubles = 0
        self._finish(delivery, receipt)
        health = self._health.get(delivery.edition)
        if health is None:
            health = self._health[delivery.edition] = Health()
        health.note(receipt)
        if receipt.outcome is _REFUSED and (alarm := health.alarm(self._limits)):
            self._pause(delivery.edition, alarm)

    def _try_again(self, delivery: Delivery, receipt: Receipt) -> None:
        """Put back who is still pending, as far as there is hope."""
        if receipt.cause in {Cause.US, Cause.CONTENT}:
            self._pause(delivery.edition, f"the mail server refuses it: {receipt.code} {receipt.reply}")
            self._let_go(delivery)
            return
        if receipt.cause is Cause.PACE:
            if self._pace.is_exhausted:
                self._give_up(f"the mail server asks us to slow down: {receipt.code} {receipt.reply}")
                self._let_go(delivery)
            else:
                self._queue.appendleft(delivery)
            return
        place = (delivery.mailing, delivery.idx)
        self._broken[place] = self._broken.get(place, 0) + 1
        if self._trouble:
            self._let_go(delivery)
        elif self._broken[place] < _BROKEN_LINES:
            self._queue.appendleft(delivery)
        else:
            # Something about this letter, or about this hour, breaks the line: let the others pass.
            del self._broken[place]
            self._finish(delivery, receipt._replace(outcome=Outcome.DEFERRED))

    def trouble(self, receipt: Receipt) -> None:
        """Note that the server fails us as a whole."""
        self._troubles += 1
        if receipt.cause is not Cause.US and self._troubles < _TROUBLES:
            return
        if receipt.cause is Cause.US:
            for delivery in self._queue:
                self._pauses.setdefault(delivery.edition, f"the mail server refuses us: {receipt.reply}")
        self._give_up(receipt.reply)

    def _give_up(self, why: str) -> None:
        """Begin nothing more in this run; everybody goes back to the ledger as they are."""
        self._trouble = self._trouble or why
        self._drop_queue()

    def _finish(self, delivery: Delivery, receipt: Receipt) -> None:
        self._journal.note(delivery.mailing, delivery.idx, receipt)
        self._counts[receipt.outcome] += 1
        self._settled.append(Settled(delivery, receipt))
        self._let_go(delivery)
        if len(self._settled) >= _MUCH:
            self._hungry.set()

    def _let_go(self, delivery: Delivery) -> None:
        """Be through with one of a chunk; a chunk with which we are through goes back to the ledger."""
        held = self._held.get(delivery.chunk)
        if held is not None:
            held.open -= 1
            if held.open == 0 and self._exhausted:
                self._hungry.set()

    def _refuse(self, letter: Letter) -> None:
        """Undo that a letter is in the transport's hands: it did not leave, and is not to."""
        if self._journal.is_fenced:  # for good: this run can send nothing more, whatever it leases
            self._give_up("this sender was silent for too long, and another has taken over")
        self._in_hand -= 1
        delivery = letter.delivery
        self._pace.end(delivery)
        self._journal.note(delivery.mailing, delivery.idx, Receipt(Outcome.PENDING))
        self._let_go(delivery)

    def _prove(self, letter: Letter) -> bool:
        """Make the first letter of a variant before any leaves: what is wrong with it is wrong with them all."""
        delivery = letter.delivery
        try:
            letter.content()
        except Exception as error:  # a door: what is wrong with a message is told to a person, and nothing leaves
            self._pause(delivery.edition, f"its message cannot be made: {error!r}")
            self._let_go(delivery)
            return False
        self._proved.add((delivery.edition, delivery.variant))
        return True

    def _pause(self, edition: str, reason: str) -> None:
        self._pauses[edition] = reason
        self._drop_queue(edition)

    def _drop_queue(self, edition: str | None = None) -> None:
        """Begin no more letters, of one edition or at all."""
        keep: deque[Delivery] = deque()
        self._queue.extend(delivery for _, _, delivery in self._waiting)
        self._waiting.clear()
        for delivery in self._queue:
            if edition is None or delivery.edition == edition:
                self._let_go(delivery)
            else:
                keep.append(delivery)
        self._queue = keep
        self._hungry.set()

    async def _sync(self) -> None:
        """Bring intents to the disk in groups, and let their letters leave."""
        while self._releases:
            releases, self._releases = self._releases, []
            await asyncio.to_thread(self._journal.sync)
            free = not self._journal.is_fenced
            for letter, leave in releases:
                if not free:
                    self._refuse(letter)
                leave(free)
        self._syncing = None

    # The ledger's side

    async def work(self) -> Sent:
        """Lease, send and write down until nothing is left, or somebody says stop."""
        delivering = asyncio.create_task(self._transport.run(self))
        try:
            await self._keep_turning()
        finally:
            self._transport.close()
            await delivering
        if not self.is_clean and not self._is_cut_off:
            await self._turn(wants_more=False)
        if self._allowances is not None and self._budget and not self._is_cut_off:
            await asyncio.to_thread(self._allowances.give_back, self._budget)
        return Sent(
            accepted=self._counts[Outcome.ACCEPTED],
            refused=self._counts[Outcome.REFUSED],
            deferred=self._counts[Outcome.DEFERRED],
            uncertain=self._counts[Outcome.UNCERTAIN],
            trouble=self._trouble,
            rest=self._rest,
        )

    @property
    def _is_over(self) -> bool:
        """Tell whether the delivery window has closed; whoever is in hand still goes out."""
        if self._closes is None or time.monotonic() < self._closes:
            return False
        self._rest = self._rest or "the delivery window has closed"
        return True

    async def _keep_turning(self) -> None:
        while True:
            ends = self._stop.is_set() or self._trouble or self._is_over or self._rest
            if ends:
                self._drop_queue()
            wants_more = not ends and not self._exhausted and len(self._queue) + len(self._waiting) < _LOW_WATER
            self._hungry.clear()
            if not await self._turn(wants_more):
                self._drop_queue()
                return
            if self.is_clean and not self._in_hand and (ends or self._exhausted):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(_COMMIT_EVERY.total_seconds()):
                    await self._hungry.wait()

    async def _turn(self, wants_more: bool) -> bool:
        """Write down what is settled, give back what is finished, lease more; False: the ledger does not answer."""
        settled, self._settled = self._settled, []
        finished = [id_ for id_, held in self._held.items() if held.open == 0]
        epochs = {id_: held.epoch for id_, held in self._held.items()}
        pauses, self._pauses = self._pauses, {}
        began = time.monotonic()
        reaches = self._plan(began)
        try:
            turn, allowed = await self._ask(settled, epochs, finished, pauses, wants_more, reaches)
        except StoreError as error:
            self._settled = settled + self._settled
            self._trouble = f"the database does not answer: {error}"
            return False
        self._journal.forget((s.delivery.mailing, s.delivery.idx) for s in settled)
        for id_ in {*finished, *turn.lost}:
            self._held.pop(id_, None)
        for id_, held in self._held.items():
            held.until = began + self._ledger.lease.total_seconds()
            held.reach = reaches.get(id_, held.reach)
        if reaches:
            self._transport.wake()
        if turn.halted:
            for edition in {d.edition for d in self._queue if d.chunk in turn.halted}:
                self._drop_queue(edition)
        if wants_more:
            self._exhausted = turn.chunk is None
        if turn.chunk is not None:
            self._add(turn.chunk, began)
        if self._budget is not None and allowed is not None:
            self._spend(allowed)
        return True

    def _plan(self, now: float) -> dict[int, float]:
        """Return how far into each chunk messages may be begun once the ledger knows; until it does, the nearer holds.

        As many as leave in twice the time between two turns: more would leave a lost host's people uncertain in vain,
        fewer would keep the transport waiting.
        """
        if self._is_short:
            self._window = min(2 * self._window, _ALL)
        elif now - self._turned >= _COMMIT_EVERY.total_seconds() * 0.8:
            self._turned = now
            if self._begun * 3 < self._window:
                self._window = max(self._window // 2, FEWEST)
            self._begun = 0
        self._is_short = False
        limits = dict.fromkeys(self._held, math.inf)
        if self._window < _ALL:
            near: dict[int, int] = {}
            for n, delivery in enumerate(self._queue):
                if n < self._window:
                    near[delivery.chunk] = delivery.idx
                else:
                    near.setdefault(delivery.chunk, delivery.idx - 1)
            # Whoever has left the queue is begun, or waits for a domain and will be: never behind them.
            limits |= {id_: max(idx, self._held[id_].popped) for id_, idx in near.items() if id_ in self._held}
        changed = {id_: limit for id_, limit in limits.items() if limit != self._held[id_].reach}
        for id_, limit in changed.items():
            held = self._held[id_]
            held.reach = min(held.reach, limit)
        return changed

    def _spend(self, allowed: Allowed) -> None:
        """Go on with what was allowed; end when the day's allowance is used up."""
        assert self._budget is not None
        self._budget += allowed.count
        if allowed.count:
            self._transport.wake()
        elif self._budget == 0:
            self._rest = allowed.rest

    def _add(self, chunk: Chunk, began: float) -> None:
        until = began + self._ledger.lease.total_seconds()
        reach = math.inf if chunk.reach is None else chunk.reach
        self._held[chunk.id] = _Held(chunk.epoch, len(chunk.deliveries), until, reach)
        self._queue.extend(chunk.deliveries)
        if not chunk.deliveries or len(self._queue) < _LOW_WATER:
            self._hungry.set()
        else:
            self._hungry.clear()  # what was asked for while this was on its way is here
        self._transport.wake()

    async def _ask(
        self,
        settled: list[Settled],
        epochs: dict[int, int],
        finished: list[int],
        pauses: dict[str, str],
        wants_more: bool,
        reaches: Mapping[int, float],
    ) -> tuple[Turn, Allowed | None]:
        told = {id_: None if reach == math.inf else int(reach) for id_, reach in reaches.items()}
        window = None if self._window >= _ALL else max(0, self._window - len(self._queue))
        waiting = len(self._queue) + len(self._waiting) - (self._budget or 0)

        def turn() -> tuple[Turn, Allowed | None]:
            for edition, reason in pauses.items():
                self._ledger.pause(edition, reason)
            turn = self._ledger.turn(
                self._journal.owner, settled, epochs, finished, wants_more, self._only, told, window
            )
            if self._allowances is None:
                return turn, None
            wanted = waiting + (len(turn.chunk.deliveries) if turn.chunk else 0)
            return turn, self._allowances.take(wanted) if wanted > 0 else None

        # Past the lease an answer is of no use: somebody else holds our people by then.
        patience = self._ledger.lease.total_seconds()
        try:
            async with asyncio.timeout(patience):
                return await self._insist(turn)
        except TimeoutError:
            self._is_cut_off = True
            self._ledger.hang_up()
            raise StoreError(f"no answer in {patience:g} s") from None

    async def _insist(self, turn: Callable[[], T]) -> T:
        for attempt in range(_LEDGER_ATTEMPTS):
            try:
                return await asyncio.to_thread(turn)
            except StoreError:
                if attempt == _LEDGER_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError
