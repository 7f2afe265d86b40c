"""Which arm a unit is in: the first whose cumulative share exceeds the unit's draw, the same in Python and in SQL.

Anybody can repeat it from the salt, the unit's id and the shares in their sealed order; see `handbill.store.draw`.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Text, case, literal, select, update
from sqlalchemy.sql.dml import Update

from handbill.definitions.campaign import Campaign
from handbill.planning.selection import Occasion, selection
from handbill.store.draw import Fraction
from handbill.store.tables import assignment, experiment

Shares = Sequence[tuple[str, Decimal]]
"""The arms in their sealed order, each with its share; the shares add up to 1."""


def shares_of(campaign: Campaign) -> list[tuple[str, Decimal]]:
    """The campaign's arms and shares in their declared order."""
    return [(name, arm.share) for name, arm in campaign.arms.items()]


def arm_of(shares: Shares, fraction: float) -> str:
    """The arm of a unit whose draw is `fraction`, in [0, 1).

    >>> shares = [("nothing", Decimal("0.1")), ("plain", Decimal("0.45")), ("discount", Decimal("0.45"))]
    >>> arm_of(shares, 0.0999), arm_of(shares, 0.1), arm_of(shares, 0.55)
    ('nothing', 'plain', 'discount')
    """
    return next((arm for arm, bound in _bounds(shares) if fraction < bound), shares[-1][0])


def arm_in_sql(shares: Shares, fraction: ColumnElement[float]) -> ColumnElement[str]:
    """`arm_of` as a SQL expression."""
    whens = [(fraction < literal(bound, Float), literal(arm, Text)) for arm, bound in _bounds(shares)]
    return case(*whens, else_=literal(shares[-1][0], Text))


def assign(connection: Connection, occasion: Occasion) -> None:
    """Gives every planned unit of the selection its arm: the one it has from an earlier wave, else the drawn one."""
    campaign = occasion.campaign
    shares = shares_of(campaign)
    planned = update(selection).where(selection.c.reason.is_(None))
    if campaign.experiment is None:
        connection.execute(planned.values(arm=shares[0][0], propensity=1))
        return
    connection.execute(_draw(shares, campaign.experiment.salt))
    sealed = select(experiment.c.id).where(experiment.c.campaign == campaign.name)
    if (experiment_id := connection.scalar(sealed)) is not None:
        _keep_earlier(connection, experiment_id)


def _draw(shares: Shares, salt: str) -> Update:
    """Every unit's fraction is worked out once, and then looked up among the bounds."""
    fraction = Fraction(salt, selection.c.unit_id).label("fraction")
    drawn = select(selection.c.contact_id, fraction).where(selection.c.reason.is_(None)).cte("drawn")
    drawn = drawn.prefix_with("MATERIALIZED")
    arm = arm_in_sql(shares, drawn.c.fraction)
    chosen = {"arm": arm, "propensity": _propensity(shares, arm)}
    return update(selection).where(selection.c.contact_id == drawn.c.contact_id).values(chosen)


def _keep_earlier(connection: Connection, experiment_id: int) -> None:
    """Nothing re-draws a unit that has its arm; it keeps the probability with which it came there, too."""
    its_own = (
        assignment.c.experiment_id == experiment_id,
        assignment.c.epoch == 0,
        assignment.c.unit_id == selection.c.unit_id,
        selection.c.reason.is_(None),
    )
    connection.execute(
        update(selection).where(*its_own).values(arm=assignment.c.arm, propensity=assignment.c.propensity)
    )


def _bounds(shares: Shares) -> list[tuple[str, float]]:
    """Cumulative shares, added exactly and rounded once."""
    sums = accumulate(share for _, share in shares)
    return [(arm, float(total)) for (arm, _), total in zip(shares, sums, strict=True)]


def _propensity(shares: Shares, arm: ColumnElement[Any]) -> ColumnElement[float]:
    return case({name: literal(float(share), Float) for name, share in shares}, value=arm)
