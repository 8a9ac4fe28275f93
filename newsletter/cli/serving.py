"""`newsletter serve` and `newsletter metrics`: the public site, and the private port for probes and figures."""

from typing import Annotated

import typer

from newsletter.cli.console import out, settings
from newsletter.loglines import begin


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; put a web server with TLS before it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Serve the public site: sign-up, preferences, one-click unsubscribe, archive and feeds. Ctrl-C ends it."""
    # The web framework takes as long to load as all the other commands together.
    from newsletter.web.app import serve_public_site

    given = settings(context)
    begin(given.log_format)
    out.print(f"The public site is at http://{host}:{port}/")
    serve_public_site(given, host, port)


def metrics(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; nobody outside should reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9464,
) -> None:
    """Serve /healthz, /readyz and Prometheus' /metrics on a private port. Ctrl-C ends it."""
    from newsletter.web.watching import serve_metrics

    given = settings(context)
    begin(given.log_format)
    out.print(f"Probes and figures are at http://{host}:{port}/metrics")
    serve_metrics(given, host, port)
