"""`handbill serve`, as somebody runs it: from a fresh project to an orderly end."""

import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from handbill.cli import invoke
from handbill.errors import CannotListen
from handbill.web.server import Serving, serving_beside
from tests.operations.shop import make_project
from tests.web.running import PROGRAM, Running, running


def get(url: str) -> requests.Response:
    """The answer of a service whose socket is open already, and whose processes may still be starting."""
    return requests.get(url, timeout=60)


def workers(service: Running) -> list[psutil.Process]:
    """The processes that answer, without Python's own."""
    found = []
    for child in service.children:
        with suppress(psutil.NoSuchProcess):  # it may have ended just now
            process = psutil.Process(child)
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_a_fresh_project_is_served_with_one_command_and_a_secret_of_its_own(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with running(tmp_path) as service:
        assert get(f"{service.url}/healthz").text == "ok\n"
        code, said = service.end()
    assert code == 0
    assert "GET /healthz 200" in said
    assert len((tmp_path / ".handbill" / "secret").read_bytes()) == 64
    assert (tmp_path / ".handbill" / "handbill.db").exists()


def test_several_processes_answer_at_one_port_are_replaced_when_they_die_and_end_together(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with running(tmp_path, "--workers", "2") as service:
        assert get(f"{service.url}/healthz").ok
        killed = workers(service)
        assert len(killed) == 2
        for worker in killed:
            worker.kill()
        assert get(f"{service.url}/healthz").ok
        fresh = workers(service)
        assert service.end()[0] == 0
        _, alive = psutil.wait_procs(fresh, timeout=30)
    assert fresh
    assert not {worker.pid for worker in fresh} & {worker.pid for worker in killed}
    assert alive == []


def test_when_the_first_process_is_killed_the_others_leave_the_port(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with running(tmp_path, "--workers", "2") as service:
        assert get(f"{service.url}/healthz").ok
        orphans = workers(service)
        service.process.kill()
        service.process.wait()
        _, alive = psutil.wait_procs(orphans, timeout=60)
        assert alive == []
    with running(tmp_path, port=urlsplit(service.url).port or 0) as again:
        assert get(f"{again.url}/healthz").ok


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with running(tmp_path) as service:
        assert get(f"{service.url}/healthz").ok
        assert service.end(signal.SIGINT)[0] == 130


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, 25)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert invoke(["serve", "--project", str(tmp_path), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"127.0.0.1:{port}: another program listens there. Stop it, or choose another port with --port.\n"
    )


def test_an_address_of_another_machine_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, 25)
    assert invoke(["serve", "--project", str(tmp_path), "--host", "192.0.2.1"]) == 2
    assert capsys.readouterr().err.startswith("192.0.2.1:8080: this is no address of this machine (")


def test_mistakes_in_the_project_are_said_before_anything_is_served(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    (tmp_path / "segments" / "everybody.yaml").write_text("nmae: Everybody\n")
    ended = subprocess.run(
        [*PROGRAM, "serve", "--project", str(tmp_path), "--workers", "2"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("segments/everybody.yaml:1:1: ")


def test_it_runs_beside_schedules_and_ends_with_them(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with serving_beside(Serving(tmp_path, port=0)) as address:
        assert get(f"{address}/healthz").ok
    with pytest.raises(requests.ConnectionError):
        get(f"{address}/healthz")


def test_whoever_starts_it_beside_is_told_that_the_port_is_taken(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with (
            pytest.raises(CannotListen, match="another program listens there"),
            serving_beside(Serving(tmp_path, port=taken)),
        ):
            pass
