"""`handbill schema` writes what editors need, or prints it."""

import json
from pathlib import Path

import pytest

from handbill.cli import invoke


def test_the_schemas_are_written_into_the_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["schema", "--project", str(tmp_path)]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/schema/campaigns.schema.json",
        f"{tmp_path}/schema/segment.schema.json",
        f"{tmp_path}/schema/campaign-test.schema.json",
    ]
    assert json.loads((tmp_path / "schema" / "segment.schema.json").read_text())["title"] == "Handbill: a segment"


def test_one_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["schema", "campaigns"]) == 0

    assert json.loads(capsys.readouterr().out)["title"] == "Handbill: campaigns.yaml"
