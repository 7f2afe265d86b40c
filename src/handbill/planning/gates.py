"""The gates that everybody passes on the way from a rule to an arm: one list for whoever has to know."""

from collections.abc import Callable

from sqlalchemy import Connection

from handbill.planning import audience, layers, pressure, rollout
from handbill.planning.assignment import assign
from handbill.planning.selection import Occasion

Stage = Callable[[Connection, Occasion], None]

GATES: tuple[Stage, ...] = (
    audience.select_audience,
    audience.leave_out_unreachable,
    layers.leave_out_other_slots,
    rollout.leave_out_other_stage,
    audience.set_times,
    pressure.leave_out_paused,
    pressure.leave_out_capped,
    pressure.leave_out_global_holdout,
    audience.leave_out_duplicates,
    audience.leave_out_enrolled,
    assign,
)
"""Who is selected, who is left out and why, and which arm the others are in."""
