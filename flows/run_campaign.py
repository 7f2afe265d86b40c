"""Plans and sends one campaign, or every campaign whose time has come.

Prefect drives, the database decides: this flow may die, run twice or overlap with another at any moment.
"""

import asyncio
import threading
from pathlib import Path
from typing import Any

from prefect import Task, flow, task
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.client.schemas.objects import State, TaskRun

from handbill.errors import NothingToDo, NotMeasurable, StoreUnavailable
from handbill.operations import driving

PROJECT = Path(__file__).resolve().parent.parent
SECONDS_A_TASK = 20


async def store_is_away(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Only a store that cannot be reached is worth another try; messages have their own retries in the outbox."""
    return isinstance(await state.aresult(raise_on_failure=False), StoreUnavailable)


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=store_is_away)
async def start(campaign: str, plan: str | None, new_wave: str | None, now: str | None) -> int:
    """Seals the plan, or takes up the open run; answers the run's id."""
    return await asyncio.to_thread(driving.begin, PROJECT, campaign, plan=plan, new_wave=new_wave, now=now)


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=store_is_away)
async def send(run_id: int, now: str | None, connections: int) -> driving.Step:
    """Sends for some seconds."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(
            driving.send_for, PROJECT, run_id, SECONDS_A_TASK, now=now, connections=connections, stop=stop
        )
    finally:
        stop.set()  # somebody interrupts: what is on its way is finished, and no more


@flow(name="run-campaign", flow_run_name="run-{campaign}")
async def run_campaign(
    campaign: str,
    plan: str | None = None,
    new_wave: str | None = None,
    now: str | None = None,
    workers: int | None = None,
) -> str:
    """Sends what is due of a campaign; repeated, it goes on where it was. Answers the books in a sentence.

    `workers` is the number of processes that send; without it, a large run gets two.
    """
    run_id = await start(campaign, plan, new_wave, now)
    artifact = await acreate_progress_artifact(0.0, key=f"run-{campaign}", description=f"Messages of {campaign}")
    crew = await asyncio.to_thread(driving.begin_sending, PROJECT, run_id, workers, now=now)
    try:
        while True:
            step = await send(run_id, now, crew.connections)
            counted = await asyncio.to_thread(driving.progress_of, PROJECT, run_id)
            await aupdate_progress_artifact(artifact, 100.0 * counted.settled / max(counted.planned, 1))
            table = await asyncio.to_thread(driving.domains_of, PROJECT, campaign)
            await acreate_table_artifact(table, key=f"domains-{campaign}", description=f"{campaign} by domain")
            if not step.more and not await asyncio.to_thread(crew.finish):
                return await asyncio.to_thread(driving.end, PROJECT, run_id, now=now, trouble=crew.trouble)
    finally:
        await asyncio.to_thread(crew.dismiss)


@flow(name="run-due-campaigns")
async def run_due_campaigns() -> dict[str, str]:
    """Starts every campaign that is due, picks winners whose time has come, and takes up every open run."""
    said = {}
    for campaign in await asyncio.to_thread(driving.due_campaigns, PROJECT):
        try:
            await asyncio.to_thread(driving.decide_if_due, PROJECT, campaign)
            said[campaign] = await run_campaign(campaign)
        except (NothingToDo, NotMeasurable) as nothing:
            said[campaign] = str(nothing)
    return said
