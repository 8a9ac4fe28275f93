"""Links to stories and outside pages become personal, every other byte of a mail stays, and each leads back."""

import re
from dataclasses import replace
from html import unescape

from bs4 import BeautifulSoup

from content.articles import SLOT_CLOSE, SLOT_OPEN
from content.places import edition_path
from newsletter.ports import Rendering
from newsletter.rendering.counting import count_links, name_of, targets
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Severity
from newsletter.rendering.mime import fill
from newsletter.rendering.vetting import vet
from tests.editions import LOOK, full_edition
from tests.mails import SENDER

EDITION = full_edition()
KEY, SITE = EDITION.key, LOOK.site_url
STORED = render_email(EDITION, LOOK)
COUNTED = count_links(STORED, SITE, KEY)
SLOT = f"{SLOT_OPEN}click_url{SLOT_CLOSE}"
OUTSIDE = "https://shop.example.com/?a=1&b=2"


def addresses(html: str) -> list[str]:
    return [str(a["href"]) for a in BeautifulSoup(html, "html5lib").find_all("a", href=True)]


def counted(html: str, text: str = "") -> Rendering:
    return count_links(Rendering("", html, text), SITE, KEY)


def test_with_every_place_filled_again_by_its_target_the_mail_is_the_stored_one() -> None:
    leads = targets(STORED, SITE, KEY)

    def restore(text: str) -> str:
        return re.sub(re.escape(SLOT) + "/([0-9a-f]+)", lambda found: leads[found[1]], text)

    assert restore(COUNTED.text) == STORED.text
    assert unescape(restore(COUNTED.html)) == unescape(STORED.html)
    assert COUNTED.subject == STORED.subject


def test_what_is_personal_already_and_the_page_for_browsers_stay_and_stories_do_not() -> None:
    page = f"{SITE}/{edition_path(KEY)}"
    before, after = addresses(STORED.html), addresses(COUNTED.html)
    same = {old for old, new in zip(before, after, strict=True) if old == new}
    changed = {old: new for old, new in zip(before, after, strict=True) if old != new}

    assert page in same
    assert {f"{SLOT_OPEN}unsubscribe_url{SLOT_CLOSE}", f"{SLOT_OPEN}preferences_url{SLOT_CLOSE}"} <= same
    assert not any(url.startswith("https://") and not url.startswith(SITE) for url in same)
    assert f"{page}#{EDITION.stories[0].anchor}" in changed
    assert changed == {old: f"{SLOT}/{name_of(old)}" for old in changed}
    assert set(changed) <= set(targets(STORED, SITE, KEY).values())


def test_links_to_write_to_us_and_links_whose_words_are_an_address_stay() -> None:
    kept = '<a href="mailto:a@example.org">write</a><a href="https://shop.example.com/">www.shop.example.com</a>'

    assert counted(kept).html == kept
    assert counted(f'<a class="x" href="{OUTSIDE.replace("&", "&amp;")}">serum</a>').html == (
        f'<a class="x" href="{SLOT}/{name_of(OUTSIDE)}">serum</a>'
    )


def test_in_the_text_only_addresses_of_their_own_line_are_links() -> None:
    text = f"[1] {OUTSIDE}\n  {OUTSIDE}\nsee {OUTSIDE}\n{SITE}/privacy\n"
    slot = f"{SLOT}/{name_of(OUTSIDE)}"

    assert counted("", text).text == f"[1] {slot}\n  {slot}\nsee {OUTSIDE}\n{SITE}/privacy\n"


def test_an_edition_whose_key_fits_into_no_link_is_not_counted() -> None:
    assert count_links(STORED, SITE, "k" * 65) is STORED


def test_a_person_has_one_place_for_all_links() -> None:
    said = fill(counted(f'<a href="{OUTSIDE}">a</a><a href="{SITE}/articles/x.html">b</a>').html, {"click_url": "/g/t"})

    assert addresses(said) == [f"/g/t/{name_of(OUTSIDE)}", f"/g/t/{name_of(f'{SITE}/articles/x.html')}"]


def test_the_size_that_is_judged_is_that_of_the_longer_links() -> None:
    links = "".join(f'<a href="https://example.org/{n}">serum</a> ' for n in range(200))
    longer = replace(STORED, html=STORED.html.replace("</body>", f"{links}</body>"))

    def sizes(*, count_clicks: bool) -> list[Severity]:
        found = vet(EDITION, full(longer, 95_000), LOOK, SENDER, count_clicks=count_clicks)
        return [f.severity for f in found if f.rule == "size"]

    assert sizes(count_clicks=False) == [Severity.WARNING]
    assert sizes(count_clicks=True) == [Severity.BLOCKER]


def full(mail: Rendering, size: int) -> Rendering:
    """Return a mail whose HTML has been filled up to `size` bytes."""
    missing = size - len(mail.html.encode())
    return replace(mail, html=mail.html.replace("</body>", "<!--" + "x" * missing + "--></body>"))
