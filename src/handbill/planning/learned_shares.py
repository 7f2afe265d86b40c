"""Shares of a wave that follow the clicks of the waves before it (a bandit): what each arm gets now, and why."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection, func, select

from handbill.definitions.campaign import Campaign
from handbill.planning.happenings import happenings
from handbill.planning.selection import Occasion
from handbill.statistics.bandit import bandit_shares
from handbill.statistics.samples import Proportion
from handbill.store.tables import assignment, assignment_member, event, experiment, outbox, run

CLICKED = "email.clicked"
STEP = Decimal("0.0001")
"""Shares are rounded to this, so that a plan can be read."""


def learned(connection: Connection, occasion: Occasion) -> Occasion:
    """The occasion with this wave's shares; the same one without a bandit, and while nobody has clicked.

    Holdouts keep their declared share. Units that have an arm keep it whatever the shares become, and every new unit
    keeps the probability with which it was drawn.
    """
    declared = occasion.campaign.experiment
    if declared is None or declared.bandit is None:
        return occasion
    seen = clicks_so_far(connection, occasion.campaign)
    if not any(each.successes for each in seen.values()):
        return occasion
    bandit = declared.bandit
    shares = bandit_shares(seen, uniform_share=float(bandit.uniform), floor=float(bandit.floor)).total
    held = sum((arm.share for arm in declared.arms.values() if arm.holdout), Decimal(0))
    rounded = _adding_to(1 - held, shares)
    arms = {name: arm.model_copy(update={"share": rounded.get(name, arm.share)}) for name, arm in declared.arms.items()}
    drawn = declared.model_copy(update={"arms": arms})
    return replace(occasion, campaign=occasion.campaign.model_copy(update={"experiment": drawn}))


def clicks_so_far(connection: Connection, campaign: Campaign) -> dict[str, Proportion]:
    """How many units of each arm that sends something clicked in any earlier wave; clicks of machines do not count."""
    sending = [name for name, arm in campaign.arms.items() if not arm.holdout]
    mine = experiment.c.campaign == campaign.name
    units = (
        select(assignment.c.arm, func.count())
        .join(experiment, experiment.c.id == assignment.c.experiment_id)
        .where(mine, assignment.c.arm.in_(sending))
        .group_by(assignment.c.arm)
    )
    clicked = (
        select(assignment.c.arm, func.count(assignment.c.id.distinct()))
        .join(experiment, experiment.c.id == assignment.c.experiment_id)
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(outbox, outbox.c.contact_id == assignment_member.c.contact_id)
        .join(run, run.c.id == outbox.c.run_id)
        .join(event, event.c.outbox_id == outbox.c.id)
        .where(mine, run.c.campaign == campaign.name, event.c.kind == CLICKED, happenings(CLICKED).counts)
        .group_by(assignment.c.arm)
    )
    sizes = dict(connection.execute(units).tuples().all())
    clicks = dict(connection.execute(clicked).tuples().all())
    return {name: Proportion(clicks.get(name, 0), of=sizes.get(name, 0)) for name in sending}


def _adding_to(whole: Decimal, shares: Mapping[str, float]) -> dict[str, Decimal]:
    """The shares of a whole, rounded; what rounding leaves goes to the largest."""
    found = {name: (whole * Decimal(share)).quantize(STEP) for name, share in shares.items()}
    largest = max(found, key=lambda name: found[name])
    found[largest] += whole - sum(found.values())
    return found
