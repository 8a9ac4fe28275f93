"""What we ship is whole: the wheel holds every room and template, and everything imported is declared."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.floors import modules

ROOT = Path(__file__).parents[1]
ROOMS = ("content", "subscribers", "templates", "newsletter", "flows")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

#: Modules whose distribution has another name.
DISTRIBUTION = {
    "bs4": "beautifulsoup4", "yaml": "pyyaml", "Stemmer": "pystemmer", "markdown_it": "markdown-it-py",
    "dns": "dnspython", "css_inline": "css-inline", "feedgen": "feedgen", "pydantic_settings": "pydantic-settings",
    "psycopg": "psycopg", "email_validator": "email-validator", "uvloop": "uvloop", "babel": "babel",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_every_room(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, check=True, capture_output=True, text=True)

    held = set(zipfile.ZipFile(wheel).namelist())

    assert [name for name in tracked.stdout.split() if name not in held] == []


def test_the_wheel_holds_no_test_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_whatever_is_imported_is_declared() -> None:
    named = PROJECT["dependencies"] + [d for extra in PROJECT["optional-dependencies"].values() for d in extra]
    declared = {re.split(r"[\[<>=!~ ;]", d)[0].lower().replace("_", "-") for d in named}
    for path in (p for room in ROOMS for p in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for top in {n.split(".")[0] for n in names} - set(ROOMS) - sys.stdlib_module_names:
                wanted = DISTRIBUTION.get(top, top).lower().replace("_", "-")
                assert wanted in declared, f"{path}: {top} is imported, {wanted} is not declared"


def test_every_dependency_is_pinned_and_no_index_is_named() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = {m[1].lower().replace("_", "-") for m in re.finditer(r"^([\w.-]+)==", constraints, re.MULTILINE)}
    needed = PROJECT["dependencies"] + [d for extra in PROJECT["optional-dependencies"].values() for d in extra]

    missing = [d for d in needed if re.split(r"[\[<>=!~ ;]", d)[0].lower().replace("_", "-") not in pinned]

    assert missing == []
    assert "://" not in constraints
    assert "--" not in constraints


def test_no_other_distribution_brings_a_room_of_our_name() -> None:
    owners = importlib.metadata.packages_distributions()

    assert {room: owners.get(room, ["beauty-newsletter"]) for room in ROOMS} == {
        room: ["beauty-newsletter"] for room in ROOMS
    }


def test_prefect_and_fastapi_are_bound_together() -> None:
    # Prefect 3.8's server does not start with FastAPI 0.155 and later, and pip does not notice.
    assert "fastapi<0.151" in PROJECT["dependencies"]


def test_the_sources_name_no_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    private = re.compile(rb"(?<![\w.])/(?:home|root|work|Users)/\w")
    for name in tracked:
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            assert not private.search(path.read_bytes()), f"{name} names a folder of one machine"


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "article.md").write_text("# Sun\n\nWear sunscreen every day.\n")
    zipfile.ZipFile(wheel).extractall(installed)
    program = (
        "import newsletter, flows.digest, flows.ingest, flows.send; print(newsletter.__file__);"
        "from newsletter.cli import main; main()"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "fold", "article.md", "--html"],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert "Wear sunscreen every day." in done.stdout


def test_with_the_lowest_versions_nothing_is_left_out() -> None:
    found = {name for name in modules() if name.partition(".")[0] in ROOMS}
    written = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.stem != "__main__" and "migrations" not in path.parts and room != "templates"
    }

    assert written - found == {"content", "subscribers", "newsletter", "flows"}
