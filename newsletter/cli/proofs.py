"""What a mail will be: a preview, also of one person's message to the last byte, and a test to an address of ours."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli.console import Exit, err, now, out, settings
from newsletter.cli.editions import Key, edition
from newsletter.proving import preview_for, send_test
from newsletter.publishing import EVERYBODY, find
from newsletter.storage.errors import StoreError
from newsletter.wiring import House, open_house
from subscribers.addresses import AddressError, read_address
from subscribers.deliveries import Outcome, Receipt


@edition.command()
def preview(
    context: typer.Context,
    key: Key = "",
    text: Annotated[bool, typer.Option("--text", help="The text part instead of HTML.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    as_: Annotated[str, typer.Option("--as", help="The address of a subscriber: what they get, nothing open.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="With --as: the whole message, as it leaves.")] = False,
) -> None:
    """Print the mail exactly as it will leave, personal places still open.

    With --as it is what one person gets: their stories, their explainers, their links. Once the audience is frozen,
    the hash that is shown is of the message itself, and --raw prints it.
    """
    with open_house(settings(context)) as house:
        shown = _personal(house, key, as_, text, raw) if as_ else _for_everybody(house, key, text)
    if output:
        output.write_bytes(shown)
        out.print(f"Wrote {output}")
    else:
        typer.echo(shown, nl=not raw)


@edition.command("test")
def send_test_(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="Where to: an address of yours.")],
    key: Key = "",
) -> None:
    """Send an edition to one address, by the same way out, signed as always. No subscriber and no ledger knows of it.

    It says in its subject that it is a test, and its links lead to nobody's page.
    """
    address = checked_address(to, "--to")
    with open_house(settings(context)) as house:
        receipt = send_test(house, key, address, now())
    report(address, receipt)


def checked_address(text: str, option: str) -> str:
    """Return a mail address that was typed in.

    Raises:
        BadParameter: It is none.
    """
    try:
        return read_address(text).text
    except AddressError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def report(address: str, receipt: Receipt) -> None:
    """Say what became of a trial; end with 1 unless it was accepted."""
    said = f"{receipt.code} {receipt.reply}".strip("0 ")
    if receipt.outcome is Outcome.ACCEPTED:
        out.print(f"Sent to {address}: {said}".rstrip(": "), markup=False)
        return
    err.print(f"newsletter: not sent to {address}: {said}", style="red", markup=False)
    raise typer.Exit(Exit.FAILED)


def _for_everybody(house: House, key: str, text: bool) -> bytes:
    record = find(house, key)
    rendering = house.editions.rendering(record.edition.key, EVERYBODY)
    return b"" if rendering is None else (rendering.text if text else rendering.html).encode()


def _personal(house: House, key: str, address: str, text: bool, raw: bool) -> bytes:
    found = preview_for(house, key, address, now())
    if raw and not found.message:
        raise StoreError("there is no message before the audience is frozen; without --raw the mail is shown")
    what = "message" if found.message else "mail, which becomes a message when the audience is frozen,"
    err.print(f"SHA-256 of the {what} to {found.address}: {found.hash}", style="dim", markup=False)
    return found.message if raw else (found.rendering.text if text else found.rendering.html).encode()
