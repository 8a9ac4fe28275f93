"""The plan holds: rooms, floors and purity are as `docs/architecture.md` draws them."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("content", "subscribers", "templates", "newsletter", "flows")

#: What each room may import of the others.
MAY_ENTER = {
    "content": set(),
    "subscribers": set(),
    "templates": set(),
    "newsletter": {"content", "subscribers", "templates"},
    "flows": {"content", "subscribers", "newsletter"},
}

#: Libraries that compute and do nothing else.
PURE_LIBRARIES = {"bs4", "numpy", "Stemmer", "email_validator"}

#: The parts of `newsletter/` by floor. Imports go downstairs only; neighbours never import each other.
FLOORS = (
    {"keeping"},
    {"ports", "settings", "templating", "loglines"},
    {
        "sources",
        "storage",
        "rendering",
        "feeds",
        "transports",
        "fetching",
        "letters",
        "semantics",
        "working",
        "orchestration",
    },
    {"remembering", "pinning"},
    {
        "ingesting",
        "approving",
        "corresponding",
        "planning",
        "publishing",
        "ruling",
        "sending",
        "enrolling",
        "importing",
        "exporting",
        "returns",
        "staffing",
        "syndicating",
        "observing",
        "welcoming",
        "hooking",
        "identifying",
    },
    {"releasing", "delivering", "scheduling", "posting", "admitting"},
    {"correcting", "notifying"},
    {"wiring", "proving"},
    {"dispatching"},
    {"preserving", "doctoring", "measuring"},
    {"exposing", "alarming"},
    {"web"},
    {"cli"},
    {"__main__"},
)

#: Standard modules through which a pure room could reach the world, and names it could call to.
WORLDLY_MODULES = {
    "os", "io", "sys", "time", "random", "secrets", "logging", "socket", "subprocess", "pathlib",
    "tempfile", "shutil", "urllib.request", "http", "sqlite3", "threading", "multiprocessing", "asyncio", "uuid",
}  # fmt: skip
WORLDLY_CALLS = {"open", "print", "input", "now", "utcnow", "today", "getenv", "urandom", "uuid4"}


def _files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _part(path: Path) -> str:
    parts = path.relative_to(ROOT / "newsletter").parts
    return Path(parts[0]).stem


def _floor(part: str) -> int | None:
    return next((n for n, parts in enumerate(FLOORS, start=1) if part in parts), None)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_enters_only_the_rooms_it_may(room: str) -> None:
    for path in _files(room):
        for name, line in _imports(path):
            other = name.split(".")[0]
            # The command line may start a flow: the demo does.
            if other in ROOMS and other != room and not (other == "flows" and "cli" in path.parts):
                assert other in MAY_ENTER[room], f"{path}:{line}: {room} may not import {other}"


def test_only_flows_import_prefect_when_they_are_loaded() -> None:
    for path in [f for room in ROOMS if room != "flows" for f in _files(room)]:
        for name, line in _imports(path):
            assert name.split(".")[0] != "prefect", f"{path}:{line}: only flows/ imports prefect"


@pytest.mark.parametrize("path", _files("newsletter"), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_in_the_machine_room_go_downstairs(path: Path) -> None:
    part = _part(path)
    if part == "__init__":
        return
    floor = _floor(part)
    assert floor, f"newsletter/{part} has no floor in the plan; give it one first"
    for name, line in _imports(path):
        if name.startswith("newsletter."):
            other = name.split(".")[1]
            below = _floor(other)
            assert below, f"{path}:{line}: newsletter.{other} has no floor in the plan"
            assert other == part or below < floor, f"{path}:{line}: {part} may not import {other}"
        # The doors may start a flow; nothing else in the machine room knows of flows.
        assert not name.startswith("flows.") or part == "cli", f"{path}:{line}: {part} may not import flows"


@pytest.mark.parametrize("path", _files("content") + _files("subscribers"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_pure_room_touches_nothing_outside(path: Path) -> None:
    for name, line in _imports(path):
        top = name.split(".")[0]
        outside = top in WORLDLY_MODULES or name in WORLDLY_MODULES
        assert not outside, f"{path}:{line}: a pure room does not import {name}"
        known = top in sys.stdlib_module_names or top in PURE_LIBRARIES or top in ROOMS
        assert known, f"{path}:{line}: {top} is not one of the pure libraries"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in WORLDLY_CALLS, f"{path}:{node.lineno}: a pure room does not call {called}()"
        if isinstance(node, ast.Attribute):
            assert node.attr != "environ", f"{path}:{node.lineno}: a pure room reads no environment"


def test_no_flow_file_hides_a_module() -> None:
    # Prefect puts the flows' folder first on the path, so flows/email.py would hide the library's `email`.
    for path in _files("flows"):
        if path.stem == "__init__":
            continue
        hidden = path.stem in sys.stdlib_module_names or path.stem in ROOMS or "-" in path.stem
        assert not hidden, f"{path}: this name hides another module"


def test_a_flow_file_defines_flows_and_tasks_and_nothing_else() -> None:
    for path in _files("flows"):
        for node in ast.parse(path.read_text()).body:
            assert not isinstance(node, ast.ClassDef), f"{path}:{node.lineno}: no classes in a flow file"


def test_the_folder_of_tests_is_a_package() -> None:
    assert (ROOT / "tests" / "__init__.py").is_file()
