"""The workflow for continuous integration runs this project's own verbs, names no host, and asks for no rights."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / ".github" / "workflows" / "check.yml").read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_verb_is_one_of_the_makefile() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = [line.partition("make ")[2].split() for step in STEPS if "make " in (line := step.get("run", ""))]

    assert {verb for words in said for verb in words} - verbs == set()
    assert {"check", "wheel", "sbom"} <= {verb for words in said for verb in words}


def test_what_it_runs_is_there() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    for module in re.findall(r"-m (benchmarks\.\w+)", TEXT):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_no_host_and_no_secret_is_named_and_every_job_ends() -> None:
    assert "://" not in TEXT
    assert "secrets." not in TEXT
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in WORKFLOW["jobs"].values())
    for needed in (job["needs"] for job in WORKFLOW["jobs"].values() if "needs" in job):
        assert needed in WORKFLOW["jobs"]
