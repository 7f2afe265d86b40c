"""Reports made of plain numbers, without a store."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from handbill.reports.compare import compare
from handbill.reports.document import Analysis, Report
from handbill.reports.factorial import factorial_of
from handbill.reports.funnel import Channel, Funnel
from handbill.reports.maturity import Maturity
from handbill.reports.measure import Measured
from handbill.reports.money import gains
from handbill.reports.quality import Quality, Source, Truths, Wave
from handbill.reports.verdict import broken_split, first_screen
from handbill.reports.waterfall import Step, Waterfall
from handbill.statistics.results import Arm, Gap
from handbill.statistics.samples import Proportion, Sample
from tests.conftest import NOW
from tests.reports.factory import AFTER, CAMPAIGN, ORIGIN, Cell, registered_of

DAYS_60 = timedelta(days=60)
NO_LETTER = Cell("nothing", 25_000, 2_000)
LETTER = Cell("letter", 25_000, 2_525, ("direct_mail",), cost=0.78, piece="letter")
NO_RATE = Gap("Nobody declared a margin.", "margin")


def analysis_of(cells: Sequence[Cell], *, margin: bool = True, **changes: Any) -> Analysis:
    """What the counts of these cells show."""
    registered = registered_of(cells, **changes)
    measured = Measured(tuple(_arm(cell, margin=margin) for cell in cells), () if margin else (NO_RATE,))
    results = compare(registered, measured)
    sizes = {cell.name: cell.units for cell in cells}
    return Analysis(
        registered=registered,
        maturity=Maturity(sizes, sum(sizes.values()), ORIGIN + registered.within, ORIGIN + registered.within),
        results=results,
        gains=gains(registered, results, funnel_of(cells)),
        factorial=factorial_of(registered, results.arms, registered.primary),
        timing={cell.name: (cell.buyers // 3, cell.buyers // 2, cell.buyers) for cell in cells},
    )


def report_of(
    cells: Sequence[Cell], *, truths: Truths | None = None, brand: str = "Northwind", **changes: Any
) -> Report:
    """The whole report of these cells."""
    analysis = analysis_of(cells, **changes)
    broken = analysis.results.balance.ok is False
    screen = (
        broken_split(analysis.results)
        if broken
        else first_screen(analysis.registered, analysis.results, analysis.gains, "GBP")
    )
    people = sum(cell.units * cell.size for cell in cells)
    return Report(
        campaign=changes.get("campaign", CAMPAIGN),
        brand=brand,
        currency="GBP",
        timezone="Europe/London",
        made_at=ORIGIN + analysis.registered.within + timedelta(days=1),
        screen=screen,
        analysis=analysis,
        waterfall=Waterfall(people + 420, (Step("no_consent", 400), Step("capped", 20)), people),
        funnel=funnel_of(cells),
        quality=Quality((Wave("once", "finished", ORIGIN, NOW),), (Source("orders", "shop", AFTER),), 0, 100),
        truths=truths or {},
        deviations=(),
    )


def funnel_of(cells: Sequence[Cell]) -> Funnel:
    """Every message accepted."""
    channels = tuple(
        Channel(cell.name, channel, {"accepted": cell.units}, {}, cell.units * cell.cost / len(cell.channels))
        for cell in cells
        for channel in cell.channels
    )
    return Funnel({cell.name: cell.units * cell.size for cell in cells}, channels, {})


def _arm(cell: Cell, *, margin: bool) -> Arm:
    metrics: dict[str, Proportion | Sample] = {"conversion": Proportion(cell.buyers, of=cell.units)}
    if margin:
        metrics["margin"] = _margin(cell)
    return Arm(cell.name, cell.units, metrics)


def _margin(cell: Cell) -> Sample:
    """Half of the buyers' orders leave a tenth less than `paid`, half a tenth more."""
    low, high = cell.paid * 0.9, cell.paid * 1.1
    half = cell.buyers / 2
    return Sample(
        cell.units,
        total=half * (low + high),
        squares=half * (low**2 + high**2),
        cubes=half * (low**3 + high**3),
        buyers=cell.buyers,
    )
