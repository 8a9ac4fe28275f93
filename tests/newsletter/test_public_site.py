"""People sign up, confirm, choose and leave on the site; GET never acts, and no page tells who reads us."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from subscribers.people import SubscriptionState
from subscribers.tokens import Purpose
from tests.newsletter.site import ADA, SLOWLY, Town, everything

PENDING, CONFIRMED, LEFT = SubscriptionState.PENDING, SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def town(engine: Engine, tmp_path: Path) -> Town:
    folder = tmp_path / "site"
    folder.mkdir()
    return Town(engine, folder)


def test_a_person_joins_by_form_letter_and_button(town: Town) -> None:
    answer = town.subscribe(ADA, name="Ada", topic=["skin", "hair"], rhythm="daily")

    assert answer.url.path == "/subscribe/sent"
    assert town.state(ADA) is PENDING
    (letter,) = town.mail()
    assert letter["Subject"] == "Confirm your subscription to Beauty News"
    path = town.path_in(letter)
    assert "Confirm my subscription" in town.browser.get(path).text
    assert town.state(ADA) is PENDING

    assert "Your subscription is confirmed" in town.browser.post(path).text

    assert town.state(ADA) is CONFIRMED
    with town.people.reading() as desk:
        record = [(c.act.value, c.door.value, bool(c.wording)) for c in desk.record_of(town.id_of(ADA))]
        chosen = desk.subscription("beauty", town.id_of(ADA)).preferences
    assert record == [("asked", "form", True), ("confirmed", "link", False)]
    assert (chosen.topics, chosen.rhythm.value) == ({"skin", "hair"}, "daily")


def test_a_confirmation_letter_carries_nothing_that_was_typed_into_the_form_and_nothing_to_leave(town: Town) -> None:
    town.subscribe(ADA, name="Buy now at evil example")

    (letter,) = town.mail()

    assert "evil" not in letter.as_string()
    assert [name for name in letter if name.lower().startswith("list-")] == ["List-Id", "List-Post"]
    assert letter["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("times", [1, 3])
def test_looking_at_every_page_any_number_of_times_changes_nothing(town: Town, times: int) -> None:
    town.join(ADA)
    town.subscribe("bea@example.org")
    (letter,) = town.mail()
    paths = [f"/{p.value}/{town.token(p, ADA)}" for p in Purpose if p is not Purpose.PUT_BACK]
    before = everything(town.engine)

    for path in [*paths, town.path_in(letter), "/subscribe", "/link", "/privacy", "/"]:
        for _ in range(times):
            town.browser.get(path)
            town.browser.head(path)
            town.browser.options(path)
            town.browser.put(path)
            town.browser.delete(path)

    assert everything(town.engine) == before


def test_one_click_unsubscribes_at_once_without_a_page_and_twice_is_no_error(town: Town) -> None:
    town.join(ADA)
    url = f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}"

    answers = [town.browser.post(url, data=ONE_CLICK) for _ in range(2)]

    assert [(a.status_code, a.text, a.history) for a in answers] == [(200, "Unsubscribed.\n", [])] * 2
    assert "set-cookie" not in answers[0].headers
    assert town.state(ADA) is LEFT


@pytest.mark.parametrize(
    "request_",
    [
        {"data": ONE_CLICK},
        {"data": ONE_CLICK | {"x": "y"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"json": {"a": 1}},
        {"data": ONE_CLICK, "headers": {"Origin": "https://mail.example.com"}},
    ],
    ids=["as the RFC says", "with more", "multipart", "empty", "json", "foreign origin"],
)
def test_whatever_a_provider_posts_the_token_is_enough(town: Town, request_: dict[str, object]) -> None:
    town.join(ADA)

    answer = town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", **request_)

    assert answer.status_code == 200
    assert town.state(ADA) is LEFT


def test_a_damaged_token_changes_nothing_and_shows_no_address(town: Town) -> None:
    town.join(ADA)
    token = town.token(Purpose.UNSUBSCRIBE, ADA)

    answer = town.browser.post(f"/u/{token[:-1]}!", data=ONE_CLICK)

    assert (answer.status_code, "@" in answer.text, "ada" in answer.text) == (404, False, False)
    assert town.state(ADA) is CONFIRMED


def test_whoever_left_is_put_back_within_a_week_with_what_they_had_chosen(town: Town) -> None:
    town.subscribe(ADA, topic="hair")
    town.browser.post(town.path_in(town.mail()[0]))
    town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", data=ONE_CLICK)
    (letter,) = town.mail()
    assert letter["Subject"] == "You have left Beauty News"

    path = town.path_in(letter)
    assert town.browser.get(path).status_code == 200
    assert town.state(ADA) is LEFT
    assert "are back" in town.browser.post(path).text

    assert town.state(ADA) is CONFIRMED
    with town.people.reading() as desk:
        assert desk.subscription("beauty", town.id_of(ADA)).preferences.topics == {"hair"}
    assert town.browser.post(path).status_code == 200


def test_leaving_everything_suppresses_the_address_until_it_confirms_again(town: Town) -> None:
    town.join(ADA)

    town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", data={"do": "from-everything"})

    with town.people.reading() as desk:
        assert [s.reason.value for s in desk.suppressions([ADA])] == ["unsubscribed"]
    town.now += SLOWLY * 10_000
    town.join(ADA)
    with town.people.reading() as desk:
        assert desk.suppressions([ADA]) == ()


def test_a_confirmation_link_does_not_bring_back_who_left_since(town: Town) -> None:
    town.subscribe(ADA)
    path = town.path_in(town.mail()[0])
    town.browser.post(path)
    town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", data=ONE_CLICK)

    assert town.browser.post(path).status_code == 410
    assert town.state(ADA) is LEFT


def test_choices_are_kept_and_the_mailbox_hears_of_it_and_can_put_them_back(town: Town) -> None:
    town.join(ADA)
    url = f"/p/{town.token(Purpose.MANAGE, ADA)}"
    assert "a•••@e•••.org" in town.browser.get(url).text
    assert ADA not in town.browser.get(url).text

    fields = {"topic": "skin", "rhythm": "monthly", "hour": "7", "zone": "Asia/Tokyo", "language": "en"}
    answer = town.browser.post(url, data=fields | {"paused_until": "2026-12-24"})

    assert "Saved" in answer.text
    assert "taking a break" in answer.text
    assert town.state(ADA) is SubscriptionState.PAUSED
    with town.people.reading() as desk:
        chosen = desk.subscription("beauty", town.id_of(ADA)).preferences
        assert desk.person(town.id_of(ADA)).zone == "Asia/Tokyo"
    assert (chosen.topics, chosen.rhythm.value, chosen.hour) == ({"skin"}, "monthly", 7)
    assert chosen.paused_until.isoformat() == "2026-12-23T15:00:00+00:00"

    (letter,) = town.mail()
    town.browser.post(town.path_in(letter))
    assert town.state(ADA) is CONFIRMED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("topic", "nails"),
        ("topic", []),
        ("rhythm", "hourly"),
        ("hour", "24"),
        ("hour", "²"),
        ("zone", "Mars/Olympus"),
        ("zone", "../../etc/passwd"),
        ("paused_until", "2026-11-23"),
        ("paused_until", "2031-01-01"),
        ("paused_until", "soon"),
        ("language", "xx-YY-zzzz"),
    ],
)
def test_a_choice_that_is_not_offered_is_refused_with_a_word_about_it(town: Town, field: str, value: object) -> None:
    town.join(ADA)
    good = {"topic": "skin", "rhythm": "daily", "hour": "", "zone": "UTC", "language": "en", "paused_until": ""}

    answer = town.browser.post(f"/p/{town.token(Purpose.MANAGE, ADA)}", data=good | {field: value})

    assert (answer.status_code, "Nothing was saved" in answer.text) == (422, True)
    with town.people.reading() as desk:
        assert desk.subscription("beauty", town.id_of(ADA)).preferences.topics == frozenset()


def test_the_answer_is_the_same_for_every_address(town: Town) -> None:
    town.join("known@example.org")
    town.subscribe("pending@example.org")
    town.join("left@example.org")
    town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, 'left@example.org')}", data=ONE_CLICK)

    answers = {
        (a.status_code, a.text, tuple(h.status_code for h in a.history))
        for who in ("known", "pending", "left", "new")
        for address in [f"{who}@example.org"]
        for a in (town.subscribe(address), town.browser.post("/link", data={"address": address}))
    }

    assert len(answers) == 1


def test_a_language_we_have_no_words_for_is_kept_until_another_is_chosen(town: Town) -> None:
    town.join(ADA)
    with town.people.writing() as desk:
        person = desk.person(town.id_of(ADA))
        assert person
        desk.amend(replace(person, language="pt-BR"))
    url = f"/p/{town.token(Purpose.MANAGE, ADA)}"
    page = town.browser.get(url).text
    assert '<option value="pt-BR" selected>' in page
    assert "Deutsch" in page

    fields = {"topic": "skin", "rhythm": "daily", "zone": "UTC"}
    kept = town.browser.post(url, data=fields | {"language": "pt-BR"}).status_code
    changed = town.browser.post(url, data=fields | {"language": "de"}).status_code

    with town.people.reading() as desk:
        person = desk.person(town.id_of(ADA))
    assert person
    assert (kept, changed, person.language) == (200, 200, "de")


def test_a_link_that_names_no_list_is_for_the_sites_own(town: Town) -> None:
    town.join(ADA)

    page = town.browser.get(f"/p/{town.token(Purpose.MANAGE, ADA, scope='')}")

    assert "Your choices for Beauty News" in page.text


def test_whoever_is_subscribed_gets_their_link_instead_of_a_second_subscription(town: Town) -> None:
    town.join(ADA)

    town.subscribe("ADA@example.org")

    (letter,) = town.mail()
    assert letter["Subject"] == "You already receive Beauty News"
    assert "Your choices" in town.browser.get(town.path_in(letter)).text


def test_a_thousand_sign_ups_of_one_address_are_one_letter(town: Town) -> None:
    for _ in range(20):
        town.subscribe(ADA)

    assert len(town.mail()) == 1


@pytest.mark.parametrize("fields", [{"website": "https://spam.example"}, {"form": ""}, {"form": "broken"}])
def test_machines_get_no_letter(town: Town, fields: dict[str, str]) -> None:
    town.subscribe(ADA, **fields)

    assert town.mail() == []


def test_an_api_takes_sign_ups_as_json_only(town: Town) -> None:
    good = town.browser.post("/api/subscribe", json={"address": ADA, "topics": ["skin"]})
    as_text = town.browser.post("/api/subscribe", content='{"address": "a@example.org"}')
    more = town.browser.post("/api/subscribe", json={"address": ADA, "is_confirmed": True})
    bad = town.browser.post("/api/subscribe", json={"address": "nobody"})

    assert [a.status_code for a in (good, as_text, more, bad)] == [202, 415, 400, 422]
    assert bad.json() == {"problems": {"address": "An email address has an @ in it."}}
    assert town.state(ADA) is PENDING


def test_the_archive_and_feeds_are_served_with_validators(town: Town) -> None:
    (town.folder / "w48").mkdir()
    (town.folder / "index.html").write_text("<h1>Archive</h1>")
    (town.folder / "w48" / "index.html").write_text("<h1>W48</h1>")
    (town.folder / "feed.xml").write_text('<?xml version="1.0"?><rss version="2.0"></rss>')
    (town.folder / ".secret.html").write_text("no")

    first = town.browser.get("/feed.xml")
    again = town.browser.get("/feed.xml", headers={"If-None-Match": f'"junk", W/{first.headers["etag"]}'})
    moved = town.browser.get("/w48", headers={"Host": "evil.example"}, follow_redirects=False)

    assert (first.status_code, first.headers["content-type"]) == (200, "application/rss+xml; charset=utf-8")
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert town.browser.head("/feed.xml").headers["etag"] == first.headers["etag"]
    assert (moved.status_code, moved.headers["location"]) == (301, "/w48/")
    assert town.browser.get("/").text == "<h1>Archive</h1>"
    outside = ["/.secret.html", "/%2e%2e/store.db", "/w48/..%2f..%2fpyproject.toml", "/" + "x" * 5000, "/%00", "/w49/"]
    assert [town.browser.get(p).status_code for p in outside] == [404] * 6


def test_every_answer_carries_the_guards(town: Town) -> None:
    town.join(ADA)
    for path in ("/", "/subscribe", "/nowhere", f"/p/{town.token(Purpose.MANAGE, ADA)}", "/feed.xml"):
        headers = town.browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
        assert "set-cookie" not in headers
    assert town.browser.get(f"/p/{town.token(Purpose.MANAGE, ADA)}").headers["cache-control"] == "no-store"


def test_links_in_letters_come_from_the_settings_whatever_the_request_says(town: Town) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    token = town.browser.get("/subscribe").text.partition('name="form" value="')[2].partition('"')[0]
    town.now += SLOWLY

    town.browser.post("/subscribe", data={"address": ADA, "form": token}, headers=evil, follow_redirects=False)

    (letter,) = town.mail()
    assert "evil" not in letter.as_string()
    assert town.path_in(letter).startswith("/c/")


def test_a_network_that_asks_too_often_gets_a_page_that_says_so_and_others_do_not(town: Town) -> None:
    town.site_behind_proxy()
    home, elsewhere = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}, {"X-Forwarded-For": "198.51.100.1"}

    answers = [town.subscribe(f"p{n}@example.org", headers=home).status_code for n in range(25)]

    assert answers == [200] * 20 + [429] * 5
    assert town.subscribe("other@example.org", headers=elsewhere).status_code == 200
    assert len(town.mail()) == 21
    town.now += SLOWLY * 60
    assert town.subscribe("later@example.org", headers=home).status_code == 200


def test_a_header_from_anybody_moves_nobody_to_another_network(town: Town) -> None:
    for n in range(20):
        town.subscribe(f"p{n}@example.org", headers={"X-Forwarded-For": f"203.0.{n}.1"})

    with town.people.reading() as desk:
        networks = {line.network for n in range(20) for line in desk.record_of(town.id_of(f"p{n}@example.org"))}
    assert len(networks) == 1


def test_somebody_who_left_comes_back_by_a_letter(town: Town) -> None:
    town.join(ADA)
    town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", data=ONE_CLICK)
    town.mail()
    town.now += SLOWLY * 10_000
    url = f"/p/{town.token(Purpose.MANAGE, ADA)}"
    assert "Subscribe again" in town.browser.get(url).text

    town.browser.post(url, data={"do": "come-back"})

    assert town.state(ADA) is PENDING
    (letter,) = town.mail()
    town.browser.post(town.path_in(letter))
    assert town.state(ADA) is CONFIRMED


def test_a_link_that_is_too_old_offers_a_fresh_one(town: Town) -> None:
    town.subscribe(ADA)
    path = town.path_in(town.mail()[0])
    town.now += SLOWLY * 20_000

    answer = town.browser.post(path)

    assert (answer.status_code, "Mail me a fresh link" in answer.text) == (410, True)
    town.browser.post("/link", data={"address": ADA})
    town.browser.post(town.path_in(town.mail()[0]))
    assert town.state(ADA) is CONFIRMED
