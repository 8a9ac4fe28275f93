"""Reads forms: a bounded number of bounded fields, as text, from either of a browser's two encodings."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

#: Octets of a form at most. The longest of ours, with every topic ticked, has a few thousand.
LARGEST = 64 * 1024

#: Fields of a form at most.
MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that were sent, each with every value it had."""

    fields: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """Return the first value of a field, or nothing."""
        return self.fields.get(name, ("",))[0]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Tell whether the field was sent."""
        return name in self.fields


async def read_form(request: Request) -> Form:
    """Return the form in the body of a request.

    Raises:
        HTTPException: It is too large, has too many fields, or is no form in UTF-8.
    """
    body = await read_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as error:  # too many fields, or octets that are no text
        raise HTTPException(400) from error
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return Form(fields)


async def read_body(request: Request, largest: int = LARGEST) -> bytes:
    """Return the body of a request, `largest` octets at most.

    Raises:
        HTTPException: It is too large.
    """
    octets = bytearray()
    async for part in request.stream():
        octets += part
        if len(octets) > largest:
            raise HTTPException(413)
    return bytes(octets)
