"""`handbill api-key`, as somebody types it."""

import json
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.store.connection import open_store, reading
from handbill.store.tables import api_key, audit_entry
from tests.operations.shop import make_project

AT = ["--now", "2026-12-01T09:00"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project without a store, which the first command makes."""
    make_project(tmp_path, 25)
    return tmp_path


def handbill(root: Path, *words: str) -> int:
    return invoke(["api-key", *words, "--project", str(root)])


def test_a_key_is_printed_once_and_its_hash_is_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(root, "create", "shop", "--scope", "events,orders", *AT) == 0
    out, err = capsys.readouterr()
    key = out.strip()
    assert key.startswith("hbk_")
    assert len(key) == 47
    assert err == "Keep it now: it is not shown again. Send it as `Authorization: Bearer KEY`.\n"
    handbill(root, "list")
    assert key not in capsys.readouterr().out
    assert key.encode() not in b"".join(path.read_bytes() for path in (root / ".handbill").iterdir() if path.is_file())


def test_keys_are_listed_with_what_they_may(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(root, "list") == 0
    assert capsys.readouterr().out == (
        "There is no key yet. Make one: handbill api-key create NAME --scope events,orders,contacts\n"
    )
    handbill(root, "create", "shop", "--scope", "events", "--scope", "orders", *AT)
    handbill(root, "create", "Forms", "--scope", "contacts", *AT)
    handbill(root, "revoke", "shop", *AT)
    capsys.readouterr()
    handbill(root, "list")
    assert capsys.readouterr().out == (
        "Forms: may bring contacts; made on 2026-12-01, never used\n"
        "shop: may bring events, orders; revoked on 2026-12-01\n"
    )


def test_machines_get_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handbill(root, "create", "shop", "--scope", "events", "--json", *AT)
    made = json.loads(capsys.readouterr().out)
    assert (made["name"], made["scopes"], made["key"][:4]) == ("shop", ["events"], "hbk_")
    handbill(root, "list", "--json")
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "shop",
            "scopes": ["events"],
            "created_at": "2026-12-01T09:00:00+00:00",
            "used_at": None,
            "revoked_at": None,
        }
    ]


def test_a_name_is_given_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handbill(root, "create", "shop", "--scope", "events")
    assert handbill(root, "create", "shop", "--scope", "events") == 2
    assert capsys.readouterr().err.endswith(
        'there is a key "shop" already. Choose another name, also for one in its place.\n'
    )


def test_every_mistake_is_told_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(root, "create", " ", "--scope", "event,orders") == 2
    assert capsys.readouterr().err == (
        '" " cannot be a name. Use 1 to 60 letters, such as shop.\n'
        '--scope: scope "event" is not known. Use events, orders or contacts. Did you mean "events"?\n'
    )


def test_a_key_that_may_nothing_is_none(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(root, "create", "shop", "--scope", ",") == 2
    assert capsys.readouterr().err == "--scope: a key that may bring nothing is no key. Say what it may.\n"


def test_a_key_is_revoked_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handbill(root, "create", "shop", "--scope", "events")
    capsys.readouterr()
    assert handbill(root, "revoke", "shop", *AT) == 0
    assert capsys.readouterr().err == "The key shop opens nothing any more.\n"
    assert handbill(root, "revoke", "shop") == 1
    assert capsys.readouterr().err == 'the key "shop" was revoked before, on 2026-12-01.\n'
    assert handbill(root, "revoke", "shp") == 2
    assert capsys.readouterr().err == 'key "shp" is not known. Use shop. Did you mean "shop"?\n'


def test_who_made_and_revoked_a_key_is_written_down(root: Path) -> None:
    handbill(root, "create", "shop", "--scope", "events", *AT)
    handbill(root, "revoke", "shop", *AT)
    engine = open_store(f"sqlite:///{root / '.handbill' / 'handbill.db'}")
    with reading(engine) as connection:
        lines = connection.execute(audit_entry.select().order_by(audit_entry.c.id)).all()
        digest = connection.execute(api_key.select()).one().digest
    engine.dispose()
    assert [(line.way, line.action, line.subject, line.details) for line in lines] == [
        ("shell", "api key added", "shop", {"scopes": "events"}),
        ("shell", "api key revoked", "shop", {}),
    ]
    assert digest not in str(lines)
