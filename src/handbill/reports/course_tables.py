"""How the effect grew, at which looks it was read, and how it lies in the declared segments."""

from zoneinfo import ZoneInfo

from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.effect_tables import said_difference
from handbill.reports.over_time import LookTaken
from handbill.reports.phrases import reading_of
from handbill.reports.pictures import BandPicture, EffectPicture, Mark, Scale, Tone
from handbill.reports.segments import SegmentEffect
from handbill.reports.sentences import PER
from handbill.reports.wording import Range, count, day, number, percent, plural, span

ALIKE = 0.05
"""Below this p-value of Cochran's Q the segments are not all alike."""


def course_section(analysis: Analysis) -> Section | None:
    """The effect at several times, with a band that holds at all of them together."""
    course = analysis.course
    if course is None:
        return None
    registered, many = analysis.registered, reading_of(analysis.registered, "conversion").many
    points = tuple((time, effect.times(PER)) for time, effect in course.points)
    last = points[-1][1]
    when = "after the planned contact" if course.of == "contact" else "since the first units were due"
    told = " ".join(
        f"Day {time}: {number(effect.estimate, effect.width)} ({_span(effect)})." for time, effect in points
    )
    return Section(
        key="course",
        title="How the effect grew",
        lead=f"{course.arm} − {course.control}: difference in {many} per {PER} {registered.unit}s, by days {when}.",
        pictures=(
            BandPicture("course", f"Difference in {many} per {PER} {registered.unit}s", told, points, f"more {many}"),
        ),
        notes=(
            (
                f"The band holds at all its days together with {registered.confidence * 100:g} % confidence: looking "
                f"at every day misleads nobody. On the last day it reaches {_span(last)}."
            ),
            "The window was fixed before the send; an earlier day decides nothing.",
            f"{course.method}. Source: {course.source}.",
        ),
    )


def looks_section(report: Report, analysis: Analysis) -> Section | None:
    """The looks that were taken, with the borders that had to be crossed."""
    over_time = analysis.over_time
    if over_time is None or not over_time.looks:
        return None
    rows = tuple(row for look in over_time.looks for row in _looks(report, look))
    return Section(
        key="looks",
        title="The planned looks",
        lead=(
            f"Each look counts the {analysis.registered.unit}s whose window had closed, and the same ones whenever "
            "the report is made. A comparison ends at the first look at which z lies beyond the border."
        ),
        tables=(Table(("Look", "Comparison", "Counted", "Until", "z", "Border", "Ends"), rows, words=2),),
        notes=(
            "Borders: Lan and DeMets, Biometrika 70, 1983, 659–663, with O'Brien–Fleming-type spending.",
            "Several comparisons share the chance of a false claim (Bonferroni).",
        ),
    )


def segments_section(report: Report, analysis: Analysis) -> Section | None:
    """Whether the effect differs by segment, and what to believe of each."""
    found = analysis.segments
    if found is None:
        return None
    registered, reading = analysis.registered, reading_of(analysis.registered, "conversion")
    alike = found.p_value >= ALIKE
    said = f"p = {number(found.p_value, decimals=4 if found.p_value < 0.01 else 3)}"
    lead = (
        f"Nothing shows that the effect differs between segments (Cochran's Q, {said}): go by the overall result."
        if alike
        else f"The effect differs between segments (Cochran's Q, {said})."
    )
    marks = tuple(_mark(report, analysis, part) for part in found.parts)
    scale = Scale(f"fewer {reading.many}", f"more {reading.many}", lambda value: number(value, decimals=4))
    told = " ".join(f"{mark.label}: {mark.says}." for mark in marks)
    title = f"{found.arm} − {found.control}: {reading.many} per {PER} {registered.unit}s, drawn towards their mean"
    columns = ("Segment", "Units", "Its own difference", "What to believe", "p")
    rows = tuple(
        (part.name, count(part.units), said_difference(reading, part.own.times(PER), report),
         said_difference(reading, part.shrunken.times(PER), report) if part.shrunken else "–",
         "–" if part.p_value is None else number(part.p_value, decimals=3))
        for part in found.parts
    )  # fmt: skip
    return Section(
        key="segments",
        title="By segment",
        lead=lead,
        pictures=(EffectPicture("segments", title, told, marks, scale),),
        tables=(Table(columns, rows),),
        notes=(
            (f"The {plural(len(found.parts), 'largest declared segment')} with enough {reading.many}, as they were "
            "when the first message was due. Segments may overlap, which makes Cochran's Q more cautious, not less."),
            (f"p is corrected so that at most a tenth of the segments called different from nothing are so by chance. "
            f"Small segments swing widely by chance; what to believe of one lies between its own difference and the "
            f"mean of all ({percent(registered.confidence)} intervals)."),
            f"{found.method}. Source: {found.source}.",
        ),
    )  # fmt: skip


def _mark(report: Report, analysis: Analysis, part: SegmentEffect) -> Mark:
    reading = reading_of(analysis.registered, "conversion")
    effect = (part.shrunken or part.own).times(PER)
    proven = part.stands_out and not effect.low <= 0 <= effect.high
    tone: Tone = "unsure" if not proven else "gain" if effect.estimate > 0 else "loss"
    return Mark(part.name, effect, said_difference(reading, effect, report), tone)


def _span(effect: Range) -> str:
    return span(number(effect.low, effect.width), number(effect.high, effect.width))


def _looks(report: Report, look: LookTaken) -> list[tuple[str, ...]]:
    until = day(look.until.astimezone(ZoneInfo(report.timezone)), style="short")
    counted = f"{count(look.units)} ({percent(look.fraction, 0.01)})"
    return [
        (
            percent(look.planned, 0.01),
            f"{arm} − {control}",
            counted,
            until,
            number(z, decimals=2),
            number(look.border[arm, control], decimals=2),
            "yes" if abs(z) >= look.border[arm, control] else "no",
        )
        for (arm, control), z in look.z.items()
    ]
