"""What a new project starts with: the starter, from the wheel or from the repository that it is the root of."""

import shutil
from pathlib import Path

from handbill.errors import SetupIncomplete

PARTS = ("campaigns.yaml", "segments", "templates", "schema", "flows", "prefect.yaml", "tests/project")
_PACKAGE = Path(__file__).parent.parent


def lay_down(target: Path) -> list[str]:
    """Copies the starter into `target`, an empty or new folder; answers what was made.

    Raises:
        SetupIncomplete: the folder already holds something, and nothing was changed.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetupIncomplete(f"{target}: is not an empty folder. Name a new one.")
    source = starter_dir()
    for part in PARTS:
        found, made = source / part, target / part
        made.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            # pip compiles the flows of the installed starter, and our own tests of bad files lie beside the good ones.
            shutil.copytree(found, made, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "broken"))
        else:
            shutil.copyfile(found, made)
    (target / ".gitignore").write_text(".handbill/\n__pycache__/\n")
    return [*PARTS, ".gitignore"]


def starter_dir() -> Path:
    """Where the starter lies: in the wheel, or the repository's root for an editable installation."""
    shipped = _PACKAGE / "starter"
    return shipped if shipped.is_dir() else _PACKAGE.parent.parent
