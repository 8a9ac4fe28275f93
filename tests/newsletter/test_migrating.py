"""What a migration would do is said before it is done; of several at once one works, and none breaks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.storage import migrations
from newsletter.storage.engine import MIGRATION_LOCK, migrate, open_engine, pending
from newsletter.storage.errors import StoreError


def test_what_is_pending_is_listed_in_order_and_nothing_is_changed(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    steps = pending(engine)

    written = {path.name.partition("_")[0] for path in Path(migrations.__path__[0]).glob("versions/0*.py")}
    assert {s.number for s in steps} == written
    assert (steps[0].number, len(steps)) == ("0001", len(written))
    assert all(s.brings for s in steps)
    assert inspect(engine).get_table_names() == []

    migrate(engine)

    assert pending(engine) == ()
    engine.dispose()


def test_several_at_once_all_find_it_up_to_date(empty_database_url: str) -> None:
    def one(_: int) -> tuple[object, ...]:
        engine = open_engine(empty_database_url)
        migrate(engine)
        left = pending(engine)
        engine.dispose()
        return left

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [(), (), (), ()]


def test_a_lock_that_nobody_lets_go_keeps_no_command_and_is_named_to_who_would_migrate(
    postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.storage.engine.MIGRATION_PATIENCE_MS", 50)
    stuck, engine = open_engine(postgresql_database), open_engine(postgresql_database)
    with stuck.begin() as holder:
        pid = holder.execute(select(func.pg_backend_pid(), func.pg_advisory_xact_lock(MIGRATION_LOCK))).one()[0]

        with pytest.raises(StoreError, match=rf"process {pid} of the server .*SELECT pg_terminate_backend\({pid}\)"):
            migrate(engine)
        assert inspect(engine).get_table_names() == []

    migrate(engine)
    with stuck.begin() as holder:
        holder.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))

        migrate(engine)  # there is nothing to change, so nobody waits

    stuck.dispose()
    engine.dispose()


def test_the_command_says_what_would_change_then_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    dry, done, again = (CliRunner().invoke(app, ["store", "migrate", *more]) for more in (["--dry-run"], [], []))

    assert (dry.exit_code, done.exit_code, again.exit_code) == (3, 0, 0)
    assert "0001" in dry.output
    assert "0001" in done.output
    assert "0001" not in again.output
