"""The settings decide how mail leaves, when, and where what comes back is read."""

import mailbox
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from content.articles import Article
from newsletter.cli import app
from newsletter.delivering import deliver, limits_of, read_returns, take_reports
from newsletter.publishing import draft, freeze
from newsletter.releasing import release
from newsletter.scheduling import stop
from newsletter.sending import Limits, Sent, run
from newsletter.settings import Settings, SettingsError
from newsletter.storage.ledger import Ledger, MailingState
from newsletter.wiring import House, open_house
from subscribers.bounces import EventKind, Place, make_event
from subscribers.deliveries import Recipient, Tally, sign
from subscribers.people import Reason, SubscriptionState
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph
from tests.newsletter import test_imap, test_returns
from tests.newsletter.test_imap import Imap
from tests.newsletter.test_providers import GOOD, provider
from tests.newsletter.test_returns import dsn
from tests.sinks import running, sink

KEY = "beauty-weekly-2026-W48"
READERS = ("ada", "bea", "cleo")


def _article() -> Article:
    body = (paragraph("Acne scars fade slowly."), heading("How It Works"), paragraph("Needles make tiny channels."))
    return make_article("scars.md", *body, title="Microneedling for Scars")


@pytest.fixture
def with_settings(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Return a function that opens a house with an edition for three readers, and whatever settings."""
    opened = []

    def open_it(**more: object) -> House:
        values: dict[str, object] = {
            "home": tmp_path,
            "database_url": database_url,
            "postal_address": "1 Example Street",
            "local_hours": False,
        }
        context = open_house(Settings(**(values | more)))  # type: ignore[arg-type]
        opened.append(context)
        house = context.__enter__()
        house = replace(house, ledger=Ledger(house.engine, lambda: MONDAY))
        people = [make_subscriber(who) for who in READERS]
        house.people.add(people, "beauty", MONDAY - timedelta(days=1), SubscriptionState.CONFIRMED)
        article = _article()
        house.articles.record([article], MONDAY)
        house.articles.decide([make_approval(article)])
        assert draft(house, MONDAY)
        release(house, KEY, MONDAY)
        return house

    yield open_it
    for context in opened:
        context.__exit__(None, None, None)


def send(house: House) -> Sent:
    return run(deliver(house, MONDAY))


def test_mail_can_leave_into_a_folder(with_settings: Callable[..., House], tmp_path: Path) -> None:
    house = with_settings(transport="file")

    assert send(house) == Sent(accepted=3)
    assert sorted(m["To"] for m in mailbox.Maildir(tmp_path / "outbox", create=False)) == [
        "Ada <ada@example.org>",
        "Bea <bea@example.org>",
        "Cleo <cleo@example.org>",
    ]


@pytest.mark.parametrize("name", ["postmark", "ses"])
def test_mail_can_leave_through_a_provider_with_its_secret_from_a_file(
    with_settings: Callable[..., House], tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("geheim\n")
    secret = {"postmark": "postmark_token_file", "ses": "ses_secret_key_file"}[name]
    with provider(lambda _n: GOOD[name]) as asked:
        house = with_settings(
            transport=name, provider_url=asked.url, ses_access_key="AKID", **{secret: tmp_path / "secret"}
        )

        sent = send(house)

    assert sent == Sent(accepted=3)
    assert len(asked.bodies) == 3
    if name == "postmark":
        assert asked.headers[0]["X-Postmark-Server-Token"] == "geheim"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"transport": "postmark"}, "postmark_token is empty; transport postmark needs it, or postmark_token_file"),
        ({"transport": "ses"}, "ses_access_key is empty"),
        ({"transport": "ses", "ses_access_key": "A"}, "ses_secret_key is empty; transport ses needs it"),
        ({"transport": "postmark", "postmark_token_file": Path("/nowhere")}, "postmark_token_file '/nowhere'"),
    ],
)
def test_a_way_out_that_lacks_its_secret_is_one_line(
    with_settings: Callable[..., House], more: dict[str, object], said: str
) -> None:
    house = with_settings(**more)

    with pytest.raises(SettingsError, match=said):
        send(house)


def test_outside_its_window_nothing_leaves(with_settings: Callable[..., House]) -> None:
    with sink() as seen:
        house = with_settings(smtp_host="127.0.0.1", smtp_port=seen.port, delivery_window="10:00-20:00")
        early = run(deliver(house, MONDAY))
        later = run(deliver(house, MONDAY + timedelta(hours=1)))

    assert early == Sent(rest="it is outside the delivery window 10:00-20:00 (Europe/London)")
    assert later == Sent(accepted=3)


def test_a_new_domain_warms_up(with_settings: Callable[..., House]) -> None:
    with sink() as seen:
        house = with_settings(
            smtp_host="127.0.0.1", smtp_port=seen.port, warm_up_from=date.today(), warm_up_first_day=2
        )

        sent = send(house)

    assert sent == Sent(accepted=2, rest="today's 2 messages of a new domain have gone out")


def test_an_edition_that_is_cancelled_while_its_audience_is_written_down_goes_to_nobody(
    with_settings: Callable[..., House],
) -> None:
    house = with_settings(transport="file")
    with house.engine.begin() as connection:  # as if nobody had released it yet
        connection.execute(text("DELETE FROM mailings"))

    def recipients() -> Iterator[Recipient]:
        stop(house, KEY, by="ines", now=MONDAY, reason="wrong picture")
        yield Recipient(subscriber="ada", address="ada@example.org")

    assert freeze(house, KEY, recipients()) == Tally(candidates=1, withdrawn=1)
    assert send(house) == Sent()


def test_a_person_follows_an_edition_until_nothing_is_left_to_try(
    with_settings: Callable[..., House], tmp_path: Path
) -> None:
    house = with_settings(transport="file")
    file = tmp_path / "newsletter.toml"
    file.write_text(f'home = "{tmp_path}"\ndatabase_url = "{house.engine.url.render_as_string(hide_password=False)}"\n')
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, house)
        watched = CliRunner().invoke(app, ["--config", str(file), "edition", "status", "--watch"])

    assert sending.result() == Sent(accepted=3)
    assert watched.exit_code == 0
    assert f"{KEY}: 3 candidates = 3 accepted + 0 refused" in watched.stdout


def test_the_table_of_domains_becomes_limits() -> None:
    table = {"GMail.com": {"per_second": 20, "at_once": 5}, "*": {"per_second": 50}}

    limits = limits_of(Settings(domain_limits=table, send_rate=200, pause_at_bounces=0.02))  # type: ignore[arg-type]

    assert limits == Limits(
        per_second=200, per_domain={"gmail.com": 20, "": 50}, at_once={"gmail.com": 5}, bounce_share=0.02
    )


def _places(house: House) -> list[Place]:
    key = house.settings.key()
    with house.engine.connect() as connection:
        rows = connection.execute(text("SELECT mailing, idx, subscriber FROM audience ORDER BY idx")).all()
    return [Place(row.mailing, row.idx, sign(KEY, row.subscriber, key)) for row in rows]


def test_bounces_are_read_from_a_folder_and_from_a_mailbox(
    with_settings: Callable[..., House],
    tmp_path: Path,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    seen: set[int] = set()
    with running(lambda: Imap(seen), tls=tls) as port:
        house = with_settings(
            transport="file",
            bounce_maildir=tmp_path / "bounces",
            bounce_imap=f"imaps://b%40example.org@127.0.0.1:{port}/INBOX",
            bounce_imap_password="geheim",
        )
        send(house)
        first, second, _ = _places(house)
        test_returns.put(tmp_path / "bounces", dsn(first))
        monkeypatch.setattr(test_imap, "MAILS", [dsn(second), b"Subject: out of office\n\nBack on Monday.\n"])

        found = read_returns(house, MONDAY)
        again = read_returns(house, MONDAY)

    assert (found.new, found.unreadable, found.resting) == (2, 1, 2)
    assert (again.new, again.unreadable) == (0, 0)
    assert [s.reason for s in house.people.suppressions()] == [Reason.HARD_BOUNCE] * 2


def test_an_edition_is_paused_when_too_much_of_it_comes_back_later(with_settings: Callable[..., House]) -> None:
    house = with_settings(transport="file")
    people = [Recipient(subscriber=f"p{n}", address=f"p{n}@example.net") for n in range(600)]
    house.ledger.freeze("large", people)
    key = house.settings.key()
    with house.engine.begin() as connection:  # 500 of them were accepted; a hundred are still to come
        connection.execute(
            text(
                "INSERT INTO outcomes (mailing, idx, kind, cause, code, enhanced, reply, at) "
                "SELECT mailing, idx, 'accepted', '', 250, '', '', '2026-11-23 09:00:00' FROM audience "
                "WHERE mailing = 2 AND idx < 500"
            )
        )

    def bounce(numbers: range) -> None:
        for idx, who in _of_large(house)[numbers.start : numbers.stop]:
            place = Place(2, idx, sign("large", who, key))
            take_reports(house, [make_event(place, EventKind.BOUNCED, MONDAY, "5.1.1")], MONDAY)

    bounce(range(24))
    before = house.ledger.mailing("large")
    bounce(range(24, 25))
    after = house.ledger.mailing("large")

    assert before is not None
    assert after is not None
    assert (before.state, after.state) == (MailingState.SENDING, MailingState.PAUSED)
    assert after.reason.startswith("25 of 500 addresses do not exist, say the bounces")
    assert house.ledger.tally("large") == Tally(candidates=600, accepted=500, pending=100)


def _of_large(house: House) -> list[tuple[int, str]]:
    with house.engine.connect() as connection:
        rows = connection.execute(text("SELECT idx, subscriber FROM audience WHERE mailing = 2 ORDER BY idx")).all()
    return [(row.idx, row.subscriber) for row in rows]
