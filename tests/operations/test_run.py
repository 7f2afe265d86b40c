"""A campaign is planned and sealed once, and sent until nothing is open."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select, update

from handbill.clock import Clock, fixed_clock
from handbill.contacts.suppressions import suppress
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.books import Books
from handbill.errors import ChannelUnavailable, NothingToDo, PlanDrifted, ProjectInvalid, RunRefused
from handbill.operations.control import cancel, pause, resume
from handbill.operations.run import DrainedRun, StartedRun, drain_run, finish_run, start_run
from handbill.planning.approval import write_plan
from handbill.planning.plan import make_plan
from handbill.store.connection import reading, writing
from handbill.store.tables import consent, contact, outbox, run
from tests.conftest import NOW
from tests.operations.shop import CAMPAIGN, TEMPLATE, add_people, make_project, make_settings, state_of, states_of
from tests.scenarios.fault_server import FaultServer, serving

HOUR = timedelta(hours=1)
ON_TIME = fixed_clock(NOW)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: FaultServer, store: Engine) -> Project:
    add_people(store, 4)
    return make_project(tmp_path, server.port)


def start(store: Engine, project: Project, *, clock: Clock = ON_TIME, **options: object) -> StartedRun:
    return start_run(store, project, "spring", clock=clock, **options)  # type: ignore[arg-type] # passed on as they are


def send(store: Engine, project: Project, run_id: int, *, clock: Clock = ON_TIME) -> DrainedRun:
    return drain_run(store, project, make_settings(project.root, store), run_id, clock=clock)


def run_once(store: Engine, project: Project, *, clock: Clock = ON_TIME) -> Books:
    run_id = start(store, project, clock=clock).run_id
    send(store, project, run_id, clock=clock)
    return finish_run(store, run_id, clock=clock)


# ---------------------------------------------------------------- from plan to finished


def test_a_campaign_reaches_everybody_once_and_is_finished(
    store: Engine, project: Project, server: FaultServer
) -> None:
    made = run_once(store, project)
    assert (made.planned, made.accepted, made.open, made.balances) == (4, 4, 0, True)
    assert server.counts == {f"person{number}@example.org": 1 for number in range(1, 5)}
    assert state_of(store, 1) == ("finished", None)


def test_messages_say_who_writes_and_how_to_unsubscribe(store: Engine, project: Project, server: FaultServer) -> None:
    run_once(store, project)
    taken = next(each for each in server.taken if each.recipient == "person1@example.org")
    head = taken.message.decode().partition("\r\n\r\n")[0]
    assert taken.sender.startswith("bounces+")
    assert taken.sender.endswith("@shop.test")
    assert "From: Shop <news@shop.test>\r\nTo: person1@example.org\r\nSubject: Hello Person 1\r\n" in head
    assert "List-Unsubscribe: <mailto:unsubscribe@shop.test?subject=unsubscribe%20" in head
    assert "List-Id: <offers.shop.test>\r\nFeedback-ID: spring:all:offers:shop-test\r\nPrecedence: bulk" in head


def test_what_is_sent_was_queued_with_a_fixed_date_and_message_id(
    store: Engine, project: Project, server: FaultServer
) -> None:
    start(store, project)
    with reading(store) as connection:
        queued = connection.execute(select(outbox.c.message_id, outbox.c.domain, outbox.c.cost)).all()
    send(store, project, 1, clock=fixed_clock(NOW + HOUR))
    sent = [each.message.decode() for each in server.taken]
    assert sorted(f"Message-ID: <{row.message_id}>" for row in queued) == sorted(
        line for message in sent for line in message.split("\r\n") if line.startswith("Message-ID:")
    )
    assert all("\r\nDate: Tue, 01 Dec 2026 09:00:00 +0000\r\n" in message for message in sent)
    assert {(row.domain, row.cost) for row in queued} == {("example.org", 0)}


def test_two_contacts_with_one_address_get_one_message(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 1, email="Person1@Example.ORG", email_key="person1@example.org")
    assert run_once(store, project).planned == 4
    assert server.counts["person1@example.org"] == 1


def test_a_finished_wave_is_never_sent_again(store: Engine, project: Project, server: FaultServer) -> None:
    run_once(store, project)
    with pytest.raises(NothingToDo) as caught:
        start(store, project)
    assert str(caught.value) == (
        "spring: the wave once is finished, and a wave is never sent twice. Use --new-wave NAME to send another one."
    )
    assert len(server.taken) == 4


def test_only_a_new_wave_repeats_a_campaign(store: Engine, project: Project, server: FaultServer) -> None:
    run_once(store, project)
    again = start(store, project, new_wave="second")
    send(store, project, again.run_id)
    assert (again.wave, again.is_resumed) == ("second", False)
    assert set(server.counts.values()) == {2}


def test_an_open_run_is_taken_up_again(store: Engine, project: Project) -> None:
    first, second = start(store, project), start(store, project)
    assert (second.run_id, second.fence, second.is_resumed) == (first.run_id, 2, True)
    assert (first.fence, first.is_resumed) == (1, False)


def test_an_open_extra_wave_is_taken_up_without_its_name(store: Engine, project: Project) -> None:
    run_once(store, project)
    extra = start(store, project, new_wave="second")
    assert start(store, project).run_id == extra.run_id


def test_two_schedulers_start_one_run(store: Engine, project: Project, server: FaultServer) -> None:
    started: list[StartedRun] = []
    both = threading.Barrier(2)

    def schedule() -> None:
        both.wait()
        started.append(start(store, project))

    threads = [threading.Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.is_resumed for each in started) == [False, True]
    assert len({each.run_id for each in started}) == 1
    assert states_of(store) == {"queued": 4}


def test_two_workers_send_one_run_together(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 40)
    run_id = start(store, project).run_id
    threads = [threading.Thread(target=send, args=(store, project, run_id)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states_of(store) == {"accepted": 44}
    assert set(server.counts.values()) == {1}


# ---------------------------------------------------------------- when it is due


def test_a_campaign_that_is_not_due_for_long_is_not_started(store: Engine, project: Project) -> None:
    with pytest.raises(NothingToDo) as caught:
        start(store, project, clock=fixed_clock(NOW - 25 * HOUR))
    assert str(caught.value) == (
        "spring is not due before 2026-12-01 09:00 UTC. Run it then, or let `handbill up` do it."
    )
    assert states_of(store) == {}


def test_messages_wait_for_their_time(store: Engine, project: Project) -> None:
    early = fixed_clock(NOW - HOUR / 2)
    run_id = start(store, project, clock=early).run_id
    assert send(store, project, run_id, clock=early).next_due_at == NOW
    assert states_of(store) == {"queued": 4}
    send(store, project, run_id)
    assert states_of(store) == {"accepted": 4}


def test_a_campaign_past_its_lateness_is_not_started(store: Engine, project: Project) -> None:
    with pytest.raises(RunRefused) as caught:
        start(store, project, clock=fixed_clock(NOW + 7 * HOUR))
    assert "it is too late, nothing was to leave after 2026-12-01 15:00 UTC." in str(caught.value)
    assert states_of(store) == {}


def test_an_old_run_that_comes_back_fires_nothing(store: Engine, project: Project, server: FaultServer) -> None:
    """A laptop that slept, or a database that was restored, finds a run that is past its lateness."""
    start(store, project)
    late = fixed_clock(NOW + 7 * HOUR)
    made = run_once(store, project, clock=late)
    assert (made.expired, made.accepted, made.balances) == (4, 0, True)
    assert server.taken == []


def test_a_wave_that_was_left_open_is_finished_before_the_next(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_people(store, 2)
    daily = CAMPAIGN.replace("{at: 2026-12-01 09:00, max_lateness: 6 hours}", "{cron: 0 9 * * *}")
    project = make_project(tmp_path, server.port, campaigns=daily)
    first = start(store, project)
    resumed = start(store, project, clock=fixed_clock(NOW + 24 * HOUR))
    assert (resumed.run_id, resumed.wave) == (first.run_id, "2026-12-01T09:00Z")
    send(store, project, first.run_id)
    finish_run(store, first.run_id)
    assert start(store, project, clock=fixed_clock(NOW + 24 * HOUR)).wave == "2026-12-02T09:00Z"


# ---------------------------------------------------------------- what stops it before it begins


def counted_runs(store: Engine) -> int:
    with reading(store) as connection:
        return connection.scalar(select(func.count()).select_from(run)) or 0


def test_a_mail_server_that_is_not_there_leaves_nothing_half_done(store: Engine, tmp_path: Path) -> None:
    with serving(FaultServer()) as gone:
        pass
    add_people(store, 2)
    project = make_project(tmp_path, gone.port)
    with pytest.raises(ChannelUnavailable) as caught:
        start(store, project)
    assert str(caught.value) == (
        f"the mail server 127.0.0.1:{gone.port} cannot be reached (connection refused). "
        "Start it, or correct channels.email in campaigns.yaml."
    )
    assert counted_runs(store) == 0


def test_a_mistake_in_a_template_stops_the_run_before_it_begins(
    store: Engine, project: Project, tmp_path: Path
) -> None:
    broken = TEMPLATE.replace("contact.first_name", "contact.frist_name")
    (tmp_path / "templates/email/hello.mjml").write_text(broken)
    with pytest.raises(ProjectInvalid, match=r"templates/email/hello\.mjml:2:19: contact\.frist_name"):
        start(store, project)
    assert counted_runs(store) == 0


def test_a_campaign_that_reaches_nobody_is_not_started(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        connection.execute(delete(consent))
    with pytest.raises(NothingToDo) as caught:
        start(store, project)
    assert str(caught.value) == "spring: nobody is to get anything. `handbill plan spring` says why."
    assert counted_runs(store) == 0


def test_an_unknown_campaign_is_refused_with_the_nearest_name(store: Engine, project: Project) -> None:
    with pytest.raises(RunRefused) as caught:
        start_run(store, project, "sprin", clock=ON_TIME)
    assert str(caught.value) == 'campaigns.yaml: campaign "sprin" is not known. Use spring. Did you mean "spring"?'


def test_a_replay_never_sends_real_mail(store: Engine, project: Project, tmp_path: Path) -> None:
    text = (tmp_path / "campaigns.yaml").read_text()
    real = text.replace("host: 127.0.0.1", "host: smtp.example.org").replace("security: none", "security: starttls")
    (tmp_path / "campaigns.yaml").write_text(real)
    with pytest.raises(RunRefused) as caught:
        start(store, load_project(tmp_path))
    assert str(caught.value) == (
        "spring: --now replays a campaign, and this one would send real e-mail. Leave out --now, or set channels.email "
        "to provider file or to a mail server on this machine."
    )


def test_a_paused_run_is_not_taken_up(store: Engine, project: Project) -> None:
    start(store, project)
    pause(store, "spring")
    with pytest.raises(RunRefused) as caught:
        start(store, project)
    assert str(caught.value) == "spring is paused: by hand. Run `handbill resume spring` first."


# ---------------------------------------------------------------- an approved plan


def approve(store: Engine, project: Project, path: Path) -> Path:
    with writing(store) as connection:
        write_plan(make_plan(connection, project, "spring", now=NOW), path)
        connection.rollback()
    return path


def test_an_approved_plan_is_run(store: Engine, project: Project, tmp_path: Path) -> None:
    path = approve(store, project, tmp_path / "spring.plan")
    start(store, project, plan_file=path)
    assert states_of(store) == {"queued": 4}


def test_a_plan_that_no_longer_fits_is_refused(store: Engine, project: Project, tmp_path: Path) -> None:
    path = approve(store, project, tmp_path / "spring.plan")
    add_people(store, 3)
    with pytest.raises(PlanDrifted, match="the audience has changed by"):
        start(store, project, plan_file=path)
    assert counted_runs(store) == 0


def test_a_plan_of_another_campaign_is_refused(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_people(store, 1)
    project = make_project(tmp_path, server.port, campaigns=CAMPAIGN + CAMPAIGN.replace("spring", "summer"))
    path = approve(store, project, tmp_path / "spring.plan")
    with pytest.raises(RunRefused) as caught:
        start_run(store, project, "summer", clock=ON_TIME, plan_file=path)
    assert str(caught.value) == (f"{path}: this is a plan of spring, not of summer. Run spring, or name another file.")


# ---------------------------------------------------------------- while it is under way


def test_an_unsubscribe_that_is_stored_before_the_dot_wins(
    store: Engine, project: Project, server: FaultServer
) -> None:
    """The second person unsubscribes while the first one's message is on its way."""
    run_id = start(store, project).run_id

    def unsubscribe(_taken: object) -> None:
        server.on_taken = None
        with writing(store) as connection:
            others = select(contact.c.email_hash).where(contact.c.email_key == "person4@example.org")
            suppress(connection, "email", str(connection.scalar(others)), "unsubscribed", NOW, "test")

    server.on_taken = unsubscribe
    one_connection = make_project(project.root, server.port, email="    connections: 1")
    send(store, one_connection, run_id)
    assert states_of(store) == {"accepted": 3, "skipped": 1}
    assert "person4@example.org" not in server.counts


def test_a_pause_is_heard_within_a_batch(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 30)
    run_id = start(store, project).run_id

    def stop_it(_taken: object) -> None:
        server.on_taken = None
        with server.standing_still():
            pause(store, "spring")

    server.on_taken = stop_it
    assert send(store, project, run_id).stopped == "paused"
    assert len(server.taken) < 10
    assert states_of(store) == {"accepted": len(server.taken), "queued": 34 - len(server.taken)}
    resume(store, "spring", clock=ON_TIME)
    send(store, project, run_id)
    assert set(server.counts.values()) == {1}
    assert len(server.counts) == 34


def test_a_cancellation_is_heard_within_a_batch(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 30)
    run_id = start(store, project).run_id

    def stop_it(_taken: object) -> None:
        server.on_taken = None
        with server.standing_still():
            cancel(store, "spring", clock=ON_TIME)

    server.on_taken = stop_it
    assert send(store, project, run_id).stopped == "cancelled"
    assert len(server.taken) < 10
    assert states_of(store) == {"accepted": len(server.taken), "cancelled": 34 - len(server.taken)}


def test_a_run_that_becomes_too_late_stops_within_a_batch(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 30)
    run_id = start(store, project).run_id
    times = [NOW]
    server.on_taken = lambda _taken: times.append(NOW + 7 * HOUR)
    assert send(store, project, run_id, clock=lambda: times[-1]).stopped == "too late"
    assert len(server.taken) < 10
    assert states_of(store) == {"accepted": len(server.taken), "expired": 34 - len(server.taken)}


def test_a_worker_that_is_told_to_stop_leaves_everything_in_order(
    store: Engine, project: Project, server: FaultServer
) -> None:
    add_people(store, 30)
    run_id = start(store, project).run_id
    stop = threading.Event()
    server.on_taken = lambda _taken: stop.set()
    settings = make_settings(project.root, store)
    done = drain_run(store, project, settings, run_id, clock=ON_TIME, stop=stop)
    assert done.stopped == ""
    assert states_of(store) == {"accepted": len(server.taken), "queued": 34 - len(server.taken)}


def test_a_message_that_cannot_be_made_is_told_and_the_others_go(
    store: Engine, project: Project, server: FaultServer
) -> None:
    with writing(store) as connection:
        broken = update(contact).where(contact.c.email_key == "person2@example.org")
        connection.execute(broken.values(email="person2\r\nBcc: all@example.org"))
    made = run_once(store, project)
    assert (made.accepted, made.render_error, made.balances) == (3, 1, True)
    with reading(store) as connection:
        reason = connection.scalar(select(outbox.c.reason).where(outbox.c.state == "render_error"))
    assert reason == "this is no e-mail address. Correct the contact's e-mail."


def test_a_spent_budget_pauses_the_campaign(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_people(store, 5)
    project = make_project(tmp_path, server.port, email="    cost: 0.5\n    budget: 1.60")
    run_id = start(store, project).run_id
    assert send(store, project, run_id).stopped == "the budget of the channel email is spent"
    assert states_of(store) == {"accepted": 3, "queued": 2}
    assert state_of(store, run_id) == ("paused", "the budget of the channel email is spent")


def test_progress_is_told_at_the_end(store: Engine, project: Project) -> None:
    run_id = start(store, project).run_id
    told: list[tuple[int, float, int]] = []
    settings = make_settings(project.root, store)
    drain_run(store, project, settings, run_id, clock=ON_TIME, progress=lambda *now: told.append(now))
    sent, rate, left = told[-1]
    assert (sent, left) == (4, 0)
    assert rate > 0


def test_somebody_who_was_erased_meanwhile_gets_nothing(store: Engine, project: Project, server: FaultServer) -> None:
    run_id = start(store, project).run_id
    with writing(store) as connection:
        connection.execute(delete(contact).where(contact.c.email_key == "person1@example.org"))
    send(store, project, run_id)
    assert len(server.counts) == 3
    assert finish_run(store, run_id).balances


def test_e_mail_into_a_maildir_needs_no_server(store: Engine, tmp_path: Path) -> None:
    add_people(store, 3)
    make_project(tmp_path, 1)
    text = (tmp_path / "campaigns.yaml").read_text()
    at = text.index("    provider: smtp")
    until = text.index("    from: Shop")
    (tmp_path / "campaigns.yaml").write_text(f"{text[:at]}    provider: file\n    directory: mail\n{text[until:]}")
    project = load_project(tmp_path)
    run_once(store, project)
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 3
