"""Whether the interface is what its description says: for programs, for people, and for whatever a fuzzer thinks of."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from sqlalchemy import Engine

from handbill.clock import Clock
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.loading import load_project
from handbill.operations.api_keys import create_key
from handbill.web.api import PATH, make_api
from handbill.web.api_description import as_markdown, describe
from handbill.web.limits import Limits
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project
from tests.web.serving import service_for, serving

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "web-api.md"
EXAMPLES = 2_000 if os.environ.get("HANDBILL_SOAK") else 25


@pytest.fixture
def url(tmp_path: Path, store: Engine, clock: Clock) -> Iterator[str]:
    add_people(store, 2)
    with serving(service_for(tmp_path, make_project(tmp_path, 25), store, clock), Limits(client=None)) as url:
        yield url


def test_the_reference_page_is_current(store: Engine, clock: Clock) -> None:
    project = replace(load_project(ROOT), fields=BUILTIN_FIELDS)
    page = as_markdown(describe(make_api(service_for(ROOT, project, store, clock)), PATH))
    if os.environ.get("HANDBILL_REFRESH"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "refresh it: HANDBILL_REFRESH=1 pytest tests/web/test_openapi.py"


def test_the_description_has_the_projects_own_fields(tmp_path: Path, store: Engine, clock: Clock) -> None:
    project = make_project(tmp_path, 25)
    (tmp_path / "campaigns.yaml").write_text(
        (tmp_path / "campaigns.yaml").read_text() + "fields: {tier: {type: text, one_of: [gold, silver]}}\n"
    )
    document = describe(make_api(service_for(tmp_path, load_project(tmp_path), store, clock)), PATH)
    rows = document["components"]["schemas"]["ContactsBatch"]["properties"]["contacts"]["items"]
    assert rows["properties"]["tier"] == {"type": ["string", "null"], "enum": ["gold", "silver", None]}
    assert project.root == tmp_path


def test_strangers_do_not_see_what_contacts_have(url: str, store: Engine) -> None:
    key = create_key(store, "shop", ["orders"], now=NOW)
    for path in ("/v1/openapi.json", "/v1/docs"):
        elsewhere = {"X-Forwarded-For": "192.0.2.7"}
        assert requests.get(url + path, headers=elsewhere, timeout=60).status_code == 401
        assert requests.get(url + path, headers=elsewhere | {"Authorization": f"Bearer {key}"}, timeout=60).ok
        assert requests.get(url + path, timeout=60).ok


def test_the_page_for_people_loads_nothing_from_anywhere(url: str) -> None:
    answer = requests.get(f"{url}/v1/docs", timeout=60)
    assert "<code>POST /v1/orders</code>" in answer.text
    assert "<code>orders[].lines[].sku</code>" in answer.text
    assert not any(word in answer.text for word in ("src=", "href=", "<script", "@import", "url("))
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_whatever_is_sent_is_answered_as_described(url: str, store: Engine) -> None:
    """Rows are judged one by one, so a bad one is answered with 200: the check that it is refused whole is left out."""
    key = create_key(store, "fuzzer", ["events", "orders", "contacts"], now=NOW)
    headers = {"Authorization": f"Bearer {key}"}
    schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json", headers=headers)
    left_out = [schemathesis.checks.CHECKS.get_one("negative_data_rejection")]
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 4
    for operation in operations:
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode))
        _fuzz(cases, url, headers, left_out)


def _fuzz(cases: Any, url: str, headers: dict[str, str], left_out: list[Any]) -> None:
    @given(case=cases)
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: Any) -> None:
        case.call_and_validate(base_url=f"{url}/v1", headers=headers, excluded_checks=left_out)

    send()
