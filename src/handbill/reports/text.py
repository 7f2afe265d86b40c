"""The same report as Markdown: for a pull request, a terminal, or a flow's artifact."""

from collections.abc import Sequence

from handbill.reports.content import Section, Table
from handbill.reports.document import Report
from handbill.reports.sections import coverage, facts_of, sections_of


def as_markdown(report: Report) -> str:
    """First screen, then every section with its tables and notes; pictures are left out."""
    parts = [f"# {_plain(report.campaign)}: {_plain(report.screen.headline)}", " · ".join(facts_of(report))]
    for verdict in report.screen.verdicts:
        about = f"**{_plain(verdict.about)}:** " if verdict.about else ""
        parts.append(f"{about}{_plain(verdict.says)}\n**Next:** {_plain(verdict.next)}")
    parts += [f"**{_plain(alarm)}**" for alarm in report.screen.alarms]
    if simulated := coverage(report):
        parts.append(f"> {simulated}")
    parts += [_section(section) for section in sections_of(report)]
    return "\n\n".join(parts) + "\n"


def sections_as_markdown(title: str, sections: Sequence[Section]) -> str:
    """A title, and sections below it."""
    return "\n\n".join([f"# {_plain(title)}", *map(_section, sections)]) + "\n"


def _section(section: Section) -> str:
    parts = [f"## {section.title}", _plain(section.lead)]
    parts += [_table(table) for table in section.tables]
    if section.notes:
        parts.append("\n".join(f"- {_plain(note)}" for note in section.notes))
    return "\n\n".join(part for part in parts if part)


def _table(table: Table) -> str:
    rule = ["---" if place < table.words else "---:" for place in range(len(table.columns))]
    rows = [table.columns, rule, *table.rows]
    lines = [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows]
    return "\n".join(([f"{_plain(table.caption)}", ""] if table.caption else []) + lines)


def _plain(text: str) -> str:
    """Names may hold anything: nothing in them is Markdown or HTML."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]|" else letter for letter in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;")
