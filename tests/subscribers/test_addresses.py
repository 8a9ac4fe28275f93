"""An address is one mailbox that mail can reach; two spellings of a mailbox are one, and doubts are named."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from subscribers.addresses import Address, AddressError, Note, looks_alike, masked, read_address
from subscribers.people import address_key


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.org", Address("ada@example.org")),
        (" Ada.B+tag@EXAMPLE.org\t", Address("Ada.B+tag@example.org")),
        ("user@münchen.de", Address("user@münchen.de")),
        ("user@xn--mnchen-3ya.de", Address("user@münchen.de")),
        ("ü@example.com", Address("ü@example.com", frozenset({Note.NEEDS_SMTPUTF8}))),
        ("a@b.c", Address("a@b.c", frozenset({Note.UNLIKELY}))),
        ("postmaster@example.org", Address("postmaster@example.org", frozenset({Note.ROLE}))),
        ("list-request@example.org", Address("list-request@example.org", frozenset({Note.ROLE}))),
        ("x@mailinator.com", Address("x@mailinator.com", frozenset({Note.DISPOSABLE}))),
        ("ada@gmial.com", Address("ada@gmial.com", frozenset({Note.TYPO}), "ada@gmail.com")),
        ("=cmd|x@example.com", Address("=cmd|x@example.com")),
        (64 * "x" + "@example.com", Address(64 * "x" + "@example.com")),
    ],
)
def test_an_address_is_read_with_what_we_noticed(text: str, address: Address) -> None:
    assert read_address(text) == address


def test_an_imitation_is_noticed() -> None:
    assert Note.MIXED_SCRIPTS in read_address("аdmin@example.com").notes  # a Cyrillic a
    assert Note.MIXED_SCRIPTS not in read_address("пример@пример.рф").notes


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", "ada", "ada@", "@example.org", "a@localhost", "a@example", "a@[127.0.0.1]", "a@test.invalid"),
        *(65 * "x" + "@example.com", "a@" + 64 * "x" + ".com", 250 * "x" + "@a.com", 10_000 * "a@"),
        *("a..b@example.org", ".a@example.org", "a.@example.org", "a@-x.com", "a@x..com", "a@x.com."),
        *('"quoted local"@example.com', '"a\\"b"@example.com', "a(comment)@example.com", "mailto:a@example.com"),
        *(
            "a@example.com,b@example.com",
            "<a@example.com>",
            "Ann <a@example.com>",
            "a@example.com\u00a0",
            "a\u200b@x.com",
        ),
        *(
            "a@b.example\r\nBcc: x@y.com",
            "a@b.com\nBcc: x",
            "a\0@example.com",
            "\u202ea@example.com",
            "a b@example.com",
        ),
        *("alice@example.org)bob@evil.example", "alice@example.org]<bob@evil.example>"),
    ],
)
def test_what_is_not_one_address_is_refused_in_words_for_who_typed_it(text: str) -> None:
    with pytest.raises(AddressError) as refusal:
        read_address(text)

    assert str(refusal.value)[0].isupper()
    assert "@-sign" not in str(refusal.value)


def test_a_name_around_an_address_is_refused_with_the_address_to_enter() -> None:
    with pytest.raises(AddressError, match=r"without a name: a@example\.com"):
        read_address("Ann <a@example.com>")


#: Letters with which plain addresses and near misses are made.
PARTS = st.text("aZ0.-+_@x", min_size=1, max_size=12)


@given(
    local=PARTS, domain=PARTS, top=st.sampled_from([".com", ".org", ".test", ".local", ".c0m", ".x", ".xn--p1ai", ""])
)
def test_the_quick_way_judges_as_the_library_does(local: str, domain: str, top: str) -> None:
    text = f"{local}@{domain}{top}"
    try:
        expected = validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        expected = ""
    try:
        found = read_address(text).text
    except AddressError:
        found = ""

    assert found == expected


def test_case_does_not_make_another_mailbox_but_a_different_domain_does() -> None:
    assert address_key("Ada@EXAMPLE.org") == address_key("ada@example.org ")
    assert address_key("a@straße.example") != address_key("a@strasse.example")
    assert looks_alike("a.d.a+x@gmail.com") == looks_alike("ADA@gmail.com")


def test_a_masked_address_is_recognised_by_its_owner_only() -> None:
    assert masked("ada.lovelace@mail.example.org") == "a•••@m•••.org"
