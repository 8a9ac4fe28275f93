"""An issue is planned from the store's people and the ledger's outcomes, and nobody is told anything twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from newsletter.planning import Planning, plan_issue
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.history import HistoryStore, receipts
from newsletter.storage.ledger import Ledger, Settled
from newsletter.storage.people import PeopleStore
from subscribers.deliveries import Outcome, Receipt, Recipient
from subscribers.issues import Issue, Variant
from subscribers.people import SubscriptionState
from subscribers.planning import Planned, Rules
from subscribers.preferences import MailingList, Preferences, Rhythm, Subscription
from tests.builders import MONDAY, make_subscriber
from tests.subscribers.planned import HOW_NEEDLING_WORKS, THURSDAY, WEEK, make_issue, make_story

BEAUTY = MailingList(slug="beauty", title="Beauty", rhythms=(Rhythm.WEEKLY, Rhythm.DAILY))
WEEK_47 = make_issue(make_story("roller", HOW_NEEDLING_WORKS), make_story("dye", topics=["hair"]), day=THURSDAY - WEEK)
WEEK_48 = make_issue(make_story("scars", HOW_NEEDLING_WORKS, topics=["skin"]), make_story("sun"))


class Office:
    """Everything planning needs, with a postman who answers as a test says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.people = PeopleStore(engine)
        self.enrolments = EnrolmentStore(engine)
        self.history = HistoryStore(engine)
        self.ledger = Ledger(engine)

    def add(self, who: str, rhythm: Rhythm = Rhythm.EACH, topics: str = "", hour: int | None = None) -> None:
        person = make_subscriber(who)
        with self.enrolments.writing() as desk:
            desk.add(person, MONDAY)
            desk.put(
                Subscription(
                    mailing_list="beauty",
                    subscriber=person.id,
                    state=SubscriptionState.CONFIRMED,
                    since=MONDAY,
                    confirmed_at=MONDAY - timedelta(days=400),
                    preferences=Preferences(topics=frozenset(topics.split()), rhythm=rhythm, hour=hour),
                )
            )

    def plan(self, issue: Issue, now: datetime = MONDAY) -> Planning:
        return plan_issue(self.people, self.history, BEAUTY, issue, Rules(), now)

    def send(self, issue: Issue, **fates: Outcome) -> dict[str, Variant | str]:
        """Plan and send an issue; return what each person got, or why they got nothing."""
        with self.plan(issue, MONDAY - WEEK) as planning:
            planned = list(planning.everybody())
        self.ledger.freeze(issue.edition, map(as_recipient, planned), "beauty")
        turn = self.ledger.turn("postman")
        assert turn.chunk
        chunk = turn.chunk
        settled = [
            Settled(d, Receipt(fates.get(d.subscriber.removeprefix("id-"), Outcome.ACCEPTED))) for d in chunk.deliveries
        ]
        self.ledger.turn("postman", settled, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)
        return self.outcomes(planned, issue)

    def outcomes(self, planned: list[Planned], issue: Issue) -> dict[str, Variant | str]:
        made = {v.key: v for v in self.history.variants(issue.edition)}
        return {p.subscriber.removeprefix("id-"): p.excluded or made[p.variant] for p in planned}


def as_recipient(p: Planned) -> Recipient:
    return Recipient(subscriber=p.subscriber, address=p.address, name=p.name, variant=p.variant, excluded=p.excluded)


@pytest.fixture
def office(engine: Engine) -> Office:
    return Office(engine)


def stories(outcome: Variant | str) -> tuple[str, ...]:
    assert isinstance(outcome, Variant)
    return outcome.stories


def test_the_next_issue_follows_from_what_the_ledger_says_arrived(office: Office) -> None:
    for who in ("ada", "bea", "cyd", "dot"):
        office.add(who)

    office.send(WEEK_47, bea=Outcome.UNCERTAIN, cyd=Outcome.REFUSED)
    after = office.send(WEEK_48)

    assert {who: stories(v) for who, v in after.items()} == {
        "ada": ("scars", "sun"),
        "bea": ("scars", "sun"),
        "cyd": ("scars", "sun", "roller", "dye"),
        "dot": ("scars", "sun"),
    }
    assert {who: v.folded for who, v in after.items() if isinstance(v, Variant)} == {
        "ada": (HOW_NEEDLING_WORKS,),
        "bea": (),
        "cyd": (),
        "dot": (HOW_NEEDLING_WORKS,),
    }


def test_what_is_still_on_its_way_is_not_told_again(office: Office) -> None:
    office.add("ada")
    with office.plan(WEEK_47, MONDAY - WEEK) as planning:
        office.ledger.freeze(WEEK_47.edition, map(as_recipient, planning.everybody()), "beauty")

    again = make_issue(make_story("dye"), make_story("sun"))
    with office.plan(again) as planning:
        outcome = office.outcomes(list(planning.everybody()), again)["ada"]

    assert stories(outcome) == ("sun",)


def test_receipts_are_final_once_nothing_can_change_and_say_the_same_as_the_ledger(office: Office) -> None:
    for who in ("ada", "bea"):
        office.add(who)
    office.send(WEEK_47, bea=Outcome.UNCERTAIN)
    (before,) = office.history.past([WEEK_47])
    frozen = datetime.now(UTC)

    assert not office.history.settle(WEEK_47.edition, frozen)
    assert office.history.settle(WEEK_47.edition, frozen + timedelta(days=15))
    assert office.history.settle(WEEK_47.edition, frozen)

    (after,) = office.history.past([WEEK_47])
    assert (after.receipts == before.receipts).all()
    assert after.receipts.tolist() == [1, 1 + (1 << 31)]


def test_only_the_confirmed_who_chose_the_rhythm_are_candidates(office: Office) -> None:
    office.add("ada")
    office.add("bea", Rhythm.DAILY)
    office.add("cyd", Rhythm.WEEKLY)
    office.add("dot")
    office.people.set_state("beauty", "id-dot", SubscriptionState.UNSUBSCRIBED, MONDAY)

    with office.plan(WEEK_48) as planning:
        assert [p.subscriber for p in planning.everybody()] == ["id-ada", "id-cyd"]


def test_the_audience_comes_in_the_order_in_which_it_is_due(office: Office) -> None:
    office.add("ada", hour=20)
    office.add("bea", hour=6)
    office.add("cyd", hour=20)

    with office.plan(WEEK_48) as planning:
        waves = [(w.due.hour, w.people) for w in planning.waves]
        order = [p.subscriber for p in planning.everybody()]

    assert waves == [(6, 1), (20, 2)]
    assert order == ["id-bea", "id-ada", "id-cyd"]


def test_planning_twice_gives_the_same_variants_under_the_same_numbers(office: Office) -> None:
    office.add("ada", topics="hair")
    office.plan(WEEK_48).__exit__()
    first = office.history.variants(WEEK_48.edition)
    office.add("aaa")
    office.plan(WEEK_48).__exit__()

    assert office.history.variants(WEEK_48.edition)[: len(first)] == first
    assert len(office.history.variants(WEEK_48.edition)) == 2
    assert office.history.issues("beauty") == (WEEK_48,)


def test_a_page_of_people_is_as_good_as_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(7):
        office.add(f"p{n}")

    for size in (1, 3, 7):
        monkeypatch.setattr("newsletter.storage.people.PAGE", size)
        with office.plan(WEEK_48) as planning:
            assert [p.subscriber for p in planning.everybody()] == [f"id-p{n}" for n in range(7)]


def test_planning_settles_what_came_before(office: Office) -> None:
    office.add("ada")
    office.send(WEEK_47)

    office.plan(WEEK_48, datetime.now(UTC)).__exit__()

    with office.engine.connect() as connection:
        assert connection.execute(select(receipts.c.edition, receipts.c.final)).all() == [(WEEK_47.edition, True)]
