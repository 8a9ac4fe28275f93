"""A Word document is read by its styles, and a damaged one is named, whatever is wrong with it."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from content.articles import Block, BlockKind
from newsletter.sources.documents import DocumentError
from newsletter.sources.docx import UNPACKED_BYTES, read
from newsletter.sources.folder import read as read_folder
from tests.builders import heading, paragraph
from tests.newsletter.word import make_docx

WHOLE = make_docx(("Title", "Brows"), ("", "Hair stands."), properties={"dc:creator": "Noor"})


def test_styles_become_blocks() -> None:
    word = make_docx(("Title", "Brows"), ("", "Hair stands."), ("Heading2", "Care"), ("Quote", "Keep dry."))

    document = read(word)[0]

    assert (document.title, document.blocks) == (
        "Brows",
        (paragraph("Hair stands."), heading("Care"), Block(BlockKind.QUOTE, "Keep dry.")),
    )


def test_the_title_may_stand_in_the_properties_alone() -> None:
    document = read(make_docx(("", "Hair stands."), properties={"dc:title": "Brows", "dc:language": "en-GB"}))[0]

    assert (document.title, document.facts.language) == ("Brows", "en-GB")


def _with(part: str, content: bytes, *, encrypted: bool = False) -> bytes:
    """Return the document with one part replaced, or marked as locked."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as whole, zipfile.ZipFile(written, "w") as package:
        for name in whole.namelist():
            package.writestr(name, content if name == part else whole.read(name))
    packed = bytearray(written.getvalue())
    if encrypted:
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = packed.find(mark)
            while place >= 0:
                packed[place + offset] |= 1
                place = packed.find(mark, place + 1)
    return bytes(packed)


_BOMB = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(12)
)


@pytest.mark.parametrize(
    "damaged",
    [
        WHOLE[:-30],
        WHOLE.replace(b"PK\x05\x06", b"PK\x05\x07"),
        bytes([*WHOLE[:60], *(byte ^ 0x55 for byte in WHOLE[60:90]), *WHOLE[90:]]),
        _with("word/document.xml", b"<not closed"),
        _with("word/document.xml", b""),
        _with("word/document.xml", _BOMB + b"]><w:document>&m;</w:document>"),
        _with("word/document.xml", b"<a>" * 100_000),
        _with("docProps/core.xml", b"\x00"),
        _with("word/document.xml", b"", encrypted=True),
    ],
    ids=[
        *("cut", "no directory", "flipped bits", "not closed", "empty part", "bomb", "deep", "properties"),
        "locked",
    ],
)
def test_a_damaged_document_is_named(damaged: bytes) -> None:
    with pytest.raises(DocumentError):
        read(damaged)


def test_a_document_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(DocumentError, match="unpacks to more than 50 MB"):
        read(make_docx(("", "x"), properties={"dc:title": "T"}, **{"word/media/a.bmp": bytes(UNPACKED_BYTES)}))


def test_two_reads_of_one_file_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "brows.docx").write_bytes(WHOLE)
    (tmp_path / "brows.docx.meta.yaml").write_text("approved_by: Ines\napproved_at: 2026-11-02\n")

    pull = read_folder(tmp_path)

    assert pull == read_folder(tmp_path)
    assert pull.approvals[0].at == datetime(2026, 11, 2, tzinfo=UTC)
