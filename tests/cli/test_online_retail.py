"""The recipe of the guide gives the counts that it promises, on the real data."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from sqlalchemy import func, select
from typer.testing import CliRunner

from handbill.cli.imports import register
from handbill.store.connection import open_store, reading
from handbill.store.tables import contact, orders

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "online_retail.parquet"
RECIPE = ROOT / "docs" / "guide" / "online-retail.md"


@pytest.mark.skipif(not DATA.exists(), reason="the data set is not part of the project")
def test_the_recipe_gives_the_counts_that_it_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    monkeypatch.setenv("HANDBILL_SECRET", "a secret of tests")
    shop = tmp_path / "retail"
    shop.mkdir()
    for part in ("segments", "templates"):
        shutil.copytree(ROOT / part, shop / part)
    shutil.copy(ROOT / "campaigns.yaml", shop)
    (tmp_path / DATA.name).symlink_to(DATA)
    monkeypatch.chdir(shop)
    alone = typer.Typer(add_completion=False)
    alone.callback()(lambda: None)
    register(alone)

    said, promised = [], []
    for language, block in re.findall(r"^```(sh|text)\n(.*?)^```$", RECIPE.read_text(), re.MULTILINE | re.DOTALL):
        if language == "text" and "Loaded" in block:
            promised += block.splitlines()
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line) if language == "sh" else []
            if words[:2] == ["handbill", "import"]:
                result = CliRunner().invoke(alone, words[1:], catch_exceptions=False)
                assert result.exit_code == 0
                said += result.stdout.splitlines()

    assert len(promised) == 20
    assert said == promised
    engine = open_store(f"sqlite:///{shop / '.handbill' / 'handbill.db'}")
    with reading(engine) as connection:
        homes = select(func.count(contact.c.household_key.distinct())).where(contact.c.address_key.is_not(None))
        assert connection.scalar(homes) == 2_520
        bought = select(func.count().filter(orders.c.total > 0), func.count().filter(orders.c.total == 0))
        worth = bought.add_columns(func.sum(orders.c.total))
        assert connection.execute(worth).one() == (18_532, 4, 8_300_065_814_000)
    engine.dispose()
