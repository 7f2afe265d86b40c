"""Whether every unit of a campaign is in the arm that its salt draws."""

from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.planning.plan import campaign_named
from handbill.planning.verification import Verification
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
