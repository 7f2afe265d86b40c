"""Whether the metrics that a project declares can be worked out."""

from collections.abc import Iterable, Iterator, Mapping

from handbill.definitions.checks.deciding import unit_of_effect
from handbill.definitions.checks.names import is_field_name
from handbill.definitions.findings import Finding, under
from handbill.definitions.metrics import METRICS, OwnMetric
from handbill.definitions.words import quoted, unknown

ORDER_PROPERTIES = ("total", "discount", "refund", "cost")
"""What of an order is an amount."""

_COUNTS = ("happened", "count")


def check_own_metrics(names: Iterable[str], metrics: Mapping[str, OwnMetric]) -> Iterator[Finding]:
    """`names` are all that are written, `metrics` those that could be read."""
    for name in names:
        if name in METRICS:
            what = f"{quoted(name)} is a metric that every project has."
            yield Finding((name,), what, "Give yours another name.", at_key=True)
        elif not is_field_name(name):
            mend = 'Start with a small letter, then small letters, digits and "_".'
            yield Finding((name,), f"{quoted(name)} cannot be the name of a metric.", mend, at_key=True)
    for name, metric in metrics.items():
        yield from under((name,), _check(name, metric))


def _check(name: str, metric: OwnMetric) -> Iterator[Finding]:
    if metric.aggregation in _COUNTS and metric.property is not None:
        what = f"{metric.aggregation} counts the event, whatever its {metric.property} is."
        yield Finding(("property",), what, "Remove property, or write aggregation: sum.", at_key=True)
    elif metric.aggregation not in _COUNTS and metric.property is None:
        what = f"{metric.aggregation} needs to know of what."
        yield Finding(("aggregation",), what, "Add property, such as property: minutes.")
    elif metric.event == "order" and metric.property not in (*ORDER_PROPERTIES, None):
        what, mend = unknown("property of an order", metric.property or "", ORDER_PROPERTIES)
        yield Finding(("property",), what, mend)
    if metric.cap is not None and metric.aggregation == "happened":
        yield Finding(("cap",), "what happened or not has no cap.", "Remove it.", at_key=True)
    yield from unit_of_effect(("margin",), metric.margin, metric.as_metric(name))
