"""`handbill test`: whether invented people get from the campaigns what the project's campaign tests expect."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, ProjectDir
from handbill.cli.waiting import waiting
from handbill.errors import ExitCode

if TYPE_CHECKING:
    from handbill.rehearsal.report import Verdict


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("test")(rehearse)


def rehearse(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Only these campaign tests. Default: all of tests/."),
    ] = None,
    project: ProjectDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Plan and render campaigns for invented people, and compare with what the tests expect; nothing is sent.

    Example: handbill test tests/project/winback.campaign-test.yaml
    """
    from handbill.errors import NothingToDo
    from handbill.rehearsal.files import ENDING
    from handbill.rehearsal.session import rehearse_all

    with waiting("Rehearsing"):
        verdicts = rehearse_all(project, files or [])
    if not verdicts:
        raise NothingToDo(f"{project / 'tests'}: there are no campaign tests. Write one whose name ends in {ENDING}.")
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in verdicts], indent=2, ensure_ascii=False))
    else:
        _print(verdicts)
    if not all(each.fits for each in verdicts):
        raise typer.Exit(ExitCode.NOTHING_TO_DO)


def _print(verdicts: "list[Verdict]") -> None:
    """Differences in full, then how many there are."""
    for verdict in verdicts:
        if not verdict.fits:
            typer.echo(f"{verdict}\n")
    good = sum(each.fits for each in verdicts)
    files = len({each.rehearsal.file for each in verdicts})
    unlike = len(verdicts) - good
    found = "all as expected" if not unlike else f"{unlike} not as expected"
    typer.echo(
        f"{_counted(files, 'campaign test', 'campaign tests')}, {_counted(len(verdicts), 'person', 'people')}: {found}."
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
