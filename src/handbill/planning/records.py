"""Which plan was the last one: what is kept of each, so that the next plan can say what has moved since."""

from sqlalchemy import Connection, Row, delete, insert, select

from handbill.planning.moves import Earlier
from handbill.planning.plan import Plan
from handbill.store.tables import plan_record

KEPT = 20
"""Records of each campaign; one takes less than a byte for each selected contact."""

PLAN, RUN, FILE = "plan", "run", "file"


def keep_record(connection: Connection, plan: Plan, made_by: str) -> None:
    """Keeps what the next plan is compared with, and forgets the oldest ones of the campaign."""
    connection.execute(
        insert(plan_record).values(
            campaign=plan.campaign,
            wave=plan.wave,
            made_by=made_by,
            made_at=plan.made_at,
            digest=plan.digest,
            selected=plan.selected,
            planned=plan.planned,
            definition=plan.definition,
            contacts=plan.fingerprint.decode(),
        )
    )
    mine = select(plan_record.c.id).where(plan_record.c.campaign == plan.campaign)
    kept = mine.order_by(plan_record.c.id.desc()).limit(KEPT)
    connection.execute(
        delete(plan_record).where(plan_record.c.campaign == plan.campaign, plan_record.c.id.not_in(kept))
    )


def last_record(connection: Connection, campaign: str) -> Earlier | None:
    """The newest record of a campaign, by a plan or a run; None while there is none."""
    mine = select(plan_record).where(plan_record.c.campaign == campaign)
    row = connection.execute(mine.order_by(plan_record.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _earlier(row)


def of_plan(plan: Plan) -> Earlier:
    """A plan from a file, to compare with."""
    return Earlier(FILE, plan.wave, plan.made_at, plan.digest, plan.definition, plan.fingerprint)


def _earlier(row: Row[tuple[object, ...]]) -> Earlier:
    return Earlier(row.made_by, row.wave, row.made_at, row.digest, row.definition, row.contacts.encode())
