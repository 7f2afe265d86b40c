"""What is asked of a table of units: which columns are the arm, the metrics, the cluster and the covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from handbill.errors import ImportRefused, Problem
from handbill.operations.unit_table import UnitTable

RATIO = ":ratio="


@dataclass(frozen=True)
class Metric:
    """A column that is measured as "proportion", "mean", or "" to find out; or a "ratio" of two columns' sums."""

    name: str
    kind: str = ""
    per: str = ""
    of: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, or numerator and denominator."""
        return (self.of, self.per) if self.kind == "ratio" else (self.name,)


@dataclass(frozen=True)
class Question:
    """The columns that a comparison needs. Arms were drawn for single rows unless there is a `cluster`."""

    arm: str
    metrics: tuple[Metric, ...] = ()
    cluster: str = ""
    covariates: tuple[str, ...] = ()

    @property
    def measured(self) -> tuple[str, ...]:
        """All columns of metrics, each once."""
        return tuple(dict.fromkeys(column for metric in self.metrics for column in metric.columns))


def ask(
    table: UnitTable, arm: str, metrics: Sequence[str], *, cluster: str | None = None, covariates: Sequence[str] = ()
) -> Question:
    """The question in the words of the command line, checked against the table's columns.

    Raises:
        ImportRefused: a metric cannot be understood or a column is missing or named twice; all are named.
    """
    found, problems = [], _missing(table, [arm])
    for text in metrics:
        metric = _metric(table, text)
        if isinstance(metric, Problem):
            problems.append(metric)
        else:
            found.append(metric)
    question = Question(arm, tuple(found), cluster or "", tuple(dict.fromkeys(covariates)))
    problems += _missing(table, [column for metric in found for column in metric.columns])
    problems += _missing(table, [*([cluster] if cluster else []), *question.covariates])
    problems += _twice(table, question)
    if problems:
        raise ImportRefused(*dict.fromkeys(problems))
    return question


def suggest(wrong: str, known: Sequence[str], introduction: str) -> str:
    """What there is instead of a wrong name, and which one was probably meant."""
    close = get_close_matches(wrong, known, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f"{introduction} {listed(known)}.{hint}"


def listed(names: Sequence[str]) -> str:
    """Names in quotes, the first thirty of them."""
    return ", ".join(f'"{name}"' for name in names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _metric(table: UnitTable, text: str) -> Metric | Problem:
    name, ratio, parts = text.partition(RATIO)
    if ratio and name and text not in table.columns:
        return _ratio(table, text, name, parts)
    column, _, kind = text.rpartition(":")
    if text in table.columns or not column:
        return Metric(text)
    if kind in ("proportion", "mean"):
        return Metric(column, kind)
    mend = f"Use {column}:proportion, {column}:mean or {column}:ratio=NUMERATOR/DENOMINATOR."
    return _problem(table, f'"{text}": a metric cannot be measured as "{kind}".', mend)


def _ratio(table: UnitTable, text: str, name: str, parts: str) -> Metric | Problem:
    """A column's name may hold a slash itself, so every slash is tried; else the first one counts."""
    places = [place for place, letter in enumerate(parts) if letter == "/"]
    if not places:
        what = f'"{text}": a ratio needs two columns.'
        return _problem(table, what, f"Write {name}:ratio=NUMERATOR/DENOMINATOR.")
    pairs = [(parts[:place], parts[place + 1 :]) for place in places]
    known = [pair for pair in pairs if set(pair) <= set(table.columns)]
    numerator, denominator = (known or pairs)[0]
    return Metric(name, "ratio", per=denominator, of=numerator)


def _twice(table: UnitTable, question: Question) -> list[Problem]:
    """Columns and names that are asked for in two roles."""
    problems = []
    names = [metric.name for metric in question.metrics]
    reserved = {question.arm: "the arm", **({question.cluster: "the cluster"} if question.cluster else {})}
    for column in dict.fromkeys(column for metric in question.metrics for column in metric.columns):
        if column in reserved:
            what = f'column "{column}" is {reserved[column]}.'
            problems.append(_problem(table, what, "Name another column as the metric."))
    problems += [
        _problem(table, f'metric "{name}" is named twice.', "Name it once.")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for column in question.covariates:
        if column in (*question.measured, *reserved):
            role = reserved.get(column, "a metric")
            what = f'covariate "{column}" is {role} itself.'
            problems.append(_problem(table, what, "Name what was known before the units were drawn."))
    if question.cluster == question.arm:
        problems.append(_problem(table, f'column "{question.arm}" is the arm.', "Name another column as the cluster."))
    return problems


def _missing(table: UnitTable, columns: Sequence[str]) -> list[Problem]:
    return [
        _problem(table, f'there is no column "{column}".', suggest(column, table.columns, "The columns are"))
        for column in dict.fromkeys(columns)
        if column not in table.columns
    ]


def _problem(table: UnitTable, what: str, mend: str) -> Problem:
    return Problem(str(table.path), what=what, mend=mend)
