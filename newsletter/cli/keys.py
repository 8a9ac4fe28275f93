"""`newsletter key`: a new signing key beside the old ones, so that no link that was sent dies."""

import secrets
from hashlib import sha256

import typer

from newsletter.cli.console import Exit, err, out, settings
from newsletter.keeping import keep
from newsletter.settings import KEY_BYTES, Settings

key = typer.Typer(no_args_is_help=True, help="The keys that sign links: the first signs, all of them verify.")


@key.command("list")
def list_(context: typer.Context) -> None:
    """List the keys by their fingerprints. The keys themselves are never shown."""
    for n, line in enumerate(_keys(settings(context))):
        out.print(f"{_fingerprint(line)}  {'signs and verifies' if n == 0 else 'verifies'}")


@key.command()
def add(context: typer.Context) -> None:
    """Put a new key beside the others: it verifies from now on. Next: copy the file, restart everything, `key sign`."""
    given = settings(context)
    fresh = secrets.token_hex(KEY_BYTES)
    _write(given, [*_keys(given), fresh])
    out.print(
        f"{_fingerprint(fresh)} verifies now. Copy the file to every host and restart; then 'newsletter key sign'."
    )


@key.command()
def sign(context: typer.Context) -> None:
    """Let the key that was added last sign. The others go on verifying what they have signed."""
    given = settings(context)
    *others, last = _keys(given)
    if not others:
        err.print("There is one key, and it signs already. 'newsletter key add' makes another.")
        raise typer.Exit(Exit.FAILED)
    _write(given, [last, *others])
    out.print(f"{_fingerprint(last)} signs now. Copy the file to every host and restart.")


def _keys(given: Settings) -> list[str]:
    return given.key().decode().split()


def _write(given: Settings, lines: list[str]) -> None:
    """Replace the file in one step: half a key would turn every reader away."""
    keep(given.key_file or given.home / "key", "\n".join(lines) + "\n")


def _fingerprint(line: str) -> str:
    return sha256(line.encode()).hexdigest()[:12]
