"""Addresses in other alphabets go where servers can take them, and say why where they cannot."""

import email
from email import policy
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from handbill.clock import fixed_clock
from handbill.contacts.identity import email_hash, email_key
from handbill.delivery.deliver import drain
from handbill.delivery.worker import Worker
from handbill.operations.run import start_run
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.delivery.queues import rows_of
from tests.operations.shop import SECRET, add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving

WRITTEN = {"C-00001": "Ann@Bücher.example", "C-00002": "zoë@shop.example", "C-00003": "用户@例え.example"}
PLAIN = "ann@xn--bcher-kva.example"
OTHERS = ("zoë@shop.example", "用户@xn--r8jz45g.example")


def give_addresses(store: Engine) -> None:
    with writing(store) as connection:
        for name, address in WRITTEN.items():
            key = email_key(address)
            changed = {"email": address, "email_key": key, "email_hash": email_hash(SECRET, key)}
            connection.execute(update(contact).where(contact.c.external_id == name).values(changed))


@pytest.mark.parametrize("features", [("8BITMIME", "SMTPUTF8"), ("8BITMIME",)], ids=["it does", "it does not"])
def test_a_local_part_outside_ascii_goes_only_where_the_server_offers_to_take_it(
    store: Engine, tmp_path: Path, features: tuple[str, ...]
) -> None:
    with serving(FaultServer(features=features)) as server:
        project, settings = make_project(tmp_path, server.port), make_settings(tmp_path, store)
        add_people(store, 3)
        give_addresses(store)
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        drain(store, project, settings, run_id, Worker("worker-1", clock=fixed_clock(NOW), random=lambda: 0.0))
        rows = {row.address: (row.state, row.reason) for row in rows_of(store, run_id)}
    able = "SMTPUTF8" in features
    refusal = ("failed", "the server takes no addresses outside ASCII (SMTPUTF8)")
    assert sorted(rows.values(), key=str) == [("accepted", None)] * (3 if able else 1) + [refusal] * (0 if able else 2)
    taken = {each.recipient: each for each in server.taken}
    assert {each.lower() for each in taken} == {PLAIN, *(OTHERS if able else ())}
    for recipient, each in taken.items():
        assert ("SMTPUTF8" in each.parameters) is not recipient.isascii()
        header = email.message_from_bytes(each.message, policy=policy.SMTPUTF8)["To"]
        assert str(header) == recipient
