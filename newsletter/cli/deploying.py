"""`newsletter deploy`: tells a Prefect server of our flows, their schedules and automations."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from newsletter.cli.console import Exit, err, out, settings

#: Where `prefect.yaml` and the flows stand: Prefect runs flows from a checkout.
CHECKOUT = Path(__file__).parents[2]

#: What is told to Prefect, in this order. Each may be told again.
STEPS = ("work-pool create newsletter --type process --overwrite", "--no-prompt deploy --all")


def deploy(context: typer.Context) -> None:
    """Create work pool, deployments, schedules and automations on the Prefect server. Safe to run again.

    The server is that of PREFECT_API_URL, with PREFECT_API_AUTH_STRING. 'newsletter up' does this too.
    """
    settings(context)
    environment = prefect_environment(os.environ)
    for step in STEPS:
        command = [shutil.which("prefect", path=environment["PATH"]) or "prefect", *step.split()]
        done = subprocess.run(
            command, env=environment, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            err.print(done.stdout + done.stderr, markup=False)
            err.print(f"newsletter: 'prefect {step}' failed", style="red", markup=False)
            raise typer.Exit(Exit.FAILED)
    # Prefect takes longer to load than all other commands together.
    from flows.automations import install

    names = install()
    out.print(f"Work pool, deployments and schedules are as prefect.yaml says; {len(names)} automations are in force.")


def prefect_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Prefect finds the flows and calls nobody outside."""
    return {
        "NEWSLETTER_CHECKOUT": str(CHECKOUT),
        **environment,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
    }
