"""Explains to an operator what the DNS says about a sending domain, and what to put there (SPF, DKIM, DMARC, PTR)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Returns the records of one type at one name, texts joined; nothing where there are none.
LookUp = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that was looked at. `todo` is empty when it is as it should be."""

    what: str
    found: str
    todo: str = ""


def advise(
    domain: str, bounce_domain: str, records: Sequence[tuple[str, str]], addresses: Sequence[str], look_up: LookUp
) -> tuple[Advice, ...]:
    """Return what the DNS says about mail from `domain`, and what would have to change.

    Args:
        domain: Of the From address.
        bounce_domain: Of the envelope senders.
        records: Names and texts of the DKIM records that go with our keys; none when the relay signs.
        addresses: The IPv4 or IPv6 addresses that mail leaves from.
        look_up: Asks the DNS.
    """
    return (
        _spf(bounce_domain, addresses, look_up),
        *(_dkim(name, text, look_up) for name, text in records),
        _dmarc(domain, bounce_domain, look_up),
        _bounces(bounce_domain, look_up),
        *(_pointer(address, look_up) for address in addresses),
    )


def _spf(domain: str, addresses: Sequence[str], look_up: LookUp) -> Advice:
    # SPF is about the envelope sender (RFC 7208, 2.4), so it stands at the bounce domain, not at the From domain.
    what = f"SPF of {domain}"
    found = [text for text in look_up(domain, "TXT") if text.lower().startswith("v=spf1")]
    ours = " ".join(f"ip{6 if ':' in address else 4}:{address}" for address in addresses)
    if not found:
        return Advice(what, "nothing", f'publish TXT "v=spf1 {ours or "include:YOUR-RELAY"} -all"')
    if len(found) > 1:
        return Advice(what, f"{len(found)} records", "keep one; two count as none (RFC 7208, 4.5)")
    if re.search(r"[+]all\b", found[0]) or found[0].split()[-1] == "all":
        return Advice(what, found[0], "end with -all: as it is, everybody may send in your name")
    named = re.search(r"\b(include|redirect|a|mx|exists)\b", found[0])
    missing = [address for address in addresses if address not in found[0]]
    if missing and not named:
        return Advice(what, found[0], f"add {', '.join(missing)}: mail leaves from there")
    return Advice(what, found[0])


def _dkim(name: str, text: str, look_up: LookUp) -> Advice:
    what, wanted = f"DKIM at {name}", _tags(text)
    found = [answer for answer in look_up(name, "TXT") if "p=" in answer]
    if not found:
        return Advice(what, "nothing", f'publish TXT "{text}"')
    if _tags(found[0]).get("p") != wanted.get("p"):
        return Advice(what, "another key", f'replace it by "{text}", or sign with the key that belongs to it')
    return Advice(what, "our key")


def _dmarc(domain: str, bounce_domain: str, look_up: LookUp) -> Advice:
    what = f"DMARC of {domain}"
    parent = ".".join(domain.split(".")[-2:])
    found = next((t for name in (domain, parent) for t in look_up(f"_dmarc.{name}", "TXT") if "v=DMARC1" in t), "")
    if not found:
        return Advice(what, "nothing", f'publish TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}" at _dmarc.{domain}')
    if _tags(found).get("aspf") == "s" and bounce_domain != domain:
        return Advice(what, found, f"SPF cannot align strictly: bounces come to {bounce_domain}; DKIM has to carry it")
    return Advice(what, found)


def _bounces(domain: str, look_up: LookUp) -> Advice:
    found = [*look_up(domain, "MX"), *look_up(domain, "A"), *look_up(domain, "AAAA")]
    todo = "" if found else "publish an MX, or receivers refuse the envelope sender, and no bounce finds its way back"
    return Advice(f"mail to {domain}", ", ".join(found) or "nothing", todo)


def _pointer(address: str, look_up: LookUp) -> Advice:
    what, names = f"PTR of {address}", look_up(address, "PTR")
    if not names:
        return Advice(what, "nothing", "ask the owner of the address for one; Gmail refuses mail without (5.7.25)")
    kind = "AAAA" if ":" in address else "A"
    if not any(address in look_up(name.rstrip("."), kind) for name in names):
        return Advice(what, names[0], f"let {names[0]} point back to {address}")
    return Advice(what, names[0])


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}
