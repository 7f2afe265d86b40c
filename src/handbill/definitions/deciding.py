"""How an experiment is decided beyond one reading at the end: guardrails, priors, roll-out of a winner,
shares that learn.
"""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from handbill.definitions.definition import Definition
from handbill.definitions.values import Line, MinimumEffect, Share, Window


class Guardrail(Definition):
    """What must not get worse, whatever the primary metric says: against an arm that is mailed, or below a ceiling."""

    metric: Line = Field(description="What must not get worse, such as unsubscribes.")
    against: Line | None = Field(None, description="The arm to compare with; one that is sent something.")
    margin: MinimumEffect | None = Field(None, description="With `against`: how much worse is harmless, 0.05 pp.")
    below: Share | None = Field(None, description="Instead of `against`: a ceiling for every arm, such as 0.1%.")


class Prior(Definition):
    """What was believed of the primary metric's difference before the send: a normal distribution."""

    effect: MinimumEffect | None = Field(None, description="Its centre, 1 pp for a rate. Default: no difference.")
    spread: MinimumEffect = Field(description="Its standard deviation, such as 0.5 pp.")


class Rollout(Definition):
    """A small test first; the better arm then goes to everybody else."""

    test: Share = Field(description="Share of the audience that the test is made on, such as 20%.")
    decide_after: Window = Field(description="How long after the last message of the test, such as 4 hours.")
    by: Line = Field(description="The metric that picks the winner, such as clicks or conversion.")
    then: Literal["winner_to_rest"] = Field("winner_to_rest", description="What follows.")


class Bandit(Definition):
    """Shares that follow the clicks from wave to wave; the declared shares are those of the first wave."""

    by: Literal["clicks"] = Field("clicks", description="What the shares follow.")
    floor: Share = Field(Decimal("0.05"), description="No arm gets less.")
    uniform: Share = Field(Decimal("0.1"), description="Share that is always split evenly, to measure by.")
