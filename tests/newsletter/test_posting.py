"""Letters leave by the way out that editions take; a failure says whether to try again."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest

from newsletter.delivering import letters_way_out
from newsletter.letters.post import PostError, octets_of
from newsletter.posting import LetterPost
from newsletter.settings import Settings
from tests.builders import MONDAY
from tests.newsletter.test_providers import GOOD, provider
from tests.sinks import sink

FROM, ADA = "hello@news.example.org", "ada@example.org"


def letter(text: str = "Press the button.\n", to: str = ADA) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = FROM, to, "One step left"
    message["Date"], message["Message-ID"] = MONDAY, "<letter-1@news.example.org>"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(f"<p>{text}</p>", subtype="html", cte="quoted-printable")
    return message


def post(tmp_path: Path, **settings: Any) -> LetterPost:
    house = Settings(home=tmp_path, smtp_timeout=5, **settings)
    return LetterPost(lambda: letters_way_out(house))


def test_into_a_folder_where_a_second_attempt_replaces_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        post(tmp_path, transport="file").hand_over(letter(), FROM, ADA)

    (kept,) = (tmp_path / "outbox" / "new").iterdir()
    message = message_from_bytes(kept.read_bytes(), policy=default)
    assert (message["To"], message["Subject"]) == (ADA, "One step left")


def test_to_a_mail_server_by_one_connection(tmp_path: Path) -> None:
    with sink() as server:
        post(tmp_path, smtp_host="127.0.0.1", smtp_port=server.port).hand_over(letter(), FROM, ADA)

    assert (server.accepted[ADA], server.senders[ADA], server.connections) == (1, FROM, 1)
    assert message_from_bytes(server.contents[ADA], policy=default)["Subject"] == "One step left"


def test_to_a_provider_in_the_stream_for_letters(tmp_path: Path) -> None:
    with provider(lambda _n: GOOD["postmark"]) as asked:
        way = post(tmp_path, transport="postmark", postmark_token="geheim", provider_url=asked.url)
        way.hand_over(letter(), FROM, ADA)

    (body,) = asked.bodies
    assert (body["To"], body["MessageStream"], body["Metadata"]) == (ADA, "outbound", {})
    assert body["TextBody"].strip() == "Press the button."


@pytest.mark.parametrize(
    ("answer", "transient"),
    [("550 5.1.1 no such user", False), ("451 4.3.0 try later", True), ("421 4.3.2 going down", True), (None, True)],
    ids=["refused", "deferred", "going down", "no answer"],
)
def test_what_was_not_taken_is_tried_again_unless_it_was_refused(
    answer: str | None, transient: bool, tmp_path: Path
) -> None:
    with sink(lambda _to, _n: answer) as server, pytest.raises(PostError) as told:
        post(tmp_path, smtp_host="127.0.0.1", smtp_port=server.port).hand_over(letter(), FROM, ADA)

    assert told.value.transient is transient


def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with sink() as server:
        port = server.port

    with pytest.raises(PostError, match="not taken") as told:
        post(tmp_path, smtp_host="127.0.0.1", smtp_port=port).hand_over(letter(), FROM, ADA)

    assert told.value.transient


@pytest.mark.parametrize("text", [".\n", "..a\n", "." * 100 + " end\n", "a\n.b\n\n.c\n", "." + "x" * 200 + "\n"])
def test_no_line_of_a_letter_begins_with_a_dot_and_none_is_lost(text: str) -> None:
    header, end, body = octets_of(letter(text), ADA)

    assert b"\n." not in header + end + body
    assert max(map(len, body.split(b"\r\n"))) <= 78
    message = message_from_bytes(header + end + body, policy=default)
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == text  # type: ignore[attr-defined]


def test_an_international_address_stays_as_it_is() -> None:
    header = octets_of(letter(to="zoë@example.org"), "zoë@example.org")[0]

    assert "To: zoë@example.org\r\n".encode() in header
