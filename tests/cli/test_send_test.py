"""`handbill send-test` on the command line, into a maildir."""

import json
from pathlib import Path

import pytest

from handbill.cli import invoke
from tests.operations.shop import make_project

MAILDIR = "    directory: outbox\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    make_project(tmp_path, 25)
    text = (tmp_path / "campaigns.yaml").read_text()
    (tmp_path / "campaigns.yaml").write_text(text.replace("provider: smtp", "provider: file"))
    return tmp_path


def test_proofs_are_listed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["send-test", "spring", "--to", "ada@shop.test", "--to", "b@shop.test", "--project", str(shop)]) == 0
    assert capsys.readouterr().out == "all: ada@shop.test\nall: b@shop.test\n"
    kept = [path.read_text() for path in (shop / "outbox/new").iterdir()]
    assert len(kept) == 2
    assert all("Subject: [Test: all] Hello Alex" in each for each in kept)


def test_proofs_for_machines(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["send-test", "spring", "--to", "ada@shop.test", "--json", "--project", str(shop)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "campaign": "spring",
        "remarks": [],
        "proofs": [{"arm": "all", "channel": "email", "to": "ada@shop.test", "language": "", "problem": ""}],
    }


def test_without_an_address_it_is_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["send-test", "spring", "--project", str(shop)]) == 2
    assert capsys.readouterr().err == (
        "nobody is named who gets the e-mails. "
        "Add --to ADDRESS, or write the printed pieces alone: --channel direct_mail.\n"
    )
