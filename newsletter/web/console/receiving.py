"""Reads what a form of the console sends: bounded fields, and at doors that take one, a file."""

from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from newsletter.web.console.asking import FORM_FIELDS
from newsletter.web.forms import Form


async def receive(request: Request, largest: int, takes_file: bool) -> tuple[Form, str, bytes]:
    """Return the fields, and the name and octets of the file, both empty when there is none.

    Raises:
        HTTPException: It is too large, has too many fields, or is no form in UTF-8.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data" and takes_file:
        return await _with_file(request, largest)
    if kind and kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    octets = bytearray()
    async for part in request.stream():
        octets += part
        if len(octets) > largest:
            raise HTTPException(413)
    try:
        text = bytes(octets).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS, encoding="utf-8", errors="strict")
    except ValueError as error:  # too many fields, or octets that are no text
        raise HTTPException(400) from error
    return _form(pairs), "", b""


async def _with_file(request: Request, largest: int) -> tuple[Form, str, bytes]:
    received = 0
    inner = request.receive

    async def counted() -> Message:
        nonlocal received
        message = await inner()
        received += len(message.get("body", b""))
        if received > largest:
            raise HTTPException(413)
        return message

    bounded = Request(request.scope, counted)
    async with bounded.form(max_files=1, max_fields=50) as form:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
        if file is None:
            return _form(pairs), "", b""
        return _form(pairs), (file.filename or "")[-100:], await file.read()


def _form(pairs: list[tuple[str, str]]) -> Form:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return Form(fields)
