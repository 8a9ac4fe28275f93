"""A key can be replaced while links and bounces of mails that were sent go on working, at every step."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from newsletter.cli import app
from newsletter.returns import Returns
from newsletter.settings import Settings
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from subscribers.bounces import EventKind, Place, make_event
from subscribers.deliveries import Recipient, sign
from subscribers.tokens import Claims, Flaw, Keyring, Purpose, issue, read
from tests.builders import MONDAY


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(app, ["key", *words])


def _ring(folder: Path) -> Keyring:
    return Keyring.parse(Settings(home=folder).key())


def _link(ring: Keyring) -> str:
    return issue(ring, Purpose.UNSUBSCRIBE, "ada", "beauty")


def _opens(ring: Keyring, token: str) -> bool:
    return read(ring, Purpose.UNSUBSCRIBE, token, MONDAY + timedelta(days=900)) == Claims("ada", "beauty")


def test_links_work_at_every_step_for_those_who_know_the_file_of_any_step(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    before = _ring(tmp_path)
    assert run("add").exit_code == 0
    added = _ring(tmp_path)
    assert run("sign").exit_code == 0
    signs = _ring(tmp_path)

    old, new = _link(before), _link(signs)
    assert _link(added) == old != new
    assert all(_opens(ring, old) for ring in (before, added, signs))
    assert all(_opens(ring, new) for ring in (added, signs))  # so it signs only after everybody knows it
    assert read(before, Purpose.UNSUBSCRIBE, new, MONDAY) is Flaw.BROKEN


def test_a_bounce_of_a_mail_from_before_is_still_ours(
    run: Callable[..., Result], tmp_path: Path, engine: Engine
) -> None:
    old = _ring(tmp_path).secrets[0]
    run("add")
    run("sign")
    Ledger(engine).freeze("e", [Recipient(subscriber=who, address=f"{who}@example.org") for who in ("ada", "bea")])
    people = {r.subscriber: n for n, r in enumerate(_audience(engine))}
    new = _ring(tmp_path).secrets[0]
    places = [Place(1, people[who], sign("e", who, key)) for who, key in (("ada", old), ("bea", new))]
    events = [make_event(place, EventKind.BOUNCED, MONDAY, "5.1.1") for place in places]
    events.append(make_event(Place(1, 0, sign("e", "ada", b"another" * 8)), EventKind.COMPLAINED, MONDAY))

    taken = Returns(ReturnStore(engine), PeopleStore(engine), Settings(home=tmp_path).key()).take(events, MONDAY)

    assert (taken.new, taken.forged) == (2, 1)


def _audience(engine: Engine) -> tuple[Recipient, ...]:
    turn = Ledger(engine).turn("one")
    assert turn.chunk
    return tuple(Recipient(subscriber=d.subscriber, address=d.address) for d in turn.chunk.deliveries)


def test_the_file_stays_its_owners_alone_and_the_keys_are_never_shown(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    said = run("add").output + run("list").output + run("sign").output

    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert not any(secret.decode() in said for secret in _ring(tmp_path).secrets)
    assert [line.split("  ")[1] for line in run("list").output.splitlines()] == ["signs and verifies", "verifies"]


def test_one_key_alone_cannot_be_replaced_by_itself(run: Callable[..., Result], tmp_path: Path) -> None:
    _ring(tmp_path)

    assert run("sign").exit_code == 1
