"""The guide's page about segments shows what the commands print."""

import re
import shlex
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.definitions.loading import load_project
from handbill.planning.plan import make_plan
from handbill.planning.seal import seal_run
from handbill.settings import load_settings
from handbill.store.connection import open_store, writing
from tests.conftest import NOW
from tests.operations.shop import TEMPLATE

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "segments.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PROJECT = """\
brand: {name: Shop, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields: {loyalty_points: integer, tier: text}
topics: {offers: Offers and news}
channels:
  email: {provider: file, directory: mails, from: Shop <news@shop.example>}
policies:
  caps: [{max: 2, per: 7 days, channel: email}]
  global_holdout: {share: 2%, salt: everybody-2026}
campaigns:
  spring:
    topic: offers
    audience: {include: [good-customers]}
    schedule: {at: 2026-12-01 10:00}
    email: {template: hello}
    goal: {event: order, value: revenue, within: 14 days}
    experiment:
      hypothesis: A discount sells more.
      salt: spring-2026
      arms:
        plain: {share: 50%, email: {subject: Hello}}
        discount: {share: 50%, email: {subject: 15% off}}
      control: plain
      primary: {metric: conversion}
"""
CONTACTS = """\
external_id,email,country,loyalty_points,tier
C-01,c01@mail.example,GB,120,gold
C-02,c02@mail.example,GB,40,basic
C-03,c03@mail.example,IE,300,silver
C-04,c04@mail.example,GB,5,basic
C-05,c05@mail.example,GB,,
C-06,c06@mail.example,DE,900,gold
C-07,c07@mail.example,IE,250,silver
C-08,c08@mail.example,GB,80,basic
C-09,c09@mail.example,GB,,basic
C-10,c10@mail.example,FR,150,gold
C-11,c11@mail.example,GB,10,basic
"""
NEWCOMER = "external_id,email,country,loyalty_points,tier\nC-12,c12@mail.example,IE,60,silver\n"
ORDERS = {"C-01": (5, 40), "C-02": (60,), "C-03": (10, 20, 70), "C-04": (110, 100), "C-05": (3,), "C-06": (2, 30),
          "C-07": (85, 95), "C-08": (50, 80), "C-10": (15,), "C-12": (4, 8)}  # fmt: skip
"""How many days ago each of a contact's orders was."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The twelve contacts, imported as the guide tells, and the segments of the page."""
    root = tmp_path_factory.mktemp("guide")
    for name, text in {
        "campaigns.yaml": PROJECT, "templates/email/hello.mjml": TEMPLATE,
        "contacts.csv": CONTACTS, "newcomer.csv": NEWCOMER, "orders.csv": "\n".join(_orders()),
        "consents.csv": "\n".join(_consents()),
        **{block.splitlines()[0].removeprefix("# "): block for language, block in BLOCKS if language == "yaml"},
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for kind, file, day in (
        ("contacts", "contacts.csv", "2026-06-15"), ("contacts", "newcomer.csv", "2026-11-20"),
        ("orders", "orders.csv", "2026-11-30"), ("consents", "consents.csv", "2026-11-30"),
    ):  # fmt: skip
        assert invoke(["import", kind, str(root / file), "--project", str(root), "--now", f"{day}T12:00"]) == 0
    return root


def test_the_page_shows_what_the_commands_print(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    shown = [block for (language, _), (following, block) in pairwise(BLOCKS)
             if (language, following) == ("sh", "text")]  # fmt: skip
    printed = []
    for language, block in BLOCKS:
        for line in block.splitlines() if language == "sh" else ():
            if "verify-assignment" in line:
                _seal(shop)
            assert invoke([*shlex.split(line)[1:], "--project", str(shop)]) == 0
        if language == "sh":
            printed.append(capsys.readouterr().out)
    assert shown == printed


def _orders() -> list[str]:
    rows = [f"{who}-{number},{who},{NOW - timedelta(days=days, hours=1):%Y-%m-%dT%H:%M}Z,50"
            for who, all_days in ORDERS.items() for number, days in enumerate(all_days)]  # fmt: skip
    return ["order_id,contact,ordered_at,total", *rows]


def _consents() -> list[str]:
    people = [line.split(",")[0] for line in (CONTACTS + NEWCOMER).splitlines() if line.startswith("C-")]
    return ["contact,channel,topic,state,at", *(f"{who},email,offers,granted,2026-06-15" for who in people)]


def _seal(shop: Path) -> None:
    """The campaign's first run, with nothing sent."""
    project, engine = load_project(shop), open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        seal_run(connection, project, make_plan(connection, project, "spring", now=NOW), now=NOW)
    engine.dispose()
