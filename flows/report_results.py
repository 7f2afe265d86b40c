"""Writes the report of one campaign, or of every campaign that has run, and links it where the run is shown."""

import asyncio
from pathlib import Path

from prefect import flow
from prefect.artifacts import acreate_link_artifact, acreate_markdown_artifact

from handbill.operations.report import campaigns_that_ran, write_report

PROJECT = Path(__file__).resolve().parent.parent


@flow(name="report-results")
async def report_results(campaign: str | None = None) -> list[str]:
    """Writes `.handbill/reports/CAMPAIGN.html`; answers the files that were written."""
    names = [campaign] if campaign else await asyncio.to_thread(campaigns_that_ran, PROJECT)
    files = []
    for name in names:
        report = await asyncio.to_thread(write_report, PROJECT, name)
        await acreate_markdown_artifact(report.markdown, key=f"report-{name}", description=f"Results of {name}")
        await acreate_link_artifact(report.path.as_uri(), key=f"report-{name}-page", link_text=f"Report of {name}")
        files.append(str(report.path))
    return files
