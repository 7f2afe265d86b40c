"""What the planned people would get: every message rendered as a run would, by as many processes as there are cores."""

import os
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from handbill.definitions.campaign import Channel
from handbill.definitions.project import Project
from handbill.operations.dry_findings import (
    ArmRendering,
    DryRender,
    Findings,
    Unrenderable,
    fallback_readings,
    unrenderable,
)
from handbill.operations.dry_worker import HARDEST, DryJob, DryRenderer, DrySetup
from handbill.planning.plan import Plan
from handbill.planning.selection import selection
from handbill.rendering.processes import Processes
from handbill.settings import Settings

__all__ = ["BATCH", "ArmRendering", "DryRender", "Progress", "Unrenderable", "render_planned"]

BATCH = 1_000
"""Recipients of a job: enough to load at once, few enough to keep all processes busy to the end."""
WORTH_PROCESSES = 8_000
"""Messages from which two processes are done first: each takes more than a second to load what it needs."""
PIECES_A_JOB = 40
WORTH_PRESSES = 120
LAYING_OUT = 120.0
"""Seconds that laying out all pieces of a plan may take."""

Progress = Callable[[int, int], None]
"""Told how many messages are rendered, and of how many."""


def render_planned(
    connection: Connection,
    project: Project,
    settings: Settings,
    plan: Plan,
    *,
    progress: Progress | None = None,
    processes: int | None = None,
) -> DryRender:
    """Renders the messages of the plan whose selection is on this connection; bounded memory, nothing kept.

    E-mails and the words of printed pieces are rendered for everybody. Of the pieces, the hardest are laid out first,
    and then all of them where that takes no longer than `LAYING_OUT`.

    Raises:
        ProjectInvalid: a template has mistakes.
        NeverEnds: a template repeats or grows without end.
        SetupIncomplete: this machine cannot lay out printed pieces.
    """
    url = connection.engine.url.render_as_string(hide_password=False)
    setup = DrySetup(project, replace(settings, database_url=url), plan.campaign, plan.made_at)
    renderer = DryRenderer(setup)
    with Processes("handbill.operations.dry_worker", setup, "renderer") as helpers:
        rendering = _Rendering(connection, renderer, helpers, processes or os.cpu_count() or 1)
        return rendering.render(plan, progress)


class _Rendering:
    """Shares the recipients of a plan out, and adds up what was found."""

    def __init__(self, connection: Connection, renderer: DryRenderer, helpers: Processes, cores: int) -> None:
        self._connection = connection
        self._renderer = renderer
        self._helpers = helpers
        self._cores = cores

    def render(self, plan: Plan, progress: Progress | None) -> DryRender:
        ids = {arm.name: self._ids(arm.name) for arm in plan.arms if arm.channels}
        messages = [(arm.name, channel) for arm in plan.arms for channel in arm.channels]
        found: dict[tuple[str, Channel], Findings] = {each: Findings() for each in messages}
        jobs = [job for arm, channel in messages for job in _jobs(arm, channel, ids[arm], BATCH)]
        total, done = sum(len(job.ids) for job in jobs), 0
        for job, findings in zip(jobs, self._answers(jobs, WORTH_PROCESSES), strict=True):
            found[job.arm, job.channel].add(findings)
            done += len(job.ids)
            if progress:
                progress(done, total)
        for arm, channel in messages:
            if channel == "direct_mail":
                self._lay_out(arm, ids[arm], found[arm, channel])
        return self._summed(found, {arm: len(some) for arm, some in ids.items()})

    def _answers(self, jobs: Sequence[DryJob], worth: int) -> Iterable[Findings]:
        """Here, unless there is so much to do that other processes are worth their start."""
        wanted = min(self._cores, len(jobs))
        if wanted < 2 or sum(len(job.ids) for job in jobs) < worth:
            return (self._renderer.work(self._connection, job) for job in jobs)
        return self._helpers.answers(jobs, wanted)

    def _lay_out(self, arm: str, ids: "array[int]", found: Findings) -> None:
        """The hardest pieces first; then all others, if the time that those took allows it."""
        hardest = {contact_id for _, contact_id in sorted(found.fullest)[:HARDEST]}
        hardest |= {-negative for _, negative in sorted(found.emptiest)[:HARDEST]}
        started = time.monotonic()
        first = DryJob(arm, "direct_mail", array("q", sorted(hardest)), lay_out=True)
        found.add(self._renderer.work(self._connection, first))
        a_piece = (time.monotonic() - started) / max(len(hardest), 1)
        others = array("q", (each for each in ids if each not in hardest))
        if len(others) * a_piece / self._cores > LAYING_OUT:
            return
        jobs = [replace(job, lay_out=True) for job in _jobs(arm, "direct_mail", others, PIECES_A_JOB)]
        for findings in self._answers(jobs, WORTH_PRESSES):
            found.add(findings)

    def _ids(self, arm: str) -> "array[int]":
        mine = select(selection.c.contact_id).where(selection.c.reason.is_(None), selection.c.arm == arm)
        return array("q", self._connection.scalars(mine.order_by(selection.c.contact_id)))

    def _summed(self, found: dict[tuple[str, Channel], Findings], counts: dict[str, int]) -> DryRender:
        renderer = self._renderer
        arms = tuple(
            findings.of_arm(arm, channel, counts[arm], renderer.sample_subject(arm) if channel == "email" else "")
            for (arm, channel), findings in found.items()
        )
        written = ((findings, renderer.written_fallbacks(*key)) for key, findings in found.items())
        return DryRender(arms, unrenderable(found.values()), fallback_readings(written))


def _jobs(arm: str, channel: Channel, ids: "array[int]", size: int) -> Iterator[DryJob]:
    for start in range(0, len(ids), size):
        yield DryJob(arm, channel, ids[start : start + size])
