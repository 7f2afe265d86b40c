"""`handbill run`: a campaign, executed as the project's own Prefect flow, with its progress in the terminal."""

import threading
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from handbill.cli.options import Now, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("run")(run)


def run(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    plan: Annotated[Path | None, typer.Option(help="Run exactly this plan, made by `handbill plan --out`.")] = None,
    new_wave: Annotated[str | None, typer.Option(metavar="NAME", help="Send a finished campaign once more.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=16, help="Processes that send. Default: two for a large run, else one.")
    ] = None,
    now: Now = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    project_dir: ProjectDir = Path(),
) -> None:
    """Send a campaign. Kill it and repeat it as you like: nobody is left out, and nobody gets it twice.

    Example: handbill run spring-sale
    """
    import os

    from handbill.cli.progress import drawn_progress
    from handbill.operations.api_server import client_environment, ensure_server
    from handbill.operations.driving import require_known
    from handbill.settings import load_settings

    moment = clock_at(now)().isoformat() if now else None
    require_known(project_dir, campaign)  # what is wrong is said now: the first start of the API takes a while
    _confirm(project_dir, campaign, new_wave, moment, yes)
    settings = load_settings(project_dir)
    loading = threading.Thread(target=_load_prefect, name="load prefect", daemon=True)
    # Prefect takes its home and its switches from the environment at its import; the address of the API comes after.
    os.environ.update(client_environment(settings, os.environ.get("PREFECT_API_URL", "")), **_QUIET)
    declared = os.environ.pop("PREFECT_API_URL")
    loading.start()
    url = ensure_server(settings, {**os.environ, **({"PREFECT_API_URL": declared} if declared else {})})
    loading.join()
    with drawn_progress(project_dir, campaign):
        sentence = _execute(
            project_dir, url, campaign, str(plan.resolve()) if plan else None, new_wave, moment, workers
        )
    typer.echo(sentence)


_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
"""Our own lines say what the user needs; Prefect's go to its API, where the dashboard shows them."""


def _load_prefect() -> None:
    import prefect
    import prefect.flow_engine  # noqa: F401 - most of the second that loading takes, while the API is looked for


def _execute(
    project_dir: Path,
    url: str,
    campaign: str,
    plan: str | None,
    new_wave: str | None,
    now: str | None,
    workers: int | None,
) -> str:
    """The project's own flow, in this process; answers what it says."""
    import asyncio

    from prefect.settings import PREFECT_API_URL, temporary_settings

    flow = _flow_file(project_dir.resolve() / "flows" / "run_campaign.py").run_campaign
    with temporary_settings(updates={PREFECT_API_URL: url}):
        # A project's own flow may be older than the number of workers.
        more = {"workers": workers} if workers else {}
        sentence: str = asyncio.run(flow(campaign, plan=plan, new_wave=new_wave, now=now, **more))
    return sentence


def _flow_file(path: Path) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    from handbill.errors import SetupIncomplete

    spec = spec_from_file_location("handbill_flows", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SetupIncomplete(f"{path}: the project's flow is missing. Take it from a new project (`handbill init`).")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _confirm(project_dir: Path, campaign: str, new_wave: str | None, now: str | None, yes: bool) -> None:
    """Says what would leave, and asks a person who sits at a terminal."""
    import sys

    if yes or not sys.stdin.isatty():
        return
    from handbill.operations.opening import opened
    from handbill.operations.plan import in_one_line, plan_campaign

    with opened(project_dir) as (project, settings, engine):
        plan = plan_campaign(engine, project, settings, campaign, now=clock_at(now)(), wave=new_wave)
    typer.echo(in_one_line(plan), err=True)
    typer.confirm("Send it?", abort=True, err=True)
