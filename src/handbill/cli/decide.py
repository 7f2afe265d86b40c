"""`handbill decide`: the winner of a test, picked by its numbers or by hand, before it goes to everybody else."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

if TYPE_CHECKING:
    from handbill.operations.rollout import Decision


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("decide")(decide)


def decide(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.", show_default=False)],
    arm: Annotated[str | None, typer.Option(help="Pick this arm by hand, whatever the numbers say.")] = None,
    because: Annotated[str | None, typer.Option(help="Why it is picked by hand; the report says so.")] = None,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Pick the version that won a campaign's test, and keep the decision with its numbers; nothing is sent.

    Example: handbill decide spring-sale
    """
    from handbill.errors import Problem, RunRefused
    from handbill.operations.opening import opened
    from handbill.operations.rollout import ByHand
    from handbill.operations.rollout import decide as pick

    if (arm is None) != (because is None):
        given, missing = ("--arm", "--because") if arm else ("--because", "--arm")
        what = f"{given} stands without {missing}."
        raise RunRefused(Problem(what=what, mend="By hand takes both: --arm NAME --because WHY."))
    by_hand = ByHand(arm, because, getpass.getuser()) if arm and because else None
    with opened(project) as (declared, _, engine):
        decision = pick(engine, declared, campaign, clock=clock_at(now), by_hand=by_hand)
    if as_json:
        values = {**asdict(decision), "decided_at": decision.decided_at.isoformat()}
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    numbers = _numbers(decision)
    typer.echo(f"{campaign}: {decision.winner} goes to everybody else. {numbers}")
    typer.echo(f"Run `handbill run {campaign}` to send it, or leave it to `handbill up`.")


def _numbers(decision: "Decision") -> str:
    """`By clicks: discount 0.0455 (of 1,012), plain 0.0321 (of 1,000).` The winner stands first."""
    ordered = sorted(decision.numbers.items(), key=lambda each: (each[0] != decision.winner, each[0]))
    said = (
        f"{name} {each['value']:.4g} (of {each['units']:,})" if each.get("value") is not None else f"{name} not known"
        for name, each in ordered
    )
    return f"By {decision.by_metric}: {', '.join(said)}."
