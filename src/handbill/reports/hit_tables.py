"""Opens, clicks and scans as a table of ranges, and what can be said from them."""

from collections.abc import Sequence

from handbill.reports.content import Section, Table
from handbill.reports.document import Report
from handbill.reports.hits import Hits, machine_gaps
from handbill.reports.wording import count
from handbill.statistics.samples import Proportion

LEAD = (
    "Messages with at least one. The number of people lies between the two: the lower one is people for certain, the "
    "upper one adds those who may be. Mail providers and scanners fetch pictures and follow links by themselves."
)
_NOBODYS = "Clicks and scans that are kept without a person are counted one by one, and not once a message."


def hits_section(report: Report) -> Section | None:
    """From how many people opens, clicks and scans come; None where nothing was counted."""
    hits = report.funnel.hits
    if not hits:
        return None
    with_nobodys = any(each.nobodys for each in hits)
    columns = ("Arm", "What", "Messages", "People", "Providers only", "Machines only")
    rows = [(*_row(each), *([count(each.nobodys)] if with_nobodys else [])) for each in hits]
    notes = list(dict.fromkeys(gap.reason for gap in machine_gaps(_clicked_by_machines(hits))))
    return Section(
        key="hits",
        title="Who opened and clicked",
        lead=LEAD,
        tables=(Table((*columns, "Nobody's") if with_nobodys else columns, tuple(rows), words=2),),
        notes=(*notes, *((_NOBODYS,) if with_nobodys else ())),
    )


def _clicked_by_machines(hits: Sequence[Hits]) -> dict[str, Proportion]:
    clicks = [each for each in hits if each.name == "clicks" and each.sent]
    return {each.arm: Proportion(min(each.flagged, each.sent), of=each.sent) for each in clicks}


def _row(each: Hits) -> tuple[str, ...]:
    people = count(each.low) if each.low == each.high else f"{count(each.low)} to {count(each.high)}"
    only = [each.by_verdict.get(verdict, 0) for verdict in ("proxy", "machine")]
    return (each.arm, each.name, count(each.sent), people, *map(count, only))
