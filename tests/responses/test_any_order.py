"""Whatever comes back in whichever order, in one reading or in many, leaves the same people to be written to."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from handbill.contacts.consent import granted, record_consent
from handbill.definitions.policy import BouncePolicy
from handbill.responses.bounce_policy import give_up_addresses
from handbill.responses.mailbox import judge_mail, take_in_mails
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import contact, event, outbox, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import SECRET, away, bounced, complaint, notification, request_to_stop

LATER = NOW + timedelta(days=2)
ANN, BOB, CAY, DEE = 1, 6, 7, 8
"""The first message of each; Ann got five."""
FULL = {"status": "5.2.2", "said": "smtp; 552 mailbox full"}
MAILS = [
    *(bounced(ANN + number, **FULL) for number in range(5)),
    bounced(ANN, action="delayed", status="4.2.2"),
    bounced(BOB),
    complaint(bounced_to=BOB),
    bounced(CAY, action="delivered", status="2.0.0"),
    bounced(CAY),
    bounced(CAY),
    bounced(DEE, status="5.7.1", said="smtp; 554 spam"),
    request_to_stop(DEE + 1, DEE),
    away(),
    notification(to="x@example.com", returned="<made-up@example.com>"),
]

Left = tuple[list[tuple[Any, ...]], list[int], list[tuple[Any, ...]], list[tuple[Any, ...]]]


def left_by(store: Engine, readings: Sequence[Sequence[bytes]]) -> Left:
    """Who is suppressed and why, who still agrees, what is kept, and which doubts remain."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=8, buyers=0)])
        for message, owner in [*((number, "ann") for number in range(1, 6)), (BOB, "bob"), (CAY, "cay"), (DEE, "dee")]:
            changed = {"address_hash": owner, "state": "uncertain", "accepted_at": None}
            connection.execute(update(outbox).where(outbox.c.id == message).values(changed))
        for person in connection.scalars(select(outbox.c.contact_id)).all():
            record_consent(connection, person, "email", "offers", "granted", NOW, "form")
    for mails in readings:
        with writing(store) as connection:
            judged = {number: judge_mail(connection, mail, SECRET, LATER) for number, mail in enumerate(mails)}
            take_in_mails(connection, judged, now=LATER)
            give_up_addresses(connection, BouncePolicy(), now=LATER)
    with reading(store) as connection:
        return (
            sorted(map(tuple, connection.execute(select(suppression.c.key_hash, suppression.c.reason)))),
            sorted(connection.scalars(select(contact.c.id).where(granted("email", "offers")))),
            sorted(map(tuple, connection.execute(select(event.c.source_event_id, event.c.kind)))),
            sorted(map(tuple, connection.execute(select(outbox.c.id, outbox.c.state)))),
        )


def after(template: Path, folder: Path, readings: Sequence[Sequence[bytes]]) -> Left:
    store = open_store(f"sqlite:///{shutil.copy(template, folder / 'handbill.db')}")
    left = left_by(store, readings)
    store.dispose()
    return left


@pytest.fixture
def expected(sqlite_template: Path, tmp_path: Path) -> Left:
    """What one reading of all mails leaves."""
    return after(sqlite_template, tmp_path, [MAILS])


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(MAILS), cuts=st.sets(st.integers(0, len(MAILS)), max_size=4), twice=st.booleans())
def test_any_order_and_any_number_of_readings_come_to_the_same(
    sqlite_template: Path, tmp_path: Path, expected: Left, order: list[bytes], cuts: set[int], twice: bool
) -> None:
    readings = [order[start:end] for start, end in pairwise([0, *sorted(cuts), len(order)])]
    assert after(sqlite_template, tmp_path, readings + (readings[::-1] if twice else [])) == expected
    assert expected[0] == [("ann", "soft bounces"), ("bob", "complaint"), ("cay", "hard bounce")]
