"""Opens the console on this product's settings and serves it until the process is told to stop."""

from datetime import UTC, datetime

from newsletter.settings import Settings
from newsletter.staffing import Staffing
from newsletter.web.console.app import Console, create_console_app
from newsletter.web.console.doors import DOORS
from newsletter.web.serving import serve
from newsletter.wiring import open_house
from subscribers.tokens import Keyring


def serve_console(settings: Settings, host: str, port: int) -> None:
    """Serve the console.

    Raises:
        SettingsError: A setting is wrong.
        StoreError: The database cannot be used.
    """
    keys = Keyring.parse(settings.key())
    with open_house(settings) as house:
        console = Console(
            house=house,
            staffing=Staffing(house.engine),
            keys=keys,
            url=settings.console_url,
            clock=lambda: datetime.now(UTC),
        )
        serve(create_console_app(console, DOORS), host=host, port=port)
