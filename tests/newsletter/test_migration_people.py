"""A database that had people before they were numbered keeps them, each with a number of their own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

import newsletter.storage
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.people import PeopleStore
from subscribers.people import SubscriptionState
from subscribers.preferences import Rhythm
from tests.builders import MONDAY, make_subscriber


def test_people_of_an_older_database_are_numbered_and_stay_confirmed(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(newsletter.storage.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for who in ("cyd", "ada", "bea"):
            values = f"'id-{who}', '{who}@example.org', '{who}@example.org', '', 'en', 'UTC', '2026-11-01 09:00:00'"
            connection.execute(text(f"INSERT INTO subscribers VALUES ({values})"))
            connection.execute(
                text(f"INSERT INTO subscriptions VALUES ('beauty', 'id-{who}', 'confirmed', '2026-11-01 09:00:00')")
            )

    migrate(engine)
    store = PeopleStore(engine)
    store.add([make_subscriber("dot")], "beauty", MONDAY, SubscriptionState.CONFIRMED)

    with engine.connect() as connection:
        numbers = connection.execute(text("SELECT id, number FROM subscribers ORDER BY id")).all()
    assert [tuple(row) for row in numbers] == [("id-ada", 0), ("id-bea", 1), ("id-cyd", 2), ("id-dot", 3)]
    (page,) = store.candidates("beauty", list(Rhythm))
    assert all(person.confirmed_at for person in page)
    engine.dispose()
