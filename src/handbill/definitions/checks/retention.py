"""Whether what is known about people is kept for long enough to write to them at all."""

from collections.abc import Iterator
from datetime import timedelta

from handbill.definitions.findings import Finding
from handbill.definitions.policy import Retention

SHORTEST_FOR_CONTACTS = timedelta(days=90)
"""Whoever hears from a shop once a season must not be erased in between."""
SHORTEST = timedelta(days=7)
"""Bounces and complaints come in for days after a message."""


def check_retention(declared: Retention) -> Iterator[Finding]:
    """Every period that is so short that it must be a mistake."""
    for name in Retention.model_fields:
        period, least = getattr(declared, name), SHORTEST_FOR_CONTACTS if name == "contacts" else SHORTEST
        if period is not None and period < least:
            what = f"{name} would be forgotten sooner than anybody can work with them."
            yield Finding((name,), what, f"Write {least.days} days or more.")
