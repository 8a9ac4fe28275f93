"""Reads mail addresses: which are valid, which are the same mailbox, and which deserve a second look."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

#: Octets of an address at most (RFC 5321, 4.5.3.1.3 with erratum 1690). Checked first: no pattern sees a longer text.
LONGEST = 254

#: Most addresses in the world look like this; the library that knows the rest takes twenty times as long. Whatever
#: does not fit, and every name reserved by RFC 6761, is the library's to judge; a test compares the two.
_PLAIN = re.compile(
    r"(?P<local>[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)"
    r"@(?P<domain>(?:(?!.{2}--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<top>[A-Za-z]{2,63}))"
)
_SPECIAL_TOPS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)

#: Mailboxes of an office, not of a person (RFC 2142), and machines that nobody reads.
ROLES = frozenset(
    (
        *("abuse", "admin", "administrator", "bounce", "bounces", "daemon", "hostmaster", "info", "mailer-daemon"),
        *("marketing", "no-reply", "noc", "noreply", "postmaster", "root", "sales", "security", "support"),
        *("usenet", "webmaster", "www"),
    )
)
_ROLE_ENDINGS = ("-request", "-owner", "-bounces", "-admin", "-unsubscribe")

#: What people mean when they type this.
TYPOS = {
    "gmial.com": "gmail.com", "gmai.com": "gmail.com", "gamil.com": "gmail.com", "gmail.co": "gmail.com",
    "gmail.con": "gmail.com", "gnail.com": "gmail.com", "hotmial.com": "hotmail.com", "hotmal.com": "hotmail.com",
    "hotmail.con": "hotmail.com", "outlok.com": "outlook.com", "outloo.com": "outlook.com", "yaho.com": "yahoo.com",
    "yahooo.com": "yahoo.com", "yahoo.con": "yahoo.com", "iclould.com": "icloud.com", "icloud.con": "icloud.com",
}  # fmt: skip

#: Domains that hand out mailboxes for ten minutes. A short list of the best known: a warning, never a refusal.
DISPOSABLE = frozenset(
    (
        *("10minutemail.com", "guerrillamail.com", "mailinator.com", "sharklasers.com"),
        *("temp-mail.org", "trashmail.com", "yopmail.com"),
    )
)


class Note(Enum):
    """Why an address deserves a second look, in words a marketer understands."""

    ROLE = "belongs to an office or a machine, not to a person"
    TYPO = "looks misspelt"
    DISPOSABLE = "is a mailbox for a few minutes"
    UNLIKELY = "has an unlikely domain"
    MIXED_SCRIPTS = "mixes letters of several scripts, so it may imitate another address"
    NEEDS_SMTPUTF8 = "can be reached only through servers that support international addresses"


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address as we write to it, and what we noticed about it."""

    text: str
    notes: frozenset[Note] = frozenset()
    suggestion: str = ""  #: what was meant, if it looks misspelt

    def __str__(self) -> str:
        """Return the text."""
        return self.text


class AddressError(ValueError):
    """A text is no address we can write to; the message says why, in words for the person who typed it."""


def read_address(text: str) -> Address:
    """Return the address in `text`; the domain in lower case and in its Unicode form, the local part as written.

    Raises:
        AddressError: It is not one address, or one that no mail can reach.
    """
    text = text.strip(" \t\r\n")
    if not text:
        raise AddressError("Enter an email address.")
    if len(text) > LONGEST:
        raise AddressError("This address is too long.")
    match = _PLAIN.fullmatch(text)
    if match and len(match["local"]) <= 64 and match["top"].lower() not in _SPECIAL_TOPS:
        local, domain = match["local"], match["domain"].lower()
        return _noted(local, domain, needs_utf8=False)
    return _by_the_book(text)


def looks_alike(text: str) -> str:
    """Return the form under which addresses that may be one person are reported: without tags, dots and case."""
    local, _, domain = text.casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def masked(text: str) -> str:
    """Return `text` so that its owner recognises it and nobody else learns it: a•••@e•••.org."""
    local, _, domain = text.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}•••@{name[:1]}•••.{top}"


def _by_the_book(text: str) -> Address:
    inside = re.search(r"<([^<>]+)>\s*$", text)
    if inside and "@" in inside[1] and not re.search(r"[\r\n]", text):
        raise AddressError(f"Enter only the address, without a name: {inside[1].strip()[:LONGEST]}")
    try:
        found = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise AddressError(_in_our_words(str(error))) from error
    return _noted(found.local_part, found.domain, needs_utf8=found.ascii_email is None)


def _in_our_words(message: str) -> str:
    known = {
        "must have an @-sign": "An email address has an @ in it.",
        "special-use": "Nothing can be delivered to this domain.",
        "should have a period": "The part after the @ needs a dot, as in example.org.",
        "too long": "This address is too long.",
    }
    return next((ours for theirs, ours in known.items() if theirs in message), "This is not a valid email address.")


def _noted(local: str, domain: str, *, needs_utf8: bool) -> Address:
    notes = set()
    if local.lower() in ROLES or local.lower().endswith(_ROLE_ENDINGS):
        notes.add(Note.ROLE)
    if domain in TYPOS:
        notes.add(Note.TYPO)
    if domain in DISPOSABLE:
        notes.add(Note.DISPOSABLE)
    if len(domain.rpartition(".")[2]) < 2:
        notes.add(Note.UNLIKELY)
    text = f"{local}@{domain}"
    if not text.isascii() and (_mixes_scripts(local) or _mixes_scripts(domain)):
        notes.add(Note.MIXED_SCRIPTS)
    if needs_utf8:
        notes.add(Note.NEEDS_SMTPUTF8)
    return Address(text, frozenset(notes), f"{local}@{TYPOS[domain]}" if domain in TYPOS else "")


def _mixes_scripts(text: str) -> bool:
    # The first word of a letter's name is its script, close enough to notice an imitation.
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in text if c.isalpha()}
    return len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1 or any(
        unicodedata.normalize("NFKC", c) != c for c in text
    )
