"""The schemas for editors say what the reader reads: they are current, and refuse only what `check` refuses."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # publishes no types
import pytest
from ruamel.yaml import YAML

from handbill.definitions.clauses import Reading
from handbill.definitions.fields import FieldDeclaration, contact_fields
from handbill.definitions.loading import read_project
from handbill.definitions.segment_reader import CLAUSES, read_segment
from handbill.definitions.values import zone
from handbill.definitions.yaml import read_yaml
from handbill.operations.schema import FOLDER, SCHEMAS, schema_text, write_schemas

ROOT = Path(__file__).parents[2]
WHOLE = ROOT / "docs" / "reference" / "every-key"
TESTS = "tests/project"
"""A project that says everything that can be said."""

FIELDS = contact_fields({"points": FieldDeclaration(type="integer"), "stage": FieldDeclaration(type="text")})
EXAMPLES = {
    "all": "[{field: country, eq: GB}]", "any": "[{field: country, eq: GB}]", "not": "{field: country, eq: GB}",
    "field": "stage", "event": "email.clicked", "sum": "order.total", "min": "order.total", "max": "order.total",
    "average": "order.total", "first": "email.clicked", "last": "email.clicked", "consent": "email",
    "mailable": "email", "segment": "active", "sample": "50%",
}  # fmt: skip


def as_an_editor_sees_it(text: str) -> Any:
    """The values as YAML 1.2 reads them, days and times as texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return str(value) if isinstance(value, date) else value

    return plain(YAML(typ="safe", pure=True).load(text))


def refused(name: str, text: str) -> list[str]:
    """What the schema finds wrong, each with its place."""
    validator = jsonschema.Draft7Validator(SCHEMAS[name]())
    found = validator.iter_errors(as_an_editor_sees_it(text))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:80]}" for error in found]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_its_file_is_current(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name]())

    assert (ROOT / FOLDER / f"{name}.schema.json").read_text(encoding="utf-8") == schema_text(name)


def test_the_schemas_of_a_project_are_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "segment.schema.json").write_text("{}")

    written = write_schemas(tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "schema/campaigns.schema.json",
        "schema/segment.schema.json",
        "schema/campaign-test.schema.json",
    ]
    assert (tmp_path / FOLDER / "segment.schema.json").read_text(encoding="utf-8") == schema_text("segment")


def projects() -> Iterator[Any]:
    for root in (ROOT, WHOLE):
        tests = sorted((root / TESTS).glob("*.yaml"))
        for path in (root / "campaigns.yaml", *sorted((root / "segments").glob("*.yaml")), *tests):
            yield pytest.param(path, id=path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("path", [*projects()])
def test_what_the_reader_reads_the_schema_accepts(path: Path) -> None:
    name = {"segments": "segment", "project": "campaign-test"}.get(path.parent.name, "campaigns")

    assert refused(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path",
    [ROOT / "campaigns.yaml", *sorted((ROOT / "segments").glob("*.yaml")), *sorted((ROOT / TESTS).glob("*.yaml"))],
    ids=str,
)
def test_the_files_of_a_new_project_name_their_schema_first(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    comment, _, schema = first.partition("$schema=")

    assert comment == "# yaml-language-server: "
    assert (path.parent / schema).resolve().is_relative_to(ROOT / FOLDER)
    assert (path.parent / schema).is_file()


def test_the_whole_language_is_read_and_what_is_planned_says_so() -> None:
    _, problems = read_project(WHOLE)

    assert {problem.what.partition(" ")[2] for problem in problems} <= {"is planned, not available yet."}


def test_every_key_of_the_language_stands_in_the_example_of_it() -> None:
    written = as_an_editor_sees_it((WHOLE / "campaigns.yaml").read_text(encoding="utf-8"))
    schema = SCHEMAS["campaigns"]()
    used: dict[str, set[str]] = {}
    _collect(written, schema, schema["definitions"], "the file", used)
    known = {"the file": set(schema["properties"])}
    known |= {name: set(part["properties"]) for name, part in schema["definitions"].items()}
    missing = {name: keys - used.get(name, set()) for name, keys in known.items()}

    # One project has one vendor: these keys are those of others.
    assert {name: keys for name, keys in missing.items() if keys} == {
        "EmailChannel": {"key_id", "stream", "sns_topic", "sns_signatures"}
    }


def _collect(written: Any, schema: Any, parts: Any, name: str, used: dict[str, set[str]]) -> None:
    """Goes along with a value and its schema, and notes which keys of which part are written."""
    for inner in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        _collect(written, inner, parts, name, used)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        _collect(written, parts[name], parts, name, used)
    if isinstance(written, list):
        for item in written:
            _collect(item, schema.get("items", {}), parts, name, used)
    if isinstance(written, dict) and schema.get("type") == "object":
        used.setdefault(name, set()).update(key for key in written if key in schema.get("properties", {}))
        for key, value in written.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties") or {})
            _collect(value, inner, parts, name, used)


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("campaigns", "brand: {nam: x}", "brand"),
        ("campaigns", "channels: {email: {from: a@b.example, port: no}}", "channels.email.port"),
        ("campaigns", "policies: {caps: [{max: 2, per: 7}]}", "policies.caps.0.per"),
        ("campaigns", "campaigns: {a: {goal: {within: 14 days, value: margn}}}", "campaigns.a.goal.value"),
        ("campaigns", "campaigns: {A B: {}}", "campaigns"),
        ("campaigns", "languages: {default: english}", "languages.default"),
        ("segment", "name: A\nwhere: {feild: country, eq: GB}", "where"),
        ("segment", "name: A\nwhere: {event: order, count: {gtee: 2}}", "where"),
        ("segment", "name: A\nwhere: {sample: 50%, salt: [a]}", "where"),
        ("segment", "where: {field: country, eq: GB}", ""),
    ],
)
def test_an_editor_marks_what_is_misspelt(name: str, text: str, wrong: str) -> None:
    assert wrong in {place.partition(": ")[0] for place in refused(name, text)}


@pytest.mark.parametrize("kind", CLAUSES)
def test_beside_a_clause_may_stand_what_its_reader_reads(kind: str) -> None:
    clauses = {each["required"][0]: each for each in SCHEMAS["segment"]()["definitions"]["clause"]["anyOf"]}
    offered = set(clauses[kind]["properties"]) - {kind}
    keys = {key for each in clauses.values() for key in each["properties"] if key not in CLAUSES} | {"nonsense"}

    assert {key for key in keys if _is_read(kind, key)} == offered


def _is_read(kind: str, key: str) -> bool:
    """Whether the reader complains about the key, with a value that suits most."""
    fields = ("points", "created_at", "stage, has_been: x") if kind == "field" else ()
    return any(_complains_not(kind, key, main) for main in (EXAMPLES[kind], *fields))


def _complains_not(kind: str, key: str, main: str) -> bool:
    tree, _ = read_yaml(f"name: A\nwhere: {{{kind}: {main}, {key}: x}}".encode(), "a.yaml")
    assert tree is not None
    _, problems = read_segment(tree, "a", "a.yaml", Reading(FIELDS, zone("UTC")))
    at_key = [each for each in problems if each.line == 2 and each.column == len(f"where: {{{kind}: {main}, ") + 1]
    return not any(f'"{key}"' in each.what or "does not suit" in each.what for each in at_key)


def test_values_are_accepted_as_editors_read_them() -> None:
    campaigns = """
brand: {name: 007, postal_address: 02108, website: https://shop.example}
timezone: Europe/London
currency: GBP
topics: {offers: no}
policies:
  quiet_hours: {from: 21:00, to: 09:00}
  global_holdout: {share: 0.02, salt: 2026}
campaigns:
  sale:
    topic: offers
    audience: {include: [2026]}
    schedule: {at: 2026-12-01}
    email: {template: "404", subject: 404, with: {code: 010, free: true}}
"""
    assert refused("campaigns", campaigns) == []
    assert refused("segment", "name: 1\nwhere: {field: postcode, in: [02108, no, 09:00]}") == []
