"""How many contacts an experiment needs, what those that there are can show, how long it takes and what it costs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from handbill.errors import ImportRefused, NotMeasurable, Problem
from handbill.operations.unit_cells import numbers_in
from handbill.operations.unit_table import open_table
from handbill.statistics.effort import Price, days_needed, price_of, size_with_looks
from handbill.statistics.power import (
    SampleSize,
    design_effect,
    detectable_difference,
    detectable_rate,
    power_for_means,
    power_for_rates,
    sample_size_for_means,
    sample_size_for_rates,
)
from handbill.statistics.replay import Replay, replay
from handbill.statistics.sequential import expected_share, inflation

__all__ = ["Design", "Needs", "Replay", "needs_of", "replay_column"]


@dataclass(frozen=True)
class Design:
    """An experiment that is being thought about.

    Measured is a rate, with the control's `rate`, or an amount, with its `mean` and `sd` per contact (zeros
    included). `effect` is absolute: a difference of rates or of amounts. `contacts` are all that there are.
    `control_share` is the control's share of all contacts; the rest is split evenly between `arms` arms.
    """

    rate: float | None = None
    mean: float | None = None
    sd: float | None = None
    effect: float | None = None
    contacts: int | None = None
    power: float = 0.8
    confidence: float = 0.95
    control_share: float = 0.5
    arms: int = 1
    looks: int = 1
    household_size: float = 1.0
    household_correlation: float = 0.0
    per_day: float | None = None
    window_days: float = 0.0
    cost_per_contact: float | None = None
    value: float = 1.0

    @property
    def alpha(self) -> float:
        """Two-sided level of each comparison; several arms share it (Bonferroni, a little more than Holm needs)."""
        return (1 - self.confidence) / self.arms

    @property
    def ratio(self) -> float:
        """Contacts of one arm for each of the control."""
        return (1 - self.control_share) / self.arms / self.control_share

    @property
    def clustering(self) -> float:
        """How many times more contacts it takes because households are assigned whole."""
        return design_effect(self.household_size, self.household_correlation)


@dataclass(frozen=True)
class Needs:
    """What a design takes and can show. `effect` is absolute, and None where the contacts can show nothing at all.

    `at_most` and `on_average` (if the effect is as planned) count all contacts of a design with looks.
    """

    design: Design
    control: int
    each_arm: int
    effect: float | None
    power: float | None
    at_most: int | None = None
    on_average: float | None = None
    days: float | None = None
    price: Price | None = None

    @property
    def together(self) -> int:
        """All contacts."""
        return self.control + self.design.arms * self.each_arm

    @property
    def relative(self) -> float | None:
        """The effect as a share of what the control does."""
        base = self.design.rate if self.design.rate is not None else self.design.mean
        return self.effect / base if self.effect is not None and base else None


def needs_of(design: Design) -> Needs:
    """The contacts for an effect, or the effect (or power) for the contacts.

    Raises:
        NotMeasurable: the numbers do not make an experiment; says which.
    """
    problems = _problems(design)
    if problems:
        raise NotMeasurable(*problems)
    if design.contacts is None:
        size = _size(design)
        needs = Needs(design, size.control, size.treatment, design.effect, design.power)
    else:
        size = SampleSize(design.control_share * design.contacts, design.control_share * design.contacts * design.ratio)
        needs = _with_contacts(design, size)
    return _with_price(_with_days(_with_looks(needs, size)))


def replay_column(
    path: Path,
    column: str,
    *,
    control_share: float = 0.5,
    experiments: int = 1000,
    confidence: float = 0.95,
    seed: int = 1,
) -> Replay:
    """Replays a column of a table (CSV or Parquet, one row a contact) with fake arms; only 0 and 1 is a rate.

    Raises:
        ImportRefused: there is no such file or column, or a cell is no number.
        NotMeasurable: the control's share leaves an arm empty, or there are fewer than two contacts.
    """
    if not 0 < control_share < 1:
        raise NotMeasurable(f"The control of {100 * control_share:g} % is not between 0 and 100 %.")
    table = open_table(path)
    if column not in table.columns:
        known = ", ".join(f'"{name}"' for name in table.columns[:30])
        raise ImportRefused(
            Problem(str(path), what=f'there is no column "{column}".', mend=f"The columns are {known}.")
        )
    parts, rows = [], 0
    for batch in table.batches([column]):
        values, bad = numbers_in(batch.column(0))
        if bad.any():
            row = rows + int(np.flatnonzero(bad)[0])
            raise ImportRefused(table.problem(row, f"{column} is not a number.", "Write 0 where nothing happened."))
        parts.append(values)
        rows += values.size
    values = np.concatenate(parts) if parts else np.zeros(0)
    binary = bool(((values == 0) | (values == 1)).all())
    return replay(
        values,
        np.random.default_rng(seed),
        control_share=control_share,
        experiments=experiments,
        confidence=confidence,
        binary=binary,
    )


def _size(design: Design) -> SampleSize:
    effect = design.effect or 0.0
    if design.rate is not None:
        return sample_size_for_rates(
            design.rate,
            design.rate + effect,
            power=design.power,
            alpha=design.alpha,
            ratio=design.ratio,
            design_effect=design.clustering,
        )
    return sample_size_for_means(
        effect,
        design.sd or 0.0,
        power=design.power,
        alpha=design.alpha,
        ratio=design.ratio,
        design_effect=design.clustering,
    )


def _detectable(design: Design, counted: tuple[float, float]) -> float | None:
    if design.rate is not None:
        rate = detectable_rate(design.rate, *counted, power=design.power, alpha=design.alpha)
        return None if rate is None else rate - design.rate
    return detectable_difference(design.sd or 0.0, *counted, power=design.power, alpha=design.alpha)


def _power(design: Design, effect: float, counted: tuple[float, float]) -> float:
    if design.rate is not None:
        return power_for_rates(design.rate, design.rate + effect, *counted, alpha=design.alpha)
    return power_for_means(effect, design.sd or 0.0, *counted, alpha=design.alpha)


def _with_contacts(design: Design, size: SampleSize) -> Needs:
    """The effect that the contacts can show; or, where an effect is asked about, their power to show it."""
    inflated = inflation(_fractions(design), power=design.power, alpha=design.alpha / 2) * design.clustering
    counted = size.exact_control / inflated, size.exact_treatment / inflated
    needs = Needs(design, round(size.exact_control), round(size.exact_treatment), design.effect, design.power)
    if design.effect is not None:
        return replace(needs, power=_power(design, design.effect, counted))
    effect = _detectable(design, counted)
    return needs if effect is None else replace(needs, effect=effect)


def _with_looks(needs: Needs, size: SampleSize) -> Needs:
    design, fractions = needs.design, _fractions(needs.design)
    if design.looks == 1:
        return needs
    if design.contacts is not None:
        share = expected_share(fractions, power=design.power, alpha=design.alpha / 2)
        return replace(needs, at_most=design.contacts, on_average=design.contacts * share)
    arms = SampleSize(size.exact_control, size.exact_treatment * design.arms)
    looks = size_with_looks(arms, fractions, power=design.power, alpha=design.alpha)
    return replace(needs, at_most=looks.at_most, on_average=looks.on_average)


def _with_days(needs: Needs) -> Needs:
    if needs.design.per_day is None:
        return needs
    contacts = needs.at_most or needs.together
    return replace(
        needs, days=days_needed(contacts, per_day=needs.design.per_day, window_days=needs.design.window_days)
    )


def _with_price(needs: Needs) -> Needs:
    design = needs.design
    if design.cost_per_contact is None:
        return needs
    arms = SampleSize(needs.control, needs.each_arm * design.arms)
    effect = max(needs.effect or 0.0, 0.0)
    price = price_of(arms, cost_per_contact=design.cost_per_contact, effect=effect, value_of_effect=design.value)
    return replace(needs, price=price)


def _fractions(design: Design) -> list[float]:
    return [(look + 1) / design.looks for look in range(design.looks)]


def _problems(design: Design) -> list[str]:
    """Everything that keeps the numbers from being an experiment."""
    problems = []
    if (design.rate is None) == (design.sd is None):
        problems.append("Give either the control's rate, or the standard deviation of an amount per contact.")
    if design.effect is None and design.contacts is None:
        problems.append("Give the effect that is to be shown, or the contacts that there are.")
    if design.effect == 0:
        problems.append("An effect of nothing cannot be shown with any number of contacts.")
    if design.rate is not None and not 0 < design.rate < 1:
        problems.append(f"A rate of {100 * design.rate:g} % leaves nothing to find out. Give one between 0 and 100 %.")
    elif design.rate is not None and not 0 <= design.rate + (design.effect or 0.0) <= 1:
        problems.append(f"A rate of {100 * design.rate:g} % cannot change by {100 * (design.effect or 0.0):+g} points.")
    if design.sd is not None and design.sd <= 0:
        problems.append("The standard deviation must be above zero.")
    for name, share in (("power", design.power), ("confidence", design.confidence), ("control", design.control_share)):
        if not 0 < share < 1:
            problems.append(f"The {name} of {100 * share:g} % is not between 0 and 100 %.")
    if design.contacts is not None and design.contacts < 2 * (design.arms + 1):
        problems.append(f"{design.contacts} contacts are too few for {design.arms + 1} arms.")
    return problems
