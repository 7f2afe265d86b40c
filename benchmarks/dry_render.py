"""How many e-mails a second a plan renders, with the starter's spring template, on both databases as it grows.

python -m benchmarks.dry_render [contacts …]      by default 10,000 and 100,000

Each e-mail becomes the whole message that a run would hand to the mail server; nothing is kept of it. Every rendering
is made in a process of its own, so that its memory is its own; its helpers' memory is counted with it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.people import NOW
from benchmarks.plan import peak_memory, stores
from benchmarks.population import PROJECT, SECRET

from handbill.definitions.loading import load_project
from handbill.operations.dry_render import render_planned
from handbill.planning.plan import make_plan
from handbill.settings import Settings
from handbill.store.connection import open_store, reading

LEAST_A_SECOND, MOST_MEGABYTES = 2_500, 600
STARTER = Path(__file__).parents[1]
CAMPAIGN = """
channels:
  email: {provider: file, directory: mails, from: Shop <news@shop.example>}
campaigns:
  spring:
    topic: offers
    audience: {include: [reachable]}
    schedule: {at: "2026-12-01 09:00"}
    email: {template: spring}
    goal: {event: order, within: 14 days}
    experiment:
      hypothesis: A discount brings more buyers.
      salt: spring
      arms:
        plain: {share: 50%, email: {subject: "Spring is here, {{ contact.first_name | default('friend') }}"}}
        discount: {share: 50%, email: {subject: "15% off", with: {code: SPRING15}}, offer: {discount: 15%}}
      control: plain
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
SEGMENT = "name: Reachable\nwhere: {field: email, exists: true}\n"


def make_project(root: Path) -> None:
    """A campaign in two arms to everybody who can be written to."""
    shutil.copytree(STARTER / "templates", root / "templates")
    (root / "segments").mkdir()
    (root / "segments/reachable.yaml").write_text(SEGMENT, encoding="utf-8")
    (root / "campaigns.yaml").write_text(PROJECT + CAMPAIGN, encoding="utf-8")


def measure(root: Path, url: str, processes: int) -> None:
    """Renders one plan, and prints as JSON what it took."""
    engine, project, helpers = open_store(url), load_project(root), dict[str, float]()
    with reading(engine) as connection:
        plan = make_plan(connection, project, "spring", now=NOW)
        started = time.perf_counter()
        rendered = render_planned(
            connection, project, Settings(root, url, SECRET), plan, processes=processes,
            progress=lambda _done, _total: helpers.update(memory_of_helpers()),
        )  # fmt: skip
        seconds = time.perf_counter() - started
    engine.dispose()
    print(json.dumps({
        "emails": sum(each.checked for each in rendered.arms), "failed": sum(each.failed for each in rendered.arms),
        "seconds": seconds, "megabytes": peak_memory() + sum(helpers.values()),
        "fallbacks": [str(each) for each in rendered.fallbacks[:1]],
    }))  # fmt: skip


def memory_of_helpers() -> dict[str, float]:
    """The peak of each process that this one has started, in megabytes, by its number."""
    numbers = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return {number: peak_memory(number) for number in numbers}


def report(contacts: int) -> None:
    """Prints a line for each database and number of processes."""
    with tempfile.TemporaryDirectory() as name, stores(Path(name), contacts) as urls:
        root = Path(name) / "project"
        root.mkdir()
        make_project(root)
        for database, url in urls.items():
            for processes in sorted({1, os.cpu_count() or 1}):
                command = [sys.executable, "-m", "benchmarks.dry_render", "--one", str(root), url, str(processes)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                speed = found["emails"] / found["seconds"]
                print(f"{contacts:>9,}  {database:<10}  {processes} processes  {found['emails']:>8,} e-mails"
                      f"  {found['seconds']:7.1f} s  {speed:7,.0f} a second  {found['megabytes']:5.0f} MB"
                      f"  {found['failed']:,} cannot be rendered")  # fmt: skip


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("contacts", nargs="*", help="sizes of the store")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        root, url, processes = arguments.contacts
        measure(Path(root), url, int(processes))
        return
    for size in arguments.contacts or ["10000", "100000"]:
        report(int(size))
    print(f"Aim: at least {LEAST_A_SECOND:,} e-mails a second on two cores, at most {MOST_MEGABYTES} MB.")


if __name__ == "__main__":
    main()
