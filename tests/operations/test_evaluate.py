"""Evaluating a table: the right sums from CSV and Parquet, and one clear line for everything that can be wrong."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.errors import ImportRefused
from handbill.operations.evaluate import Results, as_json, evaluate_table, mean_of
from handbill.statistics.contrasts import Aggregate, Method
from handbill.statistics.cuped import Covaried, compare_covaried, lin_hc2
from handbill.statistics.joint import Joint
from handbill.statistics.ratios import compare_ratios
from handbill.statistics.samples import Comparison, Proportion, Sample

HILLSTROM = Path(__file__).parents[3] / "shared" / "data" / "hillstrom.csv"

MEND = "Write 0 where nothing happened, or leave the row out."
TABLE = """arm,visit,spend
mail,1,12.50
none,0,0
mail,0,0
mail,1,7.5
none,1,3
"""


def _file(folder: Path, text: str | bytes, name: str = "test.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _refusal(path: Path, *metrics: str, control: str | None = "none", arm: str = "arm", **shares: float) -> list[str]:
    """The lines that the user reads, without the folder's name."""
    with pytest.raises(ImportRefused) as refused:
        evaluate_table(path, arm, control, metrics, shares=shares)
    return [str(problem).replace(f"{path.parent}/", "") for problem in refused.value.problems]


def _sums(results: Results, metric: str) -> dict[str, Aggregate]:
    return {arm.name: arm.metrics[metric] for arm in results.arms}


# What is read


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the shared data are not on this machine")
def test_the_hillstrom_experiment_gives_the_published_numbers() -> None:
    results = evaluate_table(HILLSTROM, "segment", "No E-Mail", ["visit", "conversion", "spend"])

    assert {arm.name: arm.units for arm in results.arms} == {
        "No E-Mail": 21_306,
        "Mens E-Mail": 21_307,
        "Womens E-Mail": 21_387,
    }
    found = {(one.metric, one.arm): one.result for one in results.comparisons}
    assert found["visit", "Mens E-Mail"].difference == pytest.approx(0.07659, abs=1e-5)
    assert found["visit", "Womens E-Mail"].difference == pytest.approx(0.04523, abs=1e-5)
    assert found["spend", "Mens E-Mail"].difference == pytest.approx(0.7698, abs=1e-4)
    assert found["spend", "Mens E-Mail"].low == pytest.approx(0.4851, abs=1e-4)
    assert found["spend", "Mens E-Mail"].high == pytest.approx(1.0545, abs=1e-4)
    assert found["spend", "Womens E-Mail"].difference == pytest.approx(0.4244, abs=1e-4)
    assert results.balance.ok is True


def test_zeros_and_ones_are_a_proportion_and_anything_else_a_mean(tmp_path: Path) -> None:
    results = evaluate_table(_file(tmp_path, TABLE), "arm", "none", ["visit", "spend"])

    assert _sums(results, "visit") == {"none": Proportion(1, of=2), "mail": Proportion(2, of=3)}
    assert _sums(results, "spend") == {
        "none": Sample(2, 3.0, 9.0, 27.0, 1),
        "mail": Sample(3, 20.0, 212.5, 2375.0, 2),
    }


def test_zeros_and_ones_may_be_measured_as_a_mean(tmp_path: Path) -> None:
    results = evaluate_table(_file(tmp_path, TABLE), "arm", "none", ["visit:mean"])

    assert _sums(results, "visit") == {"none": Sample(2, 1.0, 1.0, 1.0, 1), "mail": Sample(3, 2.0, 2.0, 2.0, 2)}


def test_a_column_whose_name_has_a_colon_is_found(tmp_path: Path) -> None:
    path = _file(tmp_path, TABLE.replace("visit", "web:visit"))

    assert mean_of(_sums(evaluate_table(path, "arm", "none", ["web:visit:mean"]), "web:visit")["none"]) == 0.5
    assert _sums(evaluate_table(path, "arm", "none", ["web:visit"]), "web:visit")["none"] == Proportion(1, of=2)


def test_without_a_metric_the_split_is_still_checked(tmp_path: Path) -> None:
    results = evaluate_table(_file(tmp_path, TABLE), "arm", "none")

    assert results.comparisons == ()
    assert results.balance.ok is True


def test_the_control_comes_first_and_the_others_in_order(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,x\nz,1\nb,0\nnone,1\n")

    assert [arm.name for arm in evaluate_table(path, "arm", "none", ["x"]).arms] == ["none", "b", "z"]


@pytest.mark.parametrize("control", ["control", "Holdout"])
def test_an_arm_called_control_or_holdout_is_the_control(tmp_path: Path, control: str) -> None:
    path = _file(tmp_path, TABLE.replace("none", control))

    assert evaluate_table(path, "arm", None, ["visit"]).arms[0].name == control


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_understood(tmp_path: Path, separator: str) -> None:
    results = evaluate_table(_file(tmp_path, TABLE.replace(",", separator)), "arm", "none", ["visit"])

    assert _sums(results, "visit")["mail"] == Proportion(2, of=3)


def test_a_byte_order_mark_quotes_and_blank_lines_are_understood(tmp_path: Path) -> None:
    text = '\ufeff"arm","visit"\n"mail, early","1"\n\nnone, 0 \r\n'

    results = evaluate_table(_file(tmp_path, text), "arm", "none", ["visit"])

    assert {arm.name: arm.units for arm in results.arms} == {"none": 1, "mail, early": 1}


def test_truth_values_are_zeros_and_ones(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,visit\nmail,TRUE\nmail,false\nnone,True\n")

    assert _sums(evaluate_table(path, "arm", "none", ["visit"]), "visit")["mail"] == Proportion(1, of=2)


def test_parquet_of_any_number_type_is_understood(tmp_path: Path) -> None:
    columns = {
        "arm": pa.array(["mail", "none", "mail"]).dictionary_encode(),
        "visit": pa.array([True, False, False]),
        "orders": pa.array([2, 0, 1], pa.int16()),
        "spend": pa.array([Decimal("12.50"), Decimal("0.00"), Decimal("3.10")]),
    }
    pq.write_table(pa.table(columns), tmp_path / "test.parquet")

    results = evaluate_table(tmp_path / "test.parquet", "arm", "none", ["visit", "orders", "spend"])

    assert _sums(results, "visit")["mail"] == Proportion(1, of=2)
    assert _sums(results, "orders")["mail"] == Sample(2, 3.0, 5.0, 9.0, 2)
    assert mean_of(_sums(results, "spend")["mail"]) == pytest.approx(7.8)


def test_arms_may_be_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"arm": [0, 1, 1], "visit": [1, 0, 1]}), tmp_path / "test.parquet")

    assert [arm.name for arm in evaluate_table(tmp_path / "test.parquet", "arm", "0", ["visit"]).arms] == ["0", "1"]


def test_a_table_of_many_batches_adds_up(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    arm, visit = random.choice(["mail", "none"], 200_000), random.integers(0, 2, 200_000)
    pq.write_table(pa.table({"arm": arm, "visit": visit}), tmp_path / "test.parquet")

    results = evaluate_table(tmp_path / "test.parquet", "arm", "none", ["visit"])

    assert _sums(results, "visit") == {
        name: Proportion(int(visit[arm == name].sum()), of=int((arm == name).sum())) for name in ("none", "mail")
    }


def test_declared_shares_are_what_the_split_is_checked_against(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm\n" + "mail\n" * 900 + "none\n" * 100)

    assert evaluate_table(path, "arm", "none").balance.ok is False
    assert evaluate_table(path, "arm", "none", shares={"mail": 0.9, "none": 0.1}).balance.ok is True


def test_a_declared_arm_that_got_nobody_is_an_alarm_and_has_no_numbers(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,visit\n" + "mail,1\n" * 90 + "none,0\n" * 90)

    shape = as_json(evaluate_table(path, "arm", "none", ["visit"], shares={"mail": 0.3, "none": 0.3, "letter": 0.4}))

    assert shape["balance"]["ok"] is False
    assert shape["arms"][2] == {"name": "letter", "units": 0, "metrics": {"visit": {"kind": "proportion", "sum": 0}}}
    assert {"metric": "visit", "arm": "letter", "reason": "There are no contacts in this arm."} in shape["problems"]


# Ratios, clusters and covariates


def _units(random: np.random.Generator, households: int) -> dict[str, np.ndarray]:
    """Members of households of one to four, drawn by household, with what they spent before and after."""
    household = np.repeat(np.arange(households), random.integers(1, 5, households))
    arm = np.array(["none", "mail"])[random.integers(0, 2, households)][household]
    taste = random.gamma(2.0, 5.0, households)[household]
    before = np.round(taste * random.gamma(2.0, 0.5, len(household)), 2)
    after = np.round(taste * random.gamma(2.0, 0.5, len(household)) + 2 * (arm == "mail"), 2)
    clicks = random.poisson(1.0, len(household))
    return {"household": household, "arm": arm, "before": before, "spend": after, "clicks": clicks,
            "visit": (random.random(len(household)) < 0.2).astype(np.int8)}  # fmt: skip


def _parquet(folder: Path, columns: dict[str, np.ndarray]) -> Path:
    pq.write_table(pa.table(columns), folder / "units.parquet")
    return folder / "units.parquet"


def _width(result: Comparison | None) -> float:
    assert result is not None
    assert result.low is not None
    assert result.high is not None
    return result.high - result.low


def _one(results: Results) -> Comparison:
    (contrast,) = results.comparisons
    return contrast.result


def test_a_ratio_is_that_of_two_columns_sums(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(1), 2000)
    results = evaluate_table(_parquet(tmp_path, columns), "arm", "none", ["spend a click:ratio=spend/clicks"])

    per_arm = {
        arm: columns["spend"][columns["arm"] == arm].sum() / columns["clicks"][columns["arm"] == arm].sum()
        for arm in ("none", "mail")
    }
    one = _one(results)
    assert results.comparisons[0].kind == "ratio"
    assert results.comparisons[0].metric == "spend a click"
    assert one.difference == pytest.approx(per_arm["mail"] - per_arm["none"])
    assert one.method.startswith("delta method")


def test_covariates_stay_in_a_ratio_and_that_is_said(tmp_path: Path) -> None:
    columns = {
        "arm": np.array(["none", "mail"] * 50),
        "spend": np.arange(100),
        "clicks": np.array([1, 2] * 50),
        "before": np.array([3, 1, 2, 5] * 25),
    }
    path = _parquet(tmp_path, columns)
    results = evaluate_table(path, "arm", "none", ["spend", "r:ratio=spend/clicks"], covariates=["before"])
    said = [gap.reason for gap in results.problems if gap.metric == "r"]
    assert "Covariates are not taken out of a ratio: this is the comparison without them." in said


def test_a_ratio_may_have_columns_with_slashes_in_their_names(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,a/b,c\nnone,1,2\nmail,3,4\nmail,1,2\nnone,3,2\n")

    assert _sums(evaluate_table(path, "arm", "none", ["r:ratio=a/b/c"]), "r")["mail"] == Joint.from_values(
        np.array([3.0, 1.0]), np.array([4.0, 2.0])
    )


def test_a_clusters_error_is_that_of_its_sums(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(2), 3000)
    path = _parquet(tmp_path, columns)

    results = evaluate_table(path, "arm", "none", ["spend"], cluster="household")
    alone = _one(evaluate_table(path, "arm", "none", ["spend"]))
    together = _one(results)

    sums = [
        Joint.from_values(
            np.bincount(columns["household"][kept], weights=columns["spend"][kept])[
                np.unique(columns["household"][kept])
            ],
            np.bincount(columns["household"][kept])[np.unique(columns["household"][kept])],
        )
        for kept in (columns["arm"] == "none", columns["arm"] == "mail")
    ]
    expected = compare_ratios(*sums)
    assert sum(arm.units for arm in results.arms) == 3000
    assert together.difference == pytest.approx(alone.difference)
    assert together.low == pytest.approx(expected.low)
    assert together.high == pytest.approx(expected.high)
    assert _width(together) > 1.3 * _width(alone)
    assert results.comparisons[0].kind == "mean"


def test_clusters_of_one_row_each_change_next_to_nothing(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(3), 4000)
    columns["id"] = np.array([f"row {number}" for number in range(len(columns["arm"]))])
    path = _parquet(tmp_path, columns)

    plain, clustered = (
        _one(evaluate_table(path, "arm", "none", ["visit"], cluster=cluster)) for cluster in (None, "id")
    )

    assert clustered.difference == pytest.approx(plain.difference)
    assert clustered.low == pytest.approx(plain.low, abs=2e-4)
    assert clustered.p_value == pytest.approx(plain.p_value, abs=2e-3)


def test_a_cluster_in_two_arms_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,home,x\nmail,h1,1\nnone,h2,0\nnone,h1,1\n")

    with pytest.raises(ImportRefused) as refused:
        evaluate_table(path, "arm", "none", ["x"], cluster="home")

    assert str(refused.value) == (
        f'{path}:4: home "h1" has both "mail" and "none" as arm. '
        "All rows of a cluster must be in the arm that was drawn for it."
    )


def test_a_row_without_a_cluster_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,home,x\nmail,,1\nnone,h2,0\n")

    with pytest.raises(ImportRefused) as refused:
        evaluate_table(path, "arm", "none", ["x"], cluster="home")

    assert str(refused.value) == f"{path}:2: home is empty. Leave the row out."


def test_a_covariate_narrows_the_interval_and_says_by_how_much(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(4), 4000)

    one = _one(evaluate_table(_parquet(tmp_path, columns), "arm", "none", ["spend"], covariates=["before"]))

    control, treatment = (
        Covaried(Joint.from_values(columns["spend"][kept], columns["before"][kept]), Sample())
        for kept in (columns["arm"] == "none", columns["arm"] == "mail")
    )
    expected = compare_covaried(control, treatment)
    assert one.difference == pytest.approx(expected.result.difference)
    assert one.low == pytest.approx(expected.result.low)
    assert one.high == pytest.approx(expected.result.high)
    assert one.variance_reduction == pytest.approx(expected.variance_reduction)
    assert one.method.startswith("CUPED with one slope for all arms; Welch")
    assert one.unadjusted is not None
    assert _width(one.unadjusted) > _width(one)


def test_covariates_that_are_not_known_take_a_step_of_their_own(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(5), 4000)
    unknown = np.random.default_rng(6).random(len(columns["arm"])) < 0.3
    path = _parquet(tmp_path, columns | {"before": pa.array(columns["before"], mask=unknown)})

    one = _one(evaluate_table(path, "arm", "none", ["spend"], covariates=["before"]))

    control, treatment = (
        Covaried(
            Joint.from_values(columns["spend"][kept & ~unknown], columns["before"][kept & ~unknown]),
            Sample.from_values(columns["spend"][kept & unknown]),
        )
        for kept in (columns["arm"] == "none", columns["arm"] == "mail")
    )
    expected = compare_covaried(control, treatment)
    assert one.difference == pytest.approx(expected.result.difference)
    assert one.variance_reduction == pytest.approx(expected.variance_reduction)


def test_unequal_arms_get_slopes_of_their_own(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(7), 6000)
    random = np.random.default_rng(8)
    columns["arm"] = np.where(random.random(len(columns["arm"])) < 0.2, "none", "mail")

    path = _parquet(tmp_path, columns)
    one = _one(evaluate_table(path, "arm", "none", ["spend"], covariates=["before"], shares={"none": 0.2, "mail": 0.8}))
    estimate, error = lin_hc2(
        *((columns["spend"][kept], columns["before"][kept]) for kept in (columns["arm"] == a for a in ("none", "mail")))
    )

    assert one.method.startswith("CUPED with a slope for each arm; Hall")
    assert one.difference == pytest.approx(estimate)
    assert _width(one) == pytest.approx(2 * 1.96 * error, rel=0.02)


def test_several_covariates_are_taken_out_together_and_one_twice_is_as_good_as_once(tmp_path: Path) -> None:
    columns = _units(np.random.default_rng(9), 3000)
    path = _parquet(tmp_path, columns | {"again": columns["before"] * 3, "constant": np.ones(len(columns["arm"]))})

    once = _one(evaluate_table(path, "arm", "none", ["spend"], covariates=["before"]))
    many = _one(evaluate_table(path, "arm", "none", ["spend"], covariates=["before", "again", "constant"]))

    assert many.difference == pytest.approx(once.difference)
    assert many.variance_reduction == pytest.approx(once.variance_reduction)


def test_covariates_and_clusters_go_together(tmp_path: Path) -> None:
    path = _parquet(tmp_path, _units(np.random.default_rng(10), 3000))

    plain, adjusted = (
        _one(evaluate_table(path, "arm", "none", ["spend"], cluster="household", covariates=covariates))
        for covariates in ((), ("before",))
    )

    assert adjusted.method.startswith("CUPED with one slope for all arms; delta method")
    assert adjusted.unadjusted == replace(plain, p_value_adjusted=None)
    assert _width(adjusted) < _width(plain)


def test_a_rate_with_few_converters_is_compared_by_its_own_test(tmp_path: Path) -> None:
    rows = "".join(f"{arm},{int(n < 5)},{n}\n" for arm in ("none", "mail") for n in range(300))

    one = _one(evaluate_table(_file(tmp_path, f"arm,x,before\n{rows}"), "arm", "none", ["x"], covariates=["before"]))

    assert one.reasons == ("With under 20 converters in an arm, covariates are not taken out.",)
    assert one.method.startswith("pooled z test")


def test_a_covariate_may_be_empty_but_not_a_word(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,x,before\nmail,1,\nnone,2,much\n")

    with pytest.raises(ImportRefused) as refused:
        evaluate_table(path, "arm", "none", ["x"], covariates=["before"])

    assert str(refused.value) == (
        f'{path}:3: before is "much", not a number. Leave the cell empty where nothing is known.'
    )


def test_a_metric_is_no_covariate_of_itself(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        evaluate_table(_file(tmp_path, TABLE), "arm", "none", ["visit", "x:ratio=visit"], covariates=["visit"])

    assert [problem.what for problem in refused.value.problems] == [
        '"x:ratio=visit": a ratio needs two columns.',
        'covariate "visit" is a metric itself.',
    ]


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("z", "pooled z test"),
        ("boschloo", "Boschloo's exact test"),
        ("fisher", "Fisher's exact test"),
        ("any-time", "asymptotic confidence sequence"),
    ],
)
def test_a_method_may_be_asked_for_by_name(tmp_path: Path, method: Method, says: str) -> None:
    rows = "".join(f"{arm},{int(n % 9 == 0)}\n" for arm in ("none", "mail") for n in range(300))

    assert _one(
        evaluate_table(_file(tmp_path, f"arm,x\n{rows}"), "arm", "none", ["x"], method=method)
    ).method.startswith(says)


def test_a_method_for_another_kind_of_metric_is_said_not_to_be_used(tmp_path: Path) -> None:
    rows = "".join(f"{arm},{n % 9}\n" for arm in ("none", "mail") for n in range(3000))

    one = _one(evaluate_table(_file(tmp_path, f"arm,x\n{rows}"), "arm", "none", ["x"], method="fisher"))

    assert one.method.startswith("Welch's t test")
    assert one.reasons == ("The method that was asked for is not for a mean: the usual one was used.",)


# What is refused


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "no.csv") == ["no.csv: there is no such file. Name a CSV or Parquet file."]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    assert _refusal(tmp_path / "folder") == ["folder: Is a directory. Name a CSV or Parquet file."]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "test.csv: the file is empty. Name a file with a header and rows."),
        (b"arm,visit\n", "test.csv: the file has a header but no rows. Name a file with rows."),
        (b"PK\x03\x04.",
         'test.csv: the file is an Excel workbook or another zip file. Save the table as "CSV UTF-8" first.'),
        (b"\x1f\x8b\x08\x00", "test.csv: the file is compressed. Unpack it first."),
        (b"\xff\xfea\x00", 'test.csv: the file is UTF-16 text. Save it as "CSV UTF-8".'),
        (b"\x7fELF\x00\x01", "test.csv: the file is neither CSV nor Parquet. Name a CSV or Parquet file."),
        (b"arm,\xe9t\xe9\n", 'test.csv:1: the text is not UTF-8 (byte 0xe9). Save the file as "CSV UTF-8".'),
        (b"arm,visit\nmail,1\nn\xf6ne,0\n",
         'test.csv:3: the text is not UTF-8 (byte 0xf6). Save the file as "CSV UTF-8".'),
        (b"arm,visit,visit\nmail,1,1\n", 'test.csv: two columns are called "visit". Rename one.'),
        (b"\n\n", 'test.csv: there is no column "arm". The columns are .'),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    assert _refusal(_file(tmp_path, content), "visit")[0] == line


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    (line,) = _refusal(_file(tmp_path, b"PAR1 and then nothing", "test.parquet"))

    assert line.startswith("test.parquet: the file cannot be read: ")
    assert line.endswith(" Export it again.")


def test_rows_of_other_lengths_are_refused_with_the_first_line(tmp_path: Path) -> None:
    path = _file(tmp_path, "arm,visit\nmail,1\n\nnone\nmail,1,2\n")

    (line,) = _refusal(path, "visit")
    assert line == (
        "test.csv:4: the row's number of cells is 1, the header's 2 (the first of 2 such rows). "
        "Put quotes around cells that hold the separator."
    )


def test_all_columns_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), "vist", "visit:median", "arm", "spend", "spend:mean", arm="rm") == [
        'test.csv: there is no column "rm". The columns are "arm", "visit", "spend". Did you mean "arm"?',
        (
            'test.csv: "visit:median": a metric cannot be measured as "median". '
            "Use visit:proportion, visit:mean or visit:ratio=NUMERATOR/DENOMINATOR."
        ),
        'test.csv: there is no column "vist". The columns are "arm", "visit", "spend". Did you mean "visit"?',
        'test.csv: metric "spend" is named twice. Name it once.',
    ]


def test_the_arm_cannot_be_a_metric(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), "arm") == [
        'test.csv: column "arm" is the arm. Name another column as the metric.'
    ]


def test_a_cell_that_is_no_number_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, 'arm,spend,note\nmail,1,"two\nlines"\n\nnone,"1,5",\nmail,many,\nnone,2,\n')

    assert _refusal(path, "spend") == [f'test.csv:5: spend is "1,5", not a number (the first of 2 such rows). {MEND}']


@pytest.mark.parametrize("cell", ["nan", "inf", "1e400", "0x10", "1_000", "£3"])
def test_a_cell_that_only_looks_like_a_number_is_refused(tmp_path: Path, cell: str) -> None:
    assert _refusal(_file(tmp_path, f"arm,spend\nmail,{cell}\nnone,2\n"), "spend") == [
        f'test.csv:2: spend is "{cell}", not a number. {MEND}'
    ]


def test_empty_cells_are_not_taken_for_zero(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, "arm,spend\nmail,3\nmail,\n,2\nnone,2\n"), "spend") == [
        f"test.csv:3: spend is empty. {MEND}",
        "test.csv:4: arm is empty. Leave the row out.",
    ]


def test_a_column_of_words_is_no_metric(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, "arm,note\nmail,yes\nnone,no\n"), "note") == [
        'test.csv:2: note is "yes", not a number (the first of 2 such rows). Name another column.'
    ]


def test_a_proportion_has_zeros_and_ones_only(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), "spend:proportion") == [
        f'test.csv:2: spend is "12.50", not 0 or 1 (the first of 3 such rows). {MEND}'
    ]


def test_a_cell_in_parquet_is_placed_by_its_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"arm": ["mail", "none", "none"], "spend": [1.0, None, 2.0]}), tmp_path / "test.parquet")

    assert _refusal(tmp_path / "test.parquet", "spend") == [f"test.parquet: row 2: spend is empty. {MEND}"]


def test_a_column_of_lists_is_no_arm(tmp_path: Path) -> None:
    pq.write_table(pa.table({"arm": [["mail"], ["none"]], "spend": [1.0, 2.0]}), tmp_path / "test.parquet")

    (line,) = _refusal(tmp_path / "test.parquet", "spend")
    assert line == (
        'test.parquet: column "arm" does not hold names but list<element: string>. '
        "Name the column that says which arm a row was in."
    )


def test_a_column_of_moments_is_no_metric(tmp_path: Path) -> None:
    moments = pa.array([1, 2], pa.timestamp("s"))
    pq.write_table(pa.table({"arm": ["mail", "none"], "at": moments}), tmp_path / "test.parquet")

    (line,) = _refusal(tmp_path / "test.parquet", "at")
    assert line == (
        'test.parquet: row 1: at is "1970-01-01 00:00:01", not a number (the first of 2 such rows). '
        "Name another column."
    )


def test_an_unknown_control_is_refused_with_the_arms(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), control="nome") == [
        'test.csv: no row has "nome" in column "arm". The arms are "mail", "none". Did you mean "none"?'
    ]


def test_a_control_that_is_not_said_is_asked_for(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), control=None) == [
        'test.csv: it is not said which arm is the control. --control is one of "mail", "none".'
    ]


def test_a_single_arm_is_refused(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, "arm\nnone\nnone\n")) == [
        'test.csv: every row has "none" in column "arm". A comparison needs a second arm.'
    ]


def test_a_column_with_too_many_values_is_no_arm(tmp_path: Path) -> None:
    path = _file(tmp_path, "id,visit\n" + "".join(f"{number},1\n" for number in range(101)))

    assert _refusal(path, "visit", arm="id") == [
        'test.csv: column "id" has more than 100 different values. Name the column that says which arm a row was in.'
    ]


def test_an_arm_without_a_share_is_refused(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), mail=1.0) == ['test.csv: arm "none" has no share. Add --share "none=…".']


def test_shares_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), mail=0.5, none=0.4) == [
        "test.csv: the shares add up to 0.9. Make them add up to 1."
    ]


def test_a_share_beyond_one_is_refused(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, TABLE), mail=90, none=-0.1) == [
        'test.csv: the share of "mail" is 90. Give a share from 0 to 1.',
        'test.csv: the share of "none" is -0.1. Give a share from 0 to 1.',
    ]
