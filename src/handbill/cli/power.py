"""`handbill power`: how many people an experiment needs, and whether our tests hold on your own data."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.options import AsJson

if TYPE_CHECKING:
    from handbill.operations.power import Needs, Replay


Rate = Annotated[str | None, typer.Option("--rate", metavar="SHARE", help="The control's rate, such as 5%.")]
Mean = Annotated[float | None, typer.Option("--mean", help="The control's amount per contact, zeros included.")]
Sd = Annotated[float | None, typer.Option("--sd", help="Standard deviation of that amount, zeros included.")]
Effect = Annotated[
    str | None,
    typer.Option("--effect", metavar="EFFECT", help="To be shown: 0.5pp (points), 10% (of the control) or an amount."),
]
Contacts = Annotated[int | None, typer.Option("--contacts", min=1, help="All contacts that there are.")]
Power = Annotated[str, typer.Option("--power", metavar="SHARE", help="Chance of showing the effect.")]
Confidence = Annotated[str, typer.Option("--confidence", metavar="SHARE", help="Of the intervals.")]
Control = Annotated[str, typer.Option("--control", metavar="SHARE", help="The control's share.")]
Arms = Annotated[int, typer.Option("--arms", min=1, max=50, help="Arms that are compared with the control.")]
Looks = Annotated[int, typer.Option("--looks", min=1, max=20, help="Planned looks, evenly spaced, the last included.")]
HouseholdSize = Annotated[float, typer.Option("--household-size", min=1, help="Contacts a household, on average.")]
HouseholdCorrelation = Annotated[
    float, typer.Option("--household-correlation", min=0, max=1, help="How alike members of one household act.")
]
PerDay = Annotated[float | None, typer.Option("--per-day", min=0.001, help="Contacts that are reached a day.")]
Window = Annotated[float, typer.Option("--window", min=0, help="Days until a contact's window has closed.")]
Cost = Annotated[float | None, typer.Option("--cost", min=0, help="What reaching one contact costs.")]
Value = Annotated[float, typer.Option("--value", help="Margin of one extra buyer (of amounts: leave it at 1).")]
Aa = Annotated[Path | None, typer.Option("--aa", metavar="FILE", help="Replay a table with fake arms instead.")]
Metric = Annotated[str | None, typer.Option("--metric", metavar="COL", help="The column to replay.")]
Experiments = Annotated[int, typer.Option("--experiments", min=10, max=100_000, help="Replays of the table.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("power")(power)


def power(
    *,
    rate: Rate = None,
    mean: Mean = None,
    sd: Sd = None,
    effect: Effect = None,
    contacts: Contacts = None,
    power: Power = "80%",
    confidence: Confidence = "95%",
    control: Control = "50%",
    arms: Arms = 1,
    looks: Looks = 1,
    household_size: HouseholdSize = 1,
    household_correlation: HouseholdCorrelation = 0,
    per_day: PerDay = None,
    window: Window = 0,
    cost: Cost = None,
    value: Value = 1,
    aa: Aa = None,
    metric: Metric = None,
    experiments: Experiments = 1000,
    as_json: AsJson = False,
) -> None:
    """How many people an experiment needs, what it can show, how long it takes and what it costs.

    Example: handbill power --rate 5% --effect 0.5pp --control 10% --per-day 4000 --window 14

    Example: handbill power --aa orders.csv --metric revenue --control 10%
    """
    from handbill.operations.power import Design, needs_of  # numpy and scipy take half a second

    level, control_share = _share(confidence, "--confidence"), _share(control, "--control")
    if aa is not None:
        _replay(aa, metric, experiments, level, control_share, as_json)
        return
    base = None if rate is None else _share(rate, "--rate")
    design = Design(
        rate=base,
        mean=mean,
        sd=sd,
        effect=None if effect is None else _effect(effect, base, mean),
        contacts=contacts,
        power=_share(power, "--power"),
        confidence=level,
        control_share=control_share,
        arms=arms,
        looks=looks,
        household_size=household_size,
        household_correlation=household_correlation,
        per_day=per_day,
        window_days=window,
        cost_per_contact=cost,
        value=value,
    )
    needs = needs_of(design)
    typer.echo(_json(_needs_json(needs)) if as_json else _needs_text(needs))


def _replay(
    file: Path, metric: str | None, experiments: int, confidence: float, control_share: float, as_json: bool
) -> None:
    from handbill.operations.power import replay_column

    if metric is None:
        raise typer.BadParameter("Name the column of the table that is to be replayed.", param_hint="--metric")
    result = replay_column(file, metric, control_share=control_share, experiments=experiments, confidence=confidence)
    typer.echo(_json(_replay_json(result)) if as_json else _replay_text(result, metric))


def _share(text: str, option: str) -> float:
    try:
        return float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f'"{text}" is not a share. Write 5% or 0.05.', param_hint=option) from None


def _effect(text: str, rate: float | None, mean: float | None) -> float:
    """An absolute effect from points, a percentage of the control's value, or an amount."""
    plain = text.strip().removesuffix("points").removesuffix("pp").strip()
    in_points, in_percent = plain != text.strip(), plain.endswith("%")
    try:
        number = float(plain.removesuffix("%"))
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is not an effect. Write 0.5pp, 10% or 1.20.', param_hint="--effect"
        ) from None
    if in_points and rate is not None:
        return number / 100
    if in_percent:
        base = rate if rate is not None else mean
        if base is None:
            raise typer.BadParameter("A percentage is one of the control's --rate or --mean.", param_hint="--effect")
        return base * number / 100
    if rate is not None or in_points:
        hint = "Write 0.5pp (points) or 10% (of the control's rate)." if rate is not None else "Points are of a --rate."
        raise typer.BadParameter(f'"{text}" can be read in two ways. {hint}', param_hint="--effect")
    return number


def _needs_text(needs: "Needs") -> str:
    design = needs.design
    lines = [_headline(needs)]
    if design.effect is not None or needs.effect is not None:
        name = "the arm" if design.arms == 1 else f"each of {design.arms} arms"
        rows = (("control", needs.control), (name, needs.each_arm), ("together", needs.together))
        width = max(len(label) for label, _ in rows)
        lines += [f"  {label:{width}}  {count:>12,} contacts" for label, count in rows]
    if needs.at_most is not None and needs.on_average is not None:
        lines.append(
            f"With {design.looks} looks: at most {needs.at_most:,} contacts together, "
            f"and {needs.on_average:,.0f} on average if the effect is as planned."
        )
    if needs.days is not None:
        lines.append(f"Takes {needs.days:,.0f} days, the window of {design.window_days:g} days included.")
    if needs.price is not None:
        price = needs.price
        lines.append(
            f"Costs {price.total:,.0f}: {price.sending:,.0f} for sending, and {price.forgone:,.0f} that the control "
            "would have brought."
        )
    return "\n".join(lines)


def _headline(needs: "Needs") -> str:
    design = needs.design
    if needs.effect is None:
        return f"{design.contacts:,} contacts can show no effect at all with a power of {100 * design.power:g} %."
    effect = _effect_text(needs)
    if design.contacts is None:
        return f"To show {effect} with a power of {100 * design.power:g} % takes:"
    if design.effect is None:
        return f"With a power of {100 * design.power:g} %, {design.contacts:,} contacts can show {effect}:"
    return f"{design.contacts:,} contacts show {effect} with a power of {100 * (needs.power or 0):.0f} %:"


def _effect_text(needs: "Needs") -> str:
    design, effect = needs.design, needs.effect or 0.0
    relative = "" if needs.relative is None else _percent(needs.relative)
    if design.rate is not None:
        rates = f"{100 * (design.rate + effect):.4g} % against {100 * design.rate:.4g} %"
        return f"{rates} ({100 * effect:+.3g} points, {relative})"
    return f"a difference of {effect:+.4g} per contact" + (f" ({relative})" if relative else "")


def _percent(share: float) -> str:
    return f"{100 * share:+,.0f} %" if abs(share) >= 1 else f"{100 * share:+.3g} %"


def _replay_text(result: "Replay", metric: str) -> str:
    promised = 100 * (1 - result.confidence)
    lines = [f"{result.experiments:,} fake experiments with {metric}, in which nobody was treated differently:"]
    if result.false_rate is None or result.interval is None:
        return "\n".join([*lines, "  none could be tested; with revenue, an arm needs 200 buyers."])
    low, high = result.interval
    lines.append(
        f"  {100 * result.false_rate:.1f} % found an effect ({100 * low:.1f} to {100 * high:.1f} %); "
        f"{promised:g} % is promised."
    )
    lines.append(f"  {result.higher:,} found more in the arm, {result.lower:,} found less.")
    if result.silent:
        lines.append(f"  {result.silent:,} could not be tested.")
    lines.append(f"  Method: {result.method}.")
    verdict = (
        "The tests keep their promise on these data."
        if result.as_promised
        else "The tests find too much on these data."
    )
    return "\n".join([*lines, verdict])


def _needs_json(needs: "Needs") -> dict[str, Any]:
    price = needs.price
    return _given(
        {
            "control": needs.control,
            "each_arm": needs.each_arm,
            "together": needs.together,
            "effect": needs.effect,
            "relative": needs.relative,
            "power": needs.power,
            "at_most": needs.at_most,
            "on_average": needs.on_average,
            "days": needs.days,
            "cost_sending": price and price.sending,
            "cost_forgone": price and price.forgone,
        }
    )


def _replay_json(result: "Replay") -> dict[str, Any]:
    interval = result.interval
    return _given(
        {
            "experiments": result.experiments,
            "higher": result.higher,
            "lower": result.lower,
            "silent": result.silent,
            "false_rate": result.false_rate,
            "low": interval and interval[0],
            "high": interval and interval[1],
            "promised": round(1 - result.confidence, 12),
            "as_promised": result.as_promised,
            "method": result.method,
        }
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2)
