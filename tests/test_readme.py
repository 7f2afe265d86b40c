"""What the README shows is true of the project beside it."""

import re
import shutil
import textwrap
from pathlib import Path

from handbill.cli import invoke
from handbill.definitions.loading import load_project

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_campaign_of_the_readme_is_one_that_check_accepts(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert example
    for part in ("segments", "templates"):
        shutil.copytree(ROOT / part, tmp_path / part)
    declared, _, _ = (ROOT / "campaigns.yaml").read_text().partition("\ncampaigns:\n")
    indented = textwrap.indent(example[1], "  ")
    (tmp_path / "campaigns.yaml").write_text(f"{declared}\ncampaigns:\n{indented}")
    assert list(load_project(tmp_path).campaigns) == ["spring-sale"]


def test_every_command_of_the_readme_exists() -> None:
    for command in set(re.findall(r"^handbill (\w+)", README, re.MULTILINE)):
        assert invoke([command, "--help"]) == 0


def test_every_file_that_the_documents_point_to_is_there() -> None:
    pages = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in (*pages, *(ROOT / "docs").rglob("*.md"))
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert missing == []
