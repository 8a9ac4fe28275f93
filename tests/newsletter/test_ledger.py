"""Everybody is accounted for at every moment, on both engines, whoever dies and whoever comes late."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import GIVE_UP_AFTER, LEASE, Chunk, Ledger, Settled, back_off
from newsletter.storage.people import PeopleStore
from subscribers.deliveries import Cause, Outcome, Receipt, Recipient, Tally
from subscribers.people import Reason, SubscriptionState, Suppression
from tests.builders import MONDAY, make_subscriber
from tests.clock import Clock

EDITION = "beauty-weekly-2026-W48"
ACCEPTED = Receipt(Outcome.ACCEPTED, code=250, enhanced="2.0.0", reply="queued as 4711")
REFUSED = Receipt(Outcome.REFUSED, Cause.ADDRESS, 550, "5.1.1", "no such user")
DEFERRED = Receipt(Outcome.DEFERRED, Cause.MAILBOX, 451, "4.2.0", "greylisted")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(engine: Engine, clock: Clock) -> Ledger:
    return Ledger(engine, clock, chunk=3)


def people(count: int) -> Iterable[Recipient]:
    return (Recipient(subscriber=f"s{n}", address=f"S{n}@example.org", name=f"N{n}", variant="v") for n in range(count))


def claim(ledger: Ledger, owner: str = "one") -> Chunk:
    chunk = ledger.turn(owner).chunk
    assert chunk is not None
    return chunk


def settle(ledger: Ledger, chunk: Chunk, *receipts: Receipt, owner: str = "one", finish: bool = True) -> None:
    settled = [Settled(d, r) for d, r in zip(chunk.deliveries, receipts, strict=False)]
    finished = [chunk.id] if finish else []
    ledger.turn(owner, settled, {chunk.id: chunk.epoch}, finished, wants_more=False)


def test_a_frozen_audience_is_all_pending_and_freezing_again_changes_nothing(ledger: Ledger) -> None:
    first = ledger.freeze(EDITION, people(7))
    second = ledger.freeze(EDITION, people(9))

    assert first == second == Tally(candidates=7, pending=7)
    assert not first.is_done


def test_a_freeze_that_breaks_off_leaves_nothing(ledger: Ledger) -> None:
    def breaks_off() -> Iterable[Recipient]:
        yield from people(5)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        ledger.freeze(EDITION, breaks_off())

    assert ledger.mailing(EDITION) is None


def test_the_same_person_twice_is_refused_by_the_database(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError):
        ledger.freeze(EDITION, [*people(2), *people(1)])

    assert ledger.mailing(EDITION) is None


def test_who_must_not_be_written_to_is_excluded_with_the_reason(ledger: Ledger) -> None:
    left = Recipient(subscriber="x", address="x@example.org", excluded="complained")

    tally = ledger.freeze(EDITION, [*people(2), left])

    assert tally == Tally(candidates=3, pending=2, excluded={"complained": 1})
    assert [d.subscriber for d in claim(ledger).deliveries if d.subscriber == "x"] == []


def test_an_empty_audience_is_done_at_once(ledger: Ledger) -> None:
    tally = ledger.freeze(EDITION, [])

    assert tally == Tally(candidates=0)
    assert tally.is_done
    assert ledger.turn("one").chunk is None


def test_two_senders_never_hold_the_same_person(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(7))

    chunks = [claim(ledger, owner) for owner in ("one", "two", "three")]

    held = [d.subscriber for chunk in chunks for d in chunk.deliveries]
    assert sorted(held) == sorted(r.subscriber for r in people(7))
    assert ledger.turn("four").chunk is None
    assert ledger.tally(EDITION) == Tally(candidates=7, pending=7, leased=7)


def test_a_lease_whose_news_never_reached_the_sender_is_given_back_at_its_next_turn(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    unheard = claim(ledger)

    again = claim(ledger)

    assert again.deliveries == unheard.deliveries
    assert again.epoch > unheard.epoch


def test_every_outcome_has_its_place_in_the_sum(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(4))

    chunk = claim(ledger)
    settle(ledger, chunk, ACCEPTED, REFUSED, DEFERRED)

    assert ledger.tally(EDITION) == Tally(candidates=4, accepted=1, refused=1, deferred=1, pending=1)
    assert ledger.tally(EDITION).adds_up
    [(who, receipt)] = ledger.who(EDITION, Outcome.REFUSED)
    assert (who.subscriber, receipt) == (chunk.deliveries[1].subscriber, REFUSED)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 500, 512, 513, 1100])
def test_any_number_of_outcomes_is_written_down_at_once(engine: Engine, clock: Clock, count: int) -> None:
    ledger = Ledger(engine, clock, chunk=count)
    ledger.freeze(EDITION, people(count))
    chunk = claim(ledger)
    doubt = Receipt(Outcome.UNCERTAIN, Cause.CONNECTION)

    settle(ledger, chunk, *[doubt] * count, finish=False)
    before = ledger.tally(EDITION)
    settle(ledger, chunk, *[ACCEPTED] * (count - 1), REFUSED)

    assert before == Tally(candidates=count, uncertain=count)
    assert ledger.tally(EDITION) == Tally(candidates=count, accepted=count - 1, refused=1)
    assert [who.address for who, _ in ledger.who(EDITION, Outcome.REFUSED)] == [chunk.deliveries[-1].address]


def test_who_is_still_pending_when_a_chunk_is_given_back_goes_to_the_next_sender(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    chunk = claim(ledger)

    settle(ledger, chunk, ACCEPTED, Receipt(Outcome.PENDING))

    assert claim(ledger, "two").deliveries == chunk.deliveries[1:]


def test_a_deferral_is_tried_again_when_it_is_due_and_not_before(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(1))
    first = claim(ledger)
    settle(ledger, first, DEFERRED)
    due = clock.now + back_off(0, 0)
    assert ledger.next_due() == due
    assert ledger.turn("one").chunk is None

    clock.now = due
    again = claim(ledger)
    settle(ledger, again, ACCEPTED)

    assert again.deliveries[0].attempts == 1
    assert ledger.tally(EDITION) == Tally(candidates=1, accepted=1)
    assert ledger.unfinished() == ()


def test_a_deferral_that_lasts_too_long_is_refused(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(1))
    settle(ledger, claim(ledger), DEFERRED)
    clock.now += GIVE_UP_AFTER

    settle(ledger, claim(ledger), DEFERRED)

    [(_, receipt)] = ledger.who(EDITION, Outcome.REFUSED)
    assert receipt == Receipt(Outcome.REFUSED, Cause.MAILBOX, 451, "4.2.0", "given up after 48 hours: greylisted")
    assert ledger.tally(EDITION) == Tally(candidates=1, refused=1)


def test_who_left_after_the_freeze_is_excluded_when_their_turn_comes(engine: Engine, ledger: Ledger) -> None:
    store = PeopleStore(engine)
    store.add([make_subscriber("ada", id="s0")], "beauty", MONDAY, SubscriptionState.CONFIRMED)
    ledger.freeze(EDITION, people(3), mailing_list="beauty")
    store.set_state("beauty", "s0", SubscriptionState.UNSUBSCRIBED, MONDAY)
    store.suppress(Suppression("s1@example.org", Reason.COMPLAINED, MONDAY))

    chunk = claim(ledger)

    assert [d.subscriber for d in chunk.deliveries] == ["s2"]
    assert ledger.tally(EDITION).excluded == {"unsubscribed": 1, "complained": 1}
    assert ledger.tally(EDITION).adds_up


def test_who_complains_while_deferred_is_not_written_to_again(engine: Engine, ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(1))
    settle(ledger, claim(ledger), DEFERRED)
    PeopleStore(engine).suppress(Suppression("s0@example.org", Reason.COMPLAINED, MONDAY))
    clock.now += timedelta(hours=1)

    assert claim(ledger).deliveries == ()
    assert ledger.tally(EDITION) == Tally(candidates=1, excluded={"complained": 1})


def test_a_dead_senders_journal_decides_what_became_of_its_chunk(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    a, b, c = claim(ledger).deliveries

    uncertain = ledger.recover("one", {(a.mailing, a.idx): ACCEPTED}, [(b.mailing, b.idx)])

    assert uncertain == 1
    assert ledger.tally(EDITION) == Tally(candidates=3, accepted=1, uncertain=1, pending=1)
    assert [d.subscriber for d in claim(ledger, "two").deliveries] == [c.subscriber]


def test_recovering_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    a, b, _ = claim(ledger).deliveries
    results, intents = {(a.mailing, a.idx): DEFERRED}, [(b.mailing, b.idx)]

    ledger.recover("one", results, intents)
    once = ledger.tally(EDITION)
    ledger.recover("one", results, intents)

    assert once == ledger.tally(EDITION) == Tally(candidates=3, deferred=1, uncertain=1, pending=1)


def test_without_a_journal_everyone_still_open_is_uncertain_and_nobody_else(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(5))
    settle(ledger, claim(ledger), ACCEPTED, finish=False)

    assert ledger.recover("one", {}, [], trusted=False) == 2

    assert ledger.tally(EDITION) == Tally(candidates=5, accepted=1, uncertain=2, pending=2)


def test_without_a_journal_only_those_are_uncertain_to_whom_the_sender_may_have_come(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    lost = ledger.turn("one", window=1).chunk
    assert lost is not None
    first, second, _ = lost.deliveries
    assert lost.reach == first.idx

    ledger.turn(
        "one", [Settled(first, ACCEPTED)], {lost.id: lost.epoch}, wants_more=False, reaches={lost.id: second.idx}
    )

    assert ledger.recover("one", {}, [], trusted=False) == 1
    assert ledger.tally(EDITION) == Tally(candidates=3, accepted=1, uncertain=1, pending=1)
    again = claim(ledger, "two")
    assert again.reach is None
    assert len(again.deliveries) == 1
    assert ledger.recover("two", {}, [], trusted=False) == 1


def test_a_chunk_of_which_nobody_may_be_begun_yet_leaves_nobody_uncertain(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    ledger.turn("one", window=0)

    assert ledger.recover("one", {}, [], trusted=False) == 0
    assert ledger.tally(EDITION) == Tally(candidates=3, pending=3)


def test_a_dead_sender_of_retries_gives_them_back_too(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(3))
    settle(ledger, claim(ledger), DEFERRED, DEFERRED, DEFERRED)
    clock.now += timedelta(hours=1)
    a, b, c = claim(ledger).deliveries

    ledger.recover("one", {(a.mailing, a.idx): ACCEPTED}, [(b.mailing, b.idx)])

    assert ledger.tally(EDITION) == Tally(candidates=3, accepted=1, uncertain=1, deferred=1)
    assert [d.subscriber for d in claim(ledger, "two").deliveries] == [c.subscriber]


def test_a_lease_that_ran_out_names_its_owner(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(3))
    claim(ledger)
    clock.now += LEASE - timedelta(seconds=1)
    assert ledger.expired_owners() == ()

    clock.now += timedelta(seconds=1)

    assert ledger.expired_owners() == ("one",)


def test_a_sender_that_comes_late_loses_its_chunk_but_not_its_facts(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    chunk = claim(ledger)
    ledger.recover("one", {}, [], trusted=False)

    late = [Settled(chunk.deliveries[0], ACCEPTED), Settled(chunk.deliveries[1], DEFERRED)]
    turn = ledger.turn("one", late, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)

    assert turn.lost == {chunk.id}
    assert ledger.tally(EDITION) == Tally(candidates=3, accepted=1, uncertain=2)


def test_a_lease_is_renewed_before_it_runs_out(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(3))
    chunk = claim(ledger)
    clock.now += LEASE / 2

    ledger.turn("one", (), {chunk.id: chunk.epoch}, wants_more=False)
    clock.now += LEASE * 0.9

    assert ledger.expired_owners() == ()


def test_a_pause_keeps_everybody_pending_and_tells_the_senders(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(6))
    chunk = claim(ledger)

    assert ledger.pause(EDITION, "wrong picture")
    turn = ledger.turn("one", (), {chunk.id: chunk.epoch}, [chunk.id])

    assert (turn.chunk, turn.halted) == (None, {chunk.id})
    assert ledger.tally(EDITION) == Tally(candidates=6, pending=6)
    assert ledger.resume(EDITION)
    assert not ledger.resume(EDITION)
    assert len(claim(ledger).deliveries) == 3


def test_a_stop_withdraws_the_rest_even_what_a_sender_held(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(9))
    settle(ledger, claim(ledger), ACCEPTED, DEFERRED)
    clock.now += timedelta(seconds=1)
    held = claim(ledger)

    withdrawn = ledger.stop(EDITION, "wrong edition")
    assert ledger.tally(EDITION).adds_up
    settle(ledger, held, ACCEPTED)

    assert withdrawn == 9 - 1 - len(held.deliveries)
    after = ledger.tally(EDITION)
    assert after == Tally(candidates=9, accepted=2, withdrawn=7)
    assert ledger.turn("four").chunk is None


def test_nothing_leaves_while_the_hold_lasts(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(3), hold=timedelta(minutes=5))
    assert ledger.turn("one").chunk is None

    clock.now += timedelta(minutes=5)

    assert len(claim(ledger).deliveries) == 3


def test_the_uncertain_are_taken_as_arrived_or_sent_again(ledger: Ledger) -> None:
    ledger.freeze(EDITION, people(3))
    held = claim(ledger).deliveries
    ledger.recover("one", {}, [], trusted=False)

    assert ledger.resolve(EDITION, arrived=True, subscribers=[held[0].subscriber]) == 1
    assert ledger.resolve(EDITION, arrived=False) == 2

    assert ledger.tally(EDITION) == Tally(candidates=3, accepted=1, deferred=2)
    assert [d.subscriber for d in claim(ledger, "two").deliveries] == [d.subscriber for d in held[1:]]


def test_waiting_grows_and_is_spread_by_a_quarter_at_most() -> None:
    waits = [back_off(attempts, 0) / timedelta(minutes=1) for attempts in range(6)]
    spread = {back_off(0, idx) for idx in range(1000)}

    assert waits == [5, 15, 60, 240, 240, 240]
    assert timedelta(minutes=5) <= min(spread) < max(spread) < timedelta(minutes=6.25)
    assert len(spread) > 900


def test_whom_our_own_limits_kept_waiting_was_not_tried_and_is_never_given_up(ledger: Ledger, clock: Clock) -> None:
    ledger.freeze(EDITION, people(1))
    kept = Receipt(Outcome.DEFERRED, Cause.PACE, reply="example.org has its own rate")
    settle(ledger, claim(ledger), kept)
    attempts = []
    for _ in range(3):
        clock.now += GIVE_UP_AFTER
        chunk = claim(ledger)
        attempts.append(chunk.deliveries[0].attempts)
        settle(ledger, chunk, kept)

    assert attempts == [0, 0, 0]
    assert ledger.tally(EDITION) == Tally(candidates=1, deferred=1)


def test_a_sender_asleep_in_its_transaction_is_not_waited_for(postgresql_database: str) -> None:
    engine = open_engine(postgresql_database)
    migrate(engine)
    ledger = Ledger(engine, chunk=3)
    ledger.freeze(EDITION, people(6))
    chunk = claim(ledger)

    with engine.begin() as asleep:
        asleep.exec_driver_sql(f"SELECT * FROM chunks WHERE id = {chunk.id} FOR UPDATE")
        assert ledger.recover("one", {}, [], is_dead=False) == 0
        assert len(claim(ledger, "two").deliveries) == 3
    assert ledger.recover("one", {}, [], is_dead=False) == 0

    assert ledger.tally(EDITION) == Tally(candidates=6, pending=6, leased=3)
    engine.dispose()
