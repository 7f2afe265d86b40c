"""What a campaign brought, as a page, as Markdown or as JSON; the same numbers in all three."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine, select

from handbill.clock import Clock, real_clock
from handbill.definitions.project import Project
from handbill.operations.opening import opened
from handbill.reports.document import Report, gather
from handbill.reports.numbers import as_json
from handbill.reports.text import as_markdown
from handbill.store.connection import reading
from handbill.store.tables import run

Format = Literal["html", "json", "md"]
REPORTS_DIR = "reports"


@dataclass(frozen=True)
class WrittenReport:
    """A report on disk: the page, the same as Markdown, and its first words."""

    path: Path
    markdown: str
    headline: str


def report_campaign(
    engine: Engine,
    project: Project,
    name: str,
    *,
    now: datetime,
    format: Format = "html",  # noqa: A002 - the option's name
) -> str:
    """The report of a campaign at `now`; nothing is changed, and repeating it gives the same text.

    Raises:
        ProjectInvalid: there is no such campaign.
        NotMeasurable: it has not been run yet.
    """
    with reading(engine) as connection:
        report = gather(connection, project, name, now)
    if format == "json":
        return as_json(report)
    return as_markdown(report) if format == "md" else _page(report)


def report_project(project_dir: Path, name: str, *, clock: Clock, format: Format) -> str:  # noqa: A002
    """`report_campaign` for the project in a folder."""
    with opened(project_dir) as (project, _, engine):
        return report_campaign(engine, project, name, now=clock(), format=format)


def write_report(project_dir: Path, name: str, clock: Clock = real_clock) -> WrittenReport:
    """Writes the page to `.handbill/reports/NAME.html`, in place of an older one."""
    with opened(project_dir) as (project, settings, engine):
        with reading(engine) as connection:
            report = gather(connection, project, name, clock())
        path = settings.work_dir / REPORTS_DIR / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_page(report), encoding="utf-8")
        return WrittenReport(path, as_markdown(report), report.screen.headline)


def campaigns_that_ran(project_dir: Path) -> list[str]:
    """The campaigns of a project that have something to report, by name."""
    with opened(project_dir) as (_, _, engine), reading(engine) as connection:
        return list(connection.scalars(select(run.c.campaign).distinct().order_by(run.c.campaign)))


def _page(report: Report) -> str:
    from handbill.reports.html import as_html  # noqa: PLC0415 - the charting library takes half a second to load

    return as_html(report)
