"""The numbers of what stands beside the result, unrounded, for machines."""

from typing import Any

from handbill.reports.attributed import Claim
from handbill.reports.beside import Calmed, Doubled
from handbill.reports.course import Course
from handbill.reports.document import Analysis
from handbill.reports.explained import Explained
from handbill.reports.guardrails import Judged
from handbill.reports.memory import Remembered
from handbill.reports.segments import Segments
from handbill.reports.wording import Range


def beside_as_json(analysis: Analysis) -> dict[str, Any]:
    """Guardrails, segments, the effect over time, and the same comparison asked in other ways; only what there is."""
    found: dict[str, Any] = {
        "guardrails": [_guardrail(each) for each in analysis.guardrails],
        "earlier_orders_taken_out": [_calmed(each) for each in analysis.calmed],
        "twice_the_window": [_doubled(each) for each in analysis.doubled],
        "in_the_light_of_earlier_ones": [_remembered(each) for each in analysis.remembered],
        "revenue_explained": [_explained(each) for each in analysis.explained],
        "course": _course(analysis.course) if analysis.course else None,
        "segments": _segments(analysis.segments) if analysis.segments else None,
        "attributed": [_claim(each) for each in analysis.claims],
    }
    return {name: value for name, value in found.items() if value}


def range_as_json(values: Range | None) -> dict[str, float] | None:
    """An estimate with its bounds."""
    return None if values is None else {"estimate": values.estimate, "low": values.low, "high": values.high}


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what cannot be given."""
    return {key: value for key, value in values.items() if value is not None}


def _guardrail(judged: Judged) -> dict[str, Any]:
    rail, result = judged.rail, judged.result
    values: dict[str, Any] = {"metric": rail.metric, "arm": judged.arm, "against": rail.against, "below": rail.below,
                              "margin": rail.margin, "verdict": judged.verdict,
                              "reason": judged.reason or None}  # fmt: skip
    if result is not None:
        values |= {"harm": result.harm, "low": result.low, "high": result.high, "p_safe": result.p_safe,
                   "p_harmful": result.p_harmful, "method": result.method, "source": result.source}  # fmt: skip
    return given(values)


def _calmed(each: Calmed) -> dict[str, Any]:
    result = each.adjusted.result
    return given(
        {"arm": each.arm, "control": each.control, "difference": result.difference, "low": result.low,
         "high": result.high, "p_value": result.p_value, "variance_reduction": each.adjusted.variance_reduction,
         "method": result.method}
    )  # fmt: skip


def _doubled(each: Doubled) -> dict[str, Any]:
    return given(
        {"arm": each.arm, "control": each.control, "effect": range_as_json(each.effect),
         "known_from": each.known_from.isoformat() if each.known_from else None}
    )  # fmt: skip


def _remembered(each: Remembered) -> dict[str, Any]:
    return {"arm": each.arm, "control": each.control, "effect": range_as_json(each.effect),
            "usual": each.usual, "experiments": each.experiments}  # fmt: skip


def _explained(each: Explained) -> dict[str, Any]:
    return given(
        {"arm": each.arm, "control": each.control, "via_conversion": each.parts.via_conversion,
         "via_value": each.parts.via_value, "permutation_p_value": each.p_value,
         "shuffles": each.shuffles if each.p_value is not None else None}
    )  # fmt: skip


def _course(course: Course) -> dict[str, Any]:
    return {
        "arm": course.arm,
        "control": course.control,
        "days_of": course.of,
        "points": [{"day": time, **(range_as_json(effect) or {})} for time, effect in course.points],
        "method": course.method,
    }


def _segments(segments: Segments) -> dict[str, Any]:
    return {
        "arm": segments.arm,
        "control": segments.control,
        "p_value": segments.p_value,
        "method": segments.method,
        "parts": [
            given(
                {"name": part.name, "units": part.units, "own": range_as_json(part.own),
                 "shrunken": range_as_json(part.shrunken), "p_value_adjusted": part.p_value}
            )
            for part in segments.parts
        ],
    }  # fmt: skip


def _claim(each: Claim) -> dict[str, Any]:
    return given(
        {"rule": each.rule, "arm": each.arm, "claimed": each.claimed, "placebo": each.placebo,
         "caused": range_as_json(each.caused)}
    )  # fmt: skip
