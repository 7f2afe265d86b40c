"""How long the command line takes to answer, beside a bare interpreter and a bare `import prefect`."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANDBILL = [sys.executable, "-m", "handbill"]
ROUNDS = 5
WORK = """
import contextlib, pathlib, sys
from handbill.errors import NothingToDo
from handbill.operations import driving
with contextlib.suppress(NothingToDo):
    driving.begin(pathlib.Path(sys.argv[1]), "spring-sale", now="2026-12-01T09:00:00+00:00")
"""
"""What `handbill run` does between the command line and Prefect."""


def seconds(command: list[str], cwd: Path = ROOT) -> float:
    """Median wall time of a command over several rounds, after one to warm up."""
    times = []
    for round_number in range(ROUNDS + 1):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{command} failed:\n{done.stderr}")
        if round_number:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Prints one line a command, with its limit."""
    bare = seconds([sys.executable, "-c", "pass"])
    print(f"python -c pass                     {bare:6.2f} s")
    print(f"handbill --help                    {seconds([*HANDBILL, '--help']):6.2f} s   limit 0.6")
    print(f"handbill check (the starter)       {seconds([*HANDBILL, 'check']):6.2f} s   limit 1.2")
    prefect = seconds([sys.executable, "-c", "import prefect"])
    print(f"python -c 'import prefect'         {prefect:6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "shop"
        subprocess.run([*HANDBILL, "init", str(project)], check=True, capture_output=True)
        campaigns = project / "campaigns.yaml"
        to_files = "provider: file\n    directory: sent"  # no mail server is needed to find out that nobody gets mail
        smtp = "provider: smtp", "    host: localhost\n    port: 1025\n    security: none\n"
        campaigns.write_text(campaigns.read_text().replace(smtp[0], to_files).replace(smtp[1], ""))
        # An empty shop: the run finds nobody, so that only the way there is measured. The first run starts the API.
        run = [*HANDBILL, "run", "spring-sale", "--project", str(project), "--now", "2026-12-01T09:00", "--yes"]
        subprocess.run(run, check=False, capture_output=True)
        ours = seconds(run)
        work = seconds([sys.executable, "-c", WORK, str(project)])
        subprocess.run([*HANDBILL, "down", "--project", str(project)], check=False, capture_output=True)
    print(f"the same work without Prefect      {work:6.2f} s")
    limit = 1.6 * prefect + work
    print(f"handbill run (nothing to send)     {ours:6.2f} s   limit {limit:.2f}: 1.6 × prefect, and the work")
    print(f"  so Prefect costs                 {ours - work:6.2f} s   {(ours - work) / prefect:.2f} × import prefect")


if __name__ == "__main__":
    os.environ.pop("PREFECT_API_URL", None)
    main()
