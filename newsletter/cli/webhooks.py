"""`newsletter webhook ...`: which other programs are told of what happens."""

from typing import Annotated

import typer

from newsletter.cli.console import Exit, JsonOption, now, out, print_json, print_table, settings
from newsletter.cli.staff import DOOR
from newsletter.hooking import add_hook, find_hook, ping
from newsletter.hooking import remove as forget_hook
from newsletter.hooking import replay as send_again
from newsletter.hooking import rotate as change_secret
from newsletter.storage.outbox import Event, Hook, OutboxStore, PostState
from newsletter.wiring import make_poster, open_house, reach_of

webhook = typer.Typer(no_args_is_help=True, help="Which other programs are told of what happens.")

Which = Annotated[str, typer.Argument(help="Its name or id, or how one of them begins.")]


@webhook.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Where to post; https.")],
    name: Annotated[str, typer.Option(help="What it is for.")],
    event: Annotated[
        list[Event] | None, typer.Option(help="What to tell of; repeatable. Everything, if left out.")
    ] = None,
    with_addresses: Annotated[
        bool, typer.Option("--with-addresses", help="Let events about people carry their addresses, not ids alone.")
    ] = False,
) -> None:
    """Add a webhook and print its secret. Messages are signed as Standard Webhooks says.

    Example: newsletter webhook add https://shop.example.org/hooks --name "the shop" --event subscriber.subscribed
    """
    given = settings(context)
    with open_house(given) as house:
        reach, at = reach_of(given), now()
        hook = add_hook(
            house.engine, url, name, event or (), with_addresses=with_addresses, reach=reach, by=DOOR, now=at
        )
    _print_secret(hook)


@webhook.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every webhook, what it is told of, and how many messages wait or are parked."""
    with open_house(settings(context)) as house:
        store = OutboxStore(house.engine)
        rows = [
            (
                *(h.id, h.name, h.url, " ".join(sorted(h.events)) or "everything", h.state.value),
                len(store.posts(h.id, 10_000, [PostState.WAITING])),
                len(store.posts(h.id, 10_000, [PostState.PARKED])),
            )
            for h in store.hooks()
        ]
    names = ("id", "name", "url", "events", "state", "waiting", "parked")
    if as_json:
        return print_json([dict(zip(names, row, strict=True)) for row in rows])
    heads = ("Id", "Name", "Where", "Told of", "State", "Waiting", "Parked")
    print_table(heads, rows, "No webhook yet: newsletter webhook add --help")
    return None


@webhook.command()
def show(context: typer.Context, which: Which, as_json: JsonOption = False) -> None:
    """Show the last messages to a webhook, and what was answered."""
    with open_house(settings(context)) as house:
        posts = OutboxStore(house.engine).posts(find_hook(house.engine, which).id)
    rows = [(f"{p.at:%Y-%m-%d %H:%M:%S}", p.id, p.event.value, p.state.value, p.tries, p.status, p.said) for p in posts]
    names = ("at", "id", "event", "state", "tries", "status", "answer")
    if as_json:
        return print_json([dict(zip(names, row, strict=True)) for row in rows])
    print_table(("At", "Id", "Event", "State", "Tries", "Status", "Answer"), rows, "Nothing was to be told yet.")
    return None


@webhook.command()
def test(context: typer.Context, which: Which) -> None:
    """Post a test message at once and say what was answered; ends with 1 when it was not taken."""
    given = settings(context)
    with open_house(given) as house:
        post = ping(house.engine, find_hook(house.engine, which), make_poster(given), now=now())
    out.print(f"{post.state.value}: {post.status or 'no answer'} {post.said}".strip(), markup=False)
    if post.state is not PostState.DELIVERED:
        raise typer.Exit(Exit.FAILED)


@webhook.command()
def replay(
    context: typer.Context,
    which: Which,
    message: Annotated[str, typer.Option(help="Id of one message; all that were parked, if left out.")] = "",
) -> None:
    """Send messages once more under the ids they have; the dispatcher delivers them."""
    with open_house(settings(context)) as house:
        sent = send_again(house.engine, find_hook(house.engine, which), by=DOOR, now=now(), id_=message)
    out.print("1 message goes out again." if sent == 1 else f"{sent} messages go out again.")


@webhook.command()
def rotate(context: typer.Context, which: Which) -> None:
    """Make a new secret; messages carry the old signature too for a day."""
    with open_house(settings(context)) as house:
        hook = change_secret(house.engine, find_hook(house.engine, which), by=DOOR, now=now())
    _print_secret(hook)


@webhook.command()
def remove(context: typer.Context, which: Which) -> None:
    """Forget a webhook, and what was still to be told to it."""
    with open_house(settings(context)) as house:
        hook = find_hook(house.engine, which)
        forget_hook(house.engine, hook, by=DOOR, now=now())
    out.print(f"{hook.name} is told nothing any more.", markup=False)


def _print_secret(hook: Hook) -> None:
    out.print(f"{hook.name} ({hook.id}) is told at {hook.url}. The secret that messages are signed with:", markup=False)
    out.print(f"\n  {hook.secret}\n", markup=False)
    out.print(f"Try it: newsletter webhook test {hook.id}", markup=False)
