"""Whoever asked is told of each change, signed, at least once, under one id; what nobody takes is parked and shown."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from content.approvals import Decision
from newsletter.approving import decide
from newsletter.enrolling import owning
from newsletter.enrolling.choosing import leave, put_back
from newsletter.enrolling.joining import SignUp, confirm, sign_up
from newsletter.fetching.addresses import Reach
from newsletter.fetching.posting import HttpPoster
from newsletter.hooking import WAITS, HookingError, add_hook, deliver_due, find_hook, ping, replay, rotate, sign
from newsletter.publishing import draft
from newsletter.releasing import mailing_list_of
from newsletter.scheduling import approve, schedule, stop
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.outbox import Event, Hook, HookState, OutboxStore, PostState
from newsletter.storage.returns import ReturnStore
from newsletter.storage.staff import Role
from subscribers.addresses import read_address
from subscribers.bounces import DeliveryEvent, EventKind, Place
from subscribers.consent import Door
from subscribers.people import SubscriptionState
from subscribers.tokens import Claims
from tests.builders import MONDAY, make_subscriber
from tests.newsletter.office import AT_HOME, NEEDLING, Office
from tests.newsletter.receivers import Receiver, receiving

HERE = Reach(loopback=True)


@pytest.fixture
def engine(store: Engine) -> Engine:
    return store


@pytest.fixture
def either(database_url: str) -> Iterator[Engine]:
    """An engine on each database in turn."""
    made = open_engine(database_url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def poster() -> Iterator[HttpPoster]:
    made = HttpPoster("test", reach=HERE, seconds=5)
    yield made
    made.close()


def hook_to(engine: Engine, url: str, *events: Event, with_addresses: bool = False) -> Hook:
    return add_hook(engine, url, "shop", events, with_addresses=with_addresses, reach=HERE, by="test", now=MONDAY)


def deliver(engine: Engine, poster: HttpPoster, at=MONDAY) -> list[Event]:
    return [post.event for post in deliver_due(engine, poster, lambda: at, lambda: 1.0)]


def ping_post(engine: Engine, hook: Hook):
    OutboxStore(engine).put(hook.id, Event.EDITION_SENT, "k", MONDAY)
    (post,) = OutboxStore(engine).posts(hook.id, 1)
    return post


def test_each_change_is_written_with_itself_and_told_in_order(
    either: Engine, tmp_path: Path, receiver: Receiver, poster: HttpPoster
) -> None:
    office, hook = Office(either, tmp_path), hook_to(either, receiver.url)
    house, key = office.house, "beauty-weekly-2026-W48"
    office.bring(NEEDLING, AT_HOME)

    decide(house.articles, [NEEDLING.id], Decision.APPROVED, by="Ines", note="", now=MONDAY)
    decide(house.articles, [AT_HOME.id], Decision.REJECTED, by="Ines", note="no", now=MONDAY)
    draft(house, MONDAY, by_hand=True)
    approve(house, key, by="Omar", now=MONDAY)
    wall = (MONDAY + timedelta(days=1)).replace(tzinfo=None)
    schedule(house, key, wall, by="Ines", now=MONDAY)
    stop(house, key, by="Ines", now=MONDAY, reason="a mistake")

    posts = OutboxStore(either).posts(hook.id, 50)
    told = {(p.event, p.about) for p in posts}
    assert told == {
        (Event.ARTICLE_APPROVED, NEEDLING.id),
        (Event.ARTICLE_REJECTED, AT_HOME.id),
        (Event.EDITION_DRAFTED, key),
        (Event.EDITION_HELD, key),
        (Event.EDITION_APPROVED, key),
        (Event.SEND_MOVED, key),
        (Event.EDITION_STOPPED, key),
    }
    moved = [p.facts for p in posts if p.event is Event.SEND_MOVED]
    assert sorted((f["before"], f["after"], f["by"]) for f in moved) == [
        ("draft", "scheduled", "Ines"),
        ("scheduled", "stopped", "Ines"),
    ]
    while deliver(either, poster, MONDAY + timedelta(days=1)):
        pass
    assert len(receiver.came) == len(posts) == len(set(receiver.ids))


def test_what_is_taken_back_is_told_to_nobody(either: Engine, tmp_path: Path) -> None:
    office, hook = Office(either, tmp_path), hook_to(either, "http://127.0.0.1:9/")

    class BrokenError(Exception):
        pass

    def change() -> None:
        with EnrolmentStore(either).writing() as desk:
            person = make_subscriber("ada")
            desk.add(person, MONDAY)
            (stands,) = [_confirmed(person.id)]
            desk.put(stands)
            raise BrokenError

    with pytest.raises(BrokenError):
        change()

    assert OutboxStore(either).posts(hook.id) == ()
    assert office.house.people.find("ada@example.org") is None


def _confirmed(person: str):
    from subscribers.preferences import Subscription

    return Subscription(
        mailing_list="beauty", subscriber=person, state=SubscriptionState.CONFIRMED, since=MONDAY, confirmed_at=MONDAY
    )


def test_people_come_and_go_by_id_and_the_address_is_told_only_where_asked_for(
    either: Engine, tmp_path: Path, receiver: Receiver, poster: HttpPoster
) -> None:
    office = Office(either, tmp_path)
    house, store, keys = office.house, EnrolmentStore(either), office.console.keys
    plain = hook_to(either, receiver.url)
    with receiving() as trusted:
        hook_to(either, trusted.url, Event.SUBSCRIBED, Event.UNSUBSCRIBED, with_addresses=True)
        slug = mailing_list_of(house).slug
        sign_up(store, keys, SignUp(address=read_address("ada@example.org"), mailing_list=slug), MONDAY)
        ada = house.people.find("ada@example.org")
        assert ada
        assert OutboxStore(either).posts(plain.id) == ()  # nobody is subscribed before they confirm

        confirm(store, keys, Claims(ada.id, slug), MONDAY)
        confirm(store, keys, Claims(ada.id, slug), MONDAY)
        leave(store, Claims(ada.id, slug), Door.LINK, MONDAY)
        with store.reading() as desk:
            number = next(n for n in range(1, 9) if (c := desk.line(n)) and c.act.value == "left")
        put_back(store, Claims(ada.id, str(number)), MONDAY)
        while deliver(either, poster):
            pass
        owning.erase(store, keys, Claims(ada.id), MONDAY)
        while deliver(either, poster):
            pass

        kinds = sorted(m["type"] for m in receiver.told)
        assert kinds == ["subscriber.subscribed"] * 2 + ["subscriber.unsubscribed"] * 2
        assert {m["data"]["id"] for m in receiver.told} == {ada.id}
        assert not any(b"@" in body for _, body in receiver.came)
        addresses = [(m["type"].partition(".")[2], m["data"]["address"]) for m in trusted.told]
        assert sorted(addresses[:3]) == [
            ("subscribed", ada.address),
            ("subscribed", ada.address),
            ("unsubscribed", ada.address),
        ]
        assert addresses[3:] == [("unsubscribed", None)]  # of somebody who was erased nothing is told but that


def test_reports_about_deliveries_are_told_once(engine: Engine, tmp_path: Path) -> None:
    hook = hook_to(engine, "http://127.0.0.1:9/", Event.BOUNCED, Event.COMPLAINED)
    store = ReturnStore(engine)
    bounced = DeliveryEvent(id="a", place=Place(1, 1, ""), kind=EventKind.BOUNCED, status="5.1.1", said="", at=MONDAY)

    for event in (bounced, bounced, replace(bounced, id="b", kind=EventKind.COMPLAINED)):
        store.add(event, "id-ada")
    store.add(replace(bounced, id="c", kind=EventKind.DELIVERED), "id-ada")

    found = {(p.event, p.about, p.facts["cause"]) for p in OutboxStore(engine).posts(hook.id)}
    assert found == {(Event.BOUNCED, "id-ada", "address"), (Event.COMPLAINED, "id-ada", "")}
    assert len(OutboxStore(engine).posts(hook.id)) == 2


def test_a_message_is_signed_as_standard_webhooks_says(engine: Engine, receiver: Receiver, poster: HttpPoster) -> None:
    hook = hook_to(engine, receiver.url)
    post = ping_post(engine, hook)

    deliver(engine, poster)

    ((headers, body),) = receiver.came
    timestamp = headers["webhook-timestamp"]
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{post.id}.{timestamp}.".encode() + body, hashlib.sha256)
    assert headers["webhook-id"] == post.id
    assert timestamp == str(int(MONDAY.timestamp()))
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac.digest()).decode()}"
    assert receiver.told == [{"type": "edition.sent", "timestamp": MONDAY.isoformat(), "data": {"id": "k"}}]


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    # From the test vectors of the reference libraries.
    signed = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_changed_without_a_gap(engine: Engine, receiver: Receiver, poster: HttpPoster) -> None:
    hook = hook_to(engine, receiver.url)
    fresh = rotate(engine, hook, by="test", now=MONDAY)

    for at in (MONDAY, MONDAY + timedelta(hours=24)):
        ping_post(engine, hook)
        deliver(engine, poster, at)

    during, after = (headers for headers, _ in receiver.came)
    assert fresh.secret != hook.secret
    assert len(during["webhook-signature"].split()) == 2
    body, when = receiver.came[0][1], int(during["webhook-timestamp"])
    assert during["webhook-signature"].split()[1] == sign(hook.secret, during["webhook-id"], when, body)
    assert len(after["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (500, {}, "out of order"),
        (404, {}, "out of order"),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, "it leads elsewhere, and we do not follow"),
        (429, {"Retry-After": "600"}, "out of order"),
    ],
)
def test_what_is_not_taken_is_tried_again_later_and_nowhere_else(
    engine: Engine, receiver: Receiver, poster: HttpPoster, status: int, headers: dict[str, str], said: str
) -> None:
    hook = hook_to(engine, receiver.url)
    post = ping_post(engine, hook)
    receiver.status, receiver.headers, receiver.body = status, headers, b"out of order"

    deliver(engine, poster)

    wait = timedelta(seconds=600) if status == 429 else WAITS[0]
    expected = replace(post, tries=1, due_at=MONDAY + wait, status=status, said=said)
    assert OutboxStore(engine).posts(hook.id) == (expected,)
    assert deliver(engine, poster, MONDAY + wait - timedelta(seconds=1)) == []
    receiver.status, receiver.headers = 200, {}
    assert deliver(engine, poster, MONDAY + wait) == [Event.EDITION_SENT]
    assert receiver.ids == [post.id, post.id]
    assert OutboxStore(engine).posts(hook.id)[0].state is PostState.DELIVERED


def test_a_receiver_that_hangs_costs_one_wait_a_round_and_the_others_are_told(
    engine: Engine, receiver: Receiver
) -> None:
    hook = hook_to(engine, receiver.url)
    for _ in range(3):
        ping_post(engine, hook)
    receiver.hangs = threading.Event()
    impatient = HttpPoster("test", reach=HERE, seconds=2)
    with receiving() as other:
        second = hook_to(engine, other.url)
        for key in ("k", "l"):
            OutboxStore(engine).put(second.id, Event.EDITION_SENT, key, MONDAY)

        deliver(engine, impatient)

        assert sorted(m["data"]["id"] for m in other.told) == ["k", "l"]
    posts = OutboxStore(engine).posts(hook.id)
    assert sorted((p.tries, p.status, p.said) for p in posts) == [
        (0, 0, ""),
        (0, 0, ""),
        (1, 0, "no answer within 2 s"),
    ]
    impatient.close()


def test_after_a_day_and_more_a_message_is_parked_until_a_person_sends_it_again(
    engine: Engine, receiver: Receiver, poster: HttpPoster
) -> None:
    hook, at = hook_to(engine, receiver.url), MONDAY
    post = ping_post(engine, hook)
    receiver.status = 500

    for wait in (*WAITS, timedelta()):
        deliver(engine, poster, at)
        at += wait

    assert OutboxStore(engine).parked() == {hook.id: ("shop", 1)}
    assert OutboxStore(engine).waiting() == {PostState.WAITING: 0, PostState.DELIVERED: 0, PostState.PARKED: 1}
    (parked,) = OutboxStore(engine).posts(hook.id)
    assert (parked.state, parked.tries) == (PostState.PARKED, len(WAITS) + 1)
    assert timedelta(hours=27) < at - MONDAY < timedelta(hours=29)
    assert deliver(engine, poster, at + timedelta(days=2)) == []
    receiver.status = 200
    assert replay(engine, hook, by="test", now=at) == 1
    deliver(engine, poster, at)
    assert set(receiver.ids) == {post.id}
    assert OutboxStore(engine).posts(hook.id)[0].state is PostState.DELIVERED


def test_a_receiver_that_is_gone_is_told_nothing_until_a_person_says_so(
    engine: Engine, receiver: Receiver, poster: HttpPoster
) -> None:
    hook = hook_to(engine, receiver.url)
    ping_post(engine, hook)
    receiver.status = 410

    deliver(engine, poster)
    Office(engine, Path()).house.people.add([make_subscriber("ada")], "beauty", MONDAY, SubscriptionState.CONFIRMED)

    (gone,) = OutboxStore(engine).hooks()
    assert (gone.state, gone.reason) == (HookState.GONE, "it answered 410: it wants nothing any more")
    assert [p.state for p in OutboxStore(engine).posts(hook.id)] == [PostState.PARKED]
    receiver.status = 200
    replay(engine, gone, by="test", now=MONDAY)
    assert deliver(engine, poster) == [Event.EDITION_SENT]


def test_two_who_deliver_at_once_deliver_once(either: Engine, receiver: Receiver) -> None:
    hook, start = hook_to(either, receiver.url), threading.Barrier(2)
    ids = [OutboxStore(either).put(hook.id, Event.EDITION_SENT, str(n), MONDAY) for n in range(20)]

    def work() -> None:
        poster = HttpPoster("test", reach=HERE)
        start.wait()
        deliver(either, poster)
        poster.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(receiver.ids) == sorted(ids)


def test_who_takes_a_message_and_dies_leaves_it_to_others_under_the_same_id(
    either: Engine, receiver: Receiver, poster: HttpPoster
) -> None:
    hook = hook_to(either, receiver.url)
    post, store = ping_post(either, hook), OutboxStore(either)
    minute = MONDAY + timedelta(minutes=1)
    dead = store.claim(post, minute)

    assert store.claim(post, minute) is None
    assert deliver(either, poster) == []
    assert deliver(either, poster, minute) == [Event.EDITION_SENT]
    assert receiver.ids == [post.id]
    assert dead
    late = store.note(dead, PostState.WAITING, due_at=MONDAY, status=0, said="", now=MONDAY)
    assert late is False


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "http://hooks.example.org/",
        "https://me:secret@hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://hooks.example.org:22/",
    ],
)
def test_nothing_is_posted_to_where_we_may_not_go(engine: Engine, url: str) -> None:
    public = Reach()
    store = OutboxStore(engine)
    try:
        hook = add_hook(engine, url, "shop", [], with_addresses=False, reach=public, by="test", now=MONDAY)
    except HookingError:
        assert store.hooks() == ()
        return
    # A name or a number that only the connection can judge.
    poster = HttpPoster("test", reach=public)
    post = ping(engine, hook, poster, now=MONDAY)
    poster.close()

    assert post.state is PostState.PARKED
    assert "not public" in post.said


def test_a_ping_is_posted_at_once_and_not_again(engine: Engine, receiver: Receiver, poster: HttpPoster) -> None:
    hook = hook_to(engine, receiver.url)
    receiver.status, receiver.body = 500, b"not yet"

    post = ping(engine, hook, poster, now=MONDAY)

    assert (post.event, post.state, post.status, post.said) == (Event.PING, PostState.PARKED, 500, "not yet")
    assert deliver(engine, poster, MONDAY + timedelta(days=1)) == []


def test_a_hook_is_found_by_how_its_name_begins(engine: Engine) -> None:
    hook = hook_to(engine, "http://127.0.0.1:9/")

    assert find_hook(engine, "sh") == find_hook(engine, hook.id) == hook
    with pytest.raises(HookingError):
        find_hook(engine, "")
    with pytest.raises(HookingError):
        find_hook(engine, "other")


def test_staff_add_test_and_remove_a_webhook_in_the_console(engine: Engine, tmp_path: Path, receiver: Receiver) -> None:
    office = Office(engine, tmp_path, fetch_loopback=True)
    office.hire("Ines", Role.ADMIN)
    browser = office.sign_in("Ines")

    added = browser.post("/settings/webhooks", name="the <shop>", url=receiver.url, event="subscriber.subscribed")
    (hook,) = OutboxStore(engine).hooks()
    tested = browser.post(f"/settings/webhooks/{hook.id}", do="test")
    rotated = browser.post(f"/settings/webhooks/{hook.id}", do="rotate")
    page = browser.get("/settings/webhooks").text

    assert hook.secret in added.text
    assert hook.events == {Event.SUBSCRIBED}
    assert receiver.told[0]["type"] == "hook.ping"
    assert "taken" in tested.text
    (fresh,) = OutboxStore(engine).hooks()
    assert fresh.secret in rotated.text
    assert "the &lt;shop&gt;" in page
    assert fresh.secret not in page
    browser.post(f"/settings/webhooks/{hook.id}", do="remove")
    assert OutboxStore(engine).hooks() == ()
    acts = [d.act for d in office.staffing.audit.page(limit=8)]
    assert {"webhook.add", "webhook.rotate", "webhook.remove"} <= set(acts)
