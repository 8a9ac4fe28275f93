"""Two machines, one hash: what is printed hangs on the edition and the look, not on where it is printed."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from content.editions import to_json
from tests.editions import full_edition

ROOT = Path(__file__).parents[2]

#: Prints one hash over the mails, pages and feeds of an edition that came as JSON, as it lies in the store.
PRINT = """
import hashlib, sys, tempfile
from pathlib import Path
from content.editions import from_json
from newsletter.rendering.email import render_email
from newsletter.syndicating import write_site
from newsletter.templating import template_hashes
from tests.editions import LOOK
edition = from_json(sys.stdin.read())
mail = render_email(edition, LOOK)
parts = (mail.subject, mail.html, mail.text, repr(template_hashes("email/digest")))
digest = hashlib.sha256("\\0".join(parts).encode())
with tempfile.TemporaryDirectory() as name:
    write_site(Path(name), [edition], LOOK)
    for path in sorted(Path(name).rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(name).as_posix().encode() + b"\\0" + path.read_bytes())
print(digest.hexdigest())
"""

MACHINES = (
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
    {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANGUAGE": "de", "PYTHONUTF8": "1"},
)


@pytest.mark.parametrize("language", ["en", "de"])
def test_two_clean_environments_print_the_same_bytes(language: str, tmp_path: Path) -> None:
    stored = to_json(replace(full_edition(), language=language))
    printed = [
        subprocess.run(
            [sys.executable, "-c", PRINT],
            input=stored,
            cwd=tmp_path,
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **machine},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for machine in MACHINES
    ]

    assert len(set(printed)) == 1
    assert len(printed[0]) == 65
