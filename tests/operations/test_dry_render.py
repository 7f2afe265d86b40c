"""Rendering for everybody whom a plan would reach: in one process and in several, with the same result."""

import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.errors import NeverEnds
from handbill.operations import dry_render
from handbill.operations.dry_findings import DryRender, FallbackReading
from handbill.operations.dry_render import render_planned
from handbill.planning.plan import make_plan
from handbill.store.connection import reading
from tests.conftest import NOW
from tests.operations.shop import TEMPLATE, add_people, make_project, make_settings
from tests.operations.test_plan import shop_with_post

PEOPLE = 45


def render(store: Engine, project: Project, campaign: str = "spring", **options: Any) -> DryRender:
    with reading(store) as connection:
        plan = make_plan(connection, project, campaign, now=NOW)
        return render_planned(connection, project, make_settings(project.root, store), plan, **options)


def with_template(root: Path, words: str) -> None:
    text = TEMPLATE.replace("Hello", f"{words} Hello")
    (root / "templates/email/hello.mjml").write_text(text, encoding="utf-8")


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small plan is worth two processes, and several jobs."""
    monkeypatch.setattr(dry_render, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(dry_render, "BATCH", 10)


def fill(store: Engine) -> None:
    add_people(store, PEOPLE - 5)
    add_people(store, 4, first_name=None, language="de-AT")
    add_people(store, 1, first_name="Wolfeschlegelsteinhausenbergerdorff")


def test_several_processes_find_what_one_finds(store: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    project = make_project(tmp_path, 25)
    fill(store)
    alone = render(store, project)
    request.getfixturevalue("several")
    seen: list[tuple[int, int]] = []
    assert render(store, project, processes=2, progress=lambda done, total: seen.append((done, total))) == alone
    assert seen == [(10, 45), (20, 45), (30, 45), (40, 45), (45, 45)]
    assert alone.arms[0].checked == PEOPLE


def test_extremes_are_told_with_somebody_who_would_get_them(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, 25)
    (tmp_path / "templates/email/hello.de.mjml").write_text(TEMPLATE, encoding="utf-8")
    fill(store)
    rendered = render(store, project)
    (arm,) = rendered.arms
    assert (arm.longest_subject, arm.longest_subject_of) == (
        len("Hello Wolfeschlegelsteinhausenbergerdorff"),
        "C-00045",
    )
    assert arm.biggest_of == "C-00045"
    assert (arm.longest_address, arm.longest_address_of) == (len("person10@example.org"), "C-00010")
    assert arm.languages == {"en": 41, "de": 4}
    assert "all: 4 in de, 41 in en." in rendered.sentences()


def test_the_share_that_reads_a_fallback_is_told_with_its_place(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, 25)
    fill(store)
    readings = render(store, project).fallbacks
    template = "templates/email/hello.mjml"
    assert readings == (
        FallbackReading("campaigns.yaml", 20, 46, "contact.first_name", "friend", 4, 45),
        FallbackReading(template, 2, 16, "contact.first_name", "friend", 4, 45),
    )
    assert str(readings[1]) == (f'8.9 % would read "friend" instead of contact.first_name (4 of 45; {template}:2:16).')


def test_e_mails_that_gmail_would_cut_are_counted(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, 25)
    with_template(tmp_path, "{% if contact.first_name %}{{ 'very ' * 21000 }}{% endif %}")
    fill(store)
    rendered = render(store, project)
    assert rendered.arms[0].too_big == 41
    assert (
        "all: 41 e-mails have more than 102 kB of HTML, and Gmail hides what comes after; "
        "contact C-00045 has the biggest."
    ) in rendered.sentences()


@pytest.mark.usefixtures("several")
def test_a_template_that_never_ends_stops_the_plan_at_its_line(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, 25)
    words = "{% for a in range(1000) %}{% for b in range(1000) %}.{% endfor %}{% endfor %}"
    with_template(tmp_path, f"{{% if contact.language == 'de-AT' %}}{words}{{% endif %}}")
    fill(store)
    with pytest.raises(NeverEnds) as stopped:
        render(store, project, processes=2)
    assert str(stopped.value) == (
        "templates/email/hello.mjml:2:72: this repeats or grows without end, and was stopped. "
        "Let it repeat less often, and write less."
    )


@pytest.mark.usefixtures("several")
def test_a_process_that_ends_by_itself_is_reported(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, 25)
    fill(store)
    monkeypatch.setattr("handbill.rendering.processes._PROGRAM", "import os; os._exit(7)  # {}")
    with pytest.raises(RuntimeError, match=r"^a renderer ended by itself with exit code 7$"):
        render(store, project, processes=2)


@pytest.mark.usefixtures("several")
def test_an_interruption_ends_the_processes(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, 25)
    fill(store)

    def interrupt(_done: int, _total: int) -> None:
        signal.raise_signal(signal.SIGINT)

    before = set(psutil.Process().children())  # the test run's own, such as the database server
    with pytest.raises(KeyboardInterrupt):
        render(store, project, processes=2, progress=interrupt)
    assert set(psutil.Process().children()) <= before
    assert threading.active_count() == 1


def test_pieces_that_would_take_too_long_are_filled_in_and_the_hardest_laid_out(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_render, "LAYING_OUT", 0.0)
    project = shop_with_post(tmp_path)
    add_people(store, 30)
    add_people(store, 2, company="Wolfeschlegelsteinhausenbergerdorff and Sons and Daughters and Cousins of Whitby")
    rendered = render(store, project, "letters")
    (arm,) = rendered.arms
    assert (arm.recipients, arm.checked, arm.laid_out, arm.failed) == (32, 32, 24, 2)
    assert list(rendered.sentences())[-1] == (
        "all: Of 32 pieces, the 24 that are hardest to set were laid out; all would take too long. "
        "Their words were filled in for everybody. "
        "The longest line of an address has 80 letters (contact C-00031)."
    )
