"""The whole way in two minutes: a shop, three campaigns, real mail and real print, responses, and what they taught."""

import mailbox as maildirs
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from handbill.clock import fixed_clock
from handbill.demo.effects import TRUE_EFFECTS
from handbill.demo.mailbox import Mailbox, running_mailbox
from handbill.demo.shop import CLOCK_AT, Shop, products, write_rows, write_shop
from handbill.demo.simulate import Crowd
from handbill.errors import SetupIncomplete
from handbill.operations import driving
from handbill.operations.collect import collect_project
from handbill.operations.imports import import_into_project
from handbill.operations.opening import opened
from handbill.operations.plan import in_one_line, plan_campaign
from handbill.operations.report import write_report
from handbill.operations.simulation import assigned_units, record_truth
from handbill.operations.starter import lay_down

MARK = ".made-by-handbill-demo"
RESPONSES_UNTIL = CLOCK_AT + timedelta(days=75)
"""Every window has closed by then."""
UNSUBSCRIBE_RATE = 0.004
SECONDS_A_STEP = 60
SHOP_SEED = 2026
RESPONSE_SEED = 3


class Stage(Protocol):
    """Where the tour shows what it does: steps with a bar, and lines of text."""

    def step(self, title: str) -> None:
        """Begins the next step."""

    def share(self, done: float) -> None:
        """How much of the step is done, in [0, 1]."""

    def say(self, line: str) -> None:
        """A result that the spectator should read."""


@dataclass(frozen=True)
class Tour:
    """What is left to look at: the project, a report and one message a campaign, and how much was really sent."""

    project_dir: Path
    reports: dict[str, Path]
    mails: int
    pieces: int


def give_tour(project_dir: Path, stage: Stage, *, contacts: int = 20_000) -> Tour:
    """Makes a project in `project_dir`, and takes its three campaigns from a plan to a report.

    Raises:
        SetupIncomplete: the folder holds something that is not an earlier tour.
    """
    _clear(project_dir)
    lay_down(project_dir)
    (project_dir / MARK).touch()
    # Households are known by keyed hashes: with a key of its own, every demonstration would draw other arms.
    (project_dir / ".handbill").mkdir()
    (project_dir / ".handbill" / "secret").write_text("the demonstration has no secrets")
    shop = _open_shop(project_dir, stage, contacts)
    with running_mailbox(_free_port(1025)) as mailbox:
        _send_to(project_dir, mailbox.port)
        pieces = 0
        for name in TRUE_EFFECTS:
            pieces += _run(project_dir, name, stage)
    _respond(project_dir, shop, mailbox, stage)
    stage.step("Measuring what they brought")
    reports = {}
    for number, name in enumerate(TRUE_EFFECTS, start=1):
        report = write_report(project_dir, name, fixed_clock(RESPONSES_UNTIL))
        reports[name] = report.path
        stage.share(number / len(TRUE_EFFECTS))
        stage.say(f"{name}: {report.headline}")
    return Tour(project_dir, reports, mailbox.accepted.total(), pieces)


def _open_shop(project_dir: Path, stage: Stage, contacts: int) -> Shop:
    stage.step(f"Inventing a shop with {contacts:,} customers")
    shop = write_shop(project_dir / "data", contacts=contacts, seed=SHOP_SEED)
    stage.share(1)
    for kind, path in shop.files.items():
        stage.step(f"Importing {kind}")
        import_into_project(
            project_dir,
            kind,
            path,
            clock=fixed_clock(CLOCK_AT),
            mapping={},
            derive={},
            progress=lambda _rows, share: stage.share(share),
        )
    return shop


def _run(project_dir: Path, name: str, stage: Stage) -> int:
    """Plans, seals, sends and prints one campaign; answers how many pieces went to the printer."""
    now = CLOCK_AT.isoformat()
    stage.step(f"Planning {name}")
    with opened(project_dir) as (project, settings, engine):
        stage.say(in_one_line(plan_campaign(engine, project, settings, name, now=CLOCK_AT)))
    stage.share(1)
    stage.step(f"Sending {name}")
    run_id = driving.begin(project_dir, name, now=now)
    with driving.watching(project_dir, name) as look, ThreadPoolExecutor(1) as hands:
        sending = hands.submit(_send_all, project_dir, run_id, now)
        while not sending.done():
            wait([sending], timeout=0.5)
            found = look()
            stage.share(found.total.done_share if found else 0)
        sending.result()
    stage.say(driving.end(project_dir, run_id, now=now))
    return driving.pieces_of(project_dir, run_id)


def _send_all(project_dir: Path, run_id: int, now: str) -> None:
    while driving.send_for(project_dir, run_id, SECONDS_A_STEP, now=now).more:
        pass


def _respond(project_dir: Path, shop: Shop, mailbox: Mailbox, stage: Stage) -> None:
    """Customers buy, type their codes and unsubscribe; everything comes back by the ways that are open to anybody."""
    stage.step("Waiting 75 days for customers to respond (in no time)")
    crowd = Crowd(shop.customers, list(products()), RESPONSE_SEED)
    lines = []
    with opened(project_dir) as (_, _, engine):
        for name, effects in TRUE_EFFECTS.items():
            responses = crowd.respond(assigned_units(engine, name), effects)
            record_truth(engine, name, responses.truths)
            lines += responses.lines
    clock = fixed_clock(RESPONSES_UNTIL)
    path = write_rows(project_dir / "data" / "responses.parquet", lines)
    import_into_project(project_dir, "orders", path, clock=clock, mapping={}, derive={}, complete_until=RESPONSES_UNTIL)
    left = _unsubscribe(project_dir, mailbox)
    collect_project(project_dir, clock=clock)
    stage.share(1)
    stage.say(f"{len({line['order_id'] for line in lines}):,} orders came in, and {left} requests to unsubscribe.")


def _unsubscribe(project_dir: Path, mailbox: Mailbox) -> int:
    """A few recipients press their mail program's unsubscribe button, which writes to the List-Unsubscribe address."""
    folder = project_dir / ".handbill" / "inbox"
    folder.parent.mkdir(parents=True, exist_ok=True)
    inbox = maildirs.Maildir(folder, create=True)
    every = round(1 / UNSUBSCRIBE_RATE)
    leaving = sorted(mailbox.unsubscribe_addresses.items())[::every]
    for recipient, header in leaving:
        target = urlsplit(header.partition("<")[2].partition(">")[0])
        message = EmailMessage()
        message["From"] = recipient
        message["To"] = parseaddr(target.path)[1]
        message["Subject"] = parse_qs(target.query).get("subject", ["unsubscribe"])[0]
        message.set_content("")
        inbox.add(message)
    return len(leaving)


def _send_to(project_dir: Path, port: int) -> None:
    """Points the project's copy of campaigns.yaml at the mail server that runs now."""
    path = project_dir / "campaigns.yaml"
    path.write_text(path.read_text().replace("port: 1025", f"port: {port}"))


def _clear(project_dir: Path) -> None:
    if not project_dir.exists() or not any(project_dir.iterdir()):
        return
    if not (project_dir / MARK).exists():
        raise SetupIncomplete(f"{project_dir}: holds something that no demonstration made. Name another folder.")
    shutil.rmtree(project_dir)


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted
