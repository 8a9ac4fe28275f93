"""A machine that follows links is told from a person by what it calls itself, by haste, and by how many it follows."""

from datetime import timedelta

import pytest

from subscribers.clicks import Click, Follower, Request, in_bursts, is_at_once, who_asks
from tests.builders import MONDAY

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SECOND = timedelta(seconds=1)


def after(*seconds: float) -> list[Click]:
    """Return clicks on one link after another, each after so many seconds."""
    return [Click(f"https://example.org/{n}", MONDAY + s * SECOND) for n, s in enumerate(seconds)]


@pytest.mark.parametrize(
    "agent",
    [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36",
    ],
)
def test_a_browser_is_a_person(agent: str) -> None:
    assert who_asks(Request(method="GET", agent=agent)) is Follower.PERSON


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "  ",
        "curl/8.14.1",
        "python-requests/2.32.5",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Barracuda Sentinel (EE)",
        "Mozilla/5.0 (compatible; proofpoint-url-defense)",
        "Mimecast Scanner",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    ],
)
def test_what_calls_itself_a_machine_is_one(agent: str) -> None:
    assert who_asks(Request(method="GET", agent=agent)) is Follower.SCANNER


def test_who_wants_only_the_head_or_fetches_ahead_reads_nothing() -> None:
    assert who_asks(Request(method="HEAD", agent=FIREFOX)) is Follower.SCANNER
    assert who_asks(Request(method="GET", agent=FIREFOX, is_prefetch=True)) is Follower.SCANNER


def test_within_ten_seconds_of_acceptance_nobody_has_read_a_mail() -> None:
    assert is_at_once(MONDAY, None)
    assert is_at_once(MONDAY + 9.9 * SECOND, MONDAY)
    assert not is_at_once(MONDAY + 10 * SECOND, MONDAY)


def test_three_links_in_two_seconds_are_a_burst_with_those_before() -> None:
    assert in_bursts(after(0, 1, 2)) == {0, 1, 2}
    assert in_bursts(after(0, 1, 2.1)) == frozenset()
    assert in_bursts(after(0, 60, 60.5, 61, 300)) == {1, 2, 3}
    assert in_bursts(after(61, 300, 60.5, 60)) == {0, 2, 3}
    assert in_bursts([]) == frozenset()


def test_one_link_pressed_many_times_is_an_impatient_person() -> None:
    first, second = after(0, 1)

    assert in_bursts([first, first, first, second]) == frozenset()
