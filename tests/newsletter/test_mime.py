"""A message merged from encoded pieces says exactly what the full rendering says, to every person."""

from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.ports import Rendering
from newsletter.rendering.mime import UNSUBSCRIBE, Identity, Template, fill, mailbox, one_line, quoted_printable
from tests.builders import MONDAY

IDENTITY = Identity(
    from_name="Beauty News",
    from_address="hello@news.example.org",
    list_id="beauty.news.example.org",
    list_name="Beauty resources, tips, and news",
    feedback_id="2026-W48:beauty:weekly:news",
)
LEAVE = "https://news.example.org/u/" + "a" * 90


def slot(name: str) -> str:
    return f"{SLOT_OPEN}{name}{SLOT_CLOSE}"


RENDERING = Rendering(
    subject="Straffe Haut ohne Nadeln – this week",
    text=f"Good morning {slot('name')},\n\n.a dot\nFrom here on\n{slot('name')}\n"
    f"trailing \n{slot('unsubscribe_url')}\n=20 = é ✨\n",
    html=f'<p title="{slot("name")}">Grüß dich {slot("name")}!</p>\n<a href="{slot("unsubscribe_url")}">out</a>'
    + "<p>" + "x" * 300 + "é" * 200 + "</p>",
)  # fmt: skip


def merge(rendering: Rendering, slots: Mapping[str, str], name: str = "Ada", address: str = "ada@example.org") -> bytes:
    template = Template(rendering, IDENTITY)
    return b"".join(template.merge(name, address, "1.2.abc@news.example.org", MONDAY, {UNSUBSCRIBE: LEAVE, **slots}))


def parse(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=SMTP)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


def fits_smtp(content: bytes) -> bool:
    lines = content.split(b"\r\n")
    return (
        all(len(line) <= 998 and not line.startswith(b".") for line in lines)
        and b"\n" not in b"".join(lines)
        and b"\r" not in b"".join(lines)
        and content.isascii()
    )


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=200), url=st.text(max_size=120))
def test_any_persons_message_parses_back_to_the_full_rendering(name: str, url: str) -> None:
    slots = {"name": name, "unsubscribe_url": url}

    content = merge(RENDERING, slots, name=name)

    assert fits_smtp(content)
    message = parse(content)
    assert body(message, "plain") == fill(RENDERING.text, slots).encode("utf-8", "replace").decode()
    assert body(message, "html") == fill(RENDERING.html, slots, escape).encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "A. B",
        "it's",
        "a&b",
        "&c",
        "<b>",
        "a=41b",
        'a"b',
        "a=b",
        "a;amp",
        ".a",
        "..",
        "From me",
        "From",
        " a ",
        "a  b",
        ".",
        "",
    ]
    + ["x" * n for n in (74, 75, 76, 77, 150, 151)]
    + ["x" * 75 + ".y", "x" * 74 + "=y", "x" * 73 + " y", "x" * 74 + "é", "https://a.example.org/u/" + "s." * 30],
)
def test_a_value_that_needs_little_or_no_encoding_gets_no_less(value: str) -> None:
    slots = {"name": value, "unsubscribe_url": value}

    content = merge(RENDERING, slots, name=value)

    assert fits_smtp(content)
    assert all(len(line) <= 76 for line in content.partition(b"\r\n\r\n")[2].split(b"\r\n"))
    assert b"\r\nFrom " not in content.partition(b"\r\n\r\n")[2]
    assert body(parse(content), "plain") == fill(RENDERING.text, slots)
    assert body(parse(content), "html") == fill(RENDERING.html, slots, escape)


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("aé=. \tF\n✨-") | st.characters(codec="utf-8"), max_size=400))
def test_any_text_survives_being_encoded(text: str) -> None:
    rendering = Rendering("s", html=text.replace(SLOT_OPEN, ""), text=text.replace(SLOT_OPEN, ""))

    content = merge(rendering, {})

    assert fits_smtp(content)
    expected = rendering.text.replace("\r\n", "\n").replace("\r", "\n")
    assert body(parse(content), "plain") == expected
    assert all(len(line) <= 76 for line in quoted_printable(text).split(b"\r\n"))


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=300))
def test_any_name_survives_in_the_header(name: str) -> None:
    message = message_from_bytes(merge(RENDERING, {"name": "", "unsubscribe_url": ""}, name=name))

    # Python's newer parser leaves a blank between two encoded words of a phrase; RFC 2047, 6.2 has it ignored.
    [(said, address)] = getaddresses([message["To"]])
    words = str(make_header(decode_header(said)))
    assert "".join(words.split()) == "".join(one_line(name).encode("utf-8", "replace").decode().split())
    assert address == "ada@example.org"


def test_the_headers_are_these_and_no_others() -> None:
    message = parse(merge(RENDERING, {"name": "Ada", UNSUBSCRIBE: LEAVE}))

    assert {name: str(value) for name, value in message.items()} == {
        "To": "Ada <ada@example.org>",
        "Subject": "Straffe Haut ohne Nadeln – this week",
        "Message-ID": "<1.2.abc@news.example.org>",
        "List-Unsubscribe": f"<{LEAVE}>",
        "From": "Beauty News <hello@news.example.org>",
        "Date": "Mon, 23 Nov 2026 09:00:00 +0000",
        "List-Id": '"Beauty resources, tips, and news" <beauty.news.example.org>',
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Post": "NO",
        "Precedence": "list",
        "Feedback-ID": "2026-W48:beauty:weekly:news",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }


def test_an_answer_to_one_person_names_its_list_and_offers_nothing_to_leave() -> None:
    template = Template(RENDERING, replace(IDENTITY, list_name="", feedback_id="", to_one=True))

    message = parse(
        b"".join(template.merge("Ada", "ada@example.org", "1@a.org", MONDAY, {"name": "", UNSUBSCRIBE: LEAVE}))
    )

    fields = ("List-Id", "List-Post", "Precedence", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post")
    assert [message[name] for name in fields] == [
        "<beauty.news.example.org>", "NO", "list", "auto-generated", None, None
    ]  # fmt: skip


def test_the_unsubscribe_address_is_raw_and_on_one_line() -> None:
    content = merge(RENDERING, {"name": "Ada", UNSUBSCRIBE: LEAVE})

    assert f"\r\nList-Unsubscribe: <{LEAVE}>\r\n".encode() in content


def test_a_line_break_in_a_name_adds_no_header() -> None:
    content = merge(RENDERING, {"name": "", "unsubscribe_url": ""}, name="Ada\r\nBcc: eve@example.org")

    assert parse(content)["Bcc"] is None


def test_the_same_letter_is_the_same_bytes() -> None:
    slots = {"name": "Ada", UNSUBSCRIBE: LEAVE}

    assert merge(RENDERING, slots) == merge(RENDERING, slots)


def test_a_slot_without_a_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(KeyError, match="name"):
        merge(RENDERING, {"unsubscribe_url": ""})


def test_a_personal_subject_is_filled_and_encoded_for_each() -> None:
    rendering = Rendering(f"{slot('name')}, dein Überblick", "<p>x</p>", "x")

    message = parse(merge(rendering, {"name": "Zoë"}))

    assert message["Subject"] == "Zoë, dein Überblick"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "ada@example.org"),
        ("Ada Lovelace", "Ada Lovelace <ada@example.org>"),
        ("Lovelace, Ada", '"Lovelace, Ada" <ada@example.org>'),
        ('Ada "The" L', '"Ada \\"The\\" L" <ada@example.org>'),
        ("Zoë", "=?utf-8?b?Wm/Dqw==?= <ada@example.org>"),
        ("=?utf-8?q?x?=", '"=?utf-8?q?x?=" <ada@example.org>'),
    ],
)
def test_a_mailbox_is_quoted_only_where_it_must_be(name: str, said: str) -> None:
    assert mailbox(name, "ada@example.org") == said
