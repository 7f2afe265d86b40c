"""How somebody without a login may look at one report: by a link that ends by itself, or when it is taken back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select, update

from handbill.operations.audit import Action, Doer, note
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import report_share
from handbill.tokens import read_numbers, sign_numbers

PERIODS = (7, 30, 90)
"""Days that a link may last."""
_PURPOSE = "report"


@dataclass(frozen=True)
class Share:
    """A link to one report."""

    id: int
    campaign: str
    made_by: str
    made_at: datetime
    until: datetime


def share_report(engine: Engine, settings: Settings, campaign: str, days: int, *, now: datetime, doer: Doer) -> str:
    """A new link's token; it shows this campaign's report, as it is whenever somebody looks, and nothing else."""
    if days not in PERIODS:
        raise ValueError(f"a link lasts one of {PERIODS} days")
    row = {"campaign": campaign, "made_by": doer.name, "made_at": now, "until": now + timedelta(days=days)}
    with writing(engine) as connection:
        key = connection.execute(insert(report_share).values(row)).inserted_primary_key
        if not key:
            raise RuntimeError("the database gave no number to a link")
        note(connection, doer, Action.SHARE, campaign, at=now, link=key[0], days=days)
    return sign_numbers(settings.keys, _PURPOSE, key[0])


def shared_report(engine: Engine, settings: Settings, token: str, *, now: datetime) -> str | None:
    """The campaign whose report a token shows; None for one that is over, was taken back, or is none."""
    numbers = read_numbers(settings.keys, _PURPOSE, token, 1)
    if numbers is None:
        return None
    open_ = (report_share.c.id == numbers[0], report_share.c.until > now, report_share.c.ended_at.is_(None))
    with reading(engine) as connection:
        return connection.scalar(select(report_share.c.campaign).where(*open_))


def shares_of(engine: Engine, campaign: str, *, now: datetime) -> list[Share]:
    """The links to a report that still work, the newest first."""
    mine = (report_share.c.campaign == campaign, report_share.c.until > now, report_share.c.ended_at.is_(None))
    columns = (report_share.c[name] for name in Share.__dataclass_fields__)
    with reading(engine) as connection:
        return [
            Share(*row) for row in connection.execute(select(*columns).where(*mine).order_by(report_share.c.id.desc()))
        ]


def take_back(engine: Engine, campaign: str, share_id: int, *, now: datetime, doer: Doer) -> bool:
    """Ends a link at once; False when there was none any more."""
    mine = (report_share.c.id == share_id, report_share.c.campaign == campaign, report_share.c.ended_at.is_(None))
    with writing(engine) as connection:
        ended = connection.execute(update(report_share).where(*mine).values(ended_at=now)).rowcount == 1
        if ended:
            note(connection, doer, Action.UNSHARE, campaign, at=now, link=share_id)
    return ended
