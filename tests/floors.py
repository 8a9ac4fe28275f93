"""Imports every module of the program and folds a sample: run by `make floors` with the lowest versions we declare."""

import importlib
import pkgutil
import sys
from types import ModuleType

import content
import flows
import newsletter
import subscribers
from newsletter.cli import main

ROOMS: tuple[ModuleType, ...] = (content, subscribers, newsletter, flows)

#: Run by Alembic alone, or a program by itself.
LEFT_OUT = (".migrations.", ".__main__")


def modules() -> list[str]:
    """Return the name of every module of the program that may be imported."""
    found = [m.name for room in ROOMS for m in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    return [name for name in found if not any(part in f"{name}." for part in LEFT_OUT)]


if __name__ == "__main__":
    names = modules()
    for name in names:
        importlib.import_module(name)
    sys.stdout.write(f"{len(names)} modules import.\n")
    sys.argv = ["newsletter", "fold", *sys.argv[1:]]
    main()
