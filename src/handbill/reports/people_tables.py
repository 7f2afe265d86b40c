"""Who was selected, who was left out and why, and what became of the messages of each arm."""

from handbill.planning.audience import Reason
from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.funnel import Channel
from handbill.reports.phrases import piece_noun
from handbill.reports.pictures import Bar, TimingPicture, WaterfallPicture
from handbill.reports.sentences import PER
from handbill.reports.wording import capital, count, duration, plural
from handbill.responses.events import MAILBOX_WATERMARK
from handbill.statistics.samples import Proportion

NOT_READ = "Bounces and unsubscribes are not known: their mailbox has not been read. Run `handbill ingest`."


def audience_section(report: Report) -> Section:
    """The waterfall from everybody selected to those who were planned."""
    waterfall = report.waterfall
    rows = [("Selected by the segments", waterfall.selected, False)]
    rows += [(capital(_reason(step.reason)), step.contacts, True) for step in waterfall.steps]
    rows.append(("Planned", waterfall.planned, False))
    bars, left = [], waterfall.selected
    for label, contacts, left_out in rows:
        start = left - contacts if left_out else 0
        bars.append(Bar(label, start, start + contacts, left_out))
        left = start if left_out else left
    told = " ".join(f"{label}: {count(contacts)}." for label, contacts, _ in rows)
    return Section(
        key="audience",
        title="Who it went to",
        lead="Everybody whom the segments selected when the run began; each one left out is counted under one reason.",
        pictures=(WaterfallPicture("audience", "From selected to planned contacts", told, tuple(bars)),),
        tables=(
            Table(
                ("Step", "Contacts"),
                tuple((label, f"{'−' if left_out else ''}{count(contacts)}") for label, contacts, left_out in rows),
                repeats=True,
            ),
        ),
    )


def funnel_section(report: Report) -> Section:
    """From assignment to answer, arm by arm."""
    rows = _funnel_rows(report)
    heard = any(source.kind == MAILBOX_WATERMARK[0] for source in report.quality.sources)
    kept = [place for place in range(len(_COLUMNS)) if _is_kept(place, rows, heard=heard)]
    table = Table(
        tuple(_COLUMNS[place] for place in kept), tuple(tuple(row[place] for place in kept) for row in rows), words=2
    )
    notes = [_coded(report, arm) for arm in report.funnel.coded]
    if not heard and any("email" in row[1] or "e-mail" in row[1] for row in rows):
        notes.append(NOT_READ)
    return Section(
        key="funnel",
        title="What became of it",
        lead="Accepted means taken over by the mail server, or handed to the printer.",
        tables=(table,),
        notes=tuple(notes),
    )


def timing_section(analysis: Analysis) -> Section | None:
    """How the buyers of each arm came in over the window."""
    registered, units = analysis.registered, {arm.name: arm.units for arm in analysis.results.arms}
    if not analysis.timing or not any(line and line[-1] for line in analysis.timing.values()):
        return None
    lines = {
        arm: tuple(PER * bought / units[arm] for bought in line) for arm, line in analysis.timing.items() if units[arm]
    }
    told = " ".join(
        f"{arm}: {line[-1]:.1f} per {PER} after {duration(registered.within)}." for arm, line in lines.items()
    )
    return Section(
        key="timing",
        title="When they bought",
        lead=f"First purchases per {PER} {registered.unit}s, by days after the planned contact.",
        pictures=(TimingPicture("timing", f"First purchases per {PER} {registered.unit}s by day", told, lines),),
    )


_COLUMNS = (
    "Arm", "Channel", "Assigned", "Planned", "Accepted", "Failed", "Not sent", "Unsure", "Waiting",
    "Came back", "Unsubscribed", "Converted",
)  # fmt: skip
_ALWAYS = {"Arm", "Channel", "Assigned", "Planned", "Accepted"}
_FROM_MAILBOX = {"Came back", "Unsubscribed"}


def _is_kept(place: int, rows: list[tuple[str, ...]], *, heard: bool) -> bool:
    """Columns that hold nothing but zeros are left out, and those that nobody counted."""
    name = _COLUMNS[place]
    if name in _ALWAYS or (heard and name in _FROM_MAILBOX):
        return True
    return any(row[place] not in ("", "0") for row in rows)


def _funnel_rows(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for arm, assigned, converted in _arms(report):
        channels = report.funnel.of(arm)
        if not channels:
            rows.append((arm, "nothing", assigned, *[""] * 8, converted))
        for place, channel in enumerate(channels):
            first = place == 0
            rows.append(
                (
                    arm if first else "",
                    _channel(report, channel),
                    assigned if first else "",
                    *_counts(channel),
                    converted if first else "",
                )
            )
    return rows


def _arms(report: Report) -> list[tuple[str, str, str]]:
    """Name, units and converted units of each arm, as words."""
    if report.analysis is None:
        names = dict.fromkeys(channel.arm for channel in report.funnel.channels)
        return [(name, "", "") for name in names]
    found = []
    for arm in report.analysis.results.arms:
        conversion = arm.metrics.get("conversion")
        converted = count(conversion.successes) if isinstance(conversion, Proportion) else ""
        found.append((arm.name, count(arm.units), converted))
    return found


def _counts(channel: Channel) -> tuple[str, ...]:
    numbers = (
        channel.planned, channel.accepted, channel.failed, channel.never_sent, channel.unsure, channel.still_open,
    )  # fmt: skip
    answers = [channel.answers.get(name) for name in ("bounces", "unsubscribes")]
    # Nobody unsubscribes from a letter, and a printer reports no returns unless there are some.
    silence = "0" if channel.channel == "email" else ""
    return (*(count(number) for number in numbers), *(silence if each is None else count(each) for each in answers))


def _channel(report: Report, channel: Channel) -> str:
    if channel.channel == "email":
        return "e-mail"
    if report.analysis is None:
        return "post"
    return piece_noun(report.analysis.registered.arm(channel.arm))


def _coded(report: Report, arm: str) -> str:
    orders, total = report.funnel.coded[arm]
    return (
        f"{capital(plural(orders, 'order'))} of arm {arm} came with the code of a printed piece "
        f"({report.currency} {total:,.2f}). They show who used the code, not whom the piece moved."
    )


def _reason(word: str) -> str:
    try:
        return Reason(word).sentence
    except ValueError:
        return word.replace("_", " ")
