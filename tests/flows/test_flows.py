"""Prefect loads every flow, executes what a schedule says, and runs a campaign from the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from ruamel.yaml import YAML
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.delivery.books import books
from handbill.operations.api_server import client_environment, ensure_server, stop_server
from handbill.operations.run import start_run
from handbill.operations.starter import lay_down, starter_dir
from handbill.settings import load_settings
from handbill.store.connection import reading
from tests.conftest import NOW as MOMENT
from tests.operations.shop import SECRET, add_people, make_project, states_of
from tests.scenarios.fault_server import DOT, Fault, FaultServer, serving

DECLARED: dict[str, Any] = YAML(typ="safe").load(starter_dir() / "prefect.yaml")
NOW = "2026-12-01T09:00"
LONG_S = 240


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The starter as a project of its own, with its own API server; e-mails go to a maildir."""
    project = tmp_path_factory.mktemp("flows") / "shop"
    lay_down(project)
    campaigns = project / "campaigns.yaml"
    campaigns.write_text(
        campaigns.read_text()
        .replace("provider: smtp", "provider: file\n    directory: sent")
        .replace("    host: localhost\n    port: 1025\n    security: none\n", "")
    )
    settings = load_settings(project)
    ensure_server(settings, {})
    yield project
    stop_server(settings)


def handbill(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handbill", *arguments, "--project", str(project)]
    environment |= {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=LONG_S)


def test_every_declared_entrypoint_is_a_flow(shop: Path) -> None:
    entrypoints = [entry["entrypoint"] for entry in DECLARED["deployments"]]
    code = "import sys; from prefect.flows import load_flow_from_entrypoint as load\n"
    code += "print([load(entrypoint).name for entrypoint in sys.argv[1:]])"
    settings = load_settings(shop)
    environment = {**os.environ, **client_environment(settings, ensure_server(settings, {}))}
    command = [sys.executable, "-c", code, *entrypoints]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=True, env=environment)
    expected = [entrypoint.rpartition(":")[2].replace("_", "-") for entrypoint in entrypoints]
    assert done.stdout.strip() == str(expected)


def test_a_campaign_runs_as_a_flow_and_is_never_sent_again(shop: Path, tmp_path: Path) -> None:
    add_customers(shop, tmp_path, "c", 200)
    first = handbill(shop, "run", "spring-sale", "--workers", "2", "--now", NOW)
    assert first.returncode == 0, first.stderr
    sent = sorted((shop / "sent" / "new").iterdir())
    assert len(sent) > 150
    assert first.stdout.startswith(f"Sent {len(sent)}")
    table = artifact_of(shop, "domains-spring-sale")
    assert table == [{"domain": "mail.example", "sent": len(sent), "not sent": 0, "unsure": 0, "waiting": 0}]
    again = handbill(shop, "run", "spring-sale", "--now", NOW)
    assert again.returncode == 1
    assert "the wave once is finished, and a wave is never sent twice" in again.stderr
    assert sorted((shop / "sent" / "new").iterdir()) == sent


def add_customers(shop: Path, folder: Path, prefix: str, count: int) -> None:
    """So many people who agreed to offers and bought something."""
    names = [f"{prefix}{number}" for number in range(count)]
    tables = {
        "contacts": ["external_id,email,country,created_at", *(f"{n},{n}@mail.example,GB,2026-01-01" for n in names)],
        "consents": ["external_id,channel,topic,state,at", *(f"{n},email,offers,granted,2026-01-01" for n in names)],
        "orders": ["order_id,external_id,ordered_at,total", *(f"o{n},{n},2026-09-01,20" for n in names)],
    }
    for kind, rows in tables.items():
        file = folder / f"{kind}.csv"
        file.write_text("\n".join(rows))
        done = handbill(shop, "import", kind, str(file), "--now", NOW)
        assert done.returncode == 0, done.stderr


def test_a_flow_that_is_killed_and_run_again_keeps_its_books(shop: Path, tmp_path: Path) -> None:
    """kill -9, as when a machine vanishes: Prefect goes on believing that the first one runs, and nobody minds."""
    url = ensure_server(load_settings(shop), {})
    with serving(FaultServer()) as server:
        project = shop_of_its_own(tmp_path, server.port)
        add_customers(project, tmp_path, "k", 400)
        server.stand_still(messages=100)
        command = [sys.executable, "-m", "handbill", "run", "spring-sale", "--yes", "--now", NOW]
        flow = subprocess.Popen(
            [*command, "--project", str(project)],
            env=os.environ | {"PREFECT_API_URL": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server.wait_until_standing(1, timeout=LONG_S)
        flow.kill()
        flow.wait()
        server.go_on()
        last = handbill(project, "run", "spring-sale", "--yes", "--now", NOW, PREFECT_API_URL=url)
        assert last.returncode == 0, last.stderr
    (standing,) = json.loads(handbill(project, "status", "spring-sale", "--json").stdout)
    made = standing["books"]
    assert max(server.counts.values()) == 1, "somebody got two"
    assert (standing["state"], made["open"], made["twice"]) == ("finished", 0, 0)
    assert made["accepted"] + made["uncertain"] == made["planned"] > 300
    assert made["accepted"] <= len(server.counts) <= made["accepted"] + made["uncertain"]


@pytest.mark.parametrize(
    ("store_url", "whom"),
    [("sqlite", "the foreground group"), ("postgresql", "the parent alone")],
    indirect=["store_url"],
)
def test_ctrl_c_ends_all_processes_in_order_and_the_next_run_goes_on(
    shop: Path, store: Engine, store_url: str, tmp_path: Path, whom: str
) -> None:
    environment = {
        "PREFECT_API_URL": ensure_server(load_settings(shop), {}),
        "HANDBILL_DATABASE_URL": store_url,
        "HANDBILL_SECRET": SECRET.decode(),
    }
    run = ("run", "spring", "--workers", "3", "--yes", "--now", NOW)
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, email="    connections: 6\n")
        shutil.copytree(starter_dir() / "flows", tmp_path / "flows")
        add_people(store, 300)
        run_id = start_run(store, project, "spring", clock=fixed_clock(MOMENT)).run_id
        server.stand_still()
        command = [sys.executable, "-m", "handbill", *run, "--project", str(tmp_path)]
        parent = subprocess.Popen(
            command, env=os.environ | environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        server.wait_until_standing(6, timeout=LONG_S)
        crew = psutil.Process(parent.pid).children(recursive=True)
        server.faults = [Fault(DOT, slow=0.1)]  # five seconds for all, and they hear of it in a moment
        server.stand_still(messages=12)
        server.wait_until_taken(12, timeout=LONG_S)
        (os.killpg if whom == "the foreground group" else os.kill)(parent.pid, signal.SIGINT)
        server.go_on()
        _, said = parent.communicate(timeout=LONG_S)
        assert (parent.returncode, said) == (130, "")
        assert len(crew) >= 2
        assert not [each for each in crew if each.is_running()]
        assert states_of(store).keys() == {"accepted", "queued"}
        with reading(store) as connection:
            assert books(connection, run_id).accepted == len(server.counts) < 300
        server.faults = ()
        again = handbill(tmp_path, *run, **environment)
        assert again.returncode == 0, again.stderr
    assert again.stdout == "Sent 300\n"
    assert server.counts.total() == len(server.counts) == 300


def shop_of_its_own(folder: Path, port: int) -> Path:
    """The starter again, which sends to a server on this machine."""
    project = folder / "other"
    lay_down(project)
    campaigns = project / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("port: 1025", f"port: {port}"))
    return project


def test_prefect_keeps_nothing_about_people_and_no_secret(shop: Path) -> None:
    """After the campaign above: neither its database nor its logs hold a mailbox or the project's secret."""
    secret = (shop / ".handbill" / "secret").read_bytes()
    kept = [path for path in (shop / ".handbill" / "prefect").rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    found = [
        path.name
        for path in kept
        for word in (b"c1@mail.example", b"@mail.example", secret)
        if word in path.read_bytes()
    ]
    assert found == []


def test_a_mail_server_that_is_not_there_is_one_line_and_exit_code_2(shop: Path, tmp_path: Path) -> None:
    url = ensure_server(load_settings(shop), {})
    project = shop_of_its_own(tmp_path, 1)
    done = handbill(project, "run", "spring-sale", "--yes", "--now", NOW, PREFECT_API_URL=url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "the mail server localhost:1 cannot be reached (connection refused). "
        "Start it, or correct channels.email in campaigns.yaml.\n"
    )


def test_a_schedule_is_executed(shop: Path) -> None:
    declared = YAML(typ="safe").load(shop / "prefect.yaml")
    for entry in declared["deployments"]:
        entry["schedules"] = [{"interval": 2}] if entry["name"] == "responses" else []
    YAML(typ="safe").dump(declared, shop / "prefect.yaml")
    settings = load_settings(shop)
    url = ensure_server(settings, {})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "handbill", "up", "--project", str(shop)]
    with (shop / "up.log").open("w") as log:
        service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: service.poll() is not None or scheduled_and_completed(url), limit_s=LONG_S)
        assert service.poll() is None, (shop / "up.log").read_text()
        assert scheduled_and_completed(url), (shop / "up.log").read_text()
    finally:
        service.terminate()
        service.wait(120)


def artifact_of(project: Path, key: str) -> Any:
    """What the latest artifact of that name holds."""
    url = ensure_server(load_settings(project), {})
    found = requests.get(f"{url}/artifacts/{key}/latest", timeout=60)
    found.raise_for_status()
    return json.loads(found.json()["data"])


def scheduled_and_completed(url: str) -> bool:
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        "flows": {"name": {"any_": ["collect-responses"]}},
    }
    runs = requests.post(f"{url}/flow_runs/filter", json=wanted, timeout=60).json()
    return any(run["auto_scheduled"] for run in runs)


def wait_until(condition: Callable[[], bool], *, limit_s: float) -> None:
    """Asks again and again; other processes do the work that is waited for."""
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
