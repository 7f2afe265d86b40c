"""Every metric that campaigns.yaml may name is measured, said and described."""

import re
from pathlib import Path

from handbill.definitions.metrics import METRICS
from handbill.reports.metrics import MESSAGES, OUTCOMES, READINGS
from handbill.responses.events import ANSWERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_every_metric_has_a_reading_in_the_order_of_its_definition() -> None:
    assert list(READINGS) == list(METRICS)
    assert (*OUTCOMES, *MESSAGES) == tuple(METRICS)


def test_every_metric_of_messages_says_which_events_it_counts() -> None:
    with_orders = {"codes", "orders_per_click"}
    assert set(ANSWERS) == set(MESSAGES) - with_orders


def test_the_reference_describes_each_metric_as_it_is_defined() -> None:
    rows = []
    for name, reading in READINGS.items():
        more = "better" if reading.more_is_better else "worse"
        rows.append(f"| `{name}` | {reading.metric.kind} | {reading.metric.meaning} | {more} |")
    written = re.findall(r"^\| `.*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert written == rows
