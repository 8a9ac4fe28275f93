"""Tells from a picture's bytes whether a mail can show it: its form, its size, whether it is one at all."""

from collections.abc import Iterator

#: A phone takes seconds for more, and clients begin to leave it out.
HEAVIEST_BYTES = 5_000_000

#: Longest side. More is scaled down by nobody on the way, and some clients crash on it.
LONGEST_PIXELS = 6_000

#: What is no picture for every mail program: how its bytes begin, and its name.
_ELSEWHERE = (
    (b"RIFF", 8, b"WEBP", "WebP, which Outlook does not show"),
    (b"", 4, b"ftypavif", "AVIF, which most mail programs do not show"),
    (b"", 4, b"ftypheic", "HEIC, which most mail programs do not show"),
    (b"", 4, b"ftypmif1", "HEIC, which most mail programs do not show"),
)

_PNG, _JPEG, _GIFS = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", (b"GIF87a", b"GIF89a")

#: Markers of a JPEG that begin a frame, and so tell its size (ITU T.81, B.2.2).
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def problem_of(picture: bytes) -> str:
    """Return why a mail cannot show `picture`, in words; "" when it can."""
    for start, place, name, words in _ELSEWHERE:
        if picture.startswith(start) and picture[place : place + len(name)] == name:
            return f"is {words}: save it as JPEG or PNG"
    begins = picture[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begins.startswith((b"<svg", b"<?xml")) or b"<svg" in begins:
        return "is SVG, which mail programs do not show: save it as PNG"
    if begins.startswith(b"<"):
        return "is a page, not a picture: a sign-in or an error stands in its place"
    size = size_of(picture)
    if size is None:
        return "is no picture that we know: save it as JPEG or PNG"
    if len(picture) > HEAVIEST_BYTES:
        return f"has {len(picture):,} bytes: make it smaller than {HEAVIEST_BYTES:,}"
    if max(size) > LONGEST_PIXELS:
        return f"has {size[0]:,} × {size[1]:,} pixels: make its longest side shorter than {LONGEST_PIXELS:,}"
    return ""


def size_of(picture: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF or JPEG in pixels; None for anything else."""
    if picture.startswith(_PNG) and len(picture) >= 24:
        return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    if picture.startswith(_GIFS) and len(picture) >= 10:
        return int.from_bytes(picture[6:8], "little"), int.from_bytes(picture[8:10], "little")
    return next(_jpeg_frames(picture), None) if picture.startswith(_JPEG) else None


def _jpeg_frames(picture: bytes) -> Iterator[tuple[int, int]]:
    place = 2
    while place + 9 <= len(picture) and picture[place] == 0xFF:
        marker = picture[place + 1]
        if marker in _FRAMES:
            yield int.from_bytes(picture[place + 7 : place + 9]), int.from_bytes(picture[place + 5 : place + 7])
        place += 2 + max(int.from_bytes(picture[place + 2 : place + 4]), 2)
