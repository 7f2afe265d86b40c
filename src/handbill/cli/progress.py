"""How far a run is, drawn in the terminal while it is being sent: a bar, the rate, the time left, the domains."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from handbill.operations.live import LiveRun

OFTEN_S = 0.5
SHARE_OF_LOOKING = 0.05
"""So much of the time at most goes into asking the database, which has messages to settle."""


@contextmanager
def drawn_progress(project_dir: Path, campaign: str) -> Iterator[None]:
    """Draws until the block ends, from the outbox, whoever does the sending; draws nothing but on a terminal."""
    from rich.console import Console, Group
    from rich.live import Live

    from handbill.operations.driving import watching

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    finished, bar = threading.Event(), _bar(campaign)
    with watching(project_dir, campaign) as look, Live(bar, console=console, refresh_per_second=4) as live:

        def draw() -> None:
            if found := look():
                _advance(bar, found)
                live.update(Group(bar, domain_table(found)) if len(found.domains) > 1 else bar)

        def keep_drawing() -> None:
            took = 0.0
            while not finished.wait(max(OFTEN_S, took / SHARE_OF_LOOKING)):
                started = time.monotonic()
                draw()
                took = time.monotonic() - started

        artist = threading.Thread(target=keep_drawing, daemon=True)
        artist.start()
        try:
            yield
        finally:
            finished.set()
            artist.join()
            draw()


def domain_table(run: "LiveRun") -> "Table":
    """The largest recipient domains of a run, and how each of them fares."""
    from rich import box
    from rich.table import Table

    table = Table("Domain", box=box.SIMPLE_HEAD)
    for name in ("Sent", "Not sent", "Unsure", "Waiting"):
        table.add_column(name, justify="right")
    for each in run.domains:
        numbers = (each.sent, each.not_sent, each.unsure, each.waiting)
        table.add_row(each.name, *(f"{number:,}" for number in numbers))
    return table


def _bar(campaign: str) -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
               TimeRemainingColumn())  # fmt: skip
    bar = Progress(*columns)
    bar.add_task(campaign, total=None, rate="")
    return bar


def _advance(bar: "Progress", run: "LiveRun") -> None:
    task = bar.tasks[0]
    rate = f"{task.speed:,.0f}/s" if task.speed else ""
    bar.update(task.id, total=run.total.planned, completed=run.total.planned - run.total.waiting, rate=rate)
