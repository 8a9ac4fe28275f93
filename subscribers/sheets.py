"""Spreadsheets of people: what kind of file it is, where its columns are, and its rows one by one."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Letters of one cell at most. Whatever is longer is no name and no address, but a quote that was never closed.
LONGEST_CELL = 20_000

#: Columns at most.
MOST_COLUMNS = 200

#: Cells that begin so are formulas to a spreadsheet (OWASP ASVS 1.2.10).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")

#: What a file is by its first octets when it is no text, whatever its name says.
_MAGIC = {
    b"PK\x03\x04": "a ZIP file (or an Excel, Word or OpenDocument file)",
    b"PK\x05\x06": "an empty ZIP file",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"\x1f\x8b": "a gzip file",
    b"SQLite format 3": "a database",
}


class Column(StrEnum):
    """What a column may hold for us. Every other one is left alone, and the report names it."""

    ADDRESS = "address"
    NAME = "name"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    LANGUAGE = "language"
    ZONE = "zone"
    TOPICS = "topics"
    RHYTHM = "rhythm"
    HOUR = "hour"
    TAGS = "tags"
    CONSENT_AT = "consent at"
    STATE = "state"


#: Headings that say what a column holds, as the known programs write them, in lower case.
HEADINGS: Mapping[str, Column] = {
    "email": Column.ADDRESS, "email address": Column.ADDRESS, "e-mail": Column.ADDRESS, "address": Column.ADDRESS,
    "mail": Column.ADDRESS, "email_address": Column.ADDRESS,
    "name": Column.NAME, "full name": Column.NAME,
    "first name": Column.FIRST_NAME, "firstname": Column.FIRST_NAME, "first_name": Column.FIRST_NAME,
    "last name": Column.LAST_NAME, "lastname": Column.LAST_NAME, "last_name": Column.LAST_NAME,
    "language": Column.LANGUAGE, "timezone": Column.ZONE, "time zone": Column.ZONE, "zone": Column.ZONE,
    "topics": Column.TOPICS, "rhythm": Column.RHYTHM, "hour": Column.HOUR, "tags": Column.TAGS,
    "confirm_time": Column.CONSENT_AT, "consent_at": Column.CONSENT_AT, "consent at": Column.CONSENT_AT,
    "confirmed_at": Column.CONSENT_AT, "status": Column.STATE, "state": Column.STATE,
}  # fmt: skip


class SheetError(ValueError):
    """A file cannot be read at all; the message says why, where, and what would do."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is written, and which column is which, as shown before anything happens."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    columns: Mapping[Column, int]

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the headings that are left alone."""
        used = set(self.columns.values())
        return tuple(name for n, name in enumerate(self.header) if n not in used)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line where it begins, its cells, and what is wrong with it (nothing if empty)."""

    line: int
    cells: Mapping[Column, str]
    problem: str = ""


def sniff(start: bytes, wanted: Mapping[str, str] | None = None) -> Shape:
    """Return the shape of a file whose first octets are `start`.

    Args:
        start: 64 KB are enough; a cut-off last line does no harm.
        wanted: Headings of the file by what they hold (`{"address": "Kontakt"}`), where ours do not recognise them.

    Raises:
        SheetError: It is no text, empty, or has no column with addresses.
    """
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    if kind:
        raise SheetError(f"this is {kind}; save the people as CSV and import that")
    encoding = _encoding(start)
    text = start.decode(encoding, errors="replace").lstrip("\ufeff")
    first, rest = _first_line(text)
    delimiter = ""
    if first.lower().startswith("sep=") and len(first) == 5:
        delimiter, (first, rest) = first[4], _first_line(rest)
    if not first.strip():
        raise SheetError("there is nothing to import: the file is empty or begins with an empty line")
    delimiter = delimiter or max(",;\t|", key=lambda d: (first.count(d), d == ","))
    header = tuple(cell.strip() for cell in next(csv.reader([first], delimiter=delimiter)))
    return Shape(encoding, delimiter, header, _columns(header, wanted or {}))


def rows(lines: Iterable[str], shape: Shape) -> Iterator[Row]:
    """Yield the rows below the header.

    Args:
        lines: The whole file as text, split at line ends of any kind that are kept (`open(newline="")`).
        shape: What `sniff` found.

    Raises:
        SheetError: A quote is never closed; the message names the line where it opens.
    """
    reader = csv.reader(_without_preamble(lines), delimiter=shape.delimiter, strict=True)
    line = 1
    width = len(shape.header)
    is_header = True
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error) or "unexpected end" in str(error):
                raise SheetError(f"line {line}: a quote opens here and is never closed") from error
            yield Row(line, {}, "its quotes do not match")
            line = reader.line_num + 1
            continue
        begun, line = line, reader.line_num + 1
        if not any(cells):
            continue
        if is_header:
            is_header = False
        else:
            yield _row(begun, cells, shape, width)


def safe_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def plain_cell(text: str) -> str:
    """Return what `safe_cell` was given: exactly one apostrophe before a formula goes."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


def _row(line: int, cells: Sequence[str], shape: Shape, width: int) -> Row:
    if len(cells) != width:
        return Row(line, {}, f"it has {len(cells)} cells, the header has {width}")
    if any(len(cell) > LONGEST_CELL for cell in cells):
        return Row(line, {}, "a cell is too long")
    found = {column: plain_cell(cells[place].strip(" \t")) for column, place in shape.columns.items()}
    if any("\0" in cell for cell in found.values()):
        return Row(line, {}, "it holds control characters")
    return Row(line, found)


def _encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start[:200] and start[:200].count(b"\0") * 3 > len(start[:200]):
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    try:
        # The sample may end within a letter: its last three octets decide nothing.
        start[:-3].decode("utf-8") if len(start) > 3 else start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 6:
            return "cp1252"
    return "utf-8-sig"


def _first_line(text: str) -> tuple[str, str]:
    line, _, rest = re.sub(r"\r\n?", "\n", text[:100_000]).partition("\n")
    return line, rest


def _columns(header: tuple[str, ...], wanted: Mapping[str, str]) -> dict[Column, int]:
    if len(header) > MOST_COLUMNS:
        raise SheetError(f"the file has {len(header)} columns; at most {MOST_COLUMNS} are read")
    lowered = [name.lower() for name in header]
    columns: dict[Column, int] = {}
    for place, name in enumerate(lowered):
        column = HEADINGS.get(name)
        if column is not None:
            if column in columns:
                both = f"{header[columns[column]]!r} and {header[place]!r}"
                raise SheetError(f"the columns {both} both hold the {column}; remove one")
            columns[column] = place
    for column_name, heading in wanted.items():
        if heading.lower() not in lowered:
            raise SheetError(f"there is no column {heading!r}; the file has {', '.join(header)}")
        columns[Column(column_name)] = lowered.index(heading.lower())
    if Column.ADDRESS not in columns:
        raise SheetError(
            f"no column holds addresses: the first line is {', '.join(header)[:200]!r}. "
            "Name the column with --column address=HEADING"
        )
    return columns


def _without_preamble(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == 0:
            line = line.lstrip("\ufeff")
            if line.lower().startswith("sep=") and len(line.strip()) == 5:
                line = "\n"  # still a line, so that the numbers of the others are right
        yield line
