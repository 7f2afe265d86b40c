"""The numbers of what stands beside the result, unrounded, for machines."""

from typing import Any

from handbill.reports.document import Analysis
from handbill.reports.guardrails import Judged
from handbill.reports.segments import Segments
from handbill.reports.wording import Range


def beside_as_json(analysis: Analysis) -> dict[str, Any]:
    """Guardrails, segments, the effect over time, and the same comparison asked in other ways; only what there is."""
    course, segments = analysis.course, analysis.segments
    found: dict[str, Any] = {
        "guardrails": [_guardrail(each) for each in analysis.guardrails],
        "earlier_orders_taken_out": [
            given(
                {
                    "arm": each.arm,
                    "control": each.control,
                    "difference": each.adjusted.result.difference,
                    "low": each.adjusted.result.low,
                    "high": each.adjusted.result.high,
                    "p_value": each.adjusted.result.p_value,
                    "variance_reduction": each.adjusted.variance_reduction,
                    "method": each.adjusted.result.method,
                }
            )
            for each in analysis.calmed
        ],
        "twice_the_window": [
            given(
                {
                    "arm": each.arm,
                    "control": each.control,
                    "effect": range_as_json(each.effect),
                    "known_from": each.known_from.isoformat() if each.known_from else None,
                }
            )
            for each in analysis.doubled
        ],
        "in_the_light_of_earlier_ones": [
            {"arm": each.arm, "control": each.control, "effect": range_as_json(each.effect),
             "usual": each.usual, "experiments": each.experiments}
            for each in analysis.remembered
        ],
        "revenue_explained": [
            given(
                {"arm": each.arm, "control": each.control, "via_conversion": each.parts.via_conversion,
                 "via_value": each.parts.via_value, "permutation_p_value": each.p_value,
                 "shuffles": each.shuffles if each.p_value is not None else None}
            )
            for each in analysis.explained
        ],
        "course": None
        if course is None
        else {
            "arm": course.arm,
            "control": course.control,
            "days_of": course.of,
            "points": [{"day": time, **(range_as_json(effect) or {})} for time, effect in course.points],
            "method": course.method,
        },
        "segments": None if segments is None else _segments(segments),
        "attributed": [
            given(
                {"rule": each.rule, "arm": each.arm, "claimed": each.claimed, "placebo": each.placebo,
                 "caused": range_as_json(each.caused)}
            )
            for each in analysis.claims
        ],
    }  # fmt: skip
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
