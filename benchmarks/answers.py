"""A finished campaign with its answers, straight in a store: three responses for every contact, orders among them."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from handbill.store.connection import writing
from handbill.store.types import to_micros

ORIGIN = datetime(2026, 9, 1, 9, tzinfo=UTC)
AFTER = ORIGIN + timedelta(days=30)
WITHIN = timedelta(days=14)
DAY = 86_400_000_000

ARMS: tuple[tuple[str, float, list[str]], ...] = (
    ("nothing", 0.2, []),
    ("email", 0.4, ["email"]),
    ("letter", 0.4, ["direct_mail"]),
)
REGISTRATION = {
    "hypothesis": "Both bring orders.",
    "arms": [
        {"name": name, "share": share, "holdout": not channels, "channels": channels, "format": None, "discount": 0.0}
        for name, share, channels in ARMS
    ],
    "control": "nothing",
    "compare": [],
    "primary": {"metric": "conversion", "comparison": None, "minimum_effect": 0.005, "power": 0.8, "confidence": 0.95},
    "secondary": ["orders", "revenue", "clicks"],
    "goal": {"event": "order", "within_seconds": WITHIN.total_seconds(), "margin_rate": 0.4},
}

STATEMENTS = (
    "INSERT INTO definition (digest, campaign, content, first_seen_at) VALUES ('d', 'benchmark', '{}', :origin)",
    (
        "INSERT INTO experiment (id, campaign, salt, unit, registration, registration_digest, sealed_at)"
        " VALUES (1, 'benchmark', 's', 'contact', :registration, 'r', :origin)"
    ),
    (
        "INSERT INTO run (id, campaign, wave, state, definition_digest, plan_digest, plan, scheduled_at, started_at,"
        " finished_at) VALUES (1, 'benchmark', 'once', 'finished', 'd', 'p', '{}', :origin, :origin, :origin)"
    ),
    (
        "INSERT INTO contact (id, external_id, household_key, created_at, updated_at)"
        " SELECT n, 'C-' || n, 'H-' || n, :origin, :origin FROM numbers"
    ),
    (
        "INSERT INTO assignment (id, experiment_id, unit_id, arm, propensity, run_id, eligible_at, origin_at)"
        " SELECT n, 1, 'C-' || n, CASE WHEN draw < 20 THEN 'nothing' WHEN draw < 60 THEN 'email' ELSE 'letter' END,"
        " CASE WHEN draw < 20 THEN 0.2 ELSE 0.4 END, 1, :origin, :origin FROM numbers"
    ),
    "INSERT INTO assignment_member (assignment_id, contact_id) SELECT n, n FROM numbers",
    (
        "INSERT INTO enrollment (id, campaign, contact_id, key, run_id, definition_digest, entered_at)"
        " SELECT n, 'benchmark', n, 'once', 1, 'd', :origin FROM numbers"
    ),
    (
        "INSERT INTO outbox (id, run_id, enrollment_id, contact_id, channel, step, arm, address, address_key,"
        " address_hash,"
        " state, attempt, not_before, message_id, message_at, idempotency_key, cost, accepted_at, settled_at)"
        " SELECT id, 1, id, id, CASE arm WHEN 'email' THEN 'email' ELSE 'direct_mail' END, 'send', arm, 'a', 'k' || id,"
        " 'h' || id, 'accepted', 1, :origin, 'm' || id,"
        " :origin, 'i' || id, 1000, :origin, :origin FROM assignment WHERE arm <> 'nothing'"
    ),
    (
        "INSERT INTO event (source, source_event_id, kind, contact_id, outbox_id, occurred_at, received_at, verdict)"
        " SELECT 'b', 'd' || id, CASE channel WHEN 'email' THEN 'email.delivered' ELSE 'letter.delivered' END,"
        " contact_id, id, :origin + :day, :origin + :day, NULL FROM outbox"
    ),
    (
        "INSERT INTO event (source, source_event_id, kind, contact_id, outbox_id, occurred_at, received_at, verdict)"
        " SELECT 'b', 'o' || o.id, 'email.opened', contact_id, o.id, :origin + :day, :origin + :day,"
        " CASE WHEN n % 3 = 0 THEN 'machine' ELSE 'human' END FROM outbox o JOIN numbers ON n = o.id"
        " WHERE channel = 'email'"
    ),
    (
        "INSERT INTO event (source, source_event_id, kind, contact_id, outbox_id, occurred_at, received_at, verdict)"
        " SELECT 'b', 'c' || o.id, 'email.clicked', contact_id, o.id, :origin + :day, :origin + :day, 'human'"
        " FROM outbox o JOIN numbers ON n = o.id WHERE channel = 'email' AND draw2 < 20"
    ),
    (
        "INSERT INTO event (source, source_event_id, kind, contact_id, outbox_id, occurred_at, received_at, verdict)"
        " SELECT 'b', 'u' || o.id, 'email.unsubscribed', contact_id, o.id, :origin + :day, :origin + :day, NULL"
        " FROM outbox o JOIN numbers ON n = o.id WHERE channel = 'email' AND draw2 = 99"
    ),
    (
        "INSERT INTO orders (external_id, contact_id, ordered_at, received_at, total, discount, cost, currency, source)"
        " SELECT 'O-' || n, n, :origin + draw2 * :day, :origin + draw2 * :day, 1000000 * (5 + (n * 31) % 90), 0,"
        " 600000 * (5 + (n * 31) % 90), 'GBP', 'b' FROM numbers WHERE draw % 5 < 3"
    ),
    "INSERT INTO source_watermark (kind, source, complete_until, imported_at) VALUES ('orders', 'b', :after, :after)",
    (
        "INSERT INTO source_watermark (kind, source, complete_until, imported_at)"
        " VALUES ('answers', 'mailbox', :after, :after)"
    ),
)
SITE_EVENTS = (
    "INSERT INTO event (source, source_event_id, kind, contact_id, occurred_at, received_at)"
    " SELECT 'b', 'p' || :round || '-' || n, 'page_view', n, :origin + draw2 * :day, :origin + draw2 * :day"
    " FROM numbers WHERE n <= :rest"
)
NUMBERS = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n, ",
    "postgresql": "SELECT n, ",
}
DRAWS = "(n * 7919 + n / 97) % 100 AS draw, (n * 104729 + n / 89) % 100 AS draw2 FROM "


def fill_campaign(engine: Engine, contacts: int) -> None:
    """Fills an empty store that has its tables; the rest of three responses a contact are visits to the site."""
    values = {
        "origin": to_micros(ORIGIN), "after": to_micros(AFTER), "day": DAY, "registration": json.dumps(REGISTRATION)
    }  # fmt: skip
    with writing(engine) as connection:
        name = connection.dialect.name
        source = "s" if name == "sqlite" else f"generate_series(CAST(1 AS bigint), {contacts}) n"
        numbers = f"CREATE TEMP TABLE numbers AS {NUMBERS[name].format(count=contacts)}{DRAWS}{source}"
        connection.execute(text(numbers))
        if name != "sqlite":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in STATEMENTS:
            connection.execute(text(statement), _used(statement, values))
        _visits(connection, contacts, values)
        connection.exec_driver_sql("DROP TABLE numbers")
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _visits(connection: Connection, contacts: int, values: dict[str, object]) -> None:
    """So many that three responses a contact are stored in all."""
    answered = "SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM orders)"
    missing = 3 * contacts - int(connection.exec_driver_sql(answered).scalar_one())
    for number in range(-(-missing // contacts)):
        rest = min(contacts, missing - number * contacts)
        more = {"round": str(number), "rest": rest}
        connection.execute(text(SITE_EVENTS), _used(SITE_EVENTS, values) | more)


def _used(statement: str, values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if f":{name}" in statement}
