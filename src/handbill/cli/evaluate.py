"""`handbill evaluate`: did it work, from any table with one row a unit."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from handbill.cli.options import AsJson

if TYPE_CHECKING:
    from rich.table import Table

    from handbill.operations.evaluate import Arm, Contrast, Results

MethodName = Literal["z", "boschloo", "fisher", "welch", "hall", "any-time"]
"""The methods of `handbill.statistics.contrasts`, which is not loaded for the sake of `--help`."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet with one row a contact or household.")]
ArmColumn = Annotated[str, typer.Option("--arm", metavar="COL", help="Column that says which arm a row was in.")]
ControlArm = Annotated[
    str | None,
    typer.Option("--control", metavar="VALUE", help='The control arm.  [default: one called "control" or "holdout"]'),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="COL[:proportion|mean|ratio=NUM/DEN]",
        help="Column to compare, as often as you like. Only 0 and 1 is a proportion, anything else a mean; "
        "NAME:ratio=NUM/DEN compares the ratio of two columns' sums.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="COL", help="Rows with the same value, such as a household, were drawn together."
    ),
]
Covariates = Annotated[
    list[str] | None,
    typer.Option(
        "--covariate",
        metavar="COL",
        help="Known before the draw, such as earlier revenue, empty where unknown. Makes intervals narrower.",
    ),
]
Shares = Annotated[
    list[str] | None,
    typer.Option("--share", metavar="ARM=SHARE", help="Declared share of an arm, such as A=0.45.  [default: equal]"),
]
Method = Annotated[
    MethodName | None, typer.Option("--method", help="Test to use instead of the one that suits the counts.")
]
Confidence = Annotated[float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of the intervals.")]

PLAIN_WIDTH = 120
"""Columns of the output where there is no terminal that has a width."""


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("evaluate")(evaluate)


def evaluate(
    file: File,
    *,
    arm: ArmColumn,
    control: ControlArm = None,
    metric: Metrics = None,
    cluster: Cluster = None,
    covariate: Covariates = None,
    share: Shares = None,
    method: Method = None,
    confidence: Confidence = 0.95,
    as_json: AsJson = False,
) -> None:
    """Compare the arms of an experiment: rates, amounts, intervals, and whether the split is as declared.

    Example: handbill evaluate test.csv --arm segment --control "No E-Mail" --metric visit --metric spend
    """
    shares = dict(_share(text) for text in share or ())
    from handbill.operations import evaluate as operation  # numpy, scipy and pyarrow take 0.8 s

    results = operation.evaluate_table(
        file,
        arm,
        control,
        metric or (),
        cluster=cluster,
        covariates=covariate or (),
        shares=shares,
        method=method,
        confidence=confidence,
    )
    if as_json:
        typer.echo(json.dumps(operation.as_json(results), ensure_ascii=False, allow_nan=False, indent=2))
    else:
        _show(results, confidence)


def _share(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not name or math.isnan(share):
        raise typer.BadParameter(f'"{text}" is not a share. Write ARM=0.45 or ARM=45%.', param_hint="--share")
    return name, share


def _show(results: "Results", confidence: float) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    for metric in dict.fromkeys(one.metric for one in results.comparisons):
        contrasts = {one.arm: one for one in results.comparisons if one.metric == metric}
        console.print(_table(results.arms, contrasts, confidence))
        for method in dict.fromkeys(one.result.method for one in contrasts.values()):
            console.print(f"  {method}.", soft_wrap=True)
        for one in contrasts.values():
            if one.result.variance_reduction is not None:
                console.print(f"  {one.arm}: {_brought(one.result.variance_reduction)}", soft_wrap=True)
        for gap in results.problems:
            if gap.metric == metric:
                console.print(f"  {gap.arm}: {gap.reason}" if gap.arm else f"  {gap.reason}", soft_wrap=True)
        console.print()
    if not results.comparisons:
        console.print(", ".join(f"{arm.name}: {arm.units:,} units" for arm in results.arms), soft_wrap=True)
    console.print(_balance(results), soft_wrap=True)


def _table(arms: Sequence["Arm"], contrasts: Mapping[str, "Contrast"], confidence: float) -> "Table":
    """One metric: a row an arm, the control first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    first = next(iter(contrasts.values()))
    rates = first.kind == "proportion"
    table = Table(title=Text(first.metric), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("arm", overflow="fold")
    difference = "difference (points)" if rates else "difference"
    value = "ratio" if first.kind == "ratio" else "rate" if rates else "mean"
    columns = ("units", value, difference, f"{100 * confidence:.4g} % interval", "lift")
    for column in (*columns, "p", "p adjusted", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    decimals = _decimals(list(contrasts.values()))
    for arm in arms:
        cells = _cells(contrasts[arm.name], decimals, confidence) if arm.name in contrasts else ("control",)
        table.add_row(Text(arm.name), f"{arm.units:,}", _mean(arm, first.metric, decimals), *cells)
    return table


def _mean(arm: "Arm", metric: str, decimals: int) -> str:
    from handbill.operations.evaluate import kind_of, mean_of

    aggregate = arm.metrics[metric]
    mean = mean_of(aggregate)
    if mean is None:
        return ""
    return f"{100 * mean:.{decimals}f} %" if kind_of(aggregate) == "proportion" else f"{mean:,.{decimals}f}"


def _cells(one: "Contrast", decimals: int, confidence: float) -> tuple[str, ...]:
    result, scale = one.result, 100 if one.kind == "proportion" else 1
    interval = ""
    if result.low is not None and result.high is not None:
        interval = f"{scale * result.low:+,.{decimals}f} to {scale * result.high:+,.{decimals}f}"
    return (
        "" if result.difference is None else f"{scale * result.difference:+,.{decimals}f}",
        interval,
        "" if result.relative is None else f"{100 * result.relative:+,.0f} %",
        _p(result.p_value),
        _p(result.p_value_adjusted),
        _verdict(one, confidence),
    )


def _verdict(one: "Contrast", confidence: float) -> str:
    result = one.result
    if result.p_value_adjusted is None or result.difference is None:
        return "not testable"
    if result.p_value_adjusted >= 1 - confidence:
        return "cannot tell"
    return "higher" if result.difference > 0 else "lower"


def _p(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return "<0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def _brought(reduction: float) -> str:
    """What the covariates were good for: as if there had been so many more people."""
    if reduction <= 0:
        return f"the covariates did not help (variance {-100 * reduction:+.1f} %)."
    times = 1 / (1 - reduction)
    return f"the covariates took away {100 * reduction:.1f} % of the variance, as {times:.2f} times the units would."


def _decimals(contrasts: Sequence["Contrast"]) -> int:
    """Enough decimals for two digits of half the narrowest interval, and no more."""
    scale = 100 if contrasts[0].kind == "proportion" else 1
    bounds = [(one.result.low, one.result.high) for one in contrasts]
    halves = [scale * (high - low) / 2 for low, high in bounds if low is not None and high is not None and high > low]
    return min(max(1 - math.floor(math.log10(min(halves))), 0), 12) if halves else 2


def _balance(results: "Results") -> str:
    balance = results.balance
    if balance.ok and balance.p_value is not None:
        return f"The split is as declared (p = {balance.p_value:.2g})."
    return " ".join(balance.reasons)
