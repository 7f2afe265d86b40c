"""Whether the database has gone back behind what was sent from this machine, as a restored copy does.

A run's fence rises whenever somebody claims messages of it. What it has come to is also kept beside the database, in
`.handbill/fences/`: a copy from before knows a lower one, would send everything since then again, and is refused.
"""

import fcntl
import hashlib
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, select, update

from handbill.delivery.job import Job
from handbill.errors import RunRefused
from handbill.store.connection import reading
from handbill.store.tables import run


def require_latest(job: Job) -> None:
    """Lets a run go on only where the database knows of all that was sent from here.

    Raises:
        RunRefused: it is an older copy.
    """
    with reading(job.engine) as connection:
        wave = str(connection.scalar(select(run.c.wave).where(run.c.id == job.run_id)))
    path = _path(job, wave)
    # Before the database is asked: others may be at work, and what they raise is committed first and remembered then.
    remembered = _remembered(path)
    with reading(job.engine) as connection:
        fence = connection.scalar(select(run.c.fence).where(run.c.id == job.run_id)) or 0
    if fence < remembered:
        name = job.campaign.name
        raise RunRefused(
            f"{name}: the database is an older copy. More of {name} was sent from here than it knows, and those people "
            f"would get it twice. Restore a newer copy, or `handbill cancel {name}`. "
            f"Only if all may get it again, remove {path}."
        )


def advance(connection: Connection, run_id: int) -> tuple[str, int]:
    """Raises the fence of a run; answers its wave and the fence, to be remembered when this is committed."""
    raised = update(run).where(run.c.id == run_id).values(fence=run.c.fence + 1).returning(run.c.wave, run.c.fence)
    wave, fence = connection.execute(raised).one()
    return wave, fence


def remember(job: Job, wave: str, fence: int) -> None:
    """Keeps beside the database how far the run has come."""
    path = _path(job, wave)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if fence > int(file.read() or 0):
            file.seek(0)
            file.truncate()
            file.write(str(fence))


def _remembered(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0


def _path(job: Job, wave: str) -> Path:
    """One file a run and database; a project may be sent from several, such as one for rehearsals."""
    database = hashlib.sha256(job.engine.url.render_as_string(hide_password=True).encode()).hexdigest()[:12]
    return job.settings.work_dir / "fences" / f"{quote(job.campaign.name, safe='')}.{quote(wave, safe='')}.{database}"
