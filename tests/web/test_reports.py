"""What colleagues see after they have signed in: campaigns, runs on their way, results, and links to one report."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from sqlalchemy import Connection, Engine, select, update

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.operations.audit import operator
from handbill.operations.logins import add_login
from handbill.operations.report import report_campaign
from handbill.store.connection import writing
from handbill.store.tables import audit_entry, outbox, run
from tests.conftest import NOW
from tests.reports.factory import AFTER, Cell, fill, members_of
from tests.reports.projects import CAMPAIGNS, write_project
from tests.web.browser import DESK, PHONE, keep_picture, opened_page, started_browser
from tests.web.serving import service_for, serving

NAME, PASSWORD = "ann", "correct horse battery"
CELLS = (
    Cell("nothing", 40, 4),
    Cell("email", 240, 60, ("email",)),
    Cell("letter", 40, 12, ("direct_mail",), piece="letter"),
)
DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "example.org", "icloud.com", "gmx.de", "web.de", "aol.com",
           "orange.fr", "proton.me")  # fmt: skip
MORE = """\
  autumn-offer:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2027-09-01 09:00}
    email: {template: winback, subject: Autumn}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path / "shop", CAMPAIGNS + MORE)


@pytest.fixture
def site(store: Engine, project: Project) -> Iterator[str]:
    """The service of a shop with one finished campaign and one that was never run."""
    with writing(store) as connection:
        fill(connection, CELLS)
        _spread(connection)
    add_login(store, NAME, PASSWORD, now=NOW, doer=operator())
    with serving(service_for(project.root, project, store, fixed_clock(AFTER))) as url:
        yield url


def _spread(connection: Connection) -> None:
    """The messages go to many domains, and not all of them arrive."""
    for number, contact_id in enumerate(members_of(connection, "email")):
        values: dict[str, Any] = {"domain": DOMAINS[min(number % 23, len(DOMAINS) - 1)]}
        if number % 40 == 0:
            values |= {"state": "failed", "reason": "refused at rcpt with 550"}
        if number % 97 == 0:
            values |= {"state": "uncertain"}
        connection.execute(update(outbox).where(outbox.c.contact_id == contact_id).values(**values))


def let_run(store: Engine, waiting: int) -> None:
    """The run is on its way: the last messages wait, the others left in the last minutes."""
    with writing(store) as connection:
        connection.execute(update(run).values(state="running", finished_at=None, started_at=AFTER - timedelta(hours=1)))
        last = select(outbox.c.id).where(outbox.c.channel == "email").order_by(outbox.c.id.desc()).limit(waiting)
        connection.execute(
            update(outbox).where(outbox.c.state == "accepted").values(settled_at=AFTER - timedelta(minutes=1))
        )
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(list(connection.scalars(last))))
            .values(state="queued", settled_at=None)
        )


def signed_in(site: str) -> requests.Session:
    """A client with a session, as a browser that runs no scripts."""
    client = requests.Session()
    form = client.get(f"{site}/sign-in", timeout=60).text
    fields = {"proof": proof_in(form, "/sign-in"), "name": NAME, "password": PASSWORD}
    assert client.post(f"{site}/sign-in", data=fields, timeout=60).url == f"{site}/reports"
    return client


def proof_in(page: str, action: str) -> str:
    found = re.search(rf'action="{re.escape(action)}".*?name="proof" value="([^"]+)"', page, re.DOTALL)
    assert found
    return found[1]


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/reports")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/reports")


def grave(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")]


def test_campaigns_are_listed_with_how_far_they_are(site: str, store: Engine) -> None:
    page = signed_in(site).get(f"{site}/reports", timeout=60).text
    rows = re.findall(r'<th scope="row"><a href="([^"]+)">.*?<span class="badge[^"]*">([^<]+)', page, re.DOTALL)
    assert rows == [("/reports/winback", "finished"), ("/reports/autumn-offer", "not run yet")]
    assert 'aria-label="272 of 280 sent, 0 waiting"' in page
    assert "<script" not in page


def test_a_run_on_its_way_shows_rate_time_left_and_domains(site: str, store: Engine) -> None:
    let_run(store, 100)
    page = signed_in(site).get(f"{site}/reports/winback", timeout=60).text
    figures = dict(re.findall(r"<dt[^>]*>([^<]+)</dt><dd>([^<]+)", page))
    assert figures == {
        "sent": "175", "waiting": "100", "not sent": "3", "unsure": "2", "a minute": "35", "still to go": "3 min",
    }  # fmt: skip
    assert '<th scope="row">gmail.com</th>' in page
    assert '<th scope="row">2 others</th>' in page
    assert '<th scope="row">refused at rcpt with 550</th><td class="number" data-label="Messages">3</td>' in page


def test_a_paused_run_says_why(site: str, store: Engine) -> None:
    with writing(store) as connection:
        connection.execute(update(run).values(state="paused", state_reason="5 % bounced"))
    page = signed_in(site).get(f"{site}/reports/winback", timeout=60).text
    assert "<p>Paused: 5 % bounced</p>" in page


def test_the_results_are_the_report_itself(site: str, store: Engine, project: Project) -> None:
    client = signed_in(site)
    given = client.get(f"{site}/reports/winback/results", timeout=60)
    assert given.text == report_campaign(store, project, "winback", now=AFTER)
    assert given.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    numbers = client.get(f"{site}/reports/winback/results.json", timeout=60)
    assert json.loads(numbers.text) == json.loads(report_campaign(store, project, "winback", now=AFTER, format="json"))
    assert numbers.headers["content-type"].startswith("application/json")
    assert client.get(f"{site}/reports/winback/results.md", timeout=60).text.startswith("# ")
    assert client.get(f"{site}/reports/winback/results.exe", timeout=60).status_code == 404


def test_a_campaign_that_never_ran_has_nothing_to_report(site: str) -> None:
    client = signed_in(site)
    assert (
        "There is nothing to see before its first run." in client.get(f"{site}/reports/autumn-offer", timeout=60).text
    )
    refused = client.get(f"{site}/reports/autumn-offer/results", timeout=60)
    assert refused.status_code == 404
    assert "autumn-offer has not been run, so there is nothing to report." in refused.text


def test_a_name_that_no_campaign_has_is_not_found(site: str) -> None:
    client = signed_in(site)
    for path in ("nothing", "nothing/results", "%2e%2e%2fsecret", "<script>"):
        assert client.get(f"{site}/reports/{path}", timeout=60).status_code == 404


def test_a_shared_link_shows_one_report_until_it_is_taken_back(site: str, store: Engine) -> None:
    client = signed_in(site)
    page = client.get(f"{site}/reports/winback", timeout=60).text
    fields = {"proof": proof_in(page, "/reports/winback/share"), "days": "7"}
    made = client.post(f"{site}/reports/winback/share", data=fields, timeout=60).text
    link = re.search(r'<p class="link">([^<]+)</p>', made)
    assert link
    assert link[1].startswith(f"{site}/shared/")
    stranger = requests.get(link[1], timeout=60)
    assert stranger.text == client.get(f"{site}/reports/winback/results", timeout=60).text
    assert requests.get(f"{link[1][:-1]}x", timeout=60).status_code == 404
    number = re.search(r'name="link" value="(\d+)"', made)
    assert number
    fields = {"proof": proof_in(made, "/reports/winback/unshare"), "link": number[1]}
    client.post(f"{site}/reports/winback/unshare", data=fields, timeout=60)
    assert requests.get(link[1], timeout=60).status_code == 404
    with store.connect() as connection:
        deeds = connection.scalars(select(audit_entry.c.action).where(audit_entry.c.subject == "winback")).all()
    assert deeds == ["share", "unshare"]


def test_a_shared_link_ends_by_itself(store: Engine, project: Project, site: str) -> None:
    client = signed_in(site)
    fields = {"proof": proof_in(client.get(f"{site}/reports/winback", timeout=60).text, "/reports/winback/share"),
              "days": "30"}  # fmt: skip
    made = client.post(f"{site}/reports/winback/share", data=fields, timeout=60).text
    path = re.search(r"/shared/[^<]+", made)
    assert path
    for days, status in ((29, 200), (31, 404)):
        clock = fixed_clock(AFTER + timedelta(days=days))
        with serving(service_for(project.root, project, store, clock)) as later:
            assert requests.get(f"{later}{path[0]}", timeout=60).status_code == status


def test_a_run_on_its_way_is_followed_without_loading_the_page_again(
    site: str, store: Engine, browser: Browser
) -> None:
    let_run(store, 100)
    with opened_page(browser) as page:
        sign_in(page, site)
        page.get_by_role("link", name="winback").click()
        page.get_by_text("100", exact=True).first.wait_for()
        page.evaluate("window.here = true")
        with writing(store) as connection:
            connection.execute(
                update(outbox).where(outbox.c.state == "queued").values(state="accepted", settled_at=AFTER)
            )
        page.locator("dd", has_text=re.compile(r"^275$")).wait_for()
        assert page.evaluate("window.here") is True


@pytest.mark.parametrize(("size", "name"), [(DESK, "desk"), (PHONE, "phone")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_readable_for_everybody(
    site: str, store: Engine, browser: Browser, size: dict[str, int], name: str, scheme: str
) -> None:
    let_run(store, 100)
    with opened_page(browser, size=size, color_scheme=scheme) as page:
        page.goto(f"{site}/sign-in")
        assert grave(page) == []
        keep_picture(page, f"sign-in-{name}-{scheme}")
        sign_in(page, site)
        assert grave(page) == []
        keep_picture(page, f"campaigns-{name}-{scheme}")
        page.goto(f"{site}/reports/winback")
        page.get_by_role("button", name="Make a link").click()
        page.get_by_text("Copy the link now").wait_for()
        assert grave(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        keep_picture(page, f"campaign-{name}-{scheme}")


def test_without_scripts_all_of_it_works(site: str, store: Engine, browser: Browser) -> None:
    let_run(store, 100)
    with opened_page(browser, java_script_enabled=False) as page:
        sign_in(page, site)
        page.get_by_role("link", name="winback").click()
        page.get_by_role("link", name="Open the report").click()
        page.wait_for_url(f"{site}/reports/winback/results")
        page.go_back()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{site}/sign-in")
