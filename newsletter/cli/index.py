"""`newsletter index`: the index of what editions have explained."""

from collections.abc import Iterable, Sequence

import typer
from rich.progress import track

from newsletter.cli.console import JsonOption, ProcessesOption, err, out, print_json, settings
from newsletter.remembering import remember
from newsletter.wiring import open_house
from newsletter.working import processes

index = typer.Typer(help="The index of what was explained before; it can always be made anew.", no_args_is_help=True)


@index.command()
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show how much is indexed."""
    with open_house(settings(context)) as house:
        counts = {
            "editions": len(house.explained.editions(house.settings.newsletter)),
            "sections": house.explained.size(),
        }
    if as_json:
        return print_json(counts)
    return out.print(f"{counts['sections']:,} explainers of {counts['editions']:,} editions are indexed.")


@index.command()
def rebuild(context: typer.Context, number: ProcessesOption = 1) -> None:
    """Make the index anew from the editions and articles of the store.

    Example: newsletter index rebuild --processes 4
    """
    with open_house(settings(context)) as house, processes(number) as mapper:
        house.explained.clear()
        added = remember(house, mapper, _watch)
    out.print(f"{added:,} explainers are indexed.")


def _watch(keys: Sequence[str]) -> Iterable[str]:
    return track(keys, description="Indexing", console=err, transient=True)
