"""What a campaign brought, as a page, as Markdown or as JSON; the same numbers in all three."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.reports.document import gather
from handbill.reports.numbers import as_json
from handbill.reports.text import as_markdown
from handbill.store.connection import reading

Format = Literal["html", "json", "md"]


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
    if format == "md":
        return as_markdown(report)
    from handbill.reports.html import as_html  # noqa: PLC0415 - the charting library takes half a second to load

    return as_html(report)
