"""Whether the service says that it works."""

from pathlib import Path

import requests
from sqlalchemy import Engine

from handbill.clock import Clock
from tests.operations.shop import make_project
from tests.web.serving import service_for, serving


def test_a_service_whose_store_answers_is_healthy(tmp_path: Path, store: Engine, clock: Clock) -> None:
    with serving(service_for(tmp_path, make_project(tmp_path, 25), store, clock)) as url:
        answer = requests.get(f"{url}/healthz", timeout=60)
    assert (answer.status_code, answer.text) == (200, "ok\n")
