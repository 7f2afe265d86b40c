"""Tables of what was learned, and of what simulations know to be true."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Table, Text

from handbill.store.tables.base import Json, metadata
from handbill.store.types import UtcTime

experiment_result = Table(
    "experiment_result",
    metadata,
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("control", Text, primary_key=True),
    Column("channels", Text, nullable=False, comment="what the arm was sent, joined by +; empty for nothing"),
    Column("against", Text, nullable=False, comment="what the control was sent"),
    Column("is_primary", Boolean, nullable=False),
    Column("difference", Float, nullable=False, comment="arm minus control, per unit, in the metric's own unit"),
    Column("standard_error", Float, nullable=False),
    Column("control_mean", Float),
    Column("p_value_adjusted", Float),
    Column("within_seconds", BigInteger, nullable=False),
    Column("kept_at", UtcTime, nullable=False),
    comment="what finished experiments showed, for the plans of later ones",
)

rollout_decision = Table(
    "rollout_decision",
    metadata,
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("winner", Text, nullable=False, comment="the arm that goes to everybody who was not in the test"),
    Column("by_metric", Text, nullable=False, comment="what picked it, as it was registered"),
    Column("numbers", Json, nullable=False, comment="by arm: units, count and value of the metric when it was picked"),
    Column("decided_at", UtcTime, nullable=False),
    Column("decided_by", Text, nullable=False, comment="schedule, or who said so by hand"),
    Column("because", Text, comment="why it was picked by hand"),
    comment="which version won the test of an experiment, with the numbers that it was picked by",
)

simulated_truth = Table(
    "simulated_truth",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("control", Text, primary_key=True),
    Column("difference", Float, nullable=False),
    comment="true effects of simulated responses; empty outside demonstrations",
)
