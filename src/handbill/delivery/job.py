"""What one worker is to send: the e-mails of one run, and the declarations that they go by."""

from dataclasses import dataclass

from sqlalchemy import Engine, select

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.delivery.providers import email_channel
from handbill.delivery.worker import Worker
from handbill.errors import RunRefused
from handbill.settings import Settings
from handbill.store.connection import reading
from handbill.store.tables import run

CHANNEL = "email"


@dataclass(frozen=True)
class Job:
    """One run's e-mails, for one worker."""

    engine: Engine
    project: Project
    settings: Settings
    campaign: Campaign
    run_id: int
    worker: Worker

    @property
    def budget(self) -> int | None:
        """The hard limit of what e-mail may cost over all runs."""
        return email_channel(self.project).budget

    @property
    def topic(self) -> str | None:
        """What consent is read again for; service mail needs none."""
        return self.campaign.topic if self.campaign.kind == "marketing" else None


def job_of(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> Job:
    """The job of a run.

    Raises:
        RunRefused: its campaign is not declared any more.
    """
    with reading(engine) as connection:
        name = str(connection.scalar(select(run.c.campaign).where(run.c.id == run_id)))
    if name not in project.campaigns:
        what = f"{name}: the campaign of this run is not in campaigns.yaml any more."
        raise RunRefused(f"{what} Restore it, or cancel the run.")
    return Job(engine, project, settings, project.campaigns[name], run_id, worker)
