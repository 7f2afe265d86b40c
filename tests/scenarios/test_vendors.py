"""A campaign that leaves through a vendor: nobody is forgotten, nobody gets it twice, whatever the vendor does."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.delivery.deliver import DrainResult, drain
from handbill.delivery.worker import Worker
from handbill.errors import ChannelUnavailable
from handbill.operations.run import start_run
from handbill.store.connection import reading
from tests.channels.vendor_servers import KEY, PostmarkServer, ResendServer, VendorServer, vendor_at_work
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings, state_of

SENDER = "Shop <news@northwind.example>"
PEOPLE = 6
MANY = 40


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_API_KEY", KEY)


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The vendor's part does not depend on the database."""
    template = request.getfixturevalue("sqlite_template")
    (tmp_path / "handbill.db").write_bytes(template.read_bytes())
    return f"sqlite:///{tmp_path / 'handbill.db'}"


def campaign_over(provider: str, root: Path, server: VendorServer) -> Project:
    make_project(root, 25)
    path = root / "campaigns.yaml"
    smtp = "provider: smtp\n    host: 127.0.0.1\n    port: 25\n    security: none\n    from: Shop <news@shop.test>\n"
    vendor = (
        f"provider: {provider}\n    api_key: ${{MAIL_API_KEY}}\n    endpoint: {server.endpoint}\n"
        f"    from: {SENDER}\n    connections: 2\n"
    )
    text = path.read_text(encoding="utf-8")
    assert smtp in text
    path.write_text(text.replace(smtp, vendor), encoding="utf-8")
    return load_project(root)


def started(store: Engine, project: Project, people: int = PEOPLE) -> int:
    add_people(store, people)
    return start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id


def send(store: Engine, project: Project, run_id: int) -> DrainResult:
    worker = Worker("worker-1", clock=fixed_clock(NOW), random=lambda: 0.0, reconnect_after=(0.0, 0.05))
    return drain(store, project, make_settings(project.root, store), run_id, worker)


def books_of(store: Engine, run_id: int) -> Books:
    with reading(store) as connection:
        made = books(connection, run_id)
    assert made.balances
    return made


def test_a_campaign_goes_out_through_a_vendor(store: Engine, tmp_path: Path) -> None:
    with vendor_at_work(PostmarkServer()) as server:
        project = campaign_over("postmark", tmp_path, server)
        run_id = started(store, project)
        assert send(store, project, run_id).by_state == {"accepted": PEOPLE}
        assert Counter(taken.recipient for taken in server.taken) == {
            f"person{number}@example.org": 1 for number in range(1, PEOPLE + 1)
        }


def test_lost_answers_leave_messages_in_doubt_and_they_are_not_sent_again(store: Engine, tmp_path: Path) -> None:
    with vendor_at_work(PostmarkServer(fault="lost", times=2)) as server:
        project = campaign_over("postmark", tmp_path, server)
        run_id = started(store, project)
        send(store, project, run_id)
        send(store, project, run_id)
        made = books_of(store, run_id)
        assert (made.accepted, made.uncertain) == (PEOPLE - 2, 2)
        assert len(server.taken) == PEOPLE


def test_with_keys_that_are_remembered_no_doubt_is_left(store: Engine, tmp_path: Path) -> None:
    with vendor_at_work(ResendServer(fault="lost", times=2)) as server:
        project = campaign_over("resend", tmp_path, server)
        run_id = started(store, project)
        send(store, project, run_id)
        assert books_of(store, run_id).accepted == PEOPLE
        assert len(server.taken) == PEOPLE


def test_a_pause_that_the_vendor_asks_for_holds_for_everybody(store: Engine, tmp_path: Path) -> None:
    with vendor_at_work(PostmarkServer(fault="limit until")) as server:
        project = campaign_over("postmark", tmp_path, server)
        run_id = started(store, project)
        with pytest.raises(ChannelUnavailable, match="postmark does not take our mail, at send: 429"):
            send(store, project, run_id)
        assert server.requests <= 2  # one a connection, and then nobody tries any more
        assert state_of(store, run_id)[0] == "running"  # somebody may go on with it later
        assert books_of(store, run_id).open == PEOPLE


@pytest.mark.parametrize("fault", ["brief limit", "brief down"])
def test_a_moments_peace_that_one_message_is_asked_for_is_kept_by_all_connections(
    store: Engine, tmp_path: Path, fault: str
) -> None:
    with vendor_at_work(PostmarkServer(fault=fault, times=1)) as server:
        project = campaign_over("postmark", tmp_path, server)
        run_id = started(store, project, MANY)
        send(store, project, run_id)
        first = server.requested_at[0]
        assert server.requested_at[-1] > first + 0.9
        in_peace = [at for at in server.requested_at if first + 0.5 < at < first + 0.9]
        assert not in_peace, "by then the wish has been heard, on any machine"
        made = books_of(store, run_id)
        assert (made.accepted, made.open) == (MANY - 1, 1)  # the message itself waits its minute


def test_a_key_that_is_wrong_pauses_the_campaign_and_nobody_fails(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_API_KEY", "another")
    with vendor_at_work(PostmarkServer()) as server:
        project = campaign_over("postmark", tmp_path, server)
        run_id = started(store, project)
        with pytest.raises(ChannelUnavailable) as caught:
            send(store, project, run_id)
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "postmark does not take our mail, at send: 401 The Server Token you provided is invalid. "
            "Correct channels.email in campaigns.yaml, or try again later."
        ),
        "spring is paused, and nobody has failed. Then run `handbill resume spring`.",
    ]
    assert state_of(store, run_id)[0] == "paused"
    assert books_of(store, run_id).open == PEOPLE
