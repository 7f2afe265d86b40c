"""What clicks and codes would claim stands beside the result, and machines claim nothing."""

from datetime import timedelta

from sqlalchemy import Engine, select, update

from handbill.reports.attributed import claims_of
from handbill.reports.compare import compare
from handbill.reports.measure import measure
from handbill.responses.events import Event, store_events
from handbill.store.connection import writing
from handbill.store.tables import orders, outbox
from tests.reports.factory import EMAIL, NOTHING, ORIGIN, Cell, fill, members_of


def test_orders_are_claimed_by_matchback_by_click_and_by_code_each_under_its_name(store: Engine) -> None:
    letter = Cell("letter", 100, 20, ("direct_mail",), piece="letter")
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL, letter])
        buyers = members_of(connection, "email")[:6]
        at = ORIGIN + timedelta(hours=1)
        verdicts = ("human", "human", "unknown", "machine", "proxy", "machine")
        messages = dict(connection.execute(select(outbox.c.contact_id, outbox.c.id)).tuples().all())
        store_events(connection, [
            Event("t", str(who), "email.clicked", at, at, who, messages[who], verdict)
            for who, verdict in zip(buyers, verdicts, strict=True)
        ])  # fmt: skip
        for who in members_of(connection, "letter")[:5]:
            code = connection.scalar(select(outbox.c.code).where(outbox.c.contact_id == who))
            connection.execute(update(orders).where(orders.c.contact_id == who).values(code=code))
        results = compare(registered, measure(connection, registered, "GBP"))
    claims = {(each.rule, each.arm): each.claimed for each in claims_of(registered, results)}
    assert claims == {
        ("matchback", "email"): 20, ("matchback", "letter"): 20,
        ("click", "email"): 2,  # those of people; neither machines nor what nobody can tell
        ("click", "letter"): 0, ("code", "letter"): 5,
    }  # fmt: skip
