"""A mail server hands bounces over; what names no delivery of ours is refused at the door, and nothing is lost."""

import asyncio
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.delivering import listen_for_returns
from newsletter.returns import Harvest
from newsletter.settings import Settings, SettingsError
from newsletter.storage.ledger import Ledger
from newsletter.transports.bounce_listener import COMPLAINTS
from newsletter.wiring import House, open_house
from subscribers.bounces import Place, envelope_sender
from subscribers.deliveries import Recipient, sign
from subscribers.people import Reason
from tests.builders import MONDAY
from tests.newsletter.test_returns import complaint, dsn

DOMAIN = "bounces.news.example.org"
Client = Callable[[smtplib.SMTP], object]


@pytest.fixture(params=["lmtp", "smtp"])
def house(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[House]:
    settings = Settings(home=tmp_path, database_url=database_url, bounce_listen=f"{request.param}://127.0.0.1:0")
    with open_house(settings) as house:
        people = [Recipient(subscriber=who, address=f"{who}@example.org") for who in ("ada", "bea")]
        Ledger(house.engine, lambda: MONDAY).freeze("e", people)
        yield house


def hand_over(house: House, client: Client) -> tuple[object, list[Harvest]]:
    """Let a mail server speak to the listener; return what it came to, and what was noted."""
    noted: list[Harvest] = []

    async def work() -> object:
        stop, where = asyncio.Event(), asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(listen_for_returns(house, _monday, stop, where.set_result, noted.append))
        address = str(await where)
        kind = smtplib.LMTP if address.startswith("lmtp") else smtplib.SMTP

        def speak() -> object:
            with kind("127.0.0.1", int(address.rpartition(":")[2])) as server:
                return client(server)

        said = await asyncio.to_thread(speak)
        stop.set()
        await listening
        return said

    return asyncio.run(work()), noted


def _monday() -> datetime:
    return MONDAY


def _place(house: House, who: str) -> Place:
    with house.engine.connect() as connection:
        idx = connection.execute(text("SELECT idx FROM audience WHERE subscriber = :who"), {"who": who}).scalar_one()
    return Place(1, idx, sign("e", who, house.settings.key()))


def _address(place: Place) -> str:
    return envelope_sender(place.mailing, place.idx, place.signature, DOMAIN)


def test_a_bounce_is_taken_from_the_mail_servers_hand(house: House) -> None:
    ada = _place(house, "ada")
    # Its own Delivered-To would name somebody else's delivery: the envelope decides.
    content = dsn(_place(house, "bea"))

    said, noted = hand_over(house, lambda server: server.sendmail("<>", [_address(ada)], content))

    assert (said, noted) == ({}, [Harvest(new=1, resting=1)])
    assert {s.key: s.reason for s in house.people.suppressions()} == {"ada@example.org": Reason.HARD_BOUNCE}


def test_a_complaint_comes_to_an_address_of_its_own(house: House) -> None:
    content = complaint(_place(house, "bea"))

    _, noted = hand_over(house, lambda server: server.sendmail("<>", [f"{COMPLAINTS}@{DOMAIN}"], content))

    assert noted == [Harvest(new=1, resting=1)]
    assert [s.reason for s in house.people.suppressions()] == [Reason.COMPLAINED]


@pytest.mark.parametrize(
    "recipient", [f"anybody@{DOMAIN}", "b.1.0.0123456789abcdef@elsewhere.example", f"b.1.0.tooshort@{DOMAIN}"]
)
def test_mail_for_nobody_is_refused_at_the_door(house: House, recipient: str) -> None:
    def client(server: smtplib.SMTP) -> int:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            server.sendmail("<>", [recipient], b"Subject: win\r\n\r\nNow\r\n")
        return int(caught.value.recipients[recipient][0])

    assert hand_over(house, client) == (550, [])


def test_a_second_recipient_comes_with_a_mail_of_its_own(house: House) -> None:
    both = [_address(_place(house, who)) for who in ("ada", "bea")]

    said, noted = hand_over(house, lambda server: server.sendmail("<>", both, dsn(_place(house, "ada"))))

    assert isinstance(said, dict)
    assert {address: answer[0] for address, answer in said.items()} == {both[1]: 452}
    assert noted == [Harvest(new=1, resting=1)]


def test_while_the_database_is_away_the_server_keeps_the_bounce(house: House) -> None:
    address = _address(_place(house, "ada"))
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE delivery_events RENAME TO away"))

    def client(server: smtplib.SMTP) -> int:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            server.sendmail("<>", [address], dsn(_place(house, "ada")))
        return caught.value.smtp_code

    assert hand_over(house, client) == (451, [])


def test_a_port_that_is_taken_is_one_line(house: House) -> None:
    async def listen(port: int) -> None:
        settings = house.settings.model_copy(update={"bounce_listen": f"smtp://127.0.0.1:{port}"})
        await listen_for_returns(replace(house, settings=settings), _monday, asyncio.Event(), print, print)

    def client(server: smtplib.SMTP) -> None:
        assert server.sock is not None
        port = server.sock.getpeername()[1]
        with pytest.raises(SettingsError, match=f"bounce_listen 'smtp://127.0.0.1:{port}' cannot be used"):
            asyncio.run(listen(port))

    hand_over(house, client)
