"""`newsletter staff ...`: who may use the console. The way in for the first administrator, and the last resort."""

from typing import Annotated

import typer

from newsletter.cli.console import JsonOption, now, out, print_json, print_table, settings
from newsletter.staffing import CODE_KEPT, Staffing, StaffingError
from newsletter.storage.staff import Member, Role
from newsletter.wiring import House, open_house
from subscribers.people import address_key

staff = typer.Typer(no_args_is_help=True, help="Who may use the console.")

#: Under this name the log remembers what was done here.
DOOR = "command line"

Who = Annotated[str, typer.Argument(help="The address of one of the staff.")]


@staff.command()
def add(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="With which the person signs in.")],
    name: Annotated[str, typer.Option(help="Decisions are signed with it.")],
    role: Annotated[list[Role], typer.Option(help="Repeatable; roles add up.")],
) -> None:
    """Add a person and print the code that opens their account, once, within half an hour.

    Example: newsletter staff add ines@example.org --name "Ines Moreau" --role admin
    """
    with open_house(settings(context)) as house:
        member, code = Staffing(house.engine).invite(address, name, role, by=DOOR, now=now())
        _print_code(house, member, code)


@staff.command()
def code(context: typer.Context, who: Who) -> None:
    """Print a code that opens an account anew: for a forgotten password or a lost authenticator."""
    with open_house(settings(context)) as house:
        staffing = Staffing(house.engine)
        member = _find(staffing, who)
        _print_code(house, member, staffing.make_code(member, by=DOOR, now=now()))


@staff.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show everybody who may use the console, and how many sessions each has open."""
    with open_house(settings(context)) as house:
        staffing = Staffing(house.engine)
        found = [(m, len(staffing.sessions.of(m.id, now()))) for m in staffing.staff.all()]
    rows = [
        (m.name, m.address, " ".join(sorted(m.roles)), "gone" if m.left_at else "here", m.has_factor, sessions)
        for m, sessions in found
    ]
    names = ("name", "address", "roles", "state", "second_factor", "sessions")
    if as_json:
        return print_json([dict(zip(names, row, strict=True)) for row in rows])
    print_table(
        ("Name", "Address", "Roles", "State", "Second factor", "Sessions"),
        rows,
        "Nobody yet. Add the first: newsletter staff add ADDRESS --name NAME --role admin",
    )
    return None


@staff.command()
def revoke(
    context: typer.Context,
    who: Who,
    account: Annotated[
        bool, typer.Option("--account", help="Let the person in no more, not only sign them out.")
    ] = False,
) -> None:
    """End every session of a person; with --account let them in no more."""
    with open_house(settings(context)) as house:
        staffing = Staffing(house.engine)
        member = _find(staffing, who)
        ended = staffing.revoke(member, by=DOOR, now=now(), account=account)
    out.print(f"{member.name}: {ended} sessions ended{', and the account is closed' if account else ''}.", markup=False)


@staff.command()
def verify(context: typer.Context) -> None:
    """Check that nobody has changed the log of what staff did."""
    with open_house(settings(context)) as house:
        broken = Staffing(house.engine).audit.verify()
    if broken is not None:
        raise StaffingError(f"line {broken} of the audit log was changed, or the line before it is gone")
    out.print("Every line of the audit log holds.")


def _find(staffing: Staffing, who: str) -> Member:
    member = staffing.staff.at(address_key(who))
    if member is None:
        raise StaffingError(f"nobody of the staff has the address {who!r}; 'newsletter staff list' shows them")
    return member


def _print_code(house: House, member: Member, code: str) -> None:
    minutes = int(CODE_KEPT.total_seconds() // 60)
    out.print(f"{member.name} opens the account at {house.settings.console_url}/welcome with this code,", markup=False)
    out.print(f"once, within {minutes} minutes:\n\n  {code}\n")
