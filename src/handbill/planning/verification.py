"""Whether every unit of a campaign is in the arm that its salt draws, and how anybody can work that out."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, Row, func, select

from handbill.contacts.erase import is_place
from handbill.definitions.words import quoted
from handbill.errors import Problem, RunRefused
from handbill.planning.assignment import arm_of
from handbill.store.draw import unit_fraction
from handbill.store.tables import assignment, experiment, run

FORMULA = 'int(sha256(utf8(salt + ":" + unit)).hexdigest()[:13], 16) / 2**52'
ROWS_AT_ONCE = 10_000
MOST_SHOWN = 20


@dataclass(frozen=True)
class Draw:
    """One unit: its draw, the arm that follows from it, and the arm that is stored."""

    unit_id: str
    fraction: float
    drawn: str
    stored: str


@dataclass(frozen=True)
class Verification:
    """What was recomputed. `bounds` are cumulative shares: a unit is in the first arm whose bound exceeds its draw.

    `erased` units lost their ids with the people; they are not among the `units`.
    `other_runs` drew by shares of their own, which their plans hold: a roll-out, or waves that follow the clicks.
    """

    campaign: str
    salt: str
    unit: str
    bounds: tuple[tuple[str, float], ...]
    units: int
    mismatches: int
    shown: tuple[Draw, ...]
    erased: int = 0
    other_runs: tuple[int, ...] = ()

    @property
    def python(self) -> str:
        """Three lines that draw a unit, for whoever has nothing but Python."""
        salt = f"{self.salt}:"
        return (
            "import hashlib\n"
            f"draw = lambda unit: int(hashlib.sha256(({salt!r} + unit).encode()).hexdigest()[:13], 16) / 2**52\n"
            f"arm = lambda unit: next(name for name, bound in {list(self.bounds)!r} if draw(unit) < bound)"
        )

    @property
    def sql(self) -> str:
        """The same for PostgreSQL, as a statement that lists the units in a wrong arm."""
        whens = " ".join(f"WHEN draw < {bound!r} THEN {_quoted(name)}" for name, bound in self.bounds)
        hashed = f"sha256(convert_to({_quoted(self.salt + ':')} || unit_id, 'UTF8'))"
        lines = (
            "SELECT unit_id, arm, draw FROM (",
            "  SELECT unit_id, arm,",
            f"    ('x' || left(encode({hashed}, 'hex'), 13))::bit(52)::bigint / 2::float8 ^ 52 AS draw",
            "  FROM assignment JOIN experiment ON experiment.id = assignment.experiment_id",
            f"  WHERE experiment.campaign = {_quoted(self.campaign)}",
            *(["    AND unit_id NOT LIKE 'erased-%' AND unit_id NOT LIKE 'c:erased-%'"] if self.erased else ()),
            *([f"    AND run_id NOT IN ({', '.join(map(str, self.other_runs))})"] if self.other_runs else ()),
            f") AS drawn WHERE arm <> CASE {whens} END;",
        )
        return "\n".join(lines)


def _quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def verify_assignment(connection: Connection, campaign: str, unit_id: str | None = None) -> Verification:
    """Draws every stored unit of the campaign's experiment anew, or one of them, by the registration that was sealed.

    Raises:
        RunRefused: the campaign has assigned nobody, or not this unit.
    """
    sealed = connection.execute(select(experiment).where(experiment.c.campaign == campaign)).one_or_none()
    if sealed is None:
        mend = "Verify it after its first run, or look at somebody with `handbill explain CONTACT CAMPAIGN`."
        raise RunRefused(Problem(campaign, what="nobody has been assigned to an arm yet.", mend=mend))
    shares = [(arm["name"], Decimal(str(arm["share"]))) for arm in sealed.registration["arms"]]
    others = _other_shares(connection, campaign, shares)
    units, mismatches, shown = 0, 0, list[Draw]()
    for row in _assigned(connection, sealed, unit_id):
        draw = _drawn(sealed.salt, others.get(row.run_id, shares), row)
        wrong = draw.drawn != draw.stored
        units, mismatches = units + 1, mismatches + wrong
        if (wrong or unit_id is not None) and len(shown) < MOST_SHOWN:
            shown.append(draw)
    if unit_id is not None and not units:
        what = f"{sealed.unit} {quoted(unit_id)} has not been assigned to an arm."
        raise RunRefused(
            Problem(campaign, what=what, mend=f"Name a {sealed.unit} by its id, as reports and exports do.")
        )
    bounds = tuple((name, float(total)) for (name, _), total in zip(shares, _sums(shares), strict=True))
    places = select(func.count()).where(assignment.c.experiment_id == sealed.id, is_place(assignment.c.unit_id))
    erased = connection.scalar(places) or 0
    return Verification(
        campaign,
        sealed.salt,
        sealed.unit,
        bounds,
        units,
        mismatches,
        tuple(shown),
        erased,
        tuple(others),
    )


def _other_shares(
    connection: Connection, campaign: str, sealed: Sequence[tuple[str, Decimal]]
) -> dict[int, list[tuple[str, Decimal]]]:
    """The shares of the runs that drew by others than those that were sealed."""
    found = {}
    for run_id, plan in connection.execute(select(run.c.id, run.c.plan).where(run.c.campaign == campaign)).tuples():
        shares = [(arm["name"], Decimal(str(arm["expected"]))) for arm in plan.get("arms", ())]
        if shares and shares != list(sealed):
            found[run_id] = shares
    return found


def _assigned(connection: Connection, sealed: Row[Any], unit_id: str | None) -> Any:
    rows = select(assignment.c.unit_id, assignment.c.arm, assignment.c.run_id)
    rows = rows.where(assignment.c.experiment_id == sealed.id, ~is_place(assignment.c.unit_id))
    if unit_id is not None:
        rows = rows.where(assignment.c.unit_id == unit_id)
    return connection.execute(rows.order_by(assignment.c.id).execution_options(yield_per=ROWS_AT_ONCE))


def _drawn(salt: str, shares: Sequence[tuple[str, Decimal]], row: Row[Any]) -> Draw:
    fraction = unit_fraction(salt, row.unit_id)
    return Draw(row.unit_id, fraction, arm_of(shares, fraction), row.arm)


def _sums(shares: Sequence[tuple[str, Decimal]]) -> list[Decimal]:
    return list(accumulate(share for _, share in shares))
