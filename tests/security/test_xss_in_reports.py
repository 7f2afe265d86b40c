"""Whatever a contact's record, a server's answer or a campaign says, reports and their pages show it as text."""

from html.parser import HTMLParser
from pathlib import Path

from sqlalchemy import Engine, update

from handbill.clock import fixed_clock
from handbill.operations.audit import operator
from handbill.operations.logins import add_login
from handbill.operations.report import report_campaign
from handbill.store.connection import writing
from handbill.store.tables import contact, event, exclusion, experiment, outbox, run
from tests.conftest import NOW
from tests.reports.factory import AFTER, Cell, exclude, fill
from tests.reports.projects import write_project
from tests.web.serving import service_for, serving
from tests.web.test_reports import signed_in

EVIL = ("<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg onload=alert(1)>",
        "</style><script>1</script>",
        "</title><script>1</script>", "<a href='javascript:alert(1)'>x</a>", "{{7*7}}", "<!--", "]]>")  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag in ("script", "iframe", "object", "embed", "base")
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]


def tags_of(page: str) -> _Tags:
    found = _Tags()
    found.feed(page)
    return found


def test_a_report_and_its_pages_hold_no_markup_of_anybody(store: Engine, tmp_path: Path) -> None:
    evil = " ".join(EVIL)
    project = write_project(tmp_path / "shop")
    with writing(store) as connection:
        fill(connection, (Cell("nothing", 20, 2), Cell(evil, 20, 5, ("email",))), hypothesis=evil)
        exclude(connection, "no_consent", 1)
        connection.execute(update(contact).values(first_name=evil, email=evil, company=evil, attributes={"x": evil}))
        connection.execute(update(exclusion).values(detail=evil))
        connection.execute(update(outbox).values(domain=evil, state="failed", reason=evil, answer_text=evil))
        connection.execute(update(event).values(properties={"x": evil}))
        connection.execute(update(run).values(wave=evil, state="paused", state_reason=evil))
        connection.execute(update(experiment).values(salt=evil))
    add_login(store, "ann", "correct horse battery", now=NOW, doer=operator())
    with serving(service_for(project.root, project, store, fixed_clock(AFTER))) as site:
        client = signed_in(site)
        pages = [client.get(f"{site}{path}", timeout=30) for path in ("/reports", "/reports/winback",
                                                                     "/reports/winback/results")]  # fmt: skip
    assert pages[2].text == report_campaign(store, project, "winback", now=AFTER)
    for page in pages:
        assert page.status_code == 200
        tags = tags_of(page.text)
        assert (tags.scripts, tags.handlers) == (0, [])
        assert not any(
            address.lower().startswith(("javascript:", "data:", "http:", "//")) for address in tags.addresses
        )
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
    assert "{{7*7}}" in pages[1].text
