"""A mail is judged whole: what it prints, its headers as they would leave, and the spam filter's word."""

from dataclasses import replace
from typing import get_args

import pytest

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Finding, Observed, Severity
from newsletter.rendering.mime import Identity, Template
from newsletter.rendering.vetting import RULES, blockers, sample, unaccepted, vet
from newsletter.settings import Warned
from tests.editions import LOOK, PUBLISHED, full_edition, make_edition, make_story

SENDER = Identity(
    from_name="The Quiet Shelf",
    from_address="hello@news.example.org",
    list_id="beauty.news.example.org",
    list_name="The Quiet Shelf",
)
EDITION = make_edition(make_story())
MAIL = render_email(EDITION, LOOK)


def test_a_good_mail_has_nothing_to_answer_for() -> None:
    assert vet(EDITION, MAIL, LOOK, SENDER) == ()


def test_a_site_without_https_cannot_offer_one_click() -> None:
    plain = replace(LOOK, site_url="http://news.example.org")

    found = vet(EDITION, render_email(EDITION, plain), plain, SENDER)

    assert ("headers", "List-Unsubscribe holds 0 https addresses; RFC 8058 wants one") in {
        (f.rule, f.message) for f in blockers(found)
    }


def test_an_address_too_long_for_a_header_line_is_a_blocker() -> None:
    endless = replace(LOOK, site_url=f"https://news.example.org/{'x' * 1000}")

    (found,) = blockers(vet(EDITION, render_email(EDITION, endless), endless, SENDER))

    assert found.rule == "headers"
    assert found.message.startswith("a line has 1")


def test_a_mail_of_which_no_message_can_be_made_is_still_judged() -> None:
    broken = replace(MAIL, text=f"{MAIL.text}{SLOT_OPEN}salary{SLOT_CLOSE}")

    assert [f.message for f in blockers(vet(EDITION, broken, LOOK, SENDER))] == [
        "the text part has a personal place 'salary' that nothing fills"
    ]


def test_a_spam_filter_that_is_not_there_is_not_missed() -> None:
    assert vet(EDITION, MAIL, LOOK, SENDER, spam_filter="no-such-filter") == ()


def test_what_was_seen_outside_counts() -> None:
    edition = full_edition()
    seen = Observed(dead={"https://example.org/study?a=1&b=2": "404"})

    found = vet(edition, render_email(edition, LOOK), LOOK, SENDER, observed=seen)

    assert [f.rule for f in unaccepted(found, {"contradictions"})] == ["links"]


def test_the_sample_is_a_message_as_it_would_leave() -> None:
    message = sample(Template(MAIL, SENDER), LOOK, PUBLISHED)

    assert b"To: Ada <ada@example.org>\r\n" in message
    assert b"List-Unsubscribe: <https://news.example.org/u/" in message


@pytest.mark.parametrize(("severity", "left"), [(Severity.WARNING, []), (Severity.BLOCKER, ["size"])])
def test_accepting_helps_against_warnings_alone(severity: Severity, left: list[str]) -> None:
    found = [Finding("size", severity, "large")]

    assert unaccepted(found, {"size"}) == ()
    assert [f.rule for f in blockers(found)] == left


def test_settings_may_accept_every_rule_that_warns_and_no_other() -> None:
    # Those that only ever block; the tests of the gates show that each of the others can warn.
    only_block = {"stories", "style", "sender", "slots", "language", "headings", "tables", "parity", "contrast",
                  "forbidden"}  # fmt: skip

    assert set(get_args(Warned)) == set(RULES) - only_block - {"headers"}
