"""How long segments take to count and to explain on 10,000 to 1,000,000 contacts: SQLite and PostgreSQL side by side.

python -m benchmarks.segments [contacts …]                        by default 10,000, 100,000 and 1,000,000
python -m benchmarks.segments --sqlite URL --postgresql URL       on stores that benchmarks.population has filled

Each contact has three orders and ten events. Times are the best of three; both databases must answer the same.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.people import NOW
from benchmarks.plan import stores
from benchmarks.population import PROJECT
from sqlalchemy import Connection, Engine, func, select

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.operations.segments import count_segment
from handbill.planning.explanation import explain_segment
from handbill.planning.funnel import funnel_of
from handbill.planning.segment_differences import segment_differences
from handbill.store.connection import open_store, reading
from handbill.store.tables import contact

LIMIT_SECONDS = 5
LIMITED = "two events, a sum, two fields"
BEST_OF = 3
SEGMENTS = {
    LIMITED: """all:
    - {field: country, in: [GB, IE, DE]}
    - {field: loyalty_points, gte: 100}
    - {event: order, count: {gte: 2}, within: 1 year}
    - {event: page_view, within: 90 days}
    - {sum: order.total, gte: 100, within: 1 year}""",
    "never, and seldom": """all:
    - {event: cart.added, count: 0}
    - {event: page_view, count: {lte: 1}}
    - {sum: order.total, lt: 1000}""",
    "any of three, all time": """any:
    - {event: order, count: {gte: 8}}
    - {event: cart.added, count: {gte: 8}}
    - {last: page_view, before: 300 days ago}""",
    "orders of a category": "{event: order, count: {gte: 2}, within: 1 year, where: {product.category: garden}}",
    "different categories": "{event: order, distinct: product.category, count: {gte: 4}}",
    "consent and reach": "all: [{consent: email, topic: offers}, {mailable: email}]",
    "what a field has been": "{field: tier, has_been: gold, for: 30 days}",
}


def make_project(root: Path) -> Project:
    """The segments, named s0, s1…"""
    (root / "segments").mkdir(parents=True)
    (root / "campaigns.yaml").write_text(PROJECT, encoding="utf-8")
    for number, (name, rule) in enumerate(SEGMENTS.items()):
        where = f"\n  {rule}" if rule.startswith(("all:", "any:")) else f" {rule}"
        (root / f"segments/s{number}.yaml").write_text(f"name: {name}\nwhere:{where}\n", encoding="utf-8")
    return load_project(root)


def measure(engine: Engine, project: Project) -> dict[str, tuple[float, object]]:
    """Seconds and answer of each count, and of the three ways to explain the first segment."""
    found: dict[str, tuple[float, object]] = {}
    for number, name in enumerate(SEGMENTS):
        found[name] = best(lambda slug=f"s{number}": count_segment(engine, project, slug, now=NOW).contacts)  # type: ignore[misc]  # mypy does not infer lambdas with defaults
    limited = project.segments["s0"]

    def asked(question: Callable[[Connection], object]) -> tuple[float, object]:
        with reading(engine) as connection:
            return best(lambda: question(connection))

    with reading(engine) as connection:
        somebody = connection.scalar(select(func.max(contact.c.id))) or 0
    since = NOW - timedelta(days=60)
    found["explain one contact"] = asked(lambda c: explain_segment(c, project, limited, somebody, NOW).holds)
    found["explain the size"] = asked(lambda c: funnel_of(c, project, limited, NOW).contacts)
    found["diff of 60 days"] = asked(lambda c: segment_differences(c, project, limited, since, NOW).before)
    return found


def best(question: Callable[[], object]) -> tuple[float, object]:
    """The shortest time, and the answer."""
    times, answer = [], None
    for _ in range(BEST_OF):
        started = time.perf_counter()
        answer = question()
        times.append(time.perf_counter() - started)
    return min(times), answer


def report(urls: dict[str, str]) -> bool:
    """Prints both databases side by side; whether they agree and keep the limit."""
    with tempfile.TemporaryDirectory() as name:
        project = make_project(Path(name))
        found = {}
        for database, url in urls.items():
            engine = open_store(url)
            found[database] = measure(engine, project)
            with reading(engine) as connection:
                people = connection.scalar(select(func.count()).select_from(contact)) or 0
            engine.dispose()
    first = next(iter(found.values()))
    print(f"\n{people:,} contacts, {3 * people:,} orders, {10 * people:,} events")
    print(f"{'':32}{'contacts':>10}" + "".join(f"{database:>14}" for database in found))
    for question, (_, answer) in first.items():
        shown = f"{answer:,}" if isinstance(answer, int) and not isinstance(answer, bool) else ""
        print(f"{question:32}{shown:>10}" + "".join(f"{each[question][0]:>12.2f} s" for each in found.values()))
    same = all({name: answer for name, (_, answer) in each.items()}
               == {name: answer for name, (_, answer) in first.items()} for each in found.values())  # fmt: skip
    quick = all(each[LIMITED][0] < LIMIT_SECONDS for each in found.values())
    print(f"{'the same answers on both' if same else 'THE ANSWERS DIFFER'}; "
          f"{LIMITED}: {'below' if quick else 'NOT BELOW'} {LIMIT_SECONDS} s")  # fmt: skip
    return same and quick


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("contacts", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--sqlite", metavar="URL")
    parser.add_argument("--postgresql", metavar="URL")
    given = parser.parse_args()
    named = {"SQLite": given.sqlite, "PostgreSQL": given.postgresql}
    if any(named.values()):
        sys.exit(not report({database: url for database, url in named.items() if url}))
    passed = []
    for contacts in given.contacts:
        with tempfile.TemporaryDirectory() as name, stores(Path(name), contacts) as urls:
            passed.append(report(urls))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
