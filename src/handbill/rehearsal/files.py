"""Which files of a project are campaign tests. Light, because every run of pytest on a machine loads it."""

from pathlib import Path

ENDING = ".campaign-test.yaml"
CAMPAIGNS_FILE = "campaigns.yaml"
FOLDER = "tests"


def is_campaign_test(path: Path) -> bool:
    """Whether the file's name says that it is one."""
    return path.name.endswith(ENDING)


def campaign_tests(root: Path) -> list[Path]:
    """All campaign tests of a project, by name."""
    return sorted(path for path in (root / FOLDER).rglob(f"*{ENDING}") if path.is_file())


def project_of(path: Path) -> Path | None:
    """The project that a test belongs to: the nearest folder above it with a campaigns.yaml; None without one."""
    return next((folder for folder in path.resolve().parents if (folder / CAMPAIGNS_FILE).is_file()), None)
