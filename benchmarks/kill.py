"""Whether everybody gets a campaign exactly once when `handbill run` is killed again and again in the middle of it.

python benchmarks/kill.py [--messages 5000] [--kills 6] [--connections 4] [--seed 1]

The command is a process of its own, killed by SIGKILL at random instants and repeated; the mail server is another one
and counts by itself. Ends with 1 when somebody got nothing or two messages, when more are in doubt than one a
connection and kill, or when the books and the server disagree.
"""

import argparse
import multiprocessing
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from handbill.demo.mailbox import running_mailbox
from handbill.operations.starter import starter_dir
from handbill.settings import WORK_DIR
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade
from send import add_people, write_project

HANDBILL = [sys.executable, "-m", "handbill"]
NOW = "2026-12-01T09:00"
ENDING_S = 0.05
"""The kill comes up to so long after the message that was waited for, so that it hits any step of sending."""


class Server:
    """A mail server in a process of its own, which is asked what it has accepted."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self.port: int = line.recv()

    @property
    def total(self) -> int:
        """Accepted messages."""
        return sum(self.accepted.values())

    @property
    def accepted(self) -> Counter[str]:
        """Accepted messages by recipient."""
        self._line.send("what?")
        answer: Counter[str] = self._line.recv()
        return answer


@contextmanager
def serving() -> Iterator[Server]:
    """The server, until the block ends."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=serve, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield Server(ours)
    finally:
        ours.close()  # which ends the other side
        process.join()


def serve(line: Connection) -> None:
    """What the server's process does: it answers until nobody can ask any more."""
    with running_mailbox() as mailbox:
        line.send(mailbox.port)
        try:
            while line.recv():
                line.send(mailbox.accepted.copy())
        except EOFError:
            return


@contextmanager
def project(messages: int, connections: int, port: int) -> Iterator[Path]:
    """A scratch project with its contacts on SQLite; its API server is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="handbill-kill-") as folder:
        root = Path(folder)
        write_project(root, port, connections)
        (root / "flows").mkdir()
        for flow in (starter_dir() / "flows").glob("*.py"):
            (root / "flows" / flow.name).write_bytes(flow.read_bytes())
        (root / WORK_DIR).mkdir()
        store = open_store(f"sqlite:///{root / WORK_DIR / 'handbill.db'}")
        upgrade(store)
        add_people(store, messages)
        store.dispose()
        try:
            yield root
        finally:
            subprocess.run([*HANDBILL, "down", "--project", root], check=False, capture_output=True)


def begin(root: Path) -> subprocess.Popen[str]:
    """`handbill run`, at work."""
    command = [*HANDBILL, "run", "spring", "--yes", "--now", NOW, "--project", root]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill_in_the_middle(root: Path, server: Server, *, messages: float, ending: float) -> bool:
    """Starts the command and kills it after so many more messages; False when it had ended by itself."""
    target = server.total + messages
    process = begin(root)
    while process.poll() is None and server.total < target:
        time.sleep(0.02)
    time.sleep(ending)
    process.kill()
    said, _ = process.communicate()
    if process.returncode >= 0:
        print(f"ended by itself: {said.strip()}")
    return process.returncode < 0


def states(root: Path) -> dict[str, str]:
    """The state of each message by its address."""
    with closing(sqlite3.connect(root / WORK_DIR / "handbill.db")) as connection:
        return dict(connection.execute("SELECT address, state FROM outbox"))


def line(name: str, root: Path, server: Server) -> str:
    """One row of the table."""
    count = Counter(states(root).values())
    counted = server.accepted
    twice = sum(number > 1 for number in counted.values())
    return (
        f"{name:>8}{sum(counted.values()):>10,}{count['accepted']:>12,}"
        f"{count['committing']:>12,}{count['uncertain']:>11,}{twice:>7,}"
    )


def mistakes(root: Path, server: Server, *, messages: int, most_in_doubt: int) -> Iterator[str]:
    """What must not be, now that the run is at its end."""
    state, counted = states(root), server.accepted
    in_doubt = {address for address, each in state.items() if each == "uncertain"}
    accepted = {address for address, each in state.items() if each == "accepted"}
    if max(counted.values(), default=0) > 1:
        yield "somebody got two messages"
    if len(state) != messages or len(accepted) + len(in_doubt) != messages:
        yield f"the books have {len(state)} messages, {len(accepted)} accepted and {len(in_doubt)} uncertain"
    if accepted != set(counted) - in_doubt:
        yield "the books and the server disagree about who got a message"
    if len(in_doubt) > most_in_doubt:
        yield f"{len(in_doubt)} messages are in doubt, more than {most_in_doubt}"


def main() -> None:
    """Prints the table and what the command says at the end; ends with 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with serving() as server, project(options.messages, options.connections, server.port) as root:
        print(f"{options.messages:,} e-mails over {options.connections} connections, SQLite, kill -9")
        print("    kill    server       books  committing  uncertain  twice")
        kills = 0
        while kills < options.kills:
            share = options.messages / options.kills * chance.uniform(0.3, 1.1)
            if not kill_in_the_middle(root, server, messages=share, ending=chance.uniform(0, ENDING_S)):
                break
            kills += 1
            print(line(str(kills), root, server), flush=True)
        said, _ = begin(root).communicate()
        print(line("end", root, server))
        print(said.strip())
        found = list(mistakes(root, server, messages=options.messages, most_in_doubt=kills * options.connections))
        if kills < options.kills:
            found.append(f"it was killed {kills} times only")
        subprocess.run([*HANDBILL, "status", "--project", root], check=False)
    print("\n".join(found) or "everybody was reached exactly once, or is known to be in doubt")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
