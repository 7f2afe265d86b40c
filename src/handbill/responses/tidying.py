"""What comes together later: stray events whose message is known by now, and doubts that kept events settle."""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, exists, or_, select, tuple_

from handbill.channels import sns
from handbill.channels.hooks import Unreadable, inside, read_json
from handbill.delivery.uncertain import settle_by_evidence
from handbill.responses.events import STANDING, Event
from handbill.responses.ingest import take_in_all
from handbill.responses.reports import Messages, channel_of, matched
from handbill.responses.webhooks import forget_old
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox, run, stray_event, webhook

_AT_ONCE = 500


def tidy(engine: Engine, *, now: datetime) -> int:
    """Places strays, settles doubts, and forgets old requests; answers how many events found their message."""
    with writing(engine) as connection:
        placed = place_strays(connection, now=now)
        settle_by_kept_events(connection, now=now)
        forget_old(connection, now=now)
    return placed


def place_strays(connection: Connection, *, now: datetime) -> int:
    """Takes in the events that came before we had written down how the provider calls their message."""
    stray = stray_event.c
    its_message = or_(outbox.c.provider_id == stray.provider_id, outbox.c.message_id == stray.message_id)
    found = connection.execute(select(stray_event).where(exists().where(its_message)).limit(_AT_ONCE)).all()
    if not found:
        return 0
    messages = Messages(connection, [(None, row.provider_id or "", row.message_id or "") for row in found])
    placed: list[Event] = []
    for row in found:
        message = messages.find(None, row.provider_id or "", row.message_id or "", channel_of(row.kind))
        if message is not None:
            found_event = Event(
                row.source, row.source_event_id, row.kind, row.occurred_at, row.received_at, verdict=row.verdict,
                properties=row.properties,
            )  # fmt: skip
            placed.append(matched(found_event, message))
    names = [(each.source, each.source_event_id) for each in placed]
    take_in_all(connection, placed, now=now)
    key = tuple_(stray_event.c.source, stray_event.c.source_event_id)
    connection.execute(delete(stray_event).where(key.in_(names)))
    return len(placed)


def settle_by_kept_events(connection: Connection, *, now: datetime) -> int:
    """Settles messages whose event came while they were on their way, before anybody was in doubt about them."""
    heard_of = exists().where(event.c.outbox_id == outbox.c.id, event.c.kind.in_([str(kind) for kind in STANDING]))
    # By run, because the index by which states are found begins with it.
    in_doubt = (outbox.c.run_id.in_(select(run.c.id)), outbox.c.state == "uncertain")
    found = connection.scalars(select(outbox.c.id).where(*in_doubt, heard_of).order_by(outbox.c.id).limit(_AT_ONCE))
    return sum(
        settle_by_evidence(connection, id_, "accepted", evidence="an event that came earlier", now=now)
        for id_ in found.all()
    )


def answer_requests(engine: Engine, fetch: sns.Fetch = sns.fetch, *, now: datetime) -> int:
    """Confirms the subscriptions that vendors ask us to confirm; answers how many. What fails waits for next time."""
    with reading(engine) as connection:
        columns = (webhook.c.id, webhook.c.body)
        asking = connection.execute(select(*columns).where(webhook.c.state == "asking").limit(10)).all()
    confirmed = 0
    for row in asking:
        values: dict[str, object] = {"state": "done", "processed_at": now, "events": 0, "error": None}
        try:
            sns.confirm(row.body, str(inside(read_json(row.body), "TopicArn")), fetch)
        except OSError:
            values = {"error": "Amazon could not be reached, or refused"}
        except Unreadable:
            values |= {"state": "broken", "error": "it holds no token"}
        confirmed += values.get("state") == "done"
        with writing(engine) as connection:
            connection.execute(webhook.update().where(webhook.c.id == row.id).values(**values))
    return confirmed
