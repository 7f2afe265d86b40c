"""Nothing that a run leaves behind holds a secret: no log, no report, no table, no print batch, no file at all."""

import logging
import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.errors import HandbillError
from handbill.operations.control import status
from handbill.operations.overview import all_outlooks
from handbill.operations.report import report_campaign
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.settings import Settings, load_settings
from handbill.store.connection import reading
from handbill.store.tables import metadata
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project
from tests.scenarios.fault_server import RCPT, Fault, FaultServer, serving

CANARIES = {
    "SMTP_PASSWORD": "canary-password-4711",
    "SMTP_USER": "canary-user-4712",
}
SECRET = b"canary-secret-4713"
SIGNING_KEY = b"canary-signing-key-4714"
PERSON = "person2@example.org"


def test_a_run_leaves_no_secret_anywhere(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    clock = fixed_clock(NOW)
    login = (CANARIES["SMTP_USER"], CANARIES["SMTP_PASSWORD"])
    with serving(FaultServer(features=("AUTH PLAIN",), login=login)) as server:
        server.faults = [Fault(RCPT, says="550 no such user", times=1, recipient=PERSON)]
        account = "    user: ${SMTP_USER}\n    password: ${SMTP_PASSWORD}"
        project = make_project(tmp_path / "shop", server.port, email=account)
        url = store.url.render_as_string(hide_password=False)
        settings = Settings(project.root, url, SECRET, (SIGNING_KEY,))
        add_people(store, 5)
        all_outlooks(store, project, now=NOW)
        run_id = start_run(store, project, "spring", clock=clock).run_id
        drain_run(store, project, settings, run_id, clock=clock)
        finish_run(store, run_id, clock=clock)
    shown = [repr(settings), repr(project), str(status(store)), caplog.text]
    try:
        shown += [report_campaign(store, project, "spring", now=NOW, format=each) for each in ("html", "json", "md")]
    except HandbillError as error:
        shown.append(str(error))
    with reading(store) as connection:
        shown += [str(connection.execute(select(table)).all()) for table in metadata.sorted_tables]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "secret"]
    shown += [path.read_bytes().decode("latin-1") for path in left]
    secrets = (*CANARIES.values(), SECRET.decode(), SIGNING_KEY.decode())
    assert [secret for secret in secrets for text in shown if secret in text] == []
    assert PERSON not in caplog.text


def test_the_secret_of_a_project_is_for_its_owner_only(tmp_path: Path) -> None:
    load_settings(tmp_path)
    assert os.stat(tmp_path / ".handbill" / "secret").st_mode & 0o077 == 0
