"""The documents speak of what is there: every setting, command, flow and benchmark, and no link leads nowhere."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from newsletter.cli import app
from newsletter.settings import Settings

ROOT = Path(__file__).parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_is_named(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("command", ["edition", "source", "article", "subscriber", "list"])
def test_every_command_below_is_named(command: str) -> None:
    group = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    row = next(line for line in OPERATIONS.splitlines() if line.startswith("| ") and f"`{command}`" in line)

    assert [name for name in group.commands if not re.search(rf"\b{name}\b", row)] == []


def test_every_flow_is_named() -> None:
    deployed = {d["name"] for d in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}

    assert {name for name in deployed if f"`{name}`" not in OPERATIONS} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_link_leads_nowhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []
