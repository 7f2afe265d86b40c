"""How long a newcomer waits for each command, from files to a report, and how much memory it takes.

python -m benchmarks.whole [contacts]      by default 100,000, each with three orders and ten events

The project is the one that `handbill init` lays down; the commands are those of its first day, each a process of its
own. E-mails go to a mail server on this machine that keeps nothing. At the end the books are compared with what the
server took: nobody twice, nobody left out.
"""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NOW = "2026-12-01T09:00"
COMMANDS = (
    "import contacts FILES/contacts.parquet --now NOW",
    "import products FILES/products.parquet --now NOW",
    "import orders FILES/orders.parquet --now NOW",
    "import events FILES/events.parquet --now NOW",
    "import consents FILES/consents.parquet --now NOW",
    "import suppressions FILES/suppressions.parquet --now NOW",
    "check",
    "test",
    "segment count active-buyers --now NOW",
    "plan spring-sale --now NOW --out PLAN",
    "run spring-sale --now NOW --plan PLAN --yes",
    "run autumn-postcard --now NOW --yes",
    "status --json",
    "report spring-sale --format json --now NOW",
)


@dataclass(frozen=True)
class Done:
    """A command that has ended: seconds, megabytes at most, and what it printed."""

    seconds: float
    megabytes: float
    said: str


def handbill(folder: Path, command: str) -> Done:
    """Runs one command in a process of its own.

    Raises:
        SystemExit: it failed; what it said is printed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([sys.executable, "-m", "handbill", *shlex.split(command)], cwd=folder, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        said = out.read()
    if os.waitstatus_to_exitcode(status):
        print(said, file=sys.stderr)
        raise SystemExit(f"handbill {command} failed")
    return Done(seconds, used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2), said)


@contextmanager
def sink() -> Iterator[tuple[int, list[int]]]:
    """A mail server that keeps nothing: its port, and after the block how many messages it took."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sink.py"))], stdout=subprocess.PIPE, text=True
    )
    taken: list[int] = []
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        yield int(re.findall(r"[0-9]+", process.stdout.readline())[-1]), taken
    finally:
        process.send_signal(signal.SIGTERM)
        taken.append(int(re.findall(r"[0-9]+", process.communicate()[0])[-1]))


def prepare(folder: Path, port: int, contacts: int) -> None:
    """The starter with its mail server, without the limits that a small shop has."""
    handbill(folder.parent, f"init {folder.name}")
    campaigns = folder / "campaigns.yaml"
    text = campaigns.read_text(encoding="utf-8").replace("port: 1025", f"port: {port}")
    text = re.sub(r"rate: 30000/minute.*\n", "\n", text)
    campaigns.write_text(re.sub(r"budget: 1000 .*\n", "\n", text), encoding="utf-8")
    # In a process of its own: children count the memory of their parent at their birth as theirs.
    population = [sys.executable, "-m", "benchmarks.population", str(folder.parent / "files"), str(contacts)]
    subprocess.run(population, check=True)


def walk(folder: Path) -> dict[str, Done]:
    """All commands of the day, one line of the table for each."""
    print(f"{'command':<24}{'seconds':>9}{'MB':>7}")
    day: dict[str, Done] = {}
    for command in COMMANDS:
        written = command.replace("FILES", "../files").replace("PLAN", "spring.plan.json").replace("NOW", NOW)
        done = handbill(folder, written)
        name = " ".join(command.split()[:2])
        day[name] = done
        print(f"{name:<24}{done.seconds:>9.1f}{done.megabytes:>7.0f}", flush=True)
    return day


def main() -> None:
    """Walks the day and checks its books."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contacts", nargs="?", type=int, default=100_000)
    contacts: int = parser.parse_args().contacts
    os.environ.pop("HANDBILL_DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as outside, sink() as (port, taken):
        folder = Path(outside) / "shop"
        prepare(folder, port, contacts)
        day = walk(folder)
        handbill(folder, "down")
    runs = {each["campaign"]: each["books"] for each in json.loads(day["status --json"].said)}
    accepted = runs["spring-sale"]["accepted"]
    pieces = runs["autumn-postcard"]["accepted"]
    print(
        f"{contacts:,} contacts: {accepted:,} e-mails accepted, {taken[0]:,} taken by the server; {pieces:,} postcards"
    )
    # One message is the knock on the door before a run; it carries nothing.
    if any(each["open"] or each["twice"] for each in runs.values()) or accepted != taken[0]:
        raise SystemExit("the books do not agree with the server")


if __name__ == "__main__":
    main()
