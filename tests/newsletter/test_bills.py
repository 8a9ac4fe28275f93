"""The bill names everything the program runs on, once, with its version; and it is the same bill each time."""

import json
from importlib.metadata import distribution, version
from typing import Any

from packaging.requirements import Requirement
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.cli.bills import OURS, make_bill


def _bill() -> Any:
    return make_bill(OURS)


def test_every_dependency_is_on_it_with_its_version() -> None:
    needed = (Requirement(text) for text in distribution(OURS).requires or ())
    declared = {r.name.lower().replace("_", "-") for r in needed if r.marker is None}
    components = {c["purl"].partition("@")[0].removeprefix("pkg:pypi/"): c["version"] for c in _bill()["components"]}

    assert declared - set(components) == set()
    assert {"sqlalchemy", "starlette", "h11"} <= set(components)  # what is needed by what is needed, too
    assert all(version(name) == found for name, found in components.items())


def test_nothing_is_named_twice_and_every_reference_leads_somewhere() -> None:
    bill = _bill()
    references = [bill["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in bill["components"])]

    assert len(set(references)) == len(references)
    assert [d["ref"] for d in bill["dependencies"]] == references
    assert {ref for d in bill["dependencies"] for ref in d["dependsOn"]} <= set(references)
    reached = {ref for d in bill["dependencies"] for ref in d["dependsOn"]}
    assert set(references) - reached == {references[0]}


def test_the_same_installation_has_the_same_bill() -> None:
    assert _bill() == _bill()
    assert _bill()["serialNumber"].startswith("urn:uuid:")


def test_most_say_their_licence() -> None:
    components = _bill()["components"]

    assert sum("licenses" in c for c in components) > 0.9 * len(components)


def test_the_command_prints_one_document() -> None:
    said = CliRunner().invoke(app, ["sbom"])

    assert json.loads(said.output)["bomFormat"] == "CycloneDX"
