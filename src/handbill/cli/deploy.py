"""`handbill deploy`: the deployments of prefect.yaml, registered with a Prefect server for any number of workers."""

from pathlib import Path

import typer

from handbill.cli.options import ProjectDir

WORK_POOL = "handbill"


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("deploy")(deploy)


def deploy(project_dir: ProjectDir = Path()) -> None:
    """Register every deployment of prefect.yaml; workers of the pool "handbill" execute them.

    Example: PREFECT_API_URL=https://prefect.example/api handbill deploy
    """
    import os

    from handbill.operations.api_server import client_environment, ensure_server
    from handbill.settings import load_settings

    settings = load_settings(project_dir)
    url = ensure_server(settings)
    environment = {**os.environ, **client_environment(settings, url)}
    _prefect(["work-pool", "create", WORK_POOL, "--type", "process", "--overwrite"], project_dir, environment)
    _prefect(["--no-prompt", "deploy", "--all"], project_dir, environment)
    typer.echo(f"Start a worker with: PREFECT_API_URL={url} prefect worker start --pool {WORK_POOL}", err=True)


def _prefect(arguments: list[str], project_dir: Path, environment: dict[str, str]) -> None:
    import subprocess
    import sys

    from handbill.errors import SetupIncomplete

    done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        [sys.executable, "-m", "prefect", *arguments],
        cwd=project_dir,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SetupIncomplete(f"prefect.yaml: Prefect refused it ({(done.stderr or done.stdout).strip()[-300:]}).")
