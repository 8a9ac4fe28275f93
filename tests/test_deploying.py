"""What we ship for deployment is whole: real commands and settings, valid files, nothing open to the outside.

No engine for containers runs here: the image is not built. Kubernetes' own schemas, kubectl's kustomize and
systemd's verifier judge the files.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_valid_setting_names

from newsletter.cli import app
from newsletter.settings import Settings
from newsletter.storage.roles import PASSWORDS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
FILES = sorted(p for p in DEPLOY.rglob("*") if p.is_file() and p.suffix in {".yaml", ".service", ".example", ""})

Manifest = dict[str, Any]


def _manifests() -> Iterator[Manifest]:
    names = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    for name in names:
        yield from yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())


MANIFESTS = list(_manifests())


def _pods(node: object) -> Iterator[Manifest]:
    """Yield every pod's specification below a node."""
    if isinstance(node, dict):
        if "containers" in node:
            yield node
        for value in node.values():
            yield from _pods(value)


PODS = [pod for manifest in MANIFESTS for pod in _pods(manifest)]


def _commands() -> Iterator[list[str]]:
    for service in COMPOSE["services"].values():
        if "command" in service:
            yield service["command"]
    for pod in PODS:
        yield from (container["command"] for container in pod["containers"])
    for unit in UNITS:
        for line in re.findall(r"^ExecStart(?:Pre)?=(.+)$", unit.read_text(), re.MULTILINE):
            inner = re.search(
                r"exec (.+)'$", re.sub(r"\$\(.*?\)", "now", line)
            )  # what a shell runs, if it runs anything of ours
            if inner or "/bin/sh" not in line:
                words = shlex.split(inner[1] if inner else line)
                yield [word.removeprefix("/opt/newsletter/.venv/bin/") for word in words]
    yield json.loads(re.search(r"^CMD (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1])  # type: ignore[index]


def _is_ours(command: list[str]) -> bool:
    return command[0] == "newsletter"


@pytest.mark.parametrize("command", [c for c in _commands() if _is_ours(c)], ids=" ".join)
def test_every_command_is_one_that_there_is(command: list[str]) -> None:
    found, rest = typer.main.get_command(app), command[1:]
    while hasattr(found, "commands"):
        assert rest[0] in found.commands, f"there is no command {rest[0]}"
        found, rest = found.commands[rest[0]], rest[1:]

    found.make_context("x", list(rest))  # fails when an option is unknown


def test_everything_that_runs_is_started() -> None:
    wanted = {("newsletter", "dispatch"), ("newsletter", "serve"), ("newsletter", "metrics"), ("newsletter", "deploy")}
    wanted |= {("newsletter", "console"), ("prefect", "worker"), ("prefect", "server")}
    of_compose = {tuple(s["command"][:2]) for s in COMPOSE["services"].values() if "command" in s}
    of_kubernetes = {tuple(c["command"][:2]) for pod in PODS for c in pod["containers"]}
    of_units = "\n".join(unit.read_text() for unit in UNITS)

    assert wanted <= of_compose
    assert wanted <= of_kubernetes
    assert [" ".join(words) for words in wanted if f"bin/{' '.join(words)}" not in of_units] == []


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.name)
def test_every_setting_is_one_that_there_is(file: Path) -> None:
    ours = {f"NEWSLETTER_{name.upper()}" for name in Settings.model_fields}
    ours |= {"NEWSLETTER_CHECKOUT", "NEWSLETTER_CONFIG", *PASSWORDS.values()}
    theirs = set(_get_valid_setting_names(PrefectSettings))
    named = set(re.findall(r"\b(?:NEWSLETTER|PREFECT)_[A-Z_]+\b", file.read_text())) - {"PREFECT_AUTH"}

    assert named - ours - theirs == set()


def test_the_example_names_every_variable_of_compose() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    given = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "newsletter.env.example").read_text(), re.MULTILINE))

    assert asked - given == {"WORKERS"}


def test_compose_opens_nothing_to_the_outside_and_asks_for_every_secret() -> None:
    services = COMPOSE["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|AUTH))([^}]*)\}", (DEPLOY / "compose.yaml").read_text())

    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in services["postgres"]
    assert {name for name, rest in secrets if rest != ":?"} == {"NEWSLETTER_SMTP_PASSWORD"}
    assert services["prefect"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == "${PREFECT_AUTH:?}"
    assert services["prefect"]["environment"]["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    owner = {n for n, s in services.items() if ":${POSTGRES_PASSWORD" in json.dumps(s.get("environment", {}))}
    assert owner == {"migrate", "prefect"}


@pytest.mark.parametrize("name", [n for n in COMPOSE["services"] if n != "postgres"])
def test_each_service_is_confined(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    for other in service.get("depends_on", {}):
        assert other in COMPOSE["services"]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']} {m['metadata']['name']}")
def test_kubernetes_takes_every_manifest(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_an_unknown_field_would_be_refused() -> None:
    wrong = MANIFESTS[0] | {"sepc": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_puts_them_together() -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert len(list(yaml.safe_load_all(made))) == len(MANIFESTS)
    assert "image: newsletter:1.0.0" in made


@pytest.mark.parametrize("pod", PODS, ids=lambda p: p["containers"][0]["name"])
def test_each_pod_is_confined(pod: Manifest) -> None:
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted - {volume["name"] for volume in pod["volumes"]} <= {"journals"}


def test_every_service_finds_its_pods() -> None:
    labels = [
        m["spec"]["template"]["metadata"]["labels"] for m in MANIFESTS if m["kind"] in {"Deployment", "StatefulSet"}
    ]
    selectors = [m["spec"]["selector"] for m in MANIFESTS if m["kind"] == "Service"]

    assert [s for s in selectors if s not in labels] == []


def test_the_server_is_behind_a_password_and_the_logins_are_apart() -> None:
    by_name = {pod["containers"][0]["name"]: pod["containers"][0] for pod in PODS}
    urls = {
        name: entry["valueFrom"]["secretKeyRef"]["key"]
        for name, container in by_name.items()
        for entry in container["env"]
        if entry["name"] == "NEWSLETTER_DATABASE_URL"
    }

    guarded = {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_CSRF_PROTECTION_ENABLED"}
    assert guarded <= {e["name"] for e in by_name["prefect"]["env"]}
    assert urls == {"migrate": "owner-url", "web": "web-url", "console": "console-url"} | dict.fromkeys(
        ("deploy", "worker", "dispatcher", "metrics", "doctor"), "sender-url"
    )


def test_senders_have_longer_to_end_than_a_mail_server_may_take() -> None:
    patience = Settings().smtp_timeout
    worker = next(pod for pod in PODS if pod["containers"][0]["name"] == "worker")
    unit = (DEPLOY / "systemd" / "newsletter-worker@.service").read_text()

    assert worker["terminationGracePeriodSeconds"] > patience
    assert int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) > patience  # type: ignore[index]
    assert int(COMPOSE["services"]["worker"]["stop_grace_period"].removesuffix("s")) > patience


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        # The programs of a machine that has been set up; here they stand elsewhere.
        text = re.sub(r"/opt/newsletter/\.venv/bin/\w+", sys.executable, unit.read_text())
        (tmp_path / unit.name).write_text(text.replace("/usr/bin/curl", "/bin/true"))
    names = [str(p) for p in tmp_path.iterdir() if "@" not in p.name]
    (tmp_path / "newsletter-worker@1.service").symlink_to(tmp_path / "newsletter-worker@.service")
    names.append(str(tmp_path / "newsletter-worker@1.service"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
    )

    said = [line for line in verified.stderr.splitlines() if "newsletter" in line]
    assert (verified.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda p: p.name)
def test_each_unit_is_confined(unit: Path) -> None:
    text = unit.read_text()

    assert "User=newsletter\n" in text
    assert "ProtectSystem=strict\n" in text
    assert "NoNewPrivileges=yes\n" in text
    assert "0.0.0.0" not in text


def test_the_image_is_built_from_what_there_is() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [w for line in lines if line.startswith("COPY ") and "--from" not in line for w in line.split()[1:-1]]

    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {"content", "subscribers", "templates", "newsletter", "flows", "prefect.yaml"} <= set(copied)
    assert lines.index("USER 10001") < next(n for n, line in enumerate(lines) if line.startswith("CMD "))
