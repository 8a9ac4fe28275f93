"""What turns out wrong stops where it has not arrived, is marked where it stands, and whoever has it is known."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from content.approvals import Decision
from content.articles import Article
from content.sends import Press, SendState
from newsletter.approving import ApprovingError
from newsletter.correcting import CorrectingError, Travelled, correct, mark_again, remake, withdraw
from newsletter.delivering import deliver
from newsletter.dispatching import Moved, advance
from newsletter.notifying import NotifyingError, holders, notify
from newsletter.publishing import PublishingError, approve, draft, find, told
from newsletter.releasing import release
from newsletter.scheduling import SchedulingError, resume, send_now, standing
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.editions import EditionState
from newsletter.storage.ledger import Ledger
from newsletter.wiring import House, open_house, publish_site
from subscribers.deliveries import Outcome, Receipt
from subscribers.people import Reason, SubscriptionState, Suppression
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph
from tests.sinks import sink

KEY = "beauty-weekly-2026-W48"
WRONG = "Wait 24 hours before you wear make-up again."
RIGHT = "Wait 72 hours before you wear make-up again."
SCARS = make_article("scars.md", heading("Afterwards"), paragraph(WRONG), title="Scars")
BETTER = make_article("scars.md", heading("Afterwards"), paragraph(RIGHT), title="Scars")
BALMS = make_article("wax.md", paragraph("A balm seals the lips with wax."), title="Balms")
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def open_it(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Return a function that opens a house with an approved edition of two articles for some readers."""
    with ExitStack() as stack:

        def open_(people: int = 3, **more: object) -> House:
            given = {"home": tmp_path, "database_url": database_url, "postal_address": "1 Example Street"} | more
            house = stack.enter_context(open_house(Settings(**given, local_hours=False)))  # type: ignore[arg-type]
            house = replace(house, ledger=Ledger(house.engine, lambda: MONDAY, chunk=50))
            readers = [make_subscriber(f"p{n:03}") for n in range(people)]
            house.people.add(readers, "beauty", MONDAY - timedelta(days=1), SubscriptionState.CONFIRMED)
            _approve(house, SCARS)
            _approve(house, BALMS)
            draft(house, MONDAY)
            return house

        yield open_


def _approve(house: House, *articles: Article) -> None:
    house.articles.record(articles, MONDAY)
    house.articles.decide(make_approval(a) for a in articles)


def _send(house: House) -> None:
    release(house, KEY, MONDAY)
    run(deliver(house, MONDAY))


def _withdraw(house: House, **more: str) -> tuple[Travelled, ...]:
    words = {"by": "Ines", "note": "the study was retracted"} | more
    return withdraw(house, ["scars.md"], now=LATER, **words)


def test_an_approved_edition_that_nobody_has_is_held_and_says_which_part_and_why(open_it: Callable[..., House]) -> None:
    house = open_it()

    (travelled,) = _withdraw(house)

    assert travelled == Travelled(article="scars.md", wrong=(SCARS.revision,), held=(KEY,))
    record = find(house, KEY)
    assert (record.state, record.reason) == (
        EditionState.HELD,
        "'scars.md' was withdrawn by Ines: the study was retracted",
    )
    with pytest.raises(PublishingError, match="draft --again"):
        approve(house, KEY, by="Ines", now=LATER)


def test_withdrawn_in_mid_send_unsent_copies_stop_and_the_list_of_who_has_it_is_exact(
    open_it: Callable[..., House],
) -> None:
    when: list[int] = []

    def answer(_who: str, _n: int) -> str:
        if len(seen.offered) == 60:
            _withdraw(house)
            when.append(sum(seen.accepted.values()))
        return "250 Ok"

    with sink(answer) as seen:
        house = open_it(people=1000, smtp_host="127.0.0.1", smtp_port=seen.port, smtp_connections=1)
        _send(house)
        begun = sum(seen.accepted.values())
        run(deliver(house, MONDAY))  # another sender finds nothing to do

    tally = house.ledger.tally(KEY)
    assert sum(seen.accepted.values()) == begun == tally.accepted
    assert (tally.accounted, tally.leased) == (1000, 0)
    assert begun - when[0] <= 300  # what a sender has in hand at most: 250 people who wait, and a chunk of 50
    assert {h.recipient.address for h in holders(house, KEY, SCARS.revision[:10])} == set(seen.accepted)
    assert find(house, KEY).state is EditionState.HELD
    assert standing(house, KEY).state.value == "paused"


def test_a_held_edition_is_not_resumed_until_it_is_approved_again(open_it: Callable[..., House]) -> None:
    house = open_it()
    release(house, KEY, MONDAY)
    _withdraw(house)

    with pytest.raises(SchedulingError, match=r"is held: 'scars\.md' was withdrawn"):
        resume(house, KEY, by="Ines", now=LATER)
    with sink() as seen:
        run(deliver(_to(house, seen.port), LATER))
    assert not seen.accepted

    house.articles.decide([make_approval(SCARS, at=LATER)])
    approve(house, KEY, by="Ines", now=LATER)
    resume(house, KEY, by="Ines", now=LATER)
    with sink() as seen:
        run(deliver(_to(house, seen.port), LATER))
    assert len(seen.accepted) == 3


def _to(house: House, port: int) -> House:
    update = {"smtp_host": "127.0.0.1", "smtp_port": port}
    return replace(house, settings=house.settings.model_copy(update=update))


def test_a_withdrawn_article_leaves_its_title_and_a_note_and_nothing_of_its_text(open_it: Callable[..., House]) -> None:
    with sink() as seen:
        house = open_it(smtp_host="127.0.0.1", smtp_port=seen.port)
        _send(house)
    publish_site(house)

    (travelled,) = _withdraw(house, public="The study behind it was retracted.")
    changed = publish_site(house)

    assert (travelled.held, travelled.marked) == ((), (KEY,))
    (shown,) = told(house)
    assert [s.title for s in shown.stories] == ["Scars", "Balms"]
    words = "We have withdrawn this article. The study behind it was retracted."
    assert (shown.stories[0].correction, shown.stories[0].updated_at) == (words, LATER)
    pages = {path: (house.settings.home / "site" / path).read_text() for path in changed}
    told_of = {path for path, page in pages.items() if words in page}
    assert {f"editions/{KEY}.html", "feeds/all.atom", "feeds/all.rss", "feeds/all.json"} <= told_of
    assert [path for path, page in pages.items() if "24 hours" in page] == []
    assert find(house, KEY).edition.stories[0].correction == ""  # what was sent stays as it was


def test_a_corrected_article_is_shown_as_it_is_now_with_what_was_wrong(open_it: Callable[..., House]) -> None:
    with sink() as seen:
        house = open_it(smtp_host="127.0.0.1", smtp_port=seen.port)
        _send(house)
    house.articles.record([BETTER], LATER)

    travelled = correct(house, "scars.md", by="Ines", note="We wrote 24 hours; it is 72.", now=LATER)

    assert travelled == Travelled(article="scars.md", wrong=(SCARS.revision,), marked=(KEY,))
    (shown,) = told(house)
    story = shown.stories[0]
    assert [b.text for b in story.blocks] == [RIGHT]
    assert (story.revision, story.correction) == (BETTER.revision, "We wrote 24 hours; it is 72.")
    assert shown.updated_at == LATER
    assert [s.word for s in house.articles.find("scars.md")] == ["approved"]


def test_saying_it_again_changes_nothing(open_it: Callable[..., House]) -> None:
    with sink() as seen:
        house = open_it(smtp_host="127.0.0.1", smtp_port=seen.port)
        _send(house)

    first, (shown,) = _withdraw(house), told(house)
    again = withdraw(house, ["scars.md"], by="Zoe", note="again", now=LATER + timedelta(hours=1))

    assert (first, told(house)) == (again, (shown,))


@pytest.mark.parametrize(
    ("note", "reason"),
    [("", "needs the words that readers see"), ("It is 72.", "no edition prints another wording of 'scars.md'")],
    ids=["no words", "nothing to correct"],
)
def test_what_cannot_be_corrected_is_said_and_nothing_happens(
    open_it: Callable[..., House], note: str, reason: str
) -> None:
    house = open_it()

    with pytest.raises(ApprovingError, match=reason):
        correct(house, "scars.md", by="Ines", note=note, now=LATER)

    assert find(house, KEY).state is EditionState.APPROVED


def test_a_notice_goes_to_just_those_who_have_it_and_to_nobody_twice(open_it: Callable[..., House]) -> None:
    house = open_it(people=6)
    release(house, KEY, MONDAY)
    # By hand, so that every outcome is there: one accepted, one refused, one uncertain, the rest never tried.
    turn = house.ledger.turn("hand")
    assert turn.chunk
    outcomes = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNCERTAIN, Outcome.ACCEPTED)
    had, _, may_have, complained, *_ = (d.address for d in turn.chunk.deliveries)
    results = {(d.mailing, d.idx): Receipt(o) for d, o in zip(turn.chunk.deliveries, outcomes, strict=False)}
    _withdraw(house)
    with pytest.raises(NotifyingError, match=f"a sender holds 6 people of {KEY}"):
        notify(house, "scars.md", by="Ines", now=LATER)
    house.ledger.recover("hand", results, ())
    house.people.suppress(Suppression(complained, Reason.COMPLAINED, MONDAY))

    first = notify(house, "scars.md", by="Ines", now=LATER)
    second = notify(house, "scars.md", by="Zoe", now=LATER + timedelta(hours=1))
    with sink() as seen:
        run(deliver(_to(house, seen.port), LATER))
        third = notify(house, "scars.md", by="Ines", now=LATER)
        run(deliver(_to(house, seen.port), LATER))

    assert (first.tally.candidates, dict(first.tally.excluded)) == (3, {"complained": 1})
    assert first == second
    assert third.tally.accepted == 2
    assert dict(seen.accepted) == {had: 1, may_have: 1}
    letter = seen.contents[had].decode()
    assert "Subject: Correction: Scars" in letter
    assert "We have withdrawn this article." in letter
    assert "List-Unsubscribe:" in letter
    assert [r.edition.key for r in house.editions.all("beauty")] == [KEY]
    assert [e.key for e in told(house)] == [KEY]


def test_without_a_correction_there_is_nothing_to_tell(open_it: Callable[..., House]) -> None:
    house = open_it()

    with pytest.raises(NotifyingError, match=r"nothing that an edition prints of 'wax\.md' was"):
        notify(house, "wax.md", by="Ines", now=LATER)
    with pytest.raises(NotifyingError, match="prints 0 wordings that begin with 'zz'"):
        list(holders(house, KEY, "zz"))


def test_only_readers_whose_mail_printed_it_are_named(open_it: Callable[..., House]) -> None:
    house = open_it(people=0)
    house.people.add([make_subscriber("new")], "beauty", MONDAY - timedelta(days=1), SubscriptionState.CONFIRMED)
    with sink() as seen:
        _send(_to(house, seen.port))
    week = timedelta(weeks=1)
    _approve(house, make_article("masks.md", paragraph("Clay dries the skin."), title="Masks"))
    draft(house, MONDAY + week)
    next_ = _to(replace(house, ledger=Ledger(house.engine, lambda: MONDAY + week)), seen.port)
    with sink() as seen:
        release(next_, "beauty-weekly-2026-W49", MONDAY + week)
        run(deliver(_to(next_, seen.port), MONDAY + week))

    assert [h.recipient.address for h in holders(house, KEY, SCARS.revision)] == ["new@example.org"]
    with pytest.raises(NotifyingError):
        holders(house, "beauty-weekly-2026-W49", SCARS.revision)


def test_an_edition_that_is_held_while_its_audience_is_frozen_does_not_begin(open_it: Callable[..., House]) -> None:
    house = open_it()
    send_now(house, KEY, by="Ines", now=MONDAY)
    house.editions.move(KEY, EditionState.HELD, reason="'scars.md' was withdrawn")
    with pytest.raises(PublishingError):
        release(house, KEY, MONDAY)

    assert house.ledger.mailing(KEY) is None


@pytest.mark.parametrize("words", ["UPDATE corrections SET words = ''", "DELETE FROM corrections"])
def test_the_record_of_corrections_only_grows(open_it: Callable[..., House], words: str) -> None:
    house = open_it()
    _withdraw(house)

    with pytest.raises(DatabaseError, match="corrections only grow"), house.engine.begin() as connection:
        connection.execute(text(words))


def test_a_notice_is_shown_like_any_edition(open_it: Callable[..., House]) -> None:
    house = open_it()
    with sink() as seen:
        _send(_to(house, seen.port))
    _withdraw(house)

    record = find(house, notify(house, "scars.md", by="Ines", now=LATER).key)

    assert (record.edition.subject, record.approved_by) == ("Correction: Scars", "Ines")
    assert json.loads(record.folding)["contradictions"] == []


def test_the_edition_is_made_again_for_just_those_who_have_not_received_it(open_it: Callable[..., House]) -> None:
    def answer(_who: str, _n: int) -> str:
        if len(first.offered) == 60:
            house.articles.record([BETTER], LATER)
            correct(house, "scars.md", by="Ines", note="It is 72 hours.", now=LATER)
        return "250 Ok"

    with sink(answer) as first:
        house = open_it(people=600, smtp_host="127.0.0.1", smtp_port=first.port, smtp_connections=1)
        _send(house)
    had = dict(first.accepted)

    again = remake(house, KEY, by="Ines", now=LATER)
    assert (again.edition.key, again.state, again.remakes) == (f"{KEY}-2", EditionState.HELD, KEY)
    assert again.reason.startswith(f"made again by Ines for the {600 - len(had)} people who have not received {KEY}")
    assert find(house, KEY).state is EditionState.SENT
    approve(house, again.edition.key, by="Zoe", now=LATER)
    with sink() as second:
        release(_to(house, second.port), again.edition.key, LATER)
        run(deliver(_to(house, second.port), LATER))

    assert 0 < len(had) < 600
    assert set(had) | set(second.accepted) == {f"p{n:03}@example.org" for n in range(600)}
    assert set(had).isdisjoint(second.accepted)
    assert set(second.accepted.values()) == {1}
    assert all(b"72 hours" in content and b"24 hours" not in content for content in second.contents.values())
    assert [e.key for e in told(house)] == [f"{KEY}-2", KEY]


def test_only_what_is_held_on_its_way_is_made_again(open_it: Callable[..., House]) -> None:
    house = open_it()
    with pytest.raises(CorrectingError, match="is approved; only what is held on its way"):
        remake(house, KEY, by="Ines", now=LATER)
    release(house, KEY, MONDAY)
    for article in ("scars.md", "wax.md"):
        withdraw(house, [article], by="Ines", note="wrong", now=LATER)

    with pytest.raises(CorrectingError, match="nothing is left to tell"):
        remake(house, KEY, by="Ines", now=LATER)

    assert house.ledger.tally(KEY).pending == 3


def test_a_withdrawal_that_is_taken_back_leaves_no_trace_for_readers(open_it: Callable[..., House]) -> None:
    house = open_it()
    with sink() as seen:
        _send(_to(house, seen.port))
    before = told(house)
    _withdraw(house)
    assert told(house) != before

    house.articles.decide([make_approval(SCARS, at=LATER + timedelta(minutes=1))])
    marked = mark_again(house, "scars.md")

    assert (marked, told(house)) == ((KEY,), before)
    with pytest.raises(NotifyingError, match="nothing that an edition prints"):
        notify(house, "scars.md", by="Ines", now=LATER)
    assert mark_again(house, "wax.md") == ()


@pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.WITHDRAWN])
def test_the_clock_holds_what_was_taken_back_through_another_door(
    open_it: Callable[..., House], decision: Decision
) -> None:
    house = open_it()
    release(house, KEY, MONDAY)
    assert advance(house, MONDAY) == ()
    house.articles.decide([replace(make_approval(SCARS, decision, at=LATER), note="wrong")])

    moved = advance(house, LATER)

    reason = f"'scars.md' was {decision.value} by Ines: wrong"
    assert moved == (Moved(KEY, Press.PAUSE, reason),)
    assert (find(house, KEY).state, find(house, KEY).reason) == (EditionState.HELD, reason)
    assert standing(house, KEY).state is SendState.PAUSED
    assert advance(house, LATER) == ()
    with sink() as seen:
        run(deliver(_to(house, seen.port), LATER))
    assert not seen.accepted


def test_what_is_on_its_way_is_never_replaced_and_its_remake_follows_what_is_approved(
    open_it: Callable[..., House],
) -> None:
    house = open_it()
    release(house, KEY, MONDAY)
    _withdraw(house)
    with pytest.raises(PublishingError, match="is on its way; 'newsletter edition remake'"):
        draft(house, MONDAY, again=True)
    assert house.editions.printed(KEY) == {SCARS.revision, BALMS.revision}

    first = remake(house, KEY, by="Ines", now=LATER)
    _approve(house, make_article("wax.md", paragraph("A balm seals the lips with oil."), title="Balms"))
    with pytest.raises(PublishingError, match=f"{KEY}-2 needs 'newsletter edition remake' first"):
        approve(house, first.edition.key, by="Zoe", now=LATER)
    second = remake(house, first.edition.key, by="Ines", now=LATER)

    assert [r.edition.key for r in (first, second)] == [f"{KEY}-2"] * 2
    assert [b.text for s in second.edition.stories for b in s.blocks] == ["A balm seals the lips with oil."]
    assert approve(house, second.edition.key, by="Zoe", now=LATER).state is EditionState.APPROVED
    assert release(house, second.edition.key, LATER).candidates == 3
