"""What mailbox providers ask of a finished message's headers, checked on the bytes that leave."""

import re
from collections.abc import Iterator

from newsletter.rendering.gates import Finding, Severity

#: RFC 5322, section 2.1.1.
LINE_BYTES = 998

#: Headers that a message has exactly once.
ONCE = ("from", "to", "subject", "date", "message-id", "mime-version")

_ONE_CLICK = b"List-Unsubscribe=One-Click"


def check_headers(message: bytes, *, marketing: bool = True) -> tuple[Finding, ...]:
    """Return everything wrong with the headers of `message`, as bytes on the wire. Empty means nothing.

    Args:
        message: The message with CRLF or LF line ends.
        marketing: False for an answer to one person, such as a confirmation: it may name its list, and has nothing
            to leave.
    """
    fields = _fields(message)
    rules = (_once, _lines, _encoded, _one_click if marketing else _nothing_to_leave)
    return tuple(Finding("headers", Severity.BLOCKER, said) for rule in rules for said in rule(message, fields))


_Fields = list[tuple[str, bytes]]


def _fields(message: bytes) -> _Fields:
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    unfolded = re.sub(rb"\r?\n(?=[ \t])", b"", head)
    pairs = (line.partition(b":") for line in re.split(rb"\r?\n", unfolded))
    return [(name.decode("ascii", "replace").lower(), value.strip()) for name, colon, value in pairs if colon]


def _values(fields: _Fields, name: str) -> list[bytes]:
    return [value for other, value in fields if other == name]


def _once(_message: bytes, fields: _Fields) -> Iterator[str]:
    for name in ONCE:
        if (times := len(_values(fields, name))) != 1:
            yield f"the header {name} stands there {times} times; RFC 5322 wants it once"


def _lines(message: bytes, _fields: _Fields) -> Iterator[str]:
    longest = max(len(line) for line in re.split(rb"\r?\n", message))
    if longest > LINE_BYTES:
        yield f"a line has {longest} bytes; RFC 5322 allows {LINE_BYTES}"


def _encoded(_message: bytes, fields: _Fields) -> Iterator[str]:
    for name in ("list-unsubscribe", "list-unsubscribe-post", "list-id", "message-id"):
        if any(b"=?" in value for value in _values(fields, name)):
            yield f"the header {name} is RFC 2047-encoded; no client understands it: serialise with long lines"


def _one_click(_message: bytes, fields: _Fields) -> Iterator[str]:
    given = b" ".join(_values(fields, "list-unsubscribe"))
    secure = [u for u in re.findall(rb"<([^>]*)>", given) if u.lower().startswith(b"https://")]
    if len(secure) != 1:
        yield f"List-Unsubscribe holds {len(secure)} https addresses; RFC 8058 wants one"
    if any(re.search(rb"\s", address) for address in secure):
        yield "the address in List-Unsubscribe holds a space"
    if _values(fields, "list-unsubscribe-post") != [_ONE_CLICK]:
        yield f"List-Unsubscribe-Post must be exactly {_ONE_CLICK.decode()} (RFC 8058)"
    if not re.search(rb"<[A-Za-z0-9.-]+\.[A-Za-z0-9.-]+>$", b" ".join(_values(fields, "list-id"))):
        yield "List-Id is missing or no list identifier (RFC 2919)"


def _nothing_to_leave(_message: bytes, fields: _Fields) -> Iterator[str]:
    for name in ("list-unsubscribe", "list-unsubscribe-post"):
        if _values(fields, name):
            yield f"the header {name} belongs on list mail only"
