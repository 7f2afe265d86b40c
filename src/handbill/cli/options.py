"""The options that many commands share, and how a moment on the command line is read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from handbill.clock import Clock, fixed_clock, real_clock

ProjectDir = Annotated[
    Path, typer.Option("--project", help="Folder of the project.", file_okay=False, show_default="this folder")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, everything else on stderr.")]
Now = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="Pretend that it is this time (UTC), such as 2026-12-01T09:00."),
]


def clock_at(now: str | None) -> Clock:
    """The real clock, or one that stands at `now` (ISO 8601; UTC when it names no offset)."""
    if now is None:
        return real_clock
    try:
        moment = datetime.fromisoformat(now)
    except ValueError:
        raise typer.BadParameter(
            f'"{now}" is not a time. Write it like 2026-12-01T09:00.', param_hint="--now"
        ) from None
    return fixed_clock(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
