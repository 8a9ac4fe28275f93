"""A picture that no mail can show is known by its bytes, whatever its name says."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.images import HEAVIEST_BYTES, problem_of, size_of


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))


def jpeg(width: int, height: int) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + b"\0" * 9
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app + frame + b"\xff\xd9"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0"


@pytest.mark.parametrize("make", [png, jpeg, gif])
def test_the_size_is_read(make: object) -> None:
    picture = make(640, 480)  # type: ignore[operator]

    assert size_of(picture) == (640, 480)
    assert problem_of(picture) == ""


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (png(30_000, 30_000), "has 30,000 × 30,000 pixels"),
        (gif(10, 10) + b"\0" * HEAVIEST_BYTES, "has 5,000,013 bytes"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "is WebP"),
        (b"\0\0\0\x20ftypavif", "is AVIF"),
        (b"\0\0\0\x18ftypheic", "is HEIC"),
        (b'<?xml version="1.0"?><svg/>', "is SVG"),
        (b"\xef\xbb\xbf<SVG xmlns='x'>", "is SVG"),
        (b"<!doctype html><title>Sign in</title>", "is a page, not a picture"),
        (b"", "is no picture that we know"),
        (b"\xff\xd8\xff", "is no picture that we know"),
        (b"PK\x03\x04", "is no picture that we know"),
    ],
    ids=[
        "vast",
        "heavy",
        "webp",
        "avif",
        "heic",
        "svg",
        "svg in capitals",
        "page",
        "nothing",
        "cut off",
        "wrong ending",
    ],
)
def test_what_no_mail_can_show_is_named(picture: bytes, problem: str) -> None:
    assert problem_of(picture).startswith(problem)


@given(st.binary(max_size=200).map(lambda rest: b"\xff\xd8" + rest))
def test_a_damaged_jpeg_neither_breaks_nor_hangs(picture: bytes) -> None:
    assert isinstance(problem_of(picture), str)
