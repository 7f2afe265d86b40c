"""How long comparisons take: a table of 1,000,000 units beside tea-tasting, 100 comparisons, a campaign's measurement.

Usage: python -m benchmarks.evaluate [rows] [database URL …]; by default 1,000,000 rows, and a campaign in SQLite.
tea-tasting is installed into an environment of its own, which goes away afterwards.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.answers import fill_campaign

from handbill.reports.measure import measure
from handbill.reports.registered import read_registered
from handbill.statistics.results import Arm, compare_arms
from handbill.statistics.samples import Proportion, Sample
from handbill.store.connection import open_store, reading
from handbill.store.migrate import upgrade

ROWS = 1_000_000
LIMIT_TABLE, LIMIT_HUNDRED, LIMIT_CAMPAIGN = 3.0, 0.050, 5.0
TRIES = 3

PEER = """\
import sys
import pyarrow.parquet as pq
import tea_tasting as tt
metrics = {"conversion": tt.Mean("conversion"), "orders": tt.Mean("orders"), "revenue": tt.Mean("revenue"),
           "orders a click": tt.RatioOfMeans("orders", "clicks")}
results = tt.Experiment(metrics, variant="arm").analyze(pq.read_table(sys.argv[1]), "control", all_variants=True)
for pair, result in results.items():
    print(pair, result)
"""
METRICS = ("conversion", "orders", "revenue", "orders a click:ratio=orders/clicks")


def write_units(path: Path, rows: int) -> None:
    """One row a contact in households: arm, what they did, and what they had spent before."""
    random = np.random.default_rng(1)
    household = random.integers(0, max(rows * 6 // 10, 1), rows)
    arms = random.choice(["control", "email", "letter"], household.max() + 1, p=[0.2, 0.4, 0.4])
    conversion = (random.random(rows) < 0.05).astype(np.int8)
    orders = conversion * (1 + random.poisson(0.3, rows))
    revenue = np.round(orders * random.lognormal(3.4, 0.7, rows), 2)
    before = np.round(revenue * 0.3 + (random.random(rows) < 0.08) * random.lognormal(3.4, 0.7, rows), 2)
    clicks = conversion + (random.random(rows) < 0.1)
    columns = {"arm": arms[household], "household": household, "conversion": conversion, "orders": orders,
               "revenue": revenue, "clicks": clicks, "before": before}  # fmt: skip
    pq.write_table(pa.table(columns), path)


def table_of_units(folder: Path, rows: int) -> None:
    """Whole processes, each the best of three."""
    path = folder / "units.parquet"
    write_units(path, rows)
    handbill = [str(Path(sys.executable).parent / "handbill"), "evaluate", str(path), "--arm", "arm"]
    metrics = [part for metric in METRICS for part in ("--metric", metric)]
    ours = _seconds([*handbill, *metrics, "--json"])
    print(f"{rows:,} rows, {len(METRICS)} metrics, 3 arms, whole process")
    _line("handbill evaluate", ours, LIMIT_TABLE)
    peer = _peer(folder)
    if peer:
        theirs = _seconds([*peer, str(path)])
        _line("tea-tasting", theirs)
        print(f"  {'tea-tasting / handbill':34} {theirs / ours:8.2f}     at least 1")
    _line("… with a covariate", _seconds([*handbill, *metrics, "--covariate", "before", "--json"]), LIMIT_TABLE)
    both = ["--cluster", "household", "--covariate", "before", "--json"]
    _line("… with clusters and a covariate", _seconds([*handbill, *metrics, *both]), LIMIT_TABLE)


def hundred_comparisons() -> None:
    """Statistics alone, from sums, in this process: 50 of rates and 50 of amounts, and 100 of rates."""
    random = np.random.default_rng(2)
    values = np.concatenate((random.lognormal(3, 1, 3000), np.zeros(47_000)))

    def arm(name: str, rates: int, amounts: int) -> Arm:
        metrics: dict[str, Proportion | Sample] = {
            f"rate {n}": Proportion(int(random.integers(500, 3000)), of=50_000) for n in range(rates)
        }
        metrics |= {f"amount {n}": Sample.from_values(values * random.uniform(0.9, 1.1)) for n in range(amounts)}
        return Arm(name, 50_000, metrics)

    print("100 comparisons of 50,000 units an arm, from their sums")
    for name, rates, amounts in (("50 rates, 50 amounts", 10, 10), ("100 rates", 20, 0)):
        arms = [arm(letter, rates, amounts) for letter in "abcdef"]
        compare_arms(arms, "a")
        _line(name, min(_timed(lambda arms=arms: compare_arms(arms, "a")) for _ in range(TRIES)), LIMIT_HUNDRED)


def campaign(url: str, contacts: int) -> None:
    """Every built-in metric of a campaign with three responses a contact, by the statement that a report uses."""
    engine = open_store(url)
    upgrade(engine)
    filled = _timed(lambda: fill_campaign(engine, contacts))
    print(f"{contacts:,} contacts, {3 * contacts:,} responses in {engine.dialect.name} (filled in {filled:.0f} s)")
    with reading(engine) as connection:
        registered = read_registered(connection, "benchmark")
        assert registered is not None  # noqa: S101 - just filled
        seconds = [_timed(lambda: measure(connection, registered, "GBP")) for _ in range(TRIES)]
        measured = measure(connection, registered, "GBP")
    metrics = {name for arm in measured.arms for name in arm.metrics}
    _line(f"measuring {len(metrics)} metrics, first", seconds[0], LIMIT_CAMPAIGN)
    _line("… and again", min(seconds), LIMIT_CAMPAIGN)
    engine.dispose()


def _peer(folder: Path) -> list[str] | None:
    """The command that does the same with tea-tasting; None where it cannot be installed."""
    home = folder / "peer"
    uv = str(Path(sys.executable).parent / "uv")
    made = subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=False)
    python = str(home / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python, "tea-tasting", f"pyarrow=={pa.__version__}"]
    if made.returncode or subprocess.run(install, check=False).returncode:
        print("  tea-tasting could not be installed, so nothing stands beside")
        return None
    script = folder / "peer.py"
    script.write_text(PEER)
    return [python, str(script)]


def _seconds(command: list[str]) -> float:
    return min(_timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(TRIES))


def _timed(action: object) -> float:
    started = time.perf_counter()
    action()  # type: ignore[operator] # any callable without arguments
    return time.perf_counter() - started


def _line(name: str, seconds: float, limit: float | None = None) -> None:
    said, under = (f"{seconds:8.3f} s", f"   under {limit:g} s" if limit else "")
    print(f"  {name:34} {said}{under}{'   MISSED' if limit and seconds >= limit else ''}", flush=True)


def main() -> None:
    """All three."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    hundred_comparisons()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table_of_units(folder, rows)
        for url in sys.argv[2:] or [f"sqlite:///{folder / 'handbill.db'}"]:
            campaign(url, rows)


if __name__ == "__main__":
    main()
