"""Imports go one way, and folders keep their shape."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "handbill"
FLOWS = SOURCE.parent.parent / "flows"

# What each folder may import of ours, besides the modules at the top.
TOP = {"errors", "clock", "settings", "tokens"}
ALLOWED: dict[str, set[str]] = {
    "definitions": set(),
    "store": set(),
    "contacts": {"definitions", "store"},
    "statistics": set(),
    "planning": {"definitions", "store", "contacts", "statistics"},
    "rendering": {"definitions"},
    "channels": set(),
    "delivery": {"definitions", "planning", "rendering", "channels", "store", "contacts"},
    "responses": {"definitions", "store", "contacts", "channels", "delivery"},
    "reports": {"definitions", "store", "planning", "responses", "statistics"},
    "operations": {"definitions", "store", "contacts", "statistics", "planning", "rendering", "channels", "delivery",
                   "responses", "reports"},
    "demo": {"operations"},
    "rehearsal": {"definitions", "store", "contacts", "planning", "rendering", "channels", "delivery", "responses",
                  "operations"},
    "web": {"definitions", "operations"},
    "cli": {"operations", "demo", "rehearsal", "web"},
}  # fmt: skip
PREFECT_IN = {"run", "up", "deploy", "approve"}
FORBIDDEN_NAMES = {"core", "common", "utils", "util", "helpers", "helper", "manager", "misc"}


def modules() -> Iterator[tuple[Path, str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).parts
        yield path, parts[0] if len(parts) > 1 else "", ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_imports_only_what_the_table_allows() -> None:
    wrong = []
    for path, folder, tree in modules():
        for name in imported(tree):
            parts = name.split(".")
            if parts[0] != "handbill" or len(parts) == 1 or parts[1] == "__version__":
                continue
            if folder and parts[1] not in TOP | ALLOWED[folder] | {folder}:
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
            if not folder and path.stem != "__main__":
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert wrong == []


def test_every_folder_is_in_the_table() -> None:
    folders = {folder for _, folder, _ in modules() if folder}
    assert folders <= set(ALLOWED)


def test_only_flows_and_the_run_path_of_the_cli_load_prefect() -> None:
    wrong = [
        str(path.relative_to(SOURCE))
        for path, folder, tree in modules()
        if any(name.split(".")[0] in {"prefect", "flows"} for name in imported(tree))
        and not (folder == "cli" and path.stem in PREFECT_IN)
    ]
    assert wrong == []


def test_flows_import_operations_only() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in sorted(FLOWS.glob("*.py"))
        for name in imported(ast.parse(path.read_text()))
        if name.startswith("handbill.") and name.split(".")[1] not in {"operations", "errors"}
    ]
    assert wrong == []


def test_there_is_no_import_cycle_between_modules() -> None:
    graph = {}
    names = {".".join(("handbill", *path.relative_to(SOURCE).with_suffix("").parts)) for path, _, _ in modules()}
    for path, _, tree in modules():
        here = ".".join(("handbill", *path.relative_to(SOURCE).with_suffix("").parts))
        targets = set(imported(tree))
        graph[here] = {t if t in names else t.rpartition(".")[0] for t in targets} & names - {here}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


@pytest.mark.parametrize("path", [p for p, _, _ in modules()], ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_says_what_it_answers_and_keeps_its_size(path: Path) -> None:
    text = path.read_text()
    assert "versions" in path.parts or ast.get_docstring(ast.parse(text)), "a module starts with one sentence"
    assert "versions" in path.parts or text.count("\n") <= 400
    assert path.stem not in FORBIDDEN_NAMES


def test_folders_are_neither_tiny_nor_deep() -> None:
    for folder in ALLOWED:
        count = len([p for p in (SOURCE / folder).glob("*.py") if p.name != "__init__.py"])
        assert count == 0 or count >= 3, f"{folder} has {count} modules"
    deep = [p for p, _, _ in modules() if len(p.relative_to(SOURCE).parts) > 3 and "versions" not in p.parts]
    assert deep == []


def test_no_class_is_a_context_object() -> None:
    wrong = [
        f"{path.name}: {node.name}"
        for path, _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Context", "Manager", "Helper"))
    ]
    assert wrong == []
