"""The report's numbers, unrounded, for machines."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from handbill.reports.beside_numbers import beside_as_json, given, range_as_json
from handbill.reports.document import Analysis, Report
from handbill.reports.factorial import Factorial
from handbill.reports.money import Gain
from handbill.reports.over_time import OverTime
from handbill.reports.rolled_out import RolledOut
from handbill.statistics.results import as_json as results_as_json


def as_json(report: Report) -> str:
    """The numbers, unrounded. `results` has the shape of `handbill evaluate --json`; what cannot be given is absent."""
    return json.dumps(_values(report), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _values(report: Report) -> dict[str, Any]:
    values: dict[str, Any] = {
        "campaign": report.campaign,
        "made_at": _time(report.made_at),
        "currency": report.currency,
        "status": report.screen.status,
        "words": report.screen.words,
        "alarms": list(report.screen.alarms),
        "verdicts": [
            given({"status": each.status, "about": each.about or None, "says": each.says, "next": each.next})
            for each in report.screen.verdicts
        ],
        **(_analysis(report.analysis) if report.analysis else {}),
        "audience": asdict(report.waterfall),
        "messages": [
            {"arm": each.arm, "channel": each.channel, "planned": each.planned, "states": dict(each.states),
             "answers": dict(each.answers), "cost": each.cost}
            for each in report.funnel.channels
        ],
        "hits": [
            {"arm": each.arm, "what": each.name, "messages": each.sent, "people": [each.low, each.high],
             "by_verdict": dict(each.by_verdict), "by_machines": each.flagged, "nobodys": each.nobodys}
            for each in report.funnel.hits
        ],
        "code_orders": [
            {"arm": arm, "orders": orders, "total": total} for arm, (orders, total) in report.funnel.coded.items()
        ],
        "sources": [
            {"kind": each.kind, "source": each.name, "complete_until": _time(each.complete_until)}
            for each in report.quality.sources
        ],
        "deviations": list(report.deviations),
        "true_effects": [_truth(report, *key, difference) for key, difference in report.truths.items()],
    }  # fmt: skip
    return values


def _analysis(analysis: Analysis) -> dict[str, Any]:
    registered, maturity = analysis.registered, analysis.maturity
    return {
        "registered": {
            "digest": registered.digest,
            "sealed_at": _time(registered.sealed_at),
            "hypothesis": registered.hypothesis,
            "unit": registered.unit,
            "primary": registered.primary,
            "minimum_effect": registered.minimum_effect,
            "within_seconds": int(registered.within.total_seconds()),
            "comparisons": [f"{arm} - {control}" for arm, control in registered.pairs],
        },
        "maturity": given(
            {
                "units": maturity.units,
                "completed": maturity.completed,
                "mature": maturity.mature,
                "opens_at": _time(maturity.opens_at) if maturity.opens_at else None,
                "orders_known_until": _time(maturity.known_until) if maturity.known_until else None,
            }
        ),
        "results": results_as_json(analysis.results),
        "money": [_gain(gain) for gain in analysis.gains],
        **({"channels": _factorial(analysis.factorial)} if analysis.factorial else {}),
        **beside_as_json(analysis),
        **({"over_time": _over_time(analysis.over_time)} if analysis.over_time else {}),
        **({"rollout": _rolled_out(analysis.rolled_out)} if analysis.rolled_out else {}),
    }


def _rolled_out(rolled: RolledOut) -> dict[str, Any]:
    decision, claim = rolled.decision, rolled.claim
    return given(
        {
            "test_share": rolled.test_share,
            "by": rolled.by,
            "tested": rolled.tested,
            "winner": decision.winner if decision else None,
            "numbers": dict(decision.numbers) if decision else None,
            "decided_at": _time(decision.decided_at) if decision else None,
            "decided_by": decision.decided_by if decision else None,
            "because": decision.because if decision else None,
            "proven": claim.proven if claim else None,
            "z": claim.z if claim else None,
            "critical": claim.critical if claim else None,
        }
    )


def _over_time(over_time: OverTime) -> dict[str, Any]:
    return given(
        {
            "analysis": over_time.analysis,
            "size": over_time.size,
            "counted": over_time.counted,
            "ended": over_time.ended,
            "read_until": _time(over_time.read_until) if over_time.read_until else None,
            "next_look": over_time.next_look,
            "looks": [
                {
                    "planned": look.planned,
                    "fraction": look.fraction,
                    "until": _time(look.until),
                    "units": look.units,
                    "comparisons": [
                        {"arm": arm, "control": control, "z": z, "border": look.border[arm, control]}
                        for (arm, control), z in look.z.items()
                    ],
                }
                for look in over_time.looks
            ],
        }
    )


def _gain(gain: Gain) -> dict[str, Any]:
    return given(
        {
            "arm": gain.arm,
            "control": gain.control,
            "units": gain.units,
            "extra_cost": gain.cost,
            "extra": range_as_json(gain.extra),
            "extra_of": gain.extra_of or None,
            "cost_each": range_as_json(gain.cost_each),
            "cost_each_at_least": gain.cost_at_least,
            "margin_after_costs": range_as_json(gain.margin),
            "margin_is_rough": gain.rough if gain.margin else None,
            "no_margin": gain.no_margin or None,
        }
    )


def _factorial(factorial: Factorial) -> dict[str, Any]:
    return {
        "metric": factorial.metric,
        "main": {each.channel: range_as_json(each.effect) for each in factorial.main},
        "interaction": range_as_json(factorial.interaction.effect),
    }


def _truth(report: Report, metric: str, arm: str, control: str, difference: float) -> dict[str, Any]:
    return {"metric": metric, "arm": arm, "control": control, "difference": difference,
            **_covered(report, metric, arm, control, difference)}  # fmt: skip


def _covered(report: Report, metric: str, arm: str, control: str, difference: float) -> dict[str, bool]:
    if report.analysis is None:
        return {}
    for one in report.analysis.results.comparisons:
        low, high = one.result.low, one.result.high
        if (one.metric, one.arm, one.control) == (metric, arm, control) and low is not None and high is not None:
            return {"covered": low <= difference <= high}
    return {}


def _time(moment: datetime) -> str:
    return moment.isoformat()
