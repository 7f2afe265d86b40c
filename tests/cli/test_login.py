"""`handbill login`, as somebody types it."""

import json
from io import StringIO
from pathlib import Path

import pytest

from handbill.cli import invoke

STRONG = "correct horse battery\n"


def test_logins_are_added_listed_changed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)

    def said(*words: str, typed: str = "", code: int = 0) -> str:
        monkeypatch.setattr("sys.stdin", StringIO(typed))
        assert invoke(["login", *words, "--project", str(tmp_path)]) == code
        captured = capsys.readouterr()
        return captured.out or captured.err

    assert said("list") == "Nobody may sign in yet. Add somebody with `handbill login add NAME`.\n"
    assert said("add", "ann", typed="short\n", code=2) == "the password has 5 characters. Use 12 or more.\n"
    assert said("add", "ann", typed=STRONG) == "ann may sign in.\n"
    assert said("list").startswith("ann  added 20")
    assert json.loads(said("list", "--json"))[0]["name"] == "ann"
    assert said("password", "ann", typed="another horse battery\n") == (
        "ann has another password, and is signed out everywhere.\n"
    )
    assert said("remove", "ann") == "ann may sign in no more.\n"
    assert said("remove", "ann", code=1) == (
        'There is no login "ann". `handbill login list` shows those that there are.\n'
    )
