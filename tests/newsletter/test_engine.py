"""The store opens on SQLite and on PostgreSQL alike."""

from sqlalchemy import Engine, text


def test_an_engine_answers(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
