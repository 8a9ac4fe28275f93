"""An operator is told what the DNS lacks, in words that can be pasted."""

import pytest

from newsletter.transports.dns_advice import Advice, advise

KEY = ("k._domainkey.news.example.org", "v=DKIM1; k=rsa; p=AAAA")

GOOD = {
    ("bounces.example.org", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"],
    ("k._domainkey.news.example.org", "TXT"): ["v=DKIM1; k=rsa; p=AA AA"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject"],
    ("bounces.example.org", "MX"): ["10 mx.example.org."],
    ("192.0.2.1", "PTR"): ["out.example.org."],
    ("out.example.org", "A"): ["192.0.2.1"],
}


NAMES = {
    "spf": ("bounces.example.org", "TXT"),
    "dkim": (KEY[0], "TXT"),
    "dmarc": ("_dmarc.example.org", "TXT"),
    "mx": ("bounces.example.org", "MX"),
    "ptr": ("192.0.2.1", "PTR"),
    "back": ("out.example.org", "A"),
}


def ask(**changes: list[str]) -> tuple[Advice, ...]:
    records = GOOD | {NAMES[name]: value for name, value in changes.items()}

    def look_up(name: str, kind: str) -> list[str]:
        return records.get((name, kind), [])

    return advise("news.example.org", "bounces.example.org", [KEY], ["192.0.2.1"], look_up)


def test_a_domain_in_order_leaves_nothing_to_do() -> None:
    assert [advice.todo for advice in ask()] == [""] * 5


@pytest.mark.parametrize(
    ("changes", "todo"),
    [
        ({"spf": []}, 'publish TXT "v=spf1 ip4:192.0.2.1 -all"'),
        ({"spf": ["v=spf1 -all", "v=spf1 mx -all"]}, "keep one"),
        ({"spf": ["v=spf1 +all"]}, "end with -all"),
        ({"spf": ["v=spf1 ip4:192.0.2.9 -all"]}, "add 192.0.2.1"),
        ({"dkim": []}, 'publish TXT "v=DKIM1; k=rsa; p=AAAA"'),
        ({"dkim": ["v=DKIM1; p=BBBB"]}, "replace it by"),
        ({"dmarc": []}, "_dmarc.news.example.org"),
        ({"dmarc": ["v=DMARC1; p=none; aspf=s"]}, "cannot align strictly"),
        ({"mx": []}, "publish an MX"),
        ({"ptr": []}, "5.7.25"),
        ({"back": []}, "point back to 192.0.2.1"),
    ],
)
def test_what_is_missing_is_named_with_what_would_do(changes: dict[str, list[str]], todo: str) -> None:
    [told] = [advice.todo for advice in ask(**changes) if advice.todo]

    assert todo in told


def test_a_relay_in_the_record_is_trusted_with_its_addresses() -> None:
    assert [a.todo for a in ask(spf=["v=spf1 include:_spf.relay.example -all"])] == [""] * 5
