"""Takes in what came back: bounces, unsubscribe requests, vendors' reports, orders and events that wait."""

import asyncio
from pathlib import Path

from prefect import flow

from handbill.operations.collect import collect_project

PROJECT = Path(__file__).resolve().parent.parent


@flow(name="collect-responses")
async def collect_responses() -> dict[str, int]:
    """Reads inbox, mailbox and webhooks once; answers how much of each kind came in. Twice changes nothing more."""
    return await asyncio.to_thread(collect_project, PROJECT)
