"""On the command line tokens and webhooks are made, listed, tried and ended, and the dispatcher delivers."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from newsletter.cli import app
from newsletter.staffing import StaffingError
from newsletter.storage.outbox import Event, OutboxStore, PostState
from newsletter.storage.staff import Role
from tests.newsletter.office import Office
from tests.newsletter.programs import Program
from tests.newsletter.receivers import Receiver, receiving

Run = Callable[..., Result]


@pytest.fixture
def run(store: Engine, tmp_path: Path) -> Run:
    """Return what runs `newsletter` on a store in which Ines is an administrator."""
    Office(store, tmp_path).hire("Ines", Role.ADMIN)
    file = tmp_path / "newsletter.toml"
    file.write_text(f'home = "{tmp_path}"\nfetch_loopback = true\n')
    return lambda *words: CliRunner().invoke(app, ["--config", str(file), *words])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_a_token_is_made_used_listed_and_revoked(run: Run, store: Engine, tmp_path: Path) -> None:
    made = run("token", "new", "--name", "the shop", "--scope", "editions:read", "--owner", "INES@example.org")
    secret = re.search(r"nl_[\w-]{43}", made.output)
    assert secret
    program = Program(Office(store, tmp_path), secret[0])

    before = program.get("/editions").status_code
    (listed,) = json.loads(run("token", "list", "--json").output)
    revoked = run("token", "revoke", secret[0][:9])
    after = program.get("/editions").status_code

    assert (before, after) == (200, 401)
    assert (listed["owner"], listed["scopes"], listed["state"]) == ("Ines", "editions:read", "holds")
    assert secret[0] not in json.dumps(listed)
    assert revoked.exit_code == 0
    assert json.loads(run("token", "list", "--json").output)[0]["state"] == "revoked"


def test_nobody_gets_a_token_who_is_not_on_the_staff(run: Run) -> None:
    refused = run("token", "new", "--name", "x", "--scope", "editions:read", "--owner", "eve@example.org")

    assert isinstance(refused.exception, StaffingError)


def test_a_webhook_is_added_tried_told_and_removed(run: Run, store: Engine, receiver: Receiver) -> None:
    added = run("webhook", "add", receiver.url, "--name", "the shop", "--event", "edition.sent")
    tried = run("webhook", "test", "the shop")
    (hook,) = OutboxStore(store).hooks()
    OutboxStore(store).put(hook.id, Event.EDITION_SENT, "k", hook.made_at)
    receiver.status = 410
    run("dispatch", "--once")
    (listed,) = json.loads(run("webhook", "list", "--json").output)
    receiver.status = 200
    again = run("webhook", "replay", "the")
    run("dispatch", "--once")
    shown = json.loads(run("webhook", "show", hook.id, "--json").output)
    rotated = run("webhook", "rotate", hook.id)
    removed = run("webhook", "remove", hook.id)

    assert hook.secret in added.output
    assert (tried.exit_code, tried.output.split(":")[0]) == (0, "delivered")
    assert (listed["state"], listed["parked"], listed["events"]) == ("gone", 1, "edition.sent")
    assert again.output == "1 message goes out again.\n"
    assert [m["type"] for m in receiver.told] == ["hook.ping", "edition.sent", "edition.sent"]
    assert [(s["event"], s["state"]) for s in shown if s["event"] == "edition.sent"] == [
        ("edition.sent", PostState.DELIVERED.value)
    ]
    assert "whsec_" in rotated.output
    assert hook.secret not in rotated.output
    assert removed.exit_code == 0
    assert OutboxStore(store).hooks() == ()


def test_a_webhook_that_does_not_answer_fails_its_test(run: Run, receiver: Receiver) -> None:
    run("webhook", "add", receiver.url, "--name", "shop")
    receiver.status, receiver.body = 503, b"closed"

    tried = run("webhook", "test", "shop")

    assert (tried.exit_code, tried.output) == (1, "parked: 503 closed\n")
