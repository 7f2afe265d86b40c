"""`handbill up` and `handbill down`: API server, schedules of prefect.yaml and web service, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.options import ProjectDir

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("up")(up)
    app.command("down")(down)


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web service.")] = 8080,
    web: Annotated[bool, typer.Option("--web/--no-web", help="Whether the web service runs too.")] = True,
    *,
    project_dir: ProjectDir = Path(),
) -> None:
    """Keep campaigns running: the API server, every schedule of prefect.yaml and the web service, until Ctrl-C.

    Example: handbill up --port 8080
    """
    import os
    import sys

    from handbill.operations.api_server import client_environment, ensure_server
    from handbill.operations.opening import opened
    from handbill.settings import load_settings

    settings = load_settings(project_dir)
    with opened(project_dir):
        pass  # mistakes in the files and in the database are said now, not in a schedule at night
    url = ensure_server(settings)
    os.environ.update(client_environment(settings, url))

    from prefect import serve

    try:
        with _web_service(project_dir, port, wanted=web):
            typer.echo(f"Schedules are running. Dashboard: {url.removesuffix('/api')}  Stop with Ctrl-C.", err=True)
            serve(*deployments(project_dir))
    except SystemExit as told:
        # At SIGTERM Prefect breaks its event loop off, and a thread of it may be left that Python would wait for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(told.code if isinstance(told.code, int) else 0)


def down(project_dir: ProjectDir = Path()) -> None:
    """Stop this project's API server.

    Example: handbill down
    """
    from handbill.errors import NothingToDo
    from handbill.operations.api_server import stop_server
    from handbill.settings import load_settings

    if not stop_server(load_settings(project_dir)):
        raise NothingToDo("no API server of this project is running.")
    typer.echo("The API server has stopped.", err=True)


@contextmanager
def _web_service(project_dir: Path, port: int, *, wanted: bool) -> Iterator[None]:
    """The web service in a process of its own; where its port is taken that is said, and campaigns run all the same."""
    from contextlib import ExitStack

    from handbill.errors import CannotListen
    from handbill.web.server import Serving, serving_beside

    with ExitStack() as stack:
        if wanted:
            try:
                address = stack.enter_context(serving_beside(Serving(project_dir.resolve(), port=port)))
                typer.echo(f"The web service answers at {address}", err=True)
            except CannotListen as error:
                typer.echo(f"{error} The web service does not run here.", err=True)
        yield


def deployments(project_dir: Path) -> "list[RunnerDeployment]":
    """What prefect.yaml declares, for serving in this process. Its flows are loaded; prefect must be configured."""
    from prefect.flows import load_flow_from_entrypoint
    from ruamel.yaml import YAML

    declared: dict[str, Any] = YAML(typ="safe").load(project_dir / "prefect.yaml")
    made = []
    for entry in declared["deployments"]:
        path, _, function = str(entry["entrypoint"]).rpartition(":")
        flow: Any = load_flow_from_entrypoint(f"{(project_dir / path).resolve()}:{function}")
        made.append(
            flow.to_deployment(
                name=entry["name"],
                description=entry.get("description"),
                parameters=entry.get("parameters", {}),
                schedules=_schedules(entry.get("schedules", [])),
                concurrency_limit=entry.get("concurrency_limit"),
            )
        )
    return made


def _schedules(declared: list[dict[str, Any]]) -> list[Any]:
    from prefect.schedules import Cron, Interval

    return [
        Cron(entry["cron"], timezone=entry.get("timezone")) if "cron" in entry else Interval(entry["interval"])
        for entry in declared
    ]
