"""With a provider of theirs staff come in and nobody else; no lie of a browser or another provider is believed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import Engine

from newsletter.storage.staff import Role
from tests.newsletter.office import Browser, Office
from tests.newsletter.provider import CLIENT, SECRET, Provider, providing, secret_key

WENT_WRONG = "Signing in with your provider did not work"


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture
def provider(served: Provider) -> Provider:
    url = served.url
    served.__init__(url=url)  # type: ignore[misc]
    return served


@pytest.fixture
def office(store: Engine, tmp_path: Path, provider: Provider) -> Office:
    given = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    made = Office(store, tmp_path, **given)
    made.hire("Ines", Role.EDITOR)
    provider.now = int(made.now.timestamp())
    return made


def begin(office: Office) -> tuple[Browser, str]:
    """Return a browser that has pressed the button, and where it was led."""
    browser = office.browser()
    browser.client.follow_redirects = False
    return browser, browser.get("/sign-in/oidc?next=/articles").headers["location"]


def come_in(office: Office, provider: Provider):
    browser, url = begin(office)
    answer = browser.get(provider.sign_in(url))
    browser.client.follow_redirects = True
    return browser, answer


def is_in(browser: Browser) -> bool:
    return "My account" in browser.get("/account").text


def test_who_is_on_the_staff_comes_in_and_where_they_wanted_to_go(office: Office, provider: Provider) -> None:
    browser, answer = come_in(office, provider)

    assert (answer.status_code, answer.headers["location"]) == (303, "/articles")
    assert is_in(browser)
    (asked,) = provider.asked
    assert (asked["code_challenge_method"], asked["response_type"], asked["scope"]) == ("S256", "code", "openid email")
    assert asked["redirect_uri"] == "https://desk.example.org/sign-in/oidc/back"
    assert len(asked["state"]) > 40
    assert len(asked["nonce"]) > 40
    acts = [d.act for d in office.staffing.audit.page(limit=2)]
    assert acts == ["sign-in", "sign-in.oidc"]


def test_the_button_is_there_only_with_a_provider(office: Office, tmp_path: Path) -> None:
    with_one = office.browser().get("/sign-in").text
    without = Office(office.house.engine, tmp_path).browser()

    assert "/sign-in/oidc" in with_one
    assert "/sign-in/oidc" not in without.get("/sign-in").text
    assert without.get("/sign-in/oidc").status_code == 404


OTHER = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})

LIES: dict[str, Callable[[Provider], object]] = {
    "another issuer": lambda p: p.claims.update(iss="https://evil.example"),
    "no issuer": lambda p: p.claims.update(iss=None),
    "for another client": lambda p: p.claims.update(aud="other"),
    "for us and another, issued to it": lambda p: p.claims.update(aud=[CLIENT, "other"], azp="other"),
    "another nonce": lambda p: p.claims.update(nonce="x"),
    "no nonce": lambda p: p.claims.update(nonce=None),
    "expired": lambda p: p.claims.update(iat=p.now - 900, exp=p.now - 600),
    "no end": lambda p: p.claims.update(exp=None),
    "from the future": lambda p: p.claims.update(iat=p.now + 900, nbf=p.now + 900, exp=p.now + 1200),
    "unverified address": lambda p: p.claims.update(email_verified=False),
    "verified in a word": lambda p: p.claims.update(email_verified="true"),
    "nothing said of it": lambda p: p.claims.update(email_verified=None),
    "no address": lambda p: p.claims.update(email=None),
    "a stranger": lambda p: p.claims.update(email="eve@example.org"),
    "two addresses": lambda p: p.claims.update(email="ines@example.org,eve@example.org"),
    "alg none": lambda p: setattr(p, "algorithm", "none"),
    "signed with our secret": lambda p: (setattr(p, "algorithm", "HS256"), setattr(p, "signs_with", secret_key())),
    "another's key": lambda p: setattr(p, "signs_with", OTHER),
    "another name": lambda p: setattr(p, "calls_itself", "https://evil.example"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_no_lie_is_believed(office: Office, provider: Provider, lie: Callable[[Provider], object]) -> None:
    browser, url = begin(office)
    lie(provider)

    answer = browser.get(provider.sign_in(url))
    browser.client.follow_redirects = True

    assert answer.status_code in {403, 422}
    assert WENT_WRONG in answer.text
    assert not is_in(browser)
    assert office.staffing.sessions.of(office.staffing.staff.at("ines@example.org").id, office.now) == ()  # type: ignore[union-attr]


def changed(url: str, **values: str | None) -> str:
    asked = dict(parse_qsl(urlsplit(url).query)) | values
    return f"{urlsplit(url).path}?{urlencode({n: v for n, v in asked.items() if v is not None})}"


@pytest.mark.parametrize(
    "values",
    [
        {"state": "x"},
        {"state": None},
        {"code": None, "error": "access_denied"},
        {"code": "x"},
        {"iss": "https://evil.example"},
    ],
    ids=str,
)
def test_what_comes_back_changed_opens_nothing(
    office: Office, provider: Provider, values: dict[str, str | None]
) -> None:
    browser, url = begin(office)

    answer = browser.get(changed(provider.sign_in(url), **values))
    browser.client.follow_redirects = True

    assert (answer.status_code, WENT_WRONG in answer.text) == (422, True)
    assert not is_in(browser)


def test_what_another_browser_began_signs_nobody_in_here(office: Office, provider: Provider) -> None:
    _, evil = begin(office)
    came = provider.sign_in(evil)
    victim, _ = begin(office)
    stranger = office.browser()

    answers = [victim.get(came), stranger.get(came)]

    assert [a.status_code for a in answers] == [422, 422]
    victim.client.follow_redirects = True
    assert not is_in(victim)
    assert not is_in(stranger)


def test_a_code_opens_once_and_a_seal_ends(office: Office, provider: Provider) -> None:
    from datetime import timedelta

    browser, url = begin(office)
    came = provider.sign_in(url)
    first, second = browser.get(came), browser.get(came)
    late, url = begin(office)
    came = provider.sign_in(url)
    office.now += timedelta(seconds=601)

    assert (first.status_code, second.status_code) == (303, 422)
    assert late.get(came).status_code == 422


def test_a_seal_that_is_none_of_ours_is_nothing(office: Office, provider: Provider) -> None:
    browser, url = begin(office)
    came = provider.sign_in(url)
    sealed = browser.client.cookies.get("__Host-oidc", path="/")

    for value in ("", "x", "x.y", f"{sealed[:-1]}x", f"x{sealed}", "a" * 5000):
        browser.client.cookies.set("__Host-oidc", value, domain="desk.example.org", path="/")
        assert browser.get(came).status_code == 422


def test_who_left_stays_out(office: Office, provider: Provider) -> None:
    omar = office.hire("Omar", Role.EDITOR)
    provider.claims["email"] = "omar@example.org"
    office.hire("Admin", Role.ADMIN)
    office.staffing.staff.set_left(omar.id, office.now)

    browser, answer = come_in(office, provider)

    assert answer.status_code == 403
    assert not is_in(browser)
    assert "eve" not in str([m.address for m in office.staffing.staff.all()])


@pytest.mark.parametrize(
    ("trusts", "methods", "asked"),
    [(False, ["mfa"], True), (True, ["mfa"], False), (True, ["pwd"], True), (True, None, True)],
)
def test_the_second_factor_is_ours_unless_the_settings_trust_the_provider(
    office: Office, provider: Provider, tmp_path: Path, trusts: bool, methods: list[str] | None, asked: bool
) -> None:
    settings = office.settings.model_copy(update={"oidc_trusts_factor": trusts})
    again = Office(
        office.house.engine,
        tmp_path,
        **settings.model_dump(include={"oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_trusts_factor"}),
    )
    again.hire("Admin", Role.ADMIN)
    provider.claims.update(email="Admin@Example.org", amr=methods)

    browser, _ = come_in(again, provider)

    assert is_in(browser) is not asked
    assert ("authenticator shows" in browser.get("/").text) is asked


def test_a_provider_that_is_away_is_said(office: Office, tmp_path: Path) -> None:
    away = Office(office.house.engine, tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_client_id=CLIENT)

    answer = away.browser().get("/sign-in/oidc")

    assert answer.status_code == 502
    assert "does not answer" in answer.text


@pytest.mark.parametrize("issuer", ["http://login.example.org", "http://127.0.0.1.evil.example"])
def test_a_provider_without_tls_is_not_asked(office: Office, tmp_path: Path, issuer: str) -> None:
    plain = Office(office.house.engine, tmp_path, oidc_issuer=issuer, oidc_client_id=CLIENT)

    answer = plain.browser().get("/sign-in/oidc")

    assert (answer.status_code, "is not https" in answer.text) == (502, True)
