"""Reads what a mail server says: many lines, split anywhere, in any alphabet, or nonsense."""

import re
from dataclasses import dataclass

#: Longest unfinished line and most lines of one reply we listen to (RFC 5321 allows 512 octets; servers say more).
LINE_OCTETS = 65_536
REPLY_LINES = 1_000

#: What we keep of a reply's text.
TEXT_OCTETS = 2_000

#: Whole replies that are remembered as read. Those with a queue's number in them never come again.
_REMEMBERED = 64

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_LAST_LINE = re.compile(rb"([2-5]\d\d)(?: |$)").match
_MORE_LINES = re.compile(rb"([2-5]\d\d)-").match
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Reply:
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

    @property
    def has_rest(self) -> bool:
        """Tell whether something has been said that is no whole reply yet."""
        return bool(self._rest or self._before)

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes.

        Raises:
            ValueError: This is not SMTP, or it never ends.
        """
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > LINE_OCTETS:
            raise ValueError("the server's reply does not end")
        self._rest = rest
        replies = []
        for line in lines:
            # A server says "250 2.1.0 Ok" a hundred thousand times.
            known = self._heard.get(line)
            if known is not None and not self._before:
                replies.append(known)
                continue
            replies += self._read(line)
        return replies

    def _read(self, line: bytes) -> list[Reply]:
        if len(line) > LINE_OCTETS or len(self._before) > REPLY_LINES:
            raise ValueError("the server's reply does not end")
        text = line.rstrip(b"\r")
        if found := _MORE_LINES(text):
            self._before.append((int(found[1]), text[4 : 4 + TEXT_OCTETS]))
            return []
        found = _LAST_LINE(text)
        if found is None:
            raise ValueError(f"this is no mail server's reply: {text[:80]!r}")
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
