"""The commands around opens and clicks, as somebody types them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from handbill.cli import invoke
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.operations.shop import make_project


def test_keys_are_listed_renewed_and_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, 25)
    assert invoke(["keys", "list", "--project", str(tmp_path)]) == 0
    (first,) = capsys.readouterr().out.splitlines()
    assert first.endswith("  signs and reads")
    assert invoke(["keys", "rotate", "--project", str(tmp_path)]) == 0
    new = capsys.readouterr().out.removesuffix(" signs from now on.\n")
    invoke(["keys", "list", "--project", str(tmp_path)])
    old = first.split()[0]
    assert capsys.readouterr().out == f"{new}  signs and reads\n{old}  reads\n"
    assert invoke(["keys", "retire", old, "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{old} is forgotten. Links that it signed lead nowhere any more.\n"
    assert invoke(["keys", "retire", new, "--project", str(tmp_path)]) == 2
    capsys.readouterr()
    assert invoke(["audit", "--project", str(tmp_path)]) == 0
    noted = [line.partition("  ")[2].partition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert noted == [f"signing key retired  {old}", f"signing key rotated  {new}"]


def test_old_verdicts_are_given_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, 25)
    engine = open_store(f"sqlite:///{tmp_path / '.handbill' / 'handbill.db'}")
    upgrade(engine)
    make_run(engine, 1, state="accepted", accepted_at=NOW - timedelta(hours=1))
    with writing(engine) as connection:
        message = connection.scalar(select(outbox.c.id))
        click = {"source": "tracking", "kind": "email.clicked", "outbox_id": message, "verdict": "human"}
        said = [{"agent": agent, "method": "GET", "network": agent} for agent in ("curl/8", "Firefox")]
        rows = [
            {**click, "occurred_at": NOW, "received_at": NOW, "source_event_id": str(at), "properties": each}
            for at, each in enumerate(said)
        ]
        connection.execute(insert(event), rows)
    engine.dispose()
    assert invoke(["ingest", "--reclassify", "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Judged 2 opens, clicks and scans again.\n1 has another verdict now.\n"
    assert invoke(["ingest", "--reclassify", "--json", "--project", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"waiting_hits": 0, "hits": 2, "changed": 0}
    assert invoke(["audit", "--action", "reclassify", "--project", str(tmp_path)]) == 0
    noted = [line.rpartition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert noted == [f"reclassify (waiting_hits 0, hits 2, changed {changed})" for changed in (0, 1)]
