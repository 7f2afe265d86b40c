"""`handbill demo`: a shop, three campaigns sent and printed for real, and reports beside the truth."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

DIRECTORY = Path("handbill-demo")


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("demo")(demo)


def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The new project's folder.")] = DIRECTORY,
    contacts: Annotated[int, typer.Option(min=1000, max=1_000_000, help="How many customers the shop has.")] = 20_000,
) -> None:
    """Show everything in two minutes, on an invented shop whose true response is known.

    Example: handbill demo
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from handbill.demo.tour import give_tour

    console = Console(stderr=True, highlight=False)
    started = time.monotonic()
    columns = TextColumn("{task.description:<46}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tour = give_tour(directory, _Terminal(console, bars), contacts=contacts)
    seconds = time.monotonic() - started
    console.print(
        f"\nSent {tour.mails:,} e-mails to a real mail server and {tour.pieces:,} pieces to a print batch "
        f"in {seconds:.0f} s. Look at:"
    )
    for path in tour.reports.values():
        typer.echo(path)
    console.print(f"Go on in {directory}: handbill plan spring-sale --new-wave again, handbill preview winback …")


class _Terminal:
    """A bar a step on a terminal, a line a step elsewhere."""

    def __init__(self, console: "Console", bars: "Progress") -> None:
        self._console = console
        self._bars = bars
        self._task: TaskID | None = None

    def step(self, title: str) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1)
        self._task = self._bars.add_task(title, total=1)
        if self._bars.disable:
            self._console.print(title)

    def share(self, done: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def say(self, line: str) -> None:
        self._console.print(f"  {line}")
