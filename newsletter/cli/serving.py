"""`newsletter serve`, `console` and `metrics`: the public site, the desk of those who make it, the private figures."""

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


def console(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; put a web server with TLS before it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8100,
) -> None:
    """Serve the console for staff: approve, compose, preview, schedule, watch. Ctrl-C ends it."""
    from newsletter.web.console.serving import serve_console

    given = settings(context)
    begin(given.log_format)
    out.print(f"The console is at {given.console_url}/ (listening on {host}:{port})")
    serve_console(given, host, port)


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
