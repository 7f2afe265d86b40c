"""A Bayesian analysis, from its registration to the words on the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, update

from handbill.definitions.project import Project
from handbill.reports.document import Report, gather
from handbill.reports.memory import remember
from handbill.reports.numbers import as_json
from handbill.reports.several import lines_of, several_sections
from handbill.reports.text import as_markdown
from handbill.statistics.posteriors import Prior
from handbill.statistics.results import Contrast
from handbill.store.connection import writing
from handbill.store.tables import experiment, experiment_result
from tests.reports.factory import AFTER, Cell, fill, registration_of
from tests.reports.projects import write_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path)


def _report(
    connection: Connection, project: Project, buyers: int, *others: Cell, prior: Prior | None = None, **changes: Any
) -> Report:
    """2,000 contacts an arm; 10 % buy without mail, `buyers` with it."""
    cells = [Cell("nothing", 2_000, 200), Cell("email", 2_000, buyers, ("email",)), *others]
    registered = fill(connection, cells, analysis="bayesian", **changes)
    sealed = {**registration_of(registered), "analysis": "bayesian"}
    if prior:
        sealed["prior"] = {"effect": prior.effect, "spread": prior.spread}
    connection.execute(update(experiment).values(registration=sealed))
    return gather(connection, project, "winback", AFTER)


def _primary(report: Report) -> Contrast:
    assert report.analysis is not None
    return next(one for one in report.analysis.results.comparisons if one.metric == "conversion")


def test_an_effect_whose_interval_leaves_out_zero_worked(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 260)
    said = report.screen.words
    assert report.screen.status == "worked"
    assert "Per 100 contacts, the e-mail brought 3.0 more buyers than no e-mail (95 % interval 1.0–5.0) in 14" in said
    assert "Chance that it is better: 99.9 %. Next: send it again, keep a holdout." in said
    result = _primary(report).result
    assert result.p_value is None
    assert result.p_value_adjusted is None


def test_harm_says_how_improbable_it_is_that_it_is_better(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 140)
    assert report.screen.status == "did_harm"
    assert "Chance that it is better: < 0.1 %." in report.screen.words


def test_an_interval_over_zero_tells_nothing_but_its_chance(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 215)
    assert report.screen.status == "cannot_tell"
    assert (
        "Anything from 1.1 fewer to 2.6 more buyers per 100 fits. Chance that it is better: 78.1 %. "
        "Choosing it risks 0.12 buyers per 100 on average. This does not show 'no effect'."
    ) in report.screen.words


def test_a_sceptical_prior_keeps_a_small_effect_open(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 245, prior=Prior(0.0, 0.005))
    assert report.screen.status == "cannot_tell"
    difference = _primary(report).result.difference
    assert difference is not None
    assert 0 < difference < 0.01  # 2.25 more buyers per 100 were seen
    text = as_markdown(report)
    assert "before, a difference of 0 pp was expected, give or take 0.5 pp" in text
    assert "with the declared prior" in text


def test_several_comparisons_share_what_is_left_for_error(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 240, Cell("letter", 2_000, 240, ("direct_mail",)))
    alone = 0.2 / 10  # 240 of 2,000 against 200: alone it would be clear
    result = _primary(report).result
    assert result.difference == pytest.approx(alone, rel=1e-3)
    assert result.probability_to_beat_control is not None
    assert 0.975 < result.probability_to_beat_control < 0.9875
    assert report.screen.status == "cannot_tell"


def test_tables_have_the_chance_where_p_would_stand(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 260, secondary=("revenue",))
    text = as_markdown(report)
    assert "| P 99.9 % |" in text
    assert (
        "P is the chance that the arm's value is the larger one, after the data and what was believed before." in text
    )
    assert "Bayesian, one reading when every window has closed; before, every value was equally probable" in text
    first = json.loads(as_json(report))["results"]["comparisons"][0]
    assert first["metric"] == "conversion"
    assert first["probability_to_beat_control"] == pytest.approx(0.9984, abs=5e-4)
    assert "p_value" not in first


def test_revenue_of_too_few_buyers_is_not_believed(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        cells = [Cell("nothing", 300, 10), Cell("email", 300, 40, ("email",))]
        registered = fill(connection, cells, analysis="bayesian", primary="revenue")
        sealed = {**registration_of(registered), "analysis": "bayesian"}
        connection.execute(update(experiment).values(registration=sealed))
        report = gather(connection, project, "winback", AFTER)
    assert report.screen.status == "cannot_tell"
    assert "Chance" not in report.screen.words


def test_side_by_side_it_keeps_its_own_verdict(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 260)
    (section,) = several_sections(lines_of([report]))
    assert section.pictures[0].marks[0].tone == "gain"  # type: ignore[union-attr]  # the picture of effects
    assert "It worked" in section.tables[0].rows[0]


def test_what_is_remembered_is_what_was_seen_without_the_prior(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        report = _report(connection, project, 245, prior=Prior(0.0, 0.005))
        assert report.analysis is not None
        remember(connection, report.analysis.registered, report.analysis.results, AFTER)
        kept = connection.scalar(
            select(experiment_result.c.difference).where(experiment_result.c.metric == "conversion")
        )
    assert kept == pytest.approx(0.0225)
