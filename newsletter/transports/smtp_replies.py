"""Reads what a mail server says: many lines, split anywhere, in any alphabet, or nonsense."""

import re
from typing import NamedTuple

#: Longest unfinished line and most lines of one reply we listen to (RFC 5321 allows 512 octets; servers say more).
LINE_OCTETS = 65_536
REPLY_LINES = 1_000

#: What we keep of a reply's text.
TEXT_OCTETS = 2_000

#: Whole replies, and runs of them, that are remembered as read. Those with a queue's number in them never come again.
_REMEMBERED = 64

#: Longest run of replies that is remembered, in octets.
_RUN_OCTETS = 1_000

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_LINE = re.compile(rb"([2-5]\d\d)(-| |$)").match
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


class Reply(NamedTuple):
    """One reply: its code, RFC 3463 status if it bears one, and its words on one line."""

    code: int
    enhanced: str
    text: str
    lines: tuple[str, ...] = ()  #: as they came, without codes


class Lines:
    """Gathers what arrives into replies."""

    def __init__(self) -> None:
        self._rest = b""
        self._before: list[tuple[int, bytes]] = []
        self._heard: dict[bytes, Reply] = {}
        self._runs: dict[bytes, list[Reply]] = {}

    @property
    def has_rest(self) -> bool:
        """Tell whether something has been said that is no whole reply yet."""
        return bool(self._rest or self._before)

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes.

        Raises:
            ValueError: This is not SMTP, or it never ends.
        """
        first, end, others = (self._rest + data).partition(b"\n")
        if not end:
            others = first
        self._rest = b""
        replies = self._read(first) if end else []
        # What follows the answer to a message is the same a hundred thousand times: "250 Ok", "250 Ok", "354 go".
        known = self._runs.get(others)
        if known is not None and not self._before:
            return replies + known
        return replies + self._read_run(others)

    def _read_run(self, data: bytes) -> list[Reply]:
        begins_anew = not self._before
        *lines, rest = data.split(b"\n")
        if len(rest) > LINE_OCTETS:
            raise ValueError("the server's reply does not end")
        self._rest = rest
        replies = [reply for line in lines for reply in self._read(line)]
        complete = begins_anew and not rest and not self._before
        if complete and len(data) <= _RUN_OCTETS and len(self._runs) < _REMEMBERED:
            self._runs[data] = replies
        return replies

    def _read(self, line: bytes) -> list[Reply]:
        known = self._heard.get(line)
        if known is not None and not self._before:
            return [known]
        if len(line) > LINE_OCTETS or len(self._before) > REPLY_LINES:
            raise ValueError("the server's reply does not end")
        text = line.rstrip(b"\r")
        found = _LINE(text)
        if found is None:
            raise ValueError(f"this is no mail server's reply: {text[:80]!r}")
        if found[2] == b"-":
            self._before.append((int(found[1]), text[4 : 4 + TEXT_OCTETS]))
            return []
        alone = not self._before
        reply = self._whole(int(found[1]), text[4:])
        if alone and len(self._heard) < _REMEMBERED:
            self._heard[line] = reply
        return [reply]

    def _whole(self, code: int, text: bytes) -> Reply:
        if not self._before:
            said = readable(text)
            return Reply(code, _status(said), said, (said,))
        codes = [c for c, _ in self._before] + [code]
        lines = tuple(readable(t) for t in [*(t for _, t in self._before), text])
        self._before = []
        # Lines that contradict each other: what may pass is taken for temporary, to blame nobody by mistake.
        code = next((c for c in codes if 400 <= c < 500), code)
        return Reply(code, next(filter(None, map(_status, lines)), ""), " ".join(lines)[:TEXT_OCTETS], lines)


def readable(text: bytes) -> str:
    """Return a server's words as storable text on one line, cut."""
    decoded = text[:TEXT_OCTETS].decode("utf-8", "replace")
    return decoded if decoded.isprintable() else _CONTROLS.sub(" ", decoded).strip()


def _status(text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found else ""
