"""Whatever is thrown at the public site, it answers quickly and plainly, and nothing changes."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from httpx2 import Response

from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.lists import ListStore
from subscribers.preferences import MailingList
from subscribers.tokens import Keyring, Purpose, issue
from tests.newsletter.site import ADA, BEAUTY, KEYS, SLOWLY, Town, everything

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=" + "b" * 5000}

#: Method, path, headers, body, and the answers that will do.
REQUESTS: Mapping[str, tuple[str, str, dict[str, str], bytes, set[int]]] = {
    "W10 unknown page": ("GET", "/nowhere", {}, b"", {404}),
    "W10 up": ("GET", "/%2e%2e%2fetc/passwd", {}, b"", {404}),
    "W10 long": ("GET", "/" + "x" * 5000, {}, b"", {404}),
    "W10 page number": ("GET", "/?page=-1", {}, b"", {200, 404}),
    "W11 range": ("GET", "/index.html", {"Range": "bytes=" + "0-1," * 10_000}, b"", {200, 400, 416}),
    "W11 junk validator": ("GET", "/index.html", {"If-None-Match": '"' * 5000}, b"", {200}),
    "W11 accept": ("GET", "/index.html", {"Accept": "image/png"}, b"", {200}),
    "W19 override": ("POST", "/subscribe", FORM | {"X-HTTP-Method-Override": "DELETE"}, b"_method=DELETE", {422}),
    "W19 text/plain": ("POST", "/api/subscribe", {"Content-Type": "text/plain"}, b'{"address":"a@x.org"}', {415}),
    "W20 large form": ("POST", "/subscribe", FORM, b"address=" + b"x" * 70_000, {413}),
    "W20 large link form": ("POST", "/link", FORM, b"address=" + b"x" * 70_000, {413}),
    "W20 many fields": ("POST", "/subscribe", FORM, b"&".join(b"a%d=1" % n for n in range(1001)), {400}),
    "W20 same field": ("POST", "/subscribe", FORM, b"address=x&" * 150, {422}),
    "W20 long name": ("POST", "/subscribe", FORM, b"n" * 10_000 + b"=1", {422}),
    "W20 multipart": ("POST", "/subscribe", MULTIPART, b"--" + b"b" * 5000, {415}),
    "W20 type of many parts": ("POST", "/subscribe", {"Content-Type": "a/b" + ";a=b" * 2000}, b"x", {415}),
    "W20 utf-7": ("POST", "/subscribe", {"Content-Type": "text/html; charset=utf-7"}, b"+ADw-", {415}),
    "W20 gzip": ("POST", "/link", FORM | {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08", {400, 415}),
    "W20 not text": ("POST", "/link", FORM, b"address=%ff%fe", {400}),
    "W20 raw octets": ("POST", "/link", FORM, b"address=\xff\xfe", {400}),
    "W21 forwarded": ("GET", "/subscribe", {"X-Forwarded-For": "'; DROP TABLE", "Forwarded": "host=evil"}, b"", {200}),
    "W21 long header": ("GET", "/subscribe", {"X-A": "a" * 60_000}, b"", {200, 400, 431}),
    "W22 slashes": ("GET", "https://news.example.org//healthz", {}, b"", {404}),
    "W22 assets": ("GET", "/assets/..%2f..%2fpyproject.toml", {}, b"", {404}),
    "W22 NUL": ("GET", "/%00", {}, b"", {404}),
    "W22 broken utf-8": ("GET", "/%ff", {}, b"", {404}),
    "W22 split": ("GET", "/a%0d%0aSet-Cookie:x=1", {}, b"", {404}),
    "W22 env": ("GET", "/.env", {}, b"", {404}),
    "W22 git": ("GET", "/.git/config", {}, b"", {404}),
    "W22 store": ("GET", "/store.db", {}, b"", {404}),
    "W22 trace": ("TRACE", "/subscribe", {}, b"", {405}),
    "W30 JSON depth": ("POST", "/api/subscribe", JSON, b"[" * 10_000, {400}),
    "W30 JSON null": ("POST", "/api/subscribe", JSON, b"null", {400}),
    "W30 JSON list": ("POST", "/api/subscribe", JSON, b"[]", {400}),
    "W30 JSON type": ("POST", "/api/subscribe", JSON, b'{"address": 1}', {400}),
    "W30 JSON topics": ("POST", "/api/subscribe", JSON, b'{"address": "a@x.org", "topics": [1]}', {400}),
    "W30 JSON number": ("POST", "/api/subscribe", JSON, b"NaN", {400}),
    "W30 JSON trailing": ("POST", "/api/subscribe", JSON, b'{"address": "a@x.org"} x', {400}),
    "W30 JSON utf-16": ("POST", "/api/subscribe", JSON, '{"address": "nobody"}'.encode("utf-16"), {400, 422}),
    "W30 JSON large": ("POST", "/api/subscribe", JSON, b'{"address": "' + b"x" * 70_000, {413}),
}

TOKENS = {
    "nothing": "",
    "another person's, one letter more": "+x",
    "10 KB": "x" * 10_000,
    "up": "%2e%2e%2f..%2fetc%2fpasswd",
    "NUL": "%00",
    "broken utf-8": "%ff%fe",
    "markup": "<script>alert(1)</script>",
    "SQL": "' OR 1=1 --",
}


def open_town(folder: Path) -> Town:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text("archive")
    (folder / "secret.html").write_text("secret")
    made = Town(engine, site)
    made.join(ADA)
    return made


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return open_town(tmp_path)


@pytest.fixture(scope="module")
def quiet_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town for all tests in which nothing may change."""
    return open_town(tmp_path_factory.mktemp("town"))


#: What has a page that acts: a form's token stands inside one, and a click leads on (`test_counting_clicks`).
PAGES = [p for p in Purpose if p not in {Purpose.FORM, Purpose.CLICK}]


def plain(answer: Response) -> bool:
    """Tell whether an answer is one of ours: no traceback, no echo, the guards on."""
    quiet = all(
        word not in answer.text for word in ("Traceback", "sqlite", "passwd", "<script", "DROP TABLE", "secret")
    )
    return quiet and answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_hostile_request_gets_a_plain_answer_and_changes_nothing(
    quiet_town: Town, request_: tuple[str, str, dict[str, str], bytes, set[int]]
) -> None:
    method, path, headers, body, expected = request_
    town = quiet_town
    before = everything(town.engine)

    answer = town.browser.request(method, path, headers=headers, content=body, follow_redirects=False)

    assert (answer.status_code in expected, answer.status_code) == (True, answer.status_code)
    assert plain(answer)
    assert everything(town.engine) == before


@pytest.mark.parametrize("purpose", PAGES)
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_that_is_none_opens_one_neutral_page_everywhere(quiet_town: Town, purpose: Purpose, token: str) -> None:
    if token.startswith("+"):
        token = quiet_town.token(purpose, ADA, "1") + "x"
    town = quiet_town
    before = everything(town.engine)

    answers = [
        town.browser.request(method, f"/{purpose.value}/{token}", data={"do": "erase", "certain": "yes"})
        for method in ("GET", "POST")
    ]

    assert {a.status_code for a in answers} == {404}
    assert all(plain(a) and ADA not in a.text for a in answers)
    assert everything(town.engine) == before


@pytest.mark.parametrize("purpose", PAGES)
def test_a_token_of_nobody_or_of_another_purpose_or_key_changes_nothing(quiet_town: Town, purpose: Purpose) -> None:
    town = quiet_town
    nobody = issue(KEYS, purpose, "id-nobody", "7", now=town.now)
    strange = issue(Keyring((b"x" * 32,)), purpose, town.id_of(ADA), "1", now=town.now)
    others = [town.token(other, ADA, "1") for other in Purpose if other is not purpose]
    before = everything(town.engine)

    answers = [
        town.browser.post(f"/{purpose.value}/{token}", data={"do": "erase", "certain": "yes", "address": "e@x.org"})
        for token in (nobody, strange, *others)
    ]

    assert [a.status_code for a in answers[1:]] == [404] * (1 + len(others))
    assert answers[0].status_code in {200, 404, 410}  # whoever is gone is told that they are unsubscribed
    assert everything(town.engine) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"list": "private"},
        {"list": "999999"},
        {"list[]": "x"},
        {"list": ["x"] * 100},
        {"confirmed": "1", "role": "admin", "consent_at": "2020-01-01", "id": "1", "state": "confirmed"},
    ],
)
def test_what_a_form_does_not_ask_for_is_not_taken(town: Town, fields: dict[str, object]) -> None:
    ListStore(town.engine).put(MailingList(slug="private", title="Private", is_open=False))

    town.subscribe("eve@example.org", **fields)

    with town.people.reading() as desk:
        stands = desk.subscriptions(town.id_of("eve@example.org"))
    assert [(s.mailing_list, s.state.value) for s in stands] == [("beauty", "pending")]


def test_a_closed_list_takes_nobody(town: Town) -> None:
    ListStore(town.engine).put(MailingList(slug=BEAUTY.slug, title="Closed", is_open=False))

    assert town.browser.get("/subscribe").status_code == 404
    assert town.subscribe("eve@example.org").status_code == 404
    assert town.browser.post("/api/subscribe", json={"address": "eve@example.org"}).status_code == 404


@pytest.mark.parametrize(
    "name", ["Ada\r\nBcc: eve@x.org", "\x00\x1b\x7f", "\u202eadA", "{{7*7}}{% for x in y %}", "<img src=x onerror=1>"]
)
def test_a_hostile_name_harms_no_letter_and_no_page(town: Town, name: str) -> None:
    town.subscribe("eve@example.org", name=name)

    (letter,) = town.mail()
    assert letter["Bcc"] is None
    page = town.browser.get(f"/d/{town.token(Purpose.DATA, 'eve@example.org')}").text
    assert "<img" not in page
    assert "49" not in page.partition('class="lead">')[2].partition("</p>")[0]


WRONG = ["info@example.org", "nobody", "x" * 300, "a@b.example\r\nBcc: x@y.org", "a@gmial.com"]


@pytest.mark.parametrize("address", WRONG)
def test_a_wrong_address_is_refused_by_the_field_with_what_was_typed_kept(town: Town, address: str) -> None:
    answer = town.subscribe(address, name="Ada")

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Ada"' in answer.text
    assert town.mail() == []


def test_a_likely_typo_may_be_meant(town: Town) -> None:
    answer = town.subscribe("ada@gmial.com")
    assert "Did you mean ada@gmail.com?" in answer.text
    assert 'name="certain" value="yes"' in answer.text

    town.subscribe("ada@gmial.com", certain="yes")

    assert [letter["To"] for letter in town.mail()] == ["ada@gmial.com"]


def test_a_form_that_was_open_for_days_is_shown_again_with_what_was_typed(town: Town) -> None:
    old = issue(KEYS, Purpose.FORM, "form", now=town.now)
    town.now += SLOWLY * 30_000

    answer = town.browser.post("/subscribe", data={"address": "eve@example.org", "form": old})

    assert (answer.status_code, 'value="eve@example.org"' in answer.text) == (422, True)
    assert town.mail() == []
