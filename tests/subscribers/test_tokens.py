"""A personal link opens one page, for one person, for as long as it should; anything else opens nothing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.tokens import LIFETIME, Claims, Flaw, Keyring, Purpose, issue, issuer, link, read
from tests.builders import MONDAY

KEYS = Keyring((b"k" * 32,))
NAMES = st.text("ABCxyz019_-", min_size=1, max_size=36)


@given(subject=NAMES, scope=st.one_of(st.just(""), NAMES), purpose=st.sampled_from(Purpose))
def test_what_was_issued_is_read_back_and_serves_no_other_purpose(subject: str, scope: str, purpose: Purpose) -> None:
    token = issue(KEYS, purpose, subject, scope, now=MONDAY)

    issued = None if LIFETIME[purpose] is None else MONDAY
    assert read(KEYS, purpose, token, MONDAY) == Claims(subject, scope, issued)
    assert {read(KEYS, other, token, MONDAY) for other in Purpose if other is not purpose} == {Flaw.BROKEN}


@given(at=st.integers(0, 60), letter=st.sampled_from("Aa0_.~/é\0\n"))
def test_one_changed_letter_breaks_a_token(at: int, letter: str) -> None:
    token = issue(KEYS, Purpose.CONFIRM, "id-ada", "beauty", now=MONDAY)
    changed = token[:at] + letter + token[at + 1 :]

    assert changed == token or read(KEYS, Purpose.CONFIRM, changed, MONDAY) is Flaw.BROKEN


@pytest.mark.parametrize("purpose", [p for p in Purpose if LIFETIME[p]])
def test_a_timed_token_ends_on_the_second(purpose: Purpose) -> None:
    token = issue(KEYS, purpose, "id-ada", now=MONDAY)
    end = MONDAY + (LIFETIME[purpose] or timedelta())

    assert isinstance(read(KEYS, purpose, token, end - timedelta(seconds=1)), Claims)
    assert read(KEYS, purpose, token, end) is Flaw.EXPIRED


def test_an_old_mail_still_unsubscribes_after_years() -> None:
    token = issue(KEYS, Purpose.UNSUBSCRIBE, "id-ada", "beauty")

    assert read(KEYS, Purpose.UNSUBSCRIBE, token, MONDAY + timedelta(days=4000)) == Claims("id-ada", "beauty")


@pytest.mark.parametrize(
    "token",
    ["", ".", "...", "a" * 10_000, "\0", "../../etc", "id-ada.beauty", "%00.%ff", "ü.b." + "A" * 20, "a.b.c.d.e"],
)
def test_junk_is_no_token(token: str) -> None:
    assert read(KEYS, Purpose.UNSUBSCRIBE, token, MONDAY) is Flaw.BROKEN


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_truncated_token_is_no_token(cut: int) -> None:
    token = issue(KEYS, Purpose.UNSUBSCRIBE, "id-ada", "beauty")

    assert read(KEYS, Purpose.UNSUBSCRIBE, token[:-cut], MONDAY) is Flaw.BROKEN


def test_a_key_is_replaced_without_breaking_the_links_that_are_out() -> None:
    old, new = b"o" * 32, b"n" * 32
    token = issue(Keyring((old,)), Purpose.UNSUBSCRIBE, "id-ada")

    assert read(Keyring.parse(new + b"\n" + old + b"\n"), Purpose.UNSUBSCRIBE, token, MONDAY) == Claims("id-ada")
    both, alone = (issue(Keyring(ring), Purpose.UNSUBSCRIBE, "id-ada") for ring in ((new, old), (new,)))
    assert both == alone
    assert read(Keyring((new,)), Purpose.UNSUBSCRIBE, token, MONDAY) is Flaw.BROKEN


def test_the_unsubscribe_address_is_short_enough_for_pythons_email_package() -> None:
    # From 75 letters on the package encodes the header, and no provider unsubscribes anybody any more.
    token = issuer(KEYS, Purpose.UNSUBSCRIBE, "beauty")("AbCdEfGhIjKl")

    assert len(link("https://news.example.org", Purpose.UNSUBSCRIBE, token)) <= 74


def test_a_token_takes_no_letters_that_an_address_would_have_to_escape() -> None:
    with pytest.raises(ValueError, match="holds letters"):
        issue(KEYS, Purpose.UNSUBSCRIBE, "ada@example.org")
    with pytest.raises(ValueError, match="needs the time"):
        issue(KEYS, Purpose.CONFIRM, "id-ada")


def test_a_keyring_shows_no_key() -> None:
    assert "kkk" not in repr(KEYS)
    with pytest.raises(ValueError, match="at least one key"):
        Keyring.parse(b" \n")


@given(subjects=st.lists(NAMES, max_size=5), purpose=st.sampled_from(Purpose))
def test_one_issuer_makes_the_tokens_that_are_issued_one_by_one(subjects: list[str], purpose: Purpose) -> None:
    make = issuer(KEYS, purpose, "beauty", now=MONDAY)

    assert [make(s) for s in subjects] == [issue(KEYS, purpose, s, "beauty", now=MONDAY) for s in subjects]
    assert [read(KEYS, purpose, make(s), MONDAY) for s in subjects] == [
        Claims(s, "beauty", None if LIFETIME[purpose] is None else MONDAY) for s in subjects
    ]
