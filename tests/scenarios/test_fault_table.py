"""Each fault of a mail server leads where the table says: states, books, reasons and pauses, exactly."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from handbill.channels.contract import Provider
from handbill.channels.smtp import SmtpServer
from handbill.channels.smtp_dialogue import Timeouts
from handbill.definitions.project import Project
from handbill.delivery.providers import email_provider
from handbill.delivery.retry import BACK_OFF
from handbill.errors import ChannelUnavailable
from handbill.store.connection import reading
from handbill.store.tables import attempt
from tests.conftest import NOW
from tests.delivery.queues import rows_of
from tests.scenarios.certificates import Certificate, certificate_for
from tests.scenarios.fault_cases import CASES, ENDS, GOES_ON, ONE, PAUSED, STAYS, Case, row_of
from tests.scenarios.fault_server import FEATURES, FaultServer
from tests.scenarios.sending import Sending, counted, sending

BRIEF = Timeouts(connect=30, command=2, data=2, body=2, dot=2, quit=2)
PAGE = Path(__file__).parents[2] / "docs/reference/outbox.md"
OTHERS = 4
"""Messages of the run beside the one that the fault hits."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    folder = tmp_path_factory.mktemp("certificates")
    good = certificate_for("localhost", folder / "good.pem")
    return {
        "good": good,
        "self-signed": good,
        "expired": certificate_for("localhost", folder / "expired.pem", ends=-(BACK_OFF[0])),
        "wrong host": certificate_for("mail.example.org", folder / "other.pem"),
    }


def server_of(case: Case, certificates: dict[str, Certificate], features: tuple[str, ...]) -> FaultServer:
    shown = certificates.get(case.tls)
    login = ("shop", "right") if case.has_login else None
    return FaultServer([case.fault], features=features, tls=shown.serving if shown else None, login=login)


def provider_for(case: Case, certificates: dict[str, Certificate]) -> Callable[[Project], Provider]:
    """What the project declares, but with the case's patience, encryption and password."""
    changes: dict[str, Any] = {"timeouts": BRIEF} if case.is_brief else {}
    if case.tls:
        trusts_it = case.tls in {"good", "expired", "wrong host"}
        trust: ssl.SSLContext | None = certificates[case.tls].trusting if trusts_it else None
        changes |= {"starttls": True, "host": "localhost", "tls": trust}
    if case.has_login:
        changes |= {"user": "shop", "password": "right"}

    def provider(project: Project) -> Provider:
        declared = email_provider(project)
        assert isinstance(declared, SmtpServer)
        return replace(declared, **changes)

    return provider


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_leads_where_the_table_says(
    store: Engine, tmp_path: Path, certificates: dict[str, Certificate], case: Case
) -> None:
    """On SQLite all commands are sent at once, on PostgreSQL one after the other."""
    features = FEATURES if store.dialect.name == "sqlite" else FEATURES[1:]
    fresh = replace(case, fault=replace(case.fault))
    with sending(store, tmp_path, server_of(fresh, certificates, features)) as sent:
        provider = provider_for(case, certificates)
        if case.run != GOES_ON:
            stops_with(case, sent, provider)
            return
        sent.drain(provider=provider)
        first = now_in(sent)
        path = case.or_else if first == case.or_else else case.message
        assert first == path.split(" → ")[0]
        assert counted(sent) == ({"accepted": 5} if first == "accepted" else {in_books(first): 1, "accepted": OTHERS})
        assert len(sent.server.taken) == OTHERS + (case.is_taken or first == "accepted")
        if path == case.message:
            assert case.answer in said_of(sent)
            reason = rows_of(store, sent.run_id)[0].reason
            assert reason == case.reason or (case.or_else and reason == str(case.reason).replace("body", "dot"))
        sent.drain(now=NOW + BACK_OFF[0], provider=provider)
        assert now_in(sent) == path.split(" → ")[-1]
        assert counted(sent).get("accepted", 0) >= OTHERS
        assert sent.state == ("running", None)


def stops_with(case: Case, sent: Sending, provider: Callable[[Project], Provider]) -> None:
    """Nobody failed, nobody got anything, and whoever looks reads why."""
    with pytest.raises(ChannelUnavailable) as caught:
        sent.drain(provider=provider)
    where = f"127.0.0.1:{sent.server.port} does not take our mail, at {case.answer}."
    assert str(caught.value.problems[0].what) == where
    assert sent.state == (("paused", where) if case.run == PAUSED else ("running", None))
    assert case.run in {PAUSED, ENDS}
    assert case.message == STAYS
    assert counted(sent) == {"open": OTHERS + 1}
    assert sent.server.taken == []
    rows = rows_of(sent.store, sent.run_id)
    assert [(row.state, row.attempt, row.owner) for row in rows] == [("queued", 0, None)] * (OTHERS + 1)


def now_in(sent: Sending) -> str:
    """The state of the message that the fault hits."""
    return str(next(row.state for row in rows_of(sent.store, sent.run_id) if row.address == ONE))


def in_books(state: str) -> str:
    return "open" if state == "queued" else state


def said_of(sent: Sending) -> str:
    """Code and text of its first try."""
    with reading(sent.store) as connection:
        code, text = connection.execute(
            select(attempt.c.answer_code, attempt.c.answer_text)
            .where(attempt.c.outbox_id == rows_of(sent.store, sent.run_id)[0].id)
            .order_by(attempt.c.id)
        ).first() or (None, "")
    return " ".join(str(part) for part in (code, text) if part)


def test_the_reference_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [row for row in map(row_of, CASES) if row not in page]
    assert not missing, "\n".join(missing)
    shown = [line for line in page.splitlines() if line.endswith((f"| {GOES_ON} |", f"| {ENDS} |", f"| {PAUSED} |"))]
    assert shown == [row_of(case) for case in CASES]
