"""Builds messages: a rendering is encoded once, and each person's words are spliced into it."""

import binascii
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from html import escape
from urllib.parse import quote

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.ports import Rendering
from subscribers.list_fields import list_fields

#: What stands between two runs of standing bytes: a slot's name, and whether its value is written as HTML there.
Slot = tuple[str, bool]

#: A slot's name, and where among the pieces its value goes: as text, as HTML.
Fill = tuple[str, tuple[int, ...], tuple[int, ...]]

#: The slot that every message has, in its header if nowhere else: an https address that acts on POST (RFC 8058).
UNSUBSCRIBE = "unsubscribe_url"

#: Longest line of quoted-printable text, its soft break included (RFC 2045, 6.7).
_LINE = 76

#: Longest encoded word (RFC 2047, 2), less its frame `=?utf-8?b?...?=`; in octets before base64.
_WORD_OCTETS = 45

_SLOT = re.compile(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

#: A personal value that quoted-printable would leave as it is, on a line of its own.
_PLAIN = re.compile(r"[!-<>-~](?:[ !-<>-~]{0,72}[!-<>-~])?").fullmatch

#: What must not begin a line: the dot is SMTP's (RFC 5321, 4.5.2), and a mailbox file quotes "From ".
_AT_START = (".", "From ")

#: A personal value that is written as it is wherever it goes, be it text, HTML or a header. Nearly every one is.
_SIMPLE = re.compile(r"(?!\.|From )[!#-%(-;?-~](?:[ !#-%(-;?-~]{0,72}[!#-%(-;?-~])?").fullmatch

#: A line that quoted-printable leaves as it is, but for its length and its start.
_AS_IT_IS = re.compile(rb"(?:[ !-<>-~]*[!-<>-~])?").fullmatch

_LINE_END = re.compile(r"\r\n|\r|\n")

_NO_MARKUP = re.compile(r"[^&<>\"']*").fullmatch

#: A name that needs no quotes in a header (RFC 5322 atoms).
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who an edition's mail comes from, the same in every message."""

    from_name: str
    from_address: str
    list_id: str = ""  #: RFC 2919, such as beauty.news.example.org
    list_name: str = ""
    feedback_id: str = ""  #: what Gmail groups complaints by, such as 2026-W48:beauty:weekly:news
    to_one: bool = False  #: an answer to one person about the list, which nobody can leave with a click

    @property
    def can_be_left(self) -> bool:
        """Tell whether its readers can leave with one click (RFC 8058)."""
        return bool(self.list_id) and not self.to_one


class Template:
    """One rendering, encoded: bytes that stand, and the places where a person's own values go."""

    __slots__ = ("_can_be_left", "_fills", "_pieces", "_subject", "slots")

    def __init__(self, rendering: Rendering, identity: Identity) -> None:
        """Encode `rendering`."""
        boundary = "=_" + sha256(f"{rendering.html}\0{rendering.text}".encode()).hexdigest()[:32]
        pieces: list[bytes | Slot] = []
        _open_part(pieces, f"--{boundary}\r\n", "plain")
        _encode_body(pieces, rendering.text, is_html=False)
        _open_part(pieces, f"\r\n--{boundary}\r\n", "html")
        _encode_body(pieces, rendering.html, is_html=True)
        pieces.append(f"\r\n--{boundary}--\r\n".encode())
        self._subject = rendering.subject if SLOT_OPEN in rendering.subject else ""
        subject = "" if self._subject else unstructured(rendering.subject, "Subject")
        self._pieces, self._fills = _join(_standing_headers(identity, subject, boundary), pieces)
        self._can_be_left = identity.can_be_left
        #: The names of all personal slots, those of the subject included.
        self.slots = frozenset(_SLOT.findall(rendering.subject + rendering.text + rendering.html))

    def merge(self, name: str, address: str, message_id: str, date: datetime, slots: Mapping[str, str]) -> list[bytes]:
        """Return one person's message in pieces: its own header fields, those that stand with an empty line, its body.

        Lines end with CRLF, and none begins with a dot. Pieces, not one string: whoever sends them joins them
        with what goes before and behind, and a digest is copied once only.

        Args:
            name: As the person wrote it; may be empty.
            address: Where it goes.
            message_id: Without angle brackets.
            date: That the message bears; many bear the same.
            slots: A value for every name in `self.slots`, and for `unsubscribe_url` in a mail to a list.

        Raises:
            KeyError: A slot has no value.
        """
        pieces = self._pieces.copy()
        for slot, in_text, in_html in self._fills:
            value = slots[slot]
            if _SIMPLE(value):
                as_text = as_html = value.encode()
            else:
                value = one_line(value)
                as_text = _as_text(value)
                as_html = as_text if _NO_MARKUP(value) else _as_text(escape(value))
            for at in in_text:
                pieces[at] = as_text
            for at in in_html:
                pieces[at] = as_html
        own = f"To: {mailbox(name, address)}\r\n"
        if self._subject:
            own += f"Subject: {unstructured(fill(self._subject, slots), 'Subject')}\r\n"
        own += f"Date: {_said(date)}\r\nMessage-ID: <{message_id}>\r\n"
        if self._can_be_left:
            # On one line, raw: an encoded or folded address is none to a mailbox provider.
            own += f"List-Unsubscribe: <{_address_in_header(one_line(slots[UNSUBSCRIBE]))}>\r\n"
        pieces[0] = own.encode()
        return pieces


def fill(text: str, slots: Mapping[str, str], encode: Callable[[str], str] = str) -> str:
    """Return `text` with its personal slots filled in: what a message says, before any encoding."""
    return _SLOT.sub(lambda slot: encode(one_line(slots[slot[1]])), text)


def one_line(value: str) -> str:
    """Return a personal value as it is printed: on one line, without control characters or slots of its own."""
    if value.isprintable():
        return value.strip()
    return _CONTROLS.sub(" ", value.replace(SLOT_OPEN, "").replace(SLOT_CLOSE, "")).strip()


def _address_in_header(url: str) -> str:
    return url if url.isascii() else quote(url, safe=string.punctuation)


def mailbox(name: str, address: str) -> str:
    """Return `name <address>` as a header field says it (RFC 5322, 3.4; RFC 2047 for what is not ASCII)."""
    name, address = one_line(name), one_line(address)
    if not name:
        return address
    if _ATOMS(name) and "=?" not in name and len(name) + len(address) <= _LINE - 10:
        return f"{name} <{address}>"
    if not name.isascii() or len(name) > _LINE:
        name = _encoded_words(name, len("From: "))
    elif not _ATOMS(name) or "=?" in name:
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    fold = "\r\n " if len(name) + len(address) > _LINE - 10 else " "
    return f"{name}{fold}<{address}>"


def unstructured(text: str, field: str) -> str:
    """Return `text` as an unstructured header field says it, folded where it is long."""
    text = one_line(text)
    if text.isascii() and "=?" not in text and len(text) + len(field) + 2 <= _LINE:
        return text
    return _encoded_words(text, len(field) + 2)


def _encoded_words(text: str, used: int) -> str:
    """Cut `text` into encoded words; a character never spans two of them (RFC 2047, 5)."""
    words, word = [], b""
    room = min(_WORD_OCTETS, (_LINE - used - len("=?utf-8?b??=")) * 3 // 4)
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > room:
            words.append(word)
            word, room = b"", _WORD_OCTETS
        word += octets
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(w, newline=False).decode()}?=" for w in words)


@lru_cache(maxsize=64)  # a chunk of hundreds shares one
def _said(date: datetime) -> str:
    return format_datetime(date)


def _standing_headers(identity: Identity, subject: str, boundary: str) -> bytes:
    fields = {
        "Subject": subject,
        "From": mailbox(identity.from_name, identity.from_address),
        **(list_fields(_list_id(identity)) if identity.list_id else {}),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if identity.can_be_left else "",
        "Feedback-ID": one_line(identity.feedback_id),
        "Auto-Submitted": "" if identity.can_be_left else "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative;\r\n boundary="{boundary}"',
    }
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode() + b"\r\n"


def _list_id(identity: Identity) -> str:
    return mailbox(identity.list_name, identity.list_id) if identity.list_name else f"<{identity.list_id}>"


def _open_part(pieces: list[bytes | Slot], before: str, kind: str) -> None:
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    pieces.append((before + head).encode())


def _encode_body(pieces: list[bytes | Slot], text: str, *, is_html: bool) -> None:
    # split() returns text, name, text, name, ..., text: the pattern has one group.
    *before, last = _SLOT.split(text)
    for standing, name in zip(before[::2], before[1::2], strict=True):
        pieces += (quoted_printable(standing, goes_on=True) + b"=\r\n", (name, is_html), b"=\r\n")
    pieces.append(quoted_printable(last))


def _as_text(value: str) -> bytes:
    return (
        value.encode() if _PLAIN(value) and not value.startswith(_AT_START) else quoted_printable(value, goes_on=True)
    )


def _join(headers: bytes, pieces: list[bytes | Slot]) -> tuple[list[bytes], tuple[Fill, ...]]:
    """Return the pieces with neighbours joined, behind a place for a message's own fields and the standing ones.

    Returned as well are the places of each slot among them.
    """
    joined: list[bytes] = [b"", headers, b""]
    places: dict[str, tuple[list[int], list[int]]] = {}
    for piece in pieces:
        if isinstance(piece, bytes):
            joined[-1] += piece
        else:
            slot, is_html = piece
            places.setdefault(slot, ([], []))[is_html].append(len(joined))
            joined += [b"", b""]
    return joined, tuple((slot, tuple(in_text), tuple(in_html)) for slot, (in_text, in_html) in places.items())


def quoted_printable(text: str, *, goes_on: bool = False) -> bytes:
    """Return `text` as quoted-printable (RFC 2045, 6.7), in lines of 76 at most, ready for SMTP.

    Line ends become CRLF. A dot and a "From " at the start of a line are encoded, so that neither a server's
    dot-stuffing nor a mailbox's quoting has anything to do. With `goes_on` the last line has room for a soft break.
    """
    *lines, last = (line.encode("utf-8", "replace") for line in _LINE_END.split(text))
    return b"\r\n".join([*map(_encode_line, lines), _encode_line(last, _LINE - goes_on)])


def _encode_line(line: bytes, room: int = _LINE) -> bytes:
    encoded = line.decode("ascii") if _AS_IT_IS(line) else "".join(_OCTETS[octet] for octet in line)
    if encoded[-1:] in {" ", "\t"}:  # a mailer may strip white space from the end of a line
        encoded = encoded[:-1] + f"={ord(encoded[-1]):02X}"
    out = []
    while encoded:
        if encoded.startswith(_AT_START):
            encoded = f"={ord(encoded[0]):02X}{encoded[1:]}"
        if len(encoded) <= room:
            out.append(encoded)
            break
        cut = _LINE - 1
        if "=" in encoded[cut - 2 : cut]:  # never inside =XX
            cut = cut - 2 + encoded[cut - 2 : cut].index("=")
        out.append(encoded[:cut] + "=")
        encoded = encoded[cut:]
    return "\r\n".join(out).encode()


_OCTETS = tuple(chr(n) if (33 <= n <= 126 and n != 61) or n in {9, 32} else f"={n:02X}" for n in range(256))
