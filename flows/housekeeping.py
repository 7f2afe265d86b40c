"""Tidies up: leases of dead processes, runs that have ended, old sessions, and what `retention:` says to forget."""

import asyncio
from pathlib import Path

from prefect import flow

from handbill.operations.housekeeping import keep_project_house

PROJECT = Path(__file__).resolve().parent.parent


@flow(name="housekeeping")
async def housekeeping() -> dict[str, int]:
    """Does everything once; answers how many of each were tidied up. Doing it twice changes nothing."""
    return await asyncio.to_thread(keep_project_house, PROJECT)
