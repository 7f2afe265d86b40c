"""`handbill serve`: the web service, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import ProjectDir


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 for any that is free.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    *,
    proxies: Annotated[
        str,
        typer.Option(
            "--forwarded-allow-ips",
            metavar="ADDRESSES",
            help="Proxies that are believed about the client's address, apart by commas; networks too.",
        ),
    ] = "127.0.0.1",
    per_client: Annotated[
        float,
        typer.Option(
            "--requests-per-client",
            metavar="NUMBER",
            min=0,
            help="Most requests of one client in a second; 0: any number.",
        ),
    ] = 50,
    metrics_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="HANDBILL_METRICS_TOKEN",
            help="Lets whoever shows it read /metrics; without it only this machine may.",
        ),
    ] = None,
    project: ProjectDir = Path(),
) -> None:
    """Serve the pages, links, webhooks and the interface for other systems, until Ctrl-C.

    Example: handbill serve --port 8080 --workers 2
    """
    from handbill.web.server import Serving, serve

    serving = Serving(project, host, port, workers, proxies, metrics_token or "", per_client)
    serve(serving, lambda address: typer.echo(f"The web service answers at {address}  Stop with Ctrl-C.", err=True))
