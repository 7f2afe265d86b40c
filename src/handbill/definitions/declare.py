"""How fields that an import met become part of campaigns.yaml, without touching anything else in the file."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from handbill.definitions.checks.names import check_field_names
from handbill.definitions.fields import FieldType
from handbill.definitions.loading import CAMPAIGNS_FILE
from handbill.definitions.yaml import read_yaml
from handbill.errors import Problem, ProjectInvalid

SECTION = "fields"


def declare_fields(root: Path, found: Mapping[str, FieldType]) -> list[str]:
    """Adds the fields that are not declared yet to the `fields:` section of campaigns.yaml; answers their names.

    Comments, blank lines and the spelling of everything else stay as they are. A declared field keeps its declaration.

    Raises:
        ProjectInvalid: the file cannot be read, or a name cannot be that of a field; nothing was written.
    """
    path = root / CAMPAIGNS_FILE
    content = path.read_bytes()
    tree, problems = read_yaml(content, CAMPAIGNS_FILE)
    if tree is None or problems:
        raise ProjectInvalid(*problems)
    declared = getattr(tree.values.get(SECTION), "places", {})
    new = {name: type_ for name, type_ in found.items() if name not in declared}
    misnamed = [Problem(what=each.what, mend=each.mend) for each in check_field_names(new)]
    if misnamed:
        raise ProjectInvalid(*misnamed)
    if new:
        _replace(path, _with_fields(content.decode("utf-8-sig"), new).encode())
    return list(new)


def _with_fields(text: str, new: Mapping[str, FieldType]) -> str:
    section = _section(text)
    if section is None:
        gap = "" if text.endswith("\n") else "\n"
        return f"{text}{gap}\n{SECTION}:\n" + "".join(f"  {name}: {type_}\n" for name, type_ in new.items())
    if section.flow_style:
        entries = ", ".join(f"{name}: {type_}" for name, type_ in new.items())
        closing = section.end_mark.index - 1
        before = text[:closing].rstrip()
        comma = "" if before.endswith(("{", ",")) else ", "
        return f"{before}{comma}{entries}{text[closing:]}"
    return _after_last_entry(text, section, new)


def _after_last_entry(text: str, section: MappingNode, new: Mapping[str, FieldType]) -> str:
    """A new line for each field below the last one, indented alike; what stands behind that one stays there."""
    indent = " " * section.start_mark.column
    end = text.find("\n", _end(section.value[-1][1]))
    head, tail = (text[: end + 1], text[end + 1 :]) if end >= 0 else (text + "\n", "")
    return head + "".join(f"{indent}{name}: {type_}\n" for name, type_ in new.items()) + tail


def _end(node: Node) -> int:
    """Where a value ends; a block of keys only seems to end where the next section begins."""
    if isinstance(node, MappingNode) and not node.flow_style:
        return _end(node.value[-1][1])
    return int(node.end_mark.index)


def _section(text: str) -> MappingNode | None:
    document = YAML(typ="safe", pure=True).compose(text)
    sections = [value for key, value in document.value if key.value == SECTION]
    return sections[0] if sections and isinstance(sections[0], MappingNode) else None


def _replace(path: Path, content: bytes) -> None:
    """Puts the new file in the old one's place at once, so that no reader ever meets half of it."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)
