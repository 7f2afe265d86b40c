"""Nobody sees a report without having signed in, or without a link that is good for this report and no other."""

from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine
from starlette.routing import Route

from handbill.clock import Clock, fixed_clock
from handbill.delivery.links import Bearer, Unsubscribe, preferences_token, unsubscribe_token, view_token
from handbill.operations.audit import operator
from handbill.operations.logins import add_login
from handbill.operations.sharing import share_report
from handbill.store.connection import writing
from handbill.tokens import sign, sign_numbers
from handbill.web import reports
from tests.operations.shop import make_settings
from tests.reports.factory import AFTER, EMAIL, NOTHING, fill
from tests.reports.projects import write_project
from tests.web.serving import service_for, serving

PATHS = ("/reports", "/reports/winback", "/reports/winback/results", "/reports/winback/results.json",
         "/reports/winback/results.md", "/reports/nobody", "/reports/nobody/results")  # fmt: skip
COOKIES = ("", "x", "a" * 43, "' OR 1=1 --", "é")


def test_every_page_for_colleagues_asks_for_a_session(store: Engine, tmp_path: Path, clock: Clock) -> None:
    project = write_project(tmp_path / "shop")
    found = {
        route.path for route in reports.routes(service_for(tmp_path, project, store, clock)) if isinstance(route, Route)
    }
    assert {path for path in found if not path.startswith(("/reports", "/shared/"))} == set()
    with writing(store) as connection:
        fill(connection, (NOTHING, EMAIL))
    with serving(service_for(project.root, project, store, fixed_clock(AFTER))) as url:
        for path in PATHS:
            for cookie in COOKIES:
                headers = {"Cookie": f"handbill-session={cookie}".encode()}
                answer = requests.get(f"{url}{path}", headers=headers, timeout=60, allow_redirects=False)
                assert (answer.status_code, answer.text) == (303, ""), (path, cookie)
        for path in ("/reports/winback/share", "/reports/winback/unshare", "/sign-out"):
            answer = requests.post(f"{url}{path}", data={"days": "7"}, timeout=60, allow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_a_token_of_another_purpose_opens_no_report(store: Engine, tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop")
    settings = make_settings(project.root, store)
    with writing(store) as connection:
        fill(connection, (NOTHING, EMAIL))
    good = share_report(store, settings, "winback", 7, now=AFTER, doer=operator())
    keys = settings.keys
    others = (
        unsubscribe_token(keys, Unsubscribe(1, 1, "*")), preferences_token(keys, Bearer(1, 1)),
        view_token(keys, Bearer(1, 1)), sign_numbers(keys, "report", 2), sign_numbers(b"another key", "report", 1),
        sign(keys, "report", b"winback"), good[:-1], good + "A", good.swapcase(), "", "1", "winback",
    )  # fmt: skip
    with serving(service_for(project.root, project, store, fixed_clock(AFTER))) as url:
        assert requests.get(f"{url}/shared/{good}", timeout=30).status_code == 200
        answers = {requests.get(f"{url}/shared/{token}", timeout=60).status_code for token in others}
        assert answers == {404}
        for way in ("u", "p", "v", "c"):
            assert "Conversion" not in requests.get(f"{url}/{way}/{good}", timeout=60).text


@pytest.mark.parametrize("site", ["https://evil.example", "null"])
def test_another_site_cannot_sign_anybody_in_or_out_or_share(
    store: Engine, tmp_path: Path, clock: Clock, site: str
) -> None:
    project = write_project(tmp_path / "shop")
    add_login(store, "ann", "correct horse battery", now=clock(), doer=operator())
    headers = {"Origin": site, "Sec-Fetch-Site": "cross-site"}
    fields = {"name": "ann", "password": "correct horse battery", "proof": "x"}
    with serving(service_for(project.root, project, store, clock)) as url, requests.Session() as client:
        answer = client.post(f"{url}/sign-in", data=fields, headers=headers, timeout=30, allow_redirects=False)
        assert answer.status_code == 403
        assert "handbill-session" not in client.cookies
        page = client.get(f"{url}/sign-in", timeout=60).text
        proof = page.partition('name="proof" value="')[2].partition('"')[0]
        from_elsewhere = client.post(f"{url}/sign-in", data={**fields, "proof": proof}, headers=headers, timeout=30)
        assert from_elsewhere.status_code == 403
        stolen = requests.post(f"{url}/sign-in", data={**fields, "proof": proof}, timeout=30)  # without its cookie
        assert stolen.status_code == 403
