"""Why a segment does not hold somebody."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from handbill.planning.conditions import compile_segment
from handbill.planning.selection import Occasion
from handbill.store.tables import contact


def refusals(connection: Connection, occasion: Occasion, contact_id: int) -> Iterator[str]:
    """One sentence for each included segment that does not hold the contact."""
    for slug in occasion.campaign.audience.include:
        condition = compile_segment(occasion.project, occasion.project.segments[slug], occasion.now)
        if connection.scalar(select(contact.c.id).where(contact.c.id == contact_id, condition)) is None:
            yield f"not in {slug}"
