"""A signed message is accepted by a verifier that is not ours, and a changed one is not."""

from collections.abc import Callable

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.rendering.mime import UNSUBSCRIBE, Template
from newsletter.transports.dkim import Signer, SigningKey, SigningKeyError, read_key
from tests.builders import MONDAY
from tests.letters import IDENTITY, make_rendering

RSA = SigningKey("news.example.org", "r2026", generate_private_key(65537, 2048))
ED25519 = SigningKey("news.example.org", "e2026", Ed25519PrivateKey.generate())
BOTH = Signer([RSA, ED25519])


def look_up(name: bytes, timeout: int = 5) -> bytes:
    records = {f"{key.record_name}.".encode(): key.record.encode() for key in (RSA, ED25519)}
    return records[name]


def make_message(name: str = "Ada", signer: Signer = BOTH) -> bytes:
    slots = {"name": name, UNSUBSCRIBE: "https://news.example.org/u/abc"}
    pieces = Template(make_rendering(), IDENTITY).merge(name, "ada@example.org", "1@news.example.org", MONDAY, slots)
    return signer([pieces])[0] + b"".join(pieces)


@pytest.mark.parametrize("index", [0, 1], ids=["rsa", "ed25519"])
def test_both_signatures_verify(index: int) -> None:
    assert dkim.DKIM(make_message()).verify(idx=index, dnsfunc=look_up)


@settings(max_examples=20, deadline=None)
@given(name=st.text(max_size=120))
def test_every_persons_message_verifies(name: str) -> None:
    assert dkim.verify(make_message(name), dnsfunc=look_up)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.replace(b"Fine needles", b"Five needles", 1),
        lambda m: m.replace(b"\r\nSubject: One digest", b"\r\nSubject: Two digests"),
        lambda m: m.replace(b"/u/abc>", b"/u/eve>"),
        lambda m: m.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        lambda m: m.replace(b"\r\nMIME-Version", b"\r\nFrom: eve@example.org\r\nMIME-Version"),
        lambda m: m.replace(b"\r\nMIME-Version", b"\r\nList-Unsubscribe: <https://eve.example.org>\r\nMIME-Version"),
    ],
    ids=["body", "subject", "unsubscribe", "one-click", "second From", "second List-Unsubscribe"],
)
def test_a_changed_message_does_not_verify(change: Callable[[bytes], bytes]) -> None:
    signed = make_message()
    changed = change(signed)

    assert changed != signed
    assert not dkim.verify(changed, dnsfunc=look_up)


def test_a_header_that_a_relay_folds_anew_still_verifies() -> None:
    folded = make_message().replace(b"List-Id: Beauty News <", b"List-Id: Beauty\r\n   News\t<")

    assert folded != make_message()
    assert dkim.verify(folded, dnsfunc=look_up)


def test_the_same_message_is_signed_in_the_same_bytes() -> None:
    assert make_message() == make_message()


def test_no_line_is_longer_than_smtp_allows() -> None:
    assert max(map(len, make_message().split(b"\r\n"))) <= 998


def pem(private: object) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_a_key_is_read_from_its_file_and_never_shown() -> None:
    key = read_key(pem(RSA.private), "news.example.org", "r2026")

    assert key.record == RSA.record
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"nonsense", "unlocked PEM"),
        (pem(generate_ec(SECP256R1())), "neither RSA nor Ed25519"),
    ],
    ids=["no key", "elliptic"],
)
def test_a_key_that_receivers_would_not_accept_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(SigningKeyError, match=says):
        read_key(content, "example.org", "s")
