"""What a campaign brought, as a page, as Markdown or as JSON; the same numbers in all three."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select

from handbill.clock import Clock, real_clock
from handbill.definitions.project import Project
from handbill.errors import NotMeasurable
from handbill.operations.opening import opened
from handbill.reports.document import Report, gather
from handbill.reports.memory import remember
from handbill.reports.numbers import as_json
from handbill.reports.several import headline_of, lines_of, several_as_values, several_sections
from handbill.reports.text import as_markdown, sections_as_markdown
from handbill.reports.verdict import FirstScreen
from handbill.reports.wording import day, plural
from handbill.store.connection import reading, writing
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
    """The report of a campaign at `now`; repeating it gives the same text. A final one is remembered for later plans.

    Raises:
        ProjectInvalid: there is no such campaign.
        NotMeasurable: it has not been run yet.
    """
    report = _gathered(engine, project, name, now)
    if format == "json":
        return as_json(report)
    return as_markdown(report) if format == "md" else _page(report)


def report_project(project_dir: Path, name: str, *, clock: Clock, format: Format) -> str:  # noqa: A002
    """`report_campaign` for the project in a folder."""
    with opened(project_dir) as (project, _, engine):
        return report_campaign(engine, project, name, now=clock(), format=format)


def compare_campaigns(project_dir: Path, names: Sequence[str], *, clock: Clock, format: Format) -> str:  # noqa: A002
    """Several campaigns side by side; all that have been run where none is named.

    Raises:
        ProjectInvalid: there is no such campaign.
        NotMeasurable: one has not been run yet, or none has.
    """
    with opened(project_dir) as (project, _, engine):
        if not names:
            with reading(engine) as connection:
                names = _ran(connection)
        if not names:
            raise NotMeasurable("No campaign has been run, so there is nothing to report. Run `handbill run CAMPAIGN`.")
        now = clock()
        reports = [_gathered(engine, project, name, now) for name in dict.fromkeys(names)]
    lines, headline = lines_of(reports), headline_of(reports)
    if format == "json":
        values = {"made_at": now.isoformat(), "campaigns": several_as_values(lines)}
        return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    sections = several_sections(lines)
    if format == "md":
        return sections_as_markdown(headline, sections)
    from handbill.reports.html import Page, footer_of, render  # noqa: PLC0415 - the charting library loads slowly

    facts = [f"Report of {day(now.astimezone(ZoneInfo(project.timezone)))}", plural(len(reports), "campaign")]
    screen = FirstScreen("no_comparison", headline, ())
    return render(Page(project.brand.name, "Campaigns", screen, facts, sections, footer_of(now, project.timezone)))


def write_report(project_dir: Path, name: str, clock: Clock = real_clock) -> WrittenReport:
    """Writes the page to `.handbill/reports/NAME.html`, in place of an older one."""
    with opened(project_dir) as (project, settings, engine):
        report = _gathered(engine, project, name, clock())
        path = settings.work_dir / REPORTS_DIR / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_page(report), encoding="utf-8")
        return WrittenReport(path, as_markdown(report), report.screen.headline)


def campaigns_that_ran(project_dir: Path) -> list[str]:
    """The campaigns of a project that have something to report, by name."""
    with opened(project_dir) as (_, _, engine), reading(engine) as connection:
        return _ran(connection)


def _ran(connection: Connection) -> list[str]:
    return list(connection.scalars(select(run.c.campaign).distinct().order_by(run.c.campaign)))


def _gathered(engine: Engine, project: Project, name: str, now: datetime) -> Report:
    """The report; what it finds is kept once it is final, and nothing else is changed."""
    with reading(engine) as connection:
        report = gather(connection, project, name, now)
    if report.analysis is not None and report.is_final:
        with writing(engine) as connection:
            remember(connection, report.analysis.registered, report.analysis.results, now)
    return report


def _page(report: Report) -> str:
    from handbill.reports.html import as_html  # noqa: PLC0415 - the charting library takes half a second to load

    return as_html(report)
