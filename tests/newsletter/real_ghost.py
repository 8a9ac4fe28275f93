"""Installs and starts a real Ghost on this machine, in a folder of its own; nothing leaves loopback but the download.

    python -m tests.newsletter.real_ghost FOLDER

takes about five minutes and 650 MB, and needs Node 20, npm, python3, make and g++.
Ghost 5.130 is the last for Node 20. Its package cannot be installed as a dependency (it carries a package inside, and
names development dependencies that npm cannot reach), so it is unpacked and installed where it lies.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

VERSION = "5.130.6"
#: Names the folder in which Ghost is installed, for the tests.
FOLDER = "GHOST_FOLDER"
SECONDS = 180
_OWNER = {"name": "Owner", "email": "owner@example.org", "password": "quarry-lantern-58-violet-teapot"}


def install(folder: Path) -> None:
    """Install Ghost into `folder`, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / "package"
    if (package / "node_modules" / "ghost-storage-base").is_dir():
        return
    for command, place in (
        (["npm", "pack", f"ghost@{VERSION}", "--silent"], folder),
        (["tar", "xzf", f"ghost-{VERSION}.tgz"], folder),
        (["rm", "-f", "yarn.lock"], package),
        (["npm", "pkg", "delete", "devDependencies"], package),
        (["npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--legacy-peer-deps", "--silent"], package),
    ):
        subprocess.run(command, cwd=place, check=True)


def installed() -> Path | None:
    """Return the folder in which Ghost is installed; None when the environment names none."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder and Path(folder, "package", "node_modules").is_dir() else None


@dataclass(slots=True)
class Ghost:
    """A site that runs, with its owner signed in."""

    url: str
    key: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, method: str, route: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the Admin API and return its answer."""
        answer = self.session.request(
            method, f"{self.url}/ghost/api/admin/{route}", json=body, headers={"Origin": self.url}, timeout=60
        )
        answer.raise_for_status()
        told: dict[str, Any] = (
            answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
        )
        return told

    def publish(self, title: str, html: str, *tags: str) -> str:
        """Publish a post and return its id."""
        post = {"title": title, "html": html, "status": "published", "tags": list(tags)}
        return str(self.ask("POST", "posts/?source=html", {"posts": [post]})["posts"][0]["id"])

    def change(self, id: str, **changed: object) -> None:
        """Change a post."""
        now = self.ask("GET", f"posts/{id}/")["posts"][0]["updated_at"]
        self.ask("PUT", f"posts/{id}/?source=html", {"posts": [{"updated_at": now, **changed}]})


@contextmanager
def serve_ghost(folder: Path, data: Path) -> Iterator[Ghost]:
    """Run a fresh site, with what it keeps in `data`, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ghost = Ghost(f"http://127.0.0.1:{port}")
    config = {
        "url": ghost.url,
        "server": {"host": "127.0.0.1", "port": port},
        "database": {
            "client": "sqlite3",
            "useNullAsDefault": True,
            "connection": {"filename": str(data / "ghost.db")},
        },
        "mail": {"transport": "SMTP", "options": {"host": "127.0.0.1", "port": 1}},
        "logging": {"transports": ["stdout"], "level": "error"},
        "privacy": {"useUpdateCheck": False, "useGravatar": False, "useRpcPing": False},
        "paths": {"contentPath": str(folder / "package" / "content")},
    }
    (folder / "package" / "config.development.json").write_text(json.dumps(config))
    environment = {**os.environ, "NODE_ENV": "development"}
    with (
        (data / "ghost.log").open("wb") as log,
        subprocess.Popen(
            ["node", "index.js"], cwd=folder / "package", env=environment, stdout=log, stderr=log
        ) as server,
    ):
        try:
            _wait_for(f"{ghost.url}/ghost/api/admin/site/")
            _set_up(ghost)
            yield ghost
        finally:
            ghost.session.close()
            server.terminate()


def _set_up(ghost: Ghost) -> None:
    ghost.ask("POST", "authentication/setup/", {"setup": [{**_OWNER, "blogTitle": "Beauty Desk"}]})
    ghost.ask("POST", "session/", {"username": _OWNER["email"], "password": _OWNER["password"]})
    made = ghost.ask("POST", "integrations/?include=api_keys", {"integrations": [{"name": "tests"}]})
    keys = made["integrations"][0]["api_keys"]
    ghost.key = next(key["secret"] for key in keys if key["type"] == "content")


def _wait_for(url: str) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass  # not up yet
        time.sleep(0.2)
    raise AssertionError("it does not start; see the log in its folder")


if __name__ == "__main__":
    install(Path(sys.argv[1]).resolve())
