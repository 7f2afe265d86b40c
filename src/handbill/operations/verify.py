"""Whether every unit of a campaign is in the arm that its salt draws."""

from collections.abc import Iterator

from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.planning.plan import campaign_named
from handbill.planning.verification import FORMULA, Verification
from handbill.planning.verification import verify_assignment as verified
from handbill.store.connection import reading


def verify_assignment(engine: Engine, project: Project, campaign: str, *, unit: str | None = None) -> Verification:
    """Draws every unit anew from the salt and the unit's id, and compares with what is stored; or one unit only.

    Raises:
        RunRefused: there is no such campaign, or it has assigned nobody, or not this unit.
    """
    name = campaign_named(project, campaign).name
    with reading(engine) as connection:
        return verified(connection, name, unit)


def verification_lines(found: Verification, *, sql: bool = False) -> Iterator[str]:
    """What was found, the formula, and how anybody can repeat it, in Python or for PostgreSQL."""
    noun = f"{found.unit} is" if found.units == 1 else f"{found.unit}s are"
    right = found.units - found.mismatches
    yield f"{found.campaign}: {right:,} of {found.units:,} {noun} in the arm that the salt {found.salt} draws."
    if found.erased:
        yield f"{found.erased:,} more cannot be drawn again: their ids were erased with the people."
    for each in found.shown:
        word = "but is" if each.drawn != each.stored else "and is"
        yield f"  {each.unit_id} is drawn at {each.fraction:.6f}, into {each.drawn}, {word} in {each.stored}."
    if found.mismatches > len(found.shown):
        yield f"  and {found.mismatches - len(found.shown):,} more"
    yield f"\nThe draw: {FORMULA}"
    bounds = ", ".join(f"{name} below {bound:g}" for name, bound in found.bounds)
    yield f"The arm is the first whose bound exceeds it: {bounds}."
    yield f"\n{found.sql if sql else found.python}"
