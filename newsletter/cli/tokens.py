"""`newsletter token ...`: what lets programs use the API."""

from typing import Annotated

import typer

from newsletter.admitting import Admitting
from newsletter.cli.console import JsonOption, now, out, print_json, print_table, settings
from newsletter.cli.staff import DOOR
from newsletter.staffing import StaffingError
from newsletter.storage.staff import StaffStore
from newsletter.storage.tokens import Scope, write_scopes
from newsletter.wiring import open_house
from subscribers.people import address_key

token = typer.Typer(no_args_is_help=True, help="What lets programs use the API.")


@token.command()
def new(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeatable.")],
    owner: Annotated[str, typer.Option(help="Address of the one of the staff in whose name it acts.")],
    days: Annotated[int, typer.Option(help="How long it holds, 1 to 366.")] = 90,
) -> None:
    """Make a token and print it, this once. It never does what its owner may not do themselves.

    Example: newsletter token new --name "the shop" --scope subscribers:write --owner ines@example.org --days 90
    """
    with open_house(settings(context)) as house:
        member = StaffStore(house.engine).at(address_key(owner))
        if member is None:
            raise StaffingError(f"nobody of the staff has the address {owner!r}; 'newsletter staff list' shows them")
        made, secret = Admitting(house.engine).make(member, name, scope, days, by=DOOR, now=now())
        url = house.settings.console_url
    out.print(f"{made.name} acts in the name of {member.name} until {made.until:%Y-%m-%d}:", markup=False)
    out.print(f"\n  {secret}\n", markup=False)
    out.print("It is shown this once. Try it:", markup=False)
    out.print(f"  curl -H 'Authorization: Bearer {made.prefix}...' {url}/api/v1/editions", markup=False)


@token.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every token: whose, what it may do, until when, and when it was used last."""
    with open_house(settings(context)) as house:
        names = {m.id: m.name for m in StaffStore(house.engine).all()}
        found = Admitting(house.engine).store.all()
    at = now()
    columns = ("id", "begins", "name", "owner", "scopes", "state", "until", "used_at")
    rows = [
        (
            *(t.id, t.prefix, t.name, names[t.staff], write_scopes(t.scopes)),
            "revoked" if t.revoked_at else "holds" if t.holds_at(at) else "expired",
            *(f"{t.until:%Y-%m-%d}", f"{t.used_at:%Y-%m-%d %H:%M}" if t.used_at else "never"),
        )
        for t in found
    ]
    if as_json:
        return print_json([dict(zip(columns, row, strict=True)) for row in rows])
    heads = ("Id", "Begins", "Name", "Owner", "Scopes", "State", "Until", "Last used")
    print_table(heads, rows, "No token yet: newsletter token new --help")
    return None


@token.command()
def revoke(
    context: typer.Context, which: Annotated[str, typer.Argument(help="Its id or how it begins, as 'list' shows.")]
) -> None:
    """Let a token open nothing any more, from this moment."""
    with open_house(settings(context)) as house:
        gone = Admitting(house.engine).revoke(which, by=DOOR, now=now())
    out.print(f"{gone.name} ({gone.prefix}...) opens nothing any more.", markup=False)
