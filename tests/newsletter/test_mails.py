"""Every mail that we send, and the worst that content can be, passes whoever judges mail from outside."""

import re
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import authheaders
import dkim
import pytest
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from newsletter.rendering.headers import check_headers
from newsletter.rendering.spam import score_of
from newsletter.transports.dkim import Signer, SigningKey
from tests.builders import IN_CI
from tests.mails import READER, Mail, every_mail
from tests.newsletter.browsers import needs_chromium
from tests.newsletter.test_rendering_awkward import AWKWARD
from tests.postfix import Postfix, postfix, why_not

MAILS = every_mail()
KEY = SigningKey("news.example.org", "k", generate_private_key(65537, 2048))
ENVELOPE = "bounce@bounces.news.example.org"

#: Those that a spam filter is shown: it takes more than a second for each.
SCORED = ("digest, en", "welcome, de", "test, en", "letter confirm, de", "60 stories", "60 very long titles",
          "from right to left", "emoji and rare letters", "no space anywhere")  # fmt: skip

#: Those that a browser is shown: every template in each language, and the worst. What is awkward stands in one of them.
SHOWN = {name: mail for name, mail in MAILS.items() if name not in AWKWARD}

#: What only pages have to have: a mail stands in somebody else's page.
PAGE_RULES = ("landmark-one-main", "region", "page-has-heading-one", "bypass")

#: What a filter must not find, however little it costs.
BAD_SIGNS = re.compile(
    r"MIME_HTML_ONLY|HTML_FONT_LOW_CONTRAST|MISSING_|INVALID_|MPART_ALT_DIFF|HTML_IMAGE_ONLY|SUBJ_ALL_CAPS|"
    r"HTML_TAG_BALANCE|FROM_EXCESS_BASE64|DKIM_INVALID|BASE64_LENGTH"
)

#: A link that stands alone needs room for a finger (WCAG 2.2, 2.5.8).
SMALL_LINKS = """() => [...document.querySelectorAll('a[href]')].filter(a => {
  const box = a.getBoundingClientRect(), words = n => n.nodeType === 3 && n.textContent.trim();
  const alone = [...a.parentElement.childNodes].every(n => n === a || !words(n));
  return box.width && !a.querySelector('img') && alone && (box.height < 24 || box.width < 24);
}).map(a => a.textContent.trim())"""

#: With its images off, a mail must still say where each link leads.
MUTE_LINKS = """() => [...document.querySelectorAll('a[href]')].filter(a =>
  !(a.innerText.trim() || [...a.querySelectorAll('img')].some(i => i.alt.trim()))).length"""


@pytest.fixture(params=MAILS, ids=[name.replace(" ", "-") for name in MAILS])
def mail(request: pytest.FixtureRequest) -> Mail:
    return MAILS[request.param]


def test_its_headers_are_as_providers_ask(mail: Mail) -> None:
    assert check_headers(mail.message, marketing=mail.is_list) == ()


def test_both_of_its_parts_lead_to_the_same_places(mail: Mail) -> None:
    text = message_from_bytes(mail.message, policy=policy.default).get_body(("plain",))  # type: ignore[attr-defined]

    links = {str(a["href"]).rstrip("/") for a in BeautifulSoup(mail.html, "html5lib").find_all("a")}

    assert {link for link in links if link not in text.get_content()} == set()


# In a browser


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it_on_every_screen(chromium: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"rules": {rule: {"enabled": False} for rule in PAGE_RULES}, "resultTypes": ["violations"]}
    found: dict[str, object] = {}
    for width in (320, 600):
        page = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
        page.route("**/*", lambda route: route.abort())
        for name, mail in SHOWN.items():
            page.set_content(mail.html, wait_until="domcontentloaded")
            wrong = [v["id"] for v in axe.run(page, options=options).response["violations"]]
            wide = page.evaluate("document.documentElement.scrollWidth")
            small, mute = page.evaluate(SMALL_LINKS), page.evaluate(MUTE_LINKS)
            if wrong or wide > width or small or mute:
                found[f"{name} at {width}"] = (wrong, wide, small, mute)
        page.context.close()

    assert found == {}


# At a spam filter


@pytest.mark.skipif(shutil.which("spamassassin") is None and not IN_CI, reason="SpamAssassin is not installed")
@pytest.mark.parametrize("name", SCORED)
def test_a_spam_filter_has_nothing_against_it(name: str) -> None:
    score, signs = score_of(MAILS[name].message)

    assert score <= -0.5
    assert [sign for sign in signs if BAD_SIGNS.match(sign)] == []


# Through a real mail server


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    # Not below pytest's folder: Postfix's users must be able to enter.
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    home.chmod(0o755)
    with postfix(home, {KEY.record_name: KEY.record}, port=2535) as running:
        yield running
    shutil.rmtree(home, ignore_errors=True)


def dns(name: bytes | str, timeout: int = 5) -> bytes | str | None:
    asked = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
    if asked == KEY.record_name:
        return KEY.record.encode()
    return "v=DMARC1; p=reject; adkim=s; aspf=r" if asked == "_dmarc.news.example.org" else None


@pytest.mark.skipif(bool(why_not()) and not IN_CI, reason=why_not())
def test_it_authenticates_and_aligns_after_a_real_mail_server(server: Postfix) -> None:
    signer = Signer([KEY])
    with smtplib.SMTP("127.0.0.1", server.port) as connection:
        for mail in MAILS.values():
            header, end, body = mail.message.partition(b"\r\n\r\n")
            (seal,) = signer([[header, end, body]])
            connection.sendmail(ENVELOPE, [READER], seal + mail.message)

    arrived = [path.read_bytes() for path in server.arrived(server.readers, len(MAILS))]

    verdicts = {_verdict(message) for message in arrived}
    assert verdicts == {(True, True, True, f"<{ENVELOPE}>")}


def _verdict(message: bytes) -> tuple[bool, bool, bool, str]:
    """Return what opendkim, dkimpy and DMARC with strict alignment say, and the envelope sender."""
    whole = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    parsed = message_from_bytes(whole, policy=policy.default)
    own = re.sub(rb"(?m)^Authentication-Results:.*\r\n(?:[ \t].*\r\n)*", b"", whole)
    judged = authheaders.authenticate_message(
        own, "check.example", spf=False, dkim=True, arc=False, dmarc=True, dnsfunc=dns
    )
    return (
        "dkim=pass" in str(parsed["Authentication-Results"]),
        dkim.verify(own, dnsfunc=dns),
        "dmarc=pass" in judged,
        str(parsed["Return-Path"]),
    )
