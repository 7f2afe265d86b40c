"""What a test and the roll-out of its winner show together, and what the roll-out alone shows without flattery."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from handbill.planning.rollout import Decision, decision_of
from handbill.planning.schedule import ONCE
from handbill.reports.measure import Measured, measure
from handbill.reports.registered import Registered
from handbill.statistics.results import Aggregate, Contrast, Results
from handbill.statistics.rollout import Claim, Stage, claim_winner
from handbill.statistics.samples import Comparison, Proportion, Sample
from handbill.store.tables import assignment, enrollment, run


@dataclass(frozen=True)
class RolledOut:
    """How far a test and its roll-out have come.

    `decision` and the run of the roll-out are missing while they are to come; `tested` counts the units of the test.
    `has_holdout` tells whether anything can be said of what the winner brought. `claim` is given with the result:
    whether it beats the holdout, by both stages together.
    """

    by: str
    test_share: float
    tested: int
    has_holdout: bool
    decision: Decision | None = None
    rollout_run: int | None = None
    test_run: int | None = None
    last_due_at: datetime | None = None
    claim: Claim | None = None

    @property
    def may_be_read(self) -> bool:
        """Whether the winner went to the others, and there is a holdout to compare them with."""
        return self.rollout_run is not None and self.has_holdout


def rolled_out_of(connection: Connection, registered: Registered) -> RolledOut | None:
    """Where the campaign is; None where no roll-out was registered."""
    if registered.rollout is None:
        return None
    runs = dict(
        connection.execute(select(run.c.wave, run.c.id).where(run.c.campaign == registered.campaign)).tuples().all()
    )
    decision = decision_of(connection, registered.campaign)
    test_run = runs.get(ONCE)
    last = select(enrollment.c.due_at).where(enrollment.c.run_id == test_run).order_by(enrollment.c.due_at.desc())
    tested = select(func.count()).select_from(assignment).where(replace(registered, runs=(test_run or 0,)).units.chosen)
    return RolledOut(
        by=registered.rollout.by,
        test_share=registered.rollout.test,
        tested=connection.scalar(tested) or 0,
        has_holdout=any(arm.holdout and arm.share > 0 for arm in registered.arms),
        decision=decision,
        rollout_run=runs.get(decision.wave) if decision else None,
        test_run=test_run,
        last_due_at=connection.scalar(last.limit(1)),
    )


def second_stage(registered: Registered, rolled: RolledOut) -> Registered | None:
    """The roll-out as an experiment of its own: the winner against the holdout, over those who were not in the test.

    None where nobody was held out.
    """
    held = [arm for arm in registered.arms if arm.holdout and arm.share > 0]
    if not held or rolled.decision is None or rolled.rollout_run is None:
        return None
    holdout = next((arm for arm in held if arm.name == registered.control), held[0])
    winner = registered.arm(rolled.decision.winner)
    pair = (winner.name, holdout.name)
    share = 1 - sum(arm.share for arm in held)
    return replace(
        registered,
        arms=(*held, replace(winner, share=share)),
        control=holdout.name,
        pairs=(pair,),
        deciding=(pair,),
        runs=(rolled.rollout_run,),
        guardrails=tuple(rail for rail in registered.guardrails if rail.against in (None, winner.name)),
    )


def claimed(
    connection: Connection, registered: Registered, rolled: RolledOut, second: Registered, measured: Measured,
    currency: str,
) -> RolledOut:  # fmt: skip
    """The same with the claim of both stages: "the winner beats the holdout", whatever picked it."""
    if rolled.test_run is None or rolled.decision is None:
        return rolled
    test = measure(connection, replace(registered, runs=(rolled.test_run,)), currency)
    sending = [arm.name for arm in registered.arms if arm.channels]
    stages = [_stage(each, second.control, registered.primary, names)
              for each, names in ((test, sending), (measured, [rolled.decision.winner]))]  # fmt: skip
    if stages[0] is None or stages[1] is None:
        return rolled
    claim = claim_winner(
        rolled.decision.winner, stages[0], stages[1], test_share=rolled.test_share, confidence=registered.confidence
    )
    return replace(rolled, claim=claim)


def as_claimed(second: Registered, rolled: RolledOut, results: Results) -> Results:
    """The results of the roll-out, in which the primary metric's test is the claim of both stages."""
    claim = rolled.claim
    if claim is None or claim.p_value is None:
        return results
    found = []
    for one in results.comparisons:
        if one.metric == second.primary and (one.result.difference or 0) > 0:
            one = _with_claim(one, claim, claim.p_value)  # noqa: PLW2901 - the same comparison, as claimed
        found.append(one)
    return replace(results, comparisons=tuple(found))


def _with_claim(one: Contrast, claim: Claim, p_value: float) -> Contrast:
    """One-sided at half the chance of a false claim; shown two-sided, as all others are."""
    p = min(2 * p_value, 1.0)
    result: Comparison = replace(
        one.result,
        p_value=p,
        p_value_adjusted=p,
        log10_p_value=None,
        method=f"{one.result.method}, over the roll-out alone; p by {claim.method}",
        source=f"{one.result.source}; {claim.source}",
    )
    return replace(one, result=result)


def _stage(measured: Measured, holdout: str, metric: str, versions: Sequence[str]) -> Stage | None:
    arms = {arm.name: arm.metrics.get(metric) for arm in measured.arms}
    base = _plain(arms.get(holdout))
    found = {name: _plain(arms.get(name)) for name in versions}
    known = {name: each for name, each in found.items() if each is not None}
    return Stage(base, known) if base is not None and len(known) == len(versions) else None


def _plain(aggregate: Aggregate | None) -> Proportion | Sample | None:
    return aggregate if isinstance(aggregate, Proportion | Sample) else None
