"""Personal links: short signed tokens, each good for one purpose, most of them for a limited time."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from hashlib import sha256

#: Octets of the keyed hash that a token carries: 120 bits cannot be guessed by asking a web server, and 20 letters
#: leave room for the rest. Python's email package encodes a List-Unsubscribe of 75 letters and more (CPython issue
#: 85725), which no mailbox provider decodes; delivery has a second guard against that, short links are the first.
MAC_BYTES = 15

#: No token of ours is longer; what is, is not looked at.
LONGEST = 200

_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"(?P<body>[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{0,64}){1,2})\.(?P<mac>[A-Za-z0-9_-]{20})")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

#: Tokens count seconds from here: six letters last until 2095.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Purpose(StrEnum):
    """What a link is for; a token of one purpose is worthless for another. The value is its place in the address."""

    UNSUBSCRIBE = "u"
    CONFIRM = "c"
    MANAGE = "p"
    DATA = "d"
    PUT_BACK = "b"
    ADDRESS = "a"
    FORM = "f"
    CLICK = "g"


#: How long each kind of link works. None: for ever, because the law wants an old mail's unsubscribe link to work
#: (30 days in the United States), and a person who digs out a mail of last year wants it too.
LIFETIME: dict[Purpose, timedelta | None] = {
    Purpose.UNSUBSCRIBE: None,
    Purpose.CONFIRM: timedelta(hours=48),
    Purpose.MANAGE: timedelta(days=60),
    Purpose.DATA: timedelta(hours=1),
    Purpose.PUT_BACK: timedelta(days=7),
    Purpose.ADDRESS: timedelta(hours=48),
    Purpose.FORM: timedelta(days=2),
    Purpose.CLICK: None,  # a link of an old mail still leads where it led
}


class Flaw(Enum):
    """Why a token opens nothing."""

    BROKEN = "broken"  #: cut, changed, of another purpose, or not ours
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says: whom it is about, which list or change, and when it was made (None: untimed)."""

    subject: str
    scope: str = ""
    issued: datetime | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secrets that sign links: the first signs, all of them verify, so a key can be replaced without a break."""

    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a ring without keys."""
        if not self.secrets or not all(self.secrets):
            raise ValueError("a keyring needs at least one key")

    @classmethod
    def parse(cls, text: bytes) -> "Keyring":
        """Return the keys that `text` holds, one a line, the newest first."""
        return cls(tuple(text.split()))

    def mac(self, purpose: str, message: str) -> str:
        """Return the newest key's signature of `message` for one purpose."""
        return _mac(self.secrets[0], purpose, message)

    def verifies(self, purpose: str, message: str, mac: str) -> bool:
        """Tell whether any key signed `message` for this purpose. Takes the same time whatever is wrong."""
        matches = [hmac.compare_digest(_mac(secret, purpose, message), mac) for secret in self.secrets]
        return any(matches)

    def pseudonyms(self, text: str) -> tuple[str, ...]:
        """Return the keyed hashes under which `text` may have been remembered, the newest key's first."""
        return tuple(f"#{_mac(secret, 'pseudonym', text)}" for secret in self.secrets)


def issue(keys: Keyring, purpose: Purpose, subject: str, scope: str = "", *, now: datetime | None = None) -> str:
    """Return a token.

    Args:
        keys: The first of them signs.
        purpose: What the link is for.
        subject: Whom it is about: letters, digits, _ and -.
        scope: Which list or change, of the same letters; empty when the purpose says all.
        now: When; needed for every purpose that has a lifetime.

    Raises:
        ValueError: The subject or scope holds other letters, or a timed purpose came without a time.
    """
    return issuer(keys, purpose, scope, now=now)(subject)


def issuer(keys: Keyring, purpose: Purpose, scope: str = "", *, now: datetime | None = None) -> Callable[[str], str]:
    """Return what makes such a token for one subject after another; what they have in common is made once.

    The arguments are those of `issue`.

    Raises:
        ValueError: The scope holds other letters, or a timed purpose came without a time. What is returned raises it
            for a subject that does.
    """
    if scope and not _FIELD.fullmatch(scope):
        raise ValueError(f"a token's scope holds letters, digits, _ and -, got {scope!r}")
    end = f".{scope}"
    if LIFETIME[purpose] is not None:
        if now is None:
            raise ValueError(f"a link of the purpose {purpose.name} needs the time it was made")
        end += f".{_base36(int((now - _EPOCH).total_seconds()))}"
    begun = hmac.new(keys.secrets[0], _signed(purpose, ""), sha256)

    def token(subject: str) -> str:
        if not _FIELD.fullmatch(subject):
            raise ValueError(f"a token's subject holds letters, digits, _ and -, got {subject!r}")
        body, mac = subject + end, begun.copy()
        mac.update(body.encode())
        return f"{body}.{_letters(mac.digest())}"

    return token


def read(keys: Keyring, purpose: Purpose, token: str, now: datetime) -> Claims | Flaw:
    """Return what `token` says, or why it says nothing for this purpose at this time."""
    match = _TOKEN.fullmatch(token) if len(token) <= LONGEST else None
    if match is None or not keys.verifies(purpose, match["body"], match["mac"]):
        return Flaw.BROKEN
    subject, scope, *time = match["body"].split(".")
    lifetime = LIFETIME[purpose]
    if lifetime is None:
        return Claims(subject, scope)
    issued = _EPOCH + timedelta(seconds=int(time[0], 36))
    return Claims(subject, scope, issued) if now < issued + lifetime else Flaw.EXPIRED


def link(public_url: str, purpose: Purpose, token: str) -> str:
    """Return the address of a personal page on the public site."""
    return f"{public_url}/{purpose.value}/{token}"


def _mac(secret: bytes, purpose: str, message: str) -> str:
    return _letters(hmac.digest(secret, _signed(purpose, message), sha256))


def _signed(purpose: str, message: str) -> bytes:
    return f"newsletter/{purpose}\0{message}".encode()


def _letters(digest: bytes) -> str:
    return urlsafe_b64encode(digest[:MAC_BYTES]).decode()


def _base36(number: int) -> str:
    if number < 0:
        raise ValueError("a token cannot be older than the product")
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text
