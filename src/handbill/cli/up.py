"""`handbill up` and `handbill down`: the API server and the schedules of prefect.yaml, on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from handbill.cli.options import ProjectDir

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("up")(up)
    app.command("down")(down)


def up(project_dir: ProjectDir = Path()) -> None:
    """Keep campaigns running: the API server and every schedule of prefect.yaml, until Ctrl-C.

    Example: handbill up
    """
    import os

    from handbill.operations.api_server import client_environment, ensure_server
    from handbill.operations.opening import opened
    from handbill.settings import load_settings

    settings = load_settings(project_dir)
    with opened(project_dir):
        pass  # mistakes in the files and in the database are said now, not in a schedule at night
    url = ensure_server(settings)
    os.environ.update(client_environment(settings, url))

    from prefect import serve

    typer.echo(f"Schedules are running. Dashboard: {url.removesuffix('/api')}  Stop with Ctrl-C.", err=True)
    serve(*deployments(project_dir))


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
