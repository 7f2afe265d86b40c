"""A project has one Prefect API server, and finds it again."""

from pathlib import Path

import pytest

from handbill.errors import SetupIncomplete
from handbill.operations.api_server import ensure_server, find_server, stop_server
from handbill.settings import Settings


def test_a_server_is_started_once_found_again_and_stopped(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "sqlite://", b"secret")
    assert find_server(settings) is None
    url = ensure_server(settings, {})
    try:
        assert ensure_server(settings, {}) == url
        assert url.startswith("http://127.0.0.1:")
    finally:
        assert stop_server(settings)
    assert find_server(settings) is None
    assert not stop_server(settings)


def test_a_declared_api_that_does_not_answer_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupIncomplete) as caught:
        ensure_server(Settings(tmp_path, "sqlite://", b"secret"), {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    expected = "PREFECT_API_URL: no API answers at http://127.0.0.1:9/api. Start it, or unset the variable."
    assert str(caught.value) == expected
