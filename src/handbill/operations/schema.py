"""The schemas by which editors complete and check a project's YAML while it is written."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handbill.definitions.json_schema import campaigns_schema
from handbill.definitions.rehearsal_schema import rehearsal_schema
from handbill.definitions.segment_schema import segment_schema

FOLDER = "schema"
"""Where they lie in a project; the first line of each YAML file names its schema there."""

SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "campaigns": campaigns_schema,
    "segment": segment_schema,
    "campaign-test": rehearsal_schema,
}
"""How each schema is made, by the name of the file that holds it."""


def schema_text(name: str) -> str:
    """One of `SCHEMAS` as it stands in its file."""
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"


def write_schemas(root: Path) -> list[Path]:
    """Puts all schemas into the project, over those of an earlier version; answers their files."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in SCHEMAS:
        path = folder / f"{name}.schema.json"
        path.write_text(schema_text(name), encoding="utf-8")
        written.append(path)
    return written
